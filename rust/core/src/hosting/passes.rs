//! What has to be done from time to time: retention, rolling, checkpoints, removal of deleted files.
//!
//! Python's timers, which follow the node's clock, begin these; there is no timer here. Each works through the
//! partitions one lock at a time, where one may block.

use std::sync::Arc;

use super::cell::Cell;
use super::dirs::Checkpoints;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::LogError;
use crate::partition::{Partition, Waiter};

/// What is done to all partitions from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Retention,
    Roll,
    Checkpoint,
    Producers,
    Deleted,
}

/// Recovery point, high watermark and log start.
type Row = (i64, i64, i64);

impl Pass {
    const ALL: [(&str, Self); 5] = [
        ("retention", Self::Retention),
        ("roll", Self::Roll),
        ("checkpoint", Self::Checkpoint),
        ("producers", Self::Producers),
        ("deleted", Self::Deleted),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, pass)| *pass)
    }
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// One pass of a kind.
    pub fn run(&self, pass: Pass) {
        match pass {
            Pass::Retention => {
                self.roll_due();
                for text in self.enforce_retention() {
                    self.around.tell(Event::Done { text });
                }
            }
            Pass::Roll => self.roll_due(),
            Pass::Checkpoint => self.checkpoint(),
            Pass::Producers => self.expire_producers(),
            Pass::Deleted => {
                self.delete_renamed();
            }
        }
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
                    drop(guard);
                    if error.is_failed_sync() {
                        self.fail_dir(cell.log_dir, &error.to_string());
                    }
                }
            }
        }
        done
    }

    /// Delete segments that retention lets go; a line for each.
    fn enforce_retention(&self) -> Vec<String> {
        let (now_ms, steady_ms) = (self.around.now_ms(), self.around.steady_ms());
        let done = self.each(|_, partition| {
            let deleted = partition.log_mut().enforce_retention(now_ms);
            partition.log_start_moved();
            // Their time to go runs from here. What can't be removed is told by the pass that is there for it.
            let _ = partition.log_mut().remove_deleted(steady_ms);
            Ok((deleted?, partition.log_mut().take_notes()))
        });
        let mut lines = Vec::new();
        for (cell, (deleted, notes)) in done {
            let name = format!("{}-{}", cell.topic, cell.index);
            lines.extend(notes.into_iter().map(|note| format!("{name}: {note}")));
            lines.extend(deleted.into_iter().map(|segment| {
                format!(
                    "{name}: deleted the segment at {} of {} bytes ({:?})",
                    segment.base_offset, segment.size_bytes, segment.reason
                )
            }));
        }
        lines
    }

    /// Begin new segments where the active one is too old, and sync these and where `flush.ms` is over.
    fn roll_due(&self) {
        let now_ms = self.around.now_ms();
        let due = self.each(|_, partition| {
            let rolled = partition.log_mut().roll_if_due(now_ms)?;
            Ok(partition.log_mut().flush_is_due(self.around.steady_ms()) || rolled)
        });
        for (cell, due) in due {
            if due {
                self.flush_cell(&cell);
            }
        }
    }

    fn expire_producers(&self) {
        let now_ms = self.around.now_ms();
        self.each(|_, partition| {
            partition.log_mut().expire_producers(now_ms);
            Ok(())
        });
    }

    /// Write the offset checkpoints, and close the files of partitions that nobody used since the last look.
    fn checkpoint(&self) {
        self.each(|cell, partition| {
            if cell.rest() == 0 {
                Ok(())
            } else {
                partition.log_mut().release_files()
            }
        });
        let count = lock(&self.dirs).dirs.len();
        for index in 0..count {
            // Told once, and tried again with the next period: recovery begins earlier, that is all.
            let _ = self.write_checkpoints(index);
        }
    }

    /// Sync every partition, here and now.
    pub fn flush(&self) {
        for cell in self.cells() {
            self.flush_cell(&cell);
        }
    }

    /// Make all log directories safe, a volume at a time.
    pub(super) fn sync_volumes(&self) -> Result<(), CoreError> {
        self.dir_paths()
            .iter()
            .try_for_each(|(_, path)| self.disk.sync_volume(path))
            .map_err(|error| CoreError::storage(&error))
    }

    /// Close files of the partitions that were used longest ago, while `goes_on` says so. It waits for no partition.
    pub fn release_files(&self, goes_on: impl Fn() -> bool) {
        if !goes_on() {
            return;
        }
        let mut cells: Vec<(u8, Arc<Cell<D, W>>)> = self
            .cells()
            .into_iter()
            .map(|cell| (cell.rest(), cell))
            .collect();
        cells.sort_by_key(|(looks, _)| std::cmp::Reverse(*looks));
        for (_, cell) in cells {
            if !goes_on() {
                return;
            }
            // One that is busy is none that rests.
            if let Some(mut place) = cell.try_hold()
                && let Some(partition) = place.as_mut()
            {
                partition.log_mut().let_go();
            }
        }
    }

    /// Write the offset checkpoints of one log directory, unless it failed: what they say must stay then.
    pub(super) fn write_checkpoints(&self, index: usize) -> Result<(), CoreError> {
        let _turn = lock(&self.checkpointing);
        let Some(checkpoints) = self.note_all(index, self.rows(index)) else {
            return Ok(());
        };
        let outcome = checkpoints.write(&self.disk);
        let mut dirs = lock(&self.dirs);
        if let Some(dir) = dirs.dirs.get_mut(index) {
            match &outcome {
                Ok(()) => dir.written(&checkpoints),
                Err(error) if !std::mem::replace(&mut dir.checkpoint_told, true) => {
                    self.around.tell(Event::Strained {
                        text: error.text.clone(),
                    });
                }
                Err(_) => {}
            }
        }
        outcome
    }

    /// What the checkpoints of a log directory should say: the recovery point, high watermark and log start of each.
    fn rows(&self, index: usize) -> Vec<(Arc<Cell<D, W>>, Row)> {
        let mut rows = Vec::new();
        for cell in self.cells() {
            if cell.log_dir != index || cell.is_offline() {
                continue;
            }
            // One that is busy keeps its last row: it may be being opened by who waits for these checkpoints.
            if let Some(guard) = cell.try_hold()
                && let Some(partition) = guard.as_ref()
            {
                let offsets = partition.offsets();
                let recovery_point = partition.log().recovery_point();
                let row = (recovery_point, offsets.high_watermark, offsets.log_start);
                rows.push((Arc::clone(&cell), row));
            }
        }
        rows
    }

    /// The checkpoints with these rows, if the log directory has not failed.
    fn note_all(&self, index: usize, rows: Vec<(Arc<Cell<D, W>>, Row)>) -> Option<Checkpoints> {
        let mut dirs = lock(&self.dirs);
        let dir = dirs.dirs.get_mut(index).filter(|dir| !dir.failed)?;
        for (cell, row) in rows {
            // Deleted since it was asked: the name may be another topic's by now.
            if self.hosts(&cell) {
                dir.note(&cell.topic, cell.index, row);
            }
        }
        Some(dir.checkpoints())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::log::files::read_checkpoint;
    use crate::serving::tests::{TOPIC, World, batch};

    /// The next topic of the name would be recovered from where this one ended, and lose what is below.
    #[test]
    fn what_is_deleted_after_it_was_asked_is_not_noted() {
        let world = World::new(&[1], 1);
        world.host.append(TOPIC, 0, batch(3)).unwrap();
        world.host.flush();
        let rows = world.host.rows(0);
        assert_eq!(rows.len(), 1);
        world.host.delete_partitions(&[(TOPIC.to_owned(), 0)]);
        let checkpoints = world.host.note_all(0, rows).unwrap();
        checkpoints.write(&world.disk).unwrap();
        let path = Path::new("/data/recovery-point-offset-checkpoint");
        assert!(read_checkpoint(&world.disk, path).unwrap().is_empty());
    }
}
