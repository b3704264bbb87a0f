//! Syncing to disk without holding a partition's lock, never where others are served; and what
//! a disk that fails ends, as docs/design/faults.md says: a failed sync its log directory, for good; a failed append
//! itself and no more: the next one tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::cell::{Cell, Standing};
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use crate::code::Code;
use crate::disk::Disk;
use crate::hot::Produced;
use crate::log::{Flushed, LogError, Unflushed};
use crate::partition::{AppendDone, Moved, Partition, Waiter};

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
/// Something was appended or rolled since the flush that runs began.
const AGAIN: u8 = 2;

/// After how long a flush that is owed, and could not be made, is tried again.
const OWED_AGAIN: Duration = Duration::from_millis(200);

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
        let unflushed = match cell.hold().as_mut() {
            Some(partition) if !cell.is_offline() => partition.log_mut().unflushed(),
            _ => return,
        };
        let flushed = unflushed.map(Unflushed::sync);
        // Looked at before the partition is: a sync that failed beneath one that is gone by now tells of its disk too.
        let lost = flushed.as_ref().ok().and_then(Flushed::failed_sync);
        if let Some(partition) = cell.hold().as_mut() {
            match flushed.and_then(|flushed| partition.flushed(flushed)) {
                Ok(moved) => {
                    cell.strained.store(false, Ordering::Relaxed);
                    self.told_of(cell, moved);
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
        if let Some(text) = lost {
            self.fail_dir(cell.log_dir, &text);
        }
    }

    /// A coordinator may wait for this high watermark.
    pub(super) fn told_of(&self, cell: &Cell<D, W>, moved: Moved) {
        if moved.0 && cell.internal {
            self.around.wake();
        }
    }

    /// A follower's log ends there now. `serving::Fetch` will say so of a replica that fetches, once there is replication;
    /// until then it refuses all replicas.
    pub fn follower_reached(&self, cell: &Cell<D, W>, id: i32, log_end_offset: i64) {
        if let Some(partition) = cell.hold().as_mut() {
            let moved = partition.follower_reached(id, log_end_offset);
            self.told_of(cell, moved);
        }
    }

    /// What comes of a disk that failed beneath one partition. After a failed sync `fail_dir` has to follow.
    pub(super) fn suffer(
        &self,
        cell: &Arc<Cell<D, W>>,
        partition: &mut Partition<D, W>,
        error: &LogError,
    ) {
        if let Some(text) = partition.log().failure().map(str::to_owned) {
            partition.go_offline(text.clone());
            if !error.is_failed_sync() {
                self.tell_failed_append(cell, &text);
                self.retry(cell);
            }
        } else if !cell.strained.swap(true, Ordering::AcqRel) {
            self.around.tell(Event::LogStrained {
                place: cell.place(),
                text: error.to_string(),
            });
        }
    }

    /// Nothing was appended. Where the disk is at fault the log goes on if it could be cut back: the next append tries
    /// again. Else it is opened anew.
    pub fn append_refused(
        &self,
        cell: &Arc<Cell<D, W>>,
        partition: &Partition<D, W>,
        refused: &Produced,
    ) {
        if refused.error_code != Code::KafkaStorageError || cell.is_offline() {
            return;
        }
        if partition.offline().is_some() {
            self.retry(cell);
        }
        let text = refused.error_message.as_deref().unwrap_or_default();
        self.tell_failed_append(cell, text);
    }

    /// What follows from an append: a flush that is owed, and the news where one failed before.
    pub fn appended(&self, cell: &Arc<Cell<D, W>>, partition: &Partition<D, W>, done: &AppendDone) {
        if done.appended.rolled || partition.log().flush_is_owed() {
            self.around
                .owe(Chore::Flush(Arc::clone(cell)), Duration::ZERO);
        }
        if cell.standing() == Standing::Faltering {
            self.heal_writes(cell);
        }
    }

    fn tell_failed_append(&self, cell: &Cell<D, W>, text: &str) {
        if cell.worsen(Standing::Faltering) {
            self.around.tell(Event::LogFailed {
                place: cell.place(),
                text: text.to_owned(),
            });
        }
    }

    /// An append succeeded where one failed before.
    #[cold]
    fn heal_writes(&self, cell: &Cell<D, W>) {
        if cell.heal() {
            self.around.tell(Event::LogHealed {
                place: cell.place(),
            });
        }
    }

    /// A sync failed: what the page cache dropped is not known, so nothing in this directory is synced, written or
    /// read again until a start, and its checkpoints stay. Not under a partition's lock.
    pub(super) fn fail_dir(&self, index: usize, text: &str) {
        {
            let mut dirs = lock(&self.dirs);
            let Some(dir) = dirs.dirs.get_mut(index) else {
                return;
            };
            if dir.failed {
                return;
            }
            dir.failed = true;
        }
        let cells = self.cells();
        let there = || cells.iter().filter(|cell| cell.log_dir == index);
        for cell in there() {
            cell.worsen(Standing::Offline);
        }
        self.around.tell(Event::LogDirFailed {
            log_dir: index,
            text: text.to_owned(),
        });
        for cell in there() {
            if let Some(partition) = cell.hold().as_mut() {
                partition.go_offline(text.to_owned());
            }
        }
    }
}
