//! What is known of how many descriptors this process may have open, and who has them.

use std::sync::atomic::{AtomicU64, AtomicUsize};

/// What is known of the limit.
pub struct Room {
    pub limit: AtomicUsize,
    /// Descriptors of the process that are not the node's.
    pub foreign: AtomicUsize,
    /// One more than the descriptor of the connection that came last.
    pub highest: AtomicUsize,
    pub looked_at_ms: AtomicU64,
    pub told_at_ms: AtomicU64,
    pub untold: AtomicUsize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            limit: AtomicUsize::new(usize::MAX),
            foreign: AtomicUsize::new(0),
            highest: AtomicUsize::new(0),
            looked_at_ms: AtomicU64::new(0),
            told_at_ms: AtomicU64::new(0),
            untold: AtomicUsize::new(0),
        }
    }
}
