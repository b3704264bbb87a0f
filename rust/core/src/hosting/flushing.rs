//! Syncing to disk without holding a partition's lock, never where others are served; and what follows from an append
//! and from a high watermark that moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::cell::{Cell, Standing};
use super::host::Host;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::log::{Flushed, Unflushed};
use crate::partition::{AppendDone, Moved, Partition, Waiter};

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
/// Something was appended or rolled since the flush that runs began.
const AGAIN: u8 = 2;

/// After how long a flush that is owed, and could not be made, is tried again.
const OWED_AGAIN: Duration = Duration::from_millis(200);

/// Whether somebody flushes who will do it once more for what was appended by now.
fn joins(flushing: &AtomicU8) -> bool {
    let joined = flushing.compare_exchange(RUNNING, AGAIN, Ordering::AcqRel, Ordering::Acquire);
    joined != Err(IDLE)
}

/// Whether there is a flush to make; it is ours until there is none.
fn begin(flushing: &AtomicU8) -> bool {
    if flushing
        .compare_exchange(AGAIN, RUNNING, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
    {
        return true;
    }
    flushing
        .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Have it made safe by somebody who may block. Whoever appends while a sync runs shares the next one, with all others
    /// who do, and nobody has to be called for it.
    fn owe_flush(&self, cell: &Arc<Cell<D, W>>) {
        if !joins(&cell.flushing) && !cell.flush_called.swap(true, Ordering::AcqRel) {
            self.around
                .owe(Chore::Flush(Arc::clone(cell)), Duration::ZERO);
        }
    }

    /// Who was called for a flush is here.
    pub(super) fn flush_as_called(&self, cell: &Arc<Cell<D, W>>) {
        cell.flush_called.store(false, Ordering::Release);
        self.flush_cell(cell);
    }

    /// Make what a partition has appended so far safe.
    pub fn flush_cell(&self, cell: &Arc<Cell<D, W>>) {
        if cell.flushing.swap(AGAIN, Ordering::AcqRel) != IDLE {
            return; // who flushes now will do it once more
        }
        while begin(&cell.flushing) {
            self.flush_once(cell);
        }
    }

    fn flush_once(&self, cell: &Arc<Cell<D, W>>) {
        let (log_dir, unflushed) = match cell.hold().as_mut() {
            Some(partition) if !cell.is_offline() => {
                (cell.log_dir(), partition.log_mut().unflushed())
            }
            _ => return,
        };
        let mut flushed = None;
        let mut unflushed = Some(unflushed);
        self.around.flushing(&mut || {
            flushed = unflushed.take().map(|all| all.map(Unflushed::sync));
        });
        let Some(flushed) = flushed else {
            return;
        };
        // Looked at before the partition is: a sync that failed beneath one that is gone by now tells of its disk too.
        let lost = flushed.as_ref().ok().and_then(Flushed::failed_sync);
        let mut rung = None;
        if let Some(partition) = cell.hold().as_mut() {
            match flushed.and_then(|flushed| partition.flushed(flushed)) {
                Ok((moved, bells)) => {
                    rung = bells;
                    cell.strained.store(false, Ordering::Relaxed);
                    self.told_of(cell, partition, moved);
                }
                Err(error) => {
                    self.suffer(cell, partition, &error);
                    if partition.log().failure().is_none() && partition.log().flush_is_owed() {
                        // Somebody waits for it, and it lacked a descriptor, say.
                        self.around.owe(Chore::Flush(Arc::clone(cell)), OWED_AGAIN);
                    }
                }
            }
        }
        drop(rung);
        if let Some(text) = lost {
            self.fail_dir(log_dir, &text); // where it lay then: it may have moved
        }
    }

    /// A coordinator may wait for this high watermark, or the end of a transaction.
    pub(super) fn told_of(&self, cell: &Cell<D, W>, partition: &Partition<D, W>, moved: Moved) {
        if !moved.0 {
            return;
        }
        self.look_at_endings(cell, partition);
        if cell.internal {
            self.around.wake();
        }
    }

    /// A follower's log ends there now. `serving::Fetch` will say so of a replica that fetches, once there is replication;
    /// until then it refuses all replicas.
    pub fn follower_reached(&self, cell: &Cell<D, W>, id: i32, log_end_offset: i64) {
        if let Some(partition) = cell.hold().as_mut() {
            let moved = partition.follower_reached(id, log_end_offset);
            self.told_of(cell, partition, moved);
        }
    }

    /// What follows from an append: a flush that is owed, and the news where one failed before.
    pub fn appended(&self, cell: &Arc<Cell<D, W>>, partition: &Partition<D, W>, done: &AppendDone) {
        if done.appended.rolled || partition.log().flush_is_owed() {
            self.owe_flush(cell);
        }
        if cell.standing() == Standing::Faltering {
            self.heal_writes(cell);
        }
    }

    /// Sync every partition, here and now.
    pub fn flush(&self) {
        for cell in self.cells() {
            self.flush_cell(&cell);
        }
    }
}
