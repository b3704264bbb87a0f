//! By how much this node's clock is ahead of its clients', whom no test moves with it (the *skew*).
//!
//! Clients stamp records with their own clocks. After a test has moved the node's by a week, a record of now is a
//! week old to it, and would go with the next look at retention. So a log asks how far ahead the clock is, and a
//! segment and a producer's state keep, in memory alone, when they were written to last by the node's clock. What is stored and
//! served stays as it was written; after a restart records are as old as they say. Nobody moves a server's clock
//! like that: it is ahead by nothing, which costs an append one relaxed load.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Log;
use super::segment::Segment;
use crate::disk::Disk;

/// One number for all logs of a node.
#[derive(Debug, Clone, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// The clock is ahead by so much now; never behind.
    pub fn set(&self, ahead_ms: i64) {
        self.0.store(ahead_ms.max(0), Ordering::Relaxed);
    }

    /// When a record of this timestamp is written by the node's clock; None if that is what it says. One that was
    /// stamped by that clock already, as with LogAppendTime, is not moved beyond it.
    pub(super) fn written_ms(&self, timestamp_ms: i64, now_ms: i64) -> Option<i64> {
        let ahead_ms = self.0.load(Ordering::Relaxed);
        if ahead_ms == 0 || timestamp_ms < 0 {
            return None;
        }
        Some(timestamp_ms.max(timestamp_ms.saturating_add(ahead_ms).min(now_ms)))
    }
}

impl<D: Disk> Log<D> {
    /// Look at this number from now on.
    pub fn follow(&mut self, ahead: Ahead) {
        self.ahead = ahead;
    }
}

impl<D: Disk> Segment<D> {
    /// Note when what was just appended was written.
    pub(super) fn is_written(&mut self, timestamp_ms: i64, written_ms: i64) {
        if self.size == 0 {
            self.first_ahead_ms = written_ms.saturating_sub(timestamp_ms);
        }
        self.written_ms = self.written_ms.max(Some(written_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_client_stamped_is_moved() {
        let ahead = Ahead::default();
        assert_eq!(ahead.written_ms(5, 10), None, "nobody moved the clock");
        ahead.set(100);
        assert_eq!(ahead.written_ms(5, 105), Some(105), "a client's own clock");
        assert_eq!(ahead.written_ms(105, 105), Some(105), "the node's clock");
        assert_eq!(ahead.written_ms(500, 105), Some(500), "the future");
        assert_eq!(ahead.written_ms(-1, 105), None, "no timestamp");
        ahead.set(i64::MAX);
        assert_eq!(ahead.written_ms(i64::MAX, i64::MAX), Some(i64::MAX));
    }
}
