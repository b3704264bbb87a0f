//! A log that is being cleaned, from one step to the next.

use std::sync::Arc;

use super::cell::Cell;
use crate::disk::Disk;
use crate::log::{Cleanable, Cleaner};
use crate::partition::Waiter;

/// One log that is being cleaned.
pub struct Round<D: Disk, W: Waiter> {
    pub(super) cell: Arc<Cell<D, W>>,
    /// Where it lay when the round began.
    pub(super) log_dir: usize,
    pub(super) cleaner: Cleaner<D>,
    pub(super) cleanable: Cleanable,
    pub(super) began_ms: i64,
}
