//! What a log directory's checkpoints say is taken from its partitions and written: by the pass that is there for it, for
//! who waits until they forget an earlier partition of its name, and at the end.

use std::sync::Arc;

use super::cell::Cell;
use super::dirs::{Checkpoints, Row};
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::Waiter;

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Write the offset checkpoints of one log directory, unless it failed: what they say must stay then.
    pub(super) fn write_checkpoints(&self, index: usize) -> Result<(), CoreError> {
        let _turn = lock(&self.checkpointing);
        let Some(checkpoints) = self.note_all(index, self.rows(index)) else {
            return Ok(());
        };
        self.must_be_there(index)?;
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

    /// What the checkpoints of a log directory should say.
    fn rows(&self, index: usize) -> Vec<(Arc<Cell<D, W>>, Row)> {
        let mut rows = Vec::new();
        for cell in self.cells() {
            if cell.log_dir() != index || cell.is_offline() {
                continue;
            }
            // One that is busy keeps its last row: it may be being opened by who waits for these checkpoints.
            if let Some(guard) = cell.try_hold()
                && let Some(partition) = guard.as_ref()
            {
                let offsets = partition.offsets();
                let row = Row {
                    recovery_point: partition.log().recovery_point(),
                    high_watermark: offsets.high_watermark,
                    log_start: offsets.log_start,
                };
                rows.push((Arc::clone(&cell), row));
            }
        }
        rows
    }

    /// The checkpoints with these rows, if the log directory has not failed.
    fn note_all(&self, index: usize, rows: Vec<(Arc<Cell<D, W>>, Row)>) -> Option<Checkpoints> {
        let mut dirs = lock(&self.dirs);
        let dir = dirs.dirs.get_mut(index).filter(|dir| !dir.has_failed())?;
        for (cell, row) in rows {
            // Deleted since it was asked: the name may be another topic's by now.
            if self.hosts(&cell) {
                dir.note(&cell.topic, cell.index, row);
            }
        }
        Some(dir.checkpoints())
    }

    /// Make all log directories safe, a volume at a time.
    pub(super) fn sync_volumes(&self) -> Result<(), CoreError> {
        self.dir_paths()
            .iter()
            .try_for_each(|(_, path)| self.disk.sync_volume(path))
            .map_err(|error| CoreError::storage(&error))
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
        world.host.append(TOPIC, 0, batch(3), 0).unwrap();
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
