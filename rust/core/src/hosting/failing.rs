//! What a disk that fails ends, as docs/design/faults.md says: a failed sync its log directory, for good, as one that is
//! gone (`presence.rs`); a failed append itself and no more: the next one tries again. What can be opened again is left to `mending.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::{Cell, Standing};
use super::dirs::Row;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use crate::code::Code;
use crate::disk::Disk;
use crate::hot::Produced;
use crate::log::LogError;
use crate::partition::{Partition, Waiter};

/// After how long a log that is not to be trusted is opened anew.
pub const MEND_AFTER: Duration = Duration::from_secs(1);

impl<D: Disk, W: Waiter> Host<D, W> {
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
    pub(super) fn heal_writes(&self, cell: &Cell<D, W>) {
        if cell.heal() {
            self.around.tell(Event::LogHealed {
                place: cell.place(),
            });
        }
    }

    /// A sync failed, or it is gone: what the page cache dropped is not known, so nothing in this directory is synced, written or
    /// read again until a start, and its checkpoints stay. Not under a partition's lock.
    pub(super) fn fail_dir(&self, index: usize, text: &str) {
        {
            let mut dirs = lock(&self.dirs);
            let Some(dir) = dirs.dirs.get_mut(index) else {
                return;
            };
            if dir.has_failed() {
                return;
            }
            dir.failed = Some(text.to_owned());
        }
        let cells = self.cells();
        let there = || cells.iter().filter(|cell| cell.log_dir() == index);
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

    /// Begin to try to open it again, unless someone does already.
    pub(super) fn retry(&self, cell: &Arc<Cell<D, W>>) {
        if !cell.retried.swap(true, Ordering::AcqRel) {
            self.around
                .owe(Chore::Mend(Arc::clone(cell), MEND_AFTER), MEND_AFTER);
        }
    }

    /// Close a log that is not to be trusted any more; it is opened again as it is wanted by then.
    pub(super) fn lay_down(&self, cell: &Cell<D, W>, mut partition: Partition<D, W>) {
        cell.desired.lock().existed = true;
        cell.worsen(Standing::Offline);
        partition.wake_all();
        let offsets = partition.offsets();
        let log = partition.into_log();
        let row = Row {
            recovery_point: log.recovery_point(),
            high_watermark: offsets.high_watermark,
            log_start: offsets.log_start,
        };
        if let Some(dir) = lock(&self.dirs).dirs.get_mut(cell.log_dir()) {
            dir.note(&cell.topic, cell.index, row);
        }
        let _ = log.close(false); // lets go of the files; there is nothing to lose
    }

    /// Do something with every partition that is open; what a disk refuses is told as an event.
    pub(super) fn each<T>(
        &self,
        mut work: impl FnMut(&Arc<Cell<D, W>>, &mut Partition<D, W>) -> Result<T, LogError>,
    ) -> Vec<(Arc<Cell<D, W>>, T)> {
        let mut done = Vec::new();
        for cell in self.cells() {
            if cell.is_offline() {
                continue;
            }
            let mut guard = cell.hold();
            let Some(partition) = guard.as_mut() else {
                continue;
            };
            match work(&cell, partition) {
                Ok(outcome) => {
                    drop(guard);
                    done.push((cell, outcome));
                }
                Err(error) => {
                    self.suffer(&cell, partition, &error);
                    let log_dir = cell.log_dir();
                    drop(guard);
                    if error.is_failed_sync() {
                        self.fail_dir(log_dir, &error.to_string());
                    }
                }
            }
        }
        done
    }
}
