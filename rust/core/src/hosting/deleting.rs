//! Partitions that go: their folders are renamed at once, and removed when their time is over.

use std::sync::Arc;

use super::cell::Cell;
use super::dirs::Doomed;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::FolderKind;
use crate::partition::Waiter;

/// How long a folder that an earlier run deleted is kept: Kafka's default for `file.delete.delay.ms`.
const LEFT_BEHIND_DELAY_MS: i64 = 60_000;

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Let go of a partition that is not hosted any more.
    pub(super) fn go(&self, cell: &Arc<Cell<D, W>>) {
        if let Err(error) = self.rename_deleted(cell)
            && error.kind != "away"
        {
            // That its log directory is away was told, and its folder is set aside at the start that finds it.
            self.around.tell(Event::LogStrained {
                place: cell.place(),
                text: format!("{}; it is set aside at the next start", error.text),
            });
        }
    }

    fn rename_deleted(&self, cell: &Cell<D, W>) -> Result<(), CoreError> {
        let _names = lock(&cell.names);
        let partition = cell.hold().take(); // after whoever tries to open it
        let delay_ms = cell.desired.lock().config.log.file_delete_delay_ms;
        if let Some(mut partition) = partition {
            partition.wake_all();
            let _ = partition.into_log().close(false); // nothing of it is needed any more
        }
        let path = lock(&self.dirs).whereabouts(cell)?.0;
        let folder = self
            .disk
            .stat(&path)
            .map_err(|error| CoreError::storage(&error))?;
        if folder.is_none() {
            return Ok(());
        }
        let name = (&*cell.topic, cell.index);
        let doomed = self.mark_folder(&path, name, FolderKind::Deleted)?;
        let due_ms = self.around.steady_ms().saturating_add(delay_ms);
        let mut dirs = lock(&self.dirs);
        dirs.doomed.push(Doomed {
            path: doomed,
            due_ms: Some(due_ms),
        });
        if let Some(dir) = dirs.dirs.get_mut(cell.log_dir()) {
            dir.forget(&cell.topic, cell.index);
        }
        Ok(())
    }

    /// Remove deleted segments and folders whose delay is over; how many. What cannot be removed is tried again.
    pub(super) fn delete_renamed(&self) -> usize {
        let steady_ms = self.around.steady_ms();
        let segments = self.each(|_, partition| partition.log_mut().remove_deleted(steady_ms));
        let mut removed: usize = segments.into_iter().map(|(_, count)| count).sum();
        let mut due = Vec::new();
        lock(&self.dirs).doomed.retain_mut(|doomed| {
            let due_ms = *doomed
                .due_ms
                .get_or_insert(steady_ms.saturating_add(LEFT_BEHIND_DELAY_MS));
            if due_ms <= steady_ms {
                due.push(doomed.path.clone());
            }
            due_ms > steady_ms
        });
        for path in due {
            match self.disk.remove_dir_all(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.around.tell(Event::Strained {
                        text: format!("removing {}: {error}", path.display()),
                    });
                    lock(&self.dirs).doomed.push(Doomed {
                        path,
                        due_ms: Some(steady_ms.saturating_add(LEFT_BEHIND_DELAY_MS)),
                    });
                }
            }
        }
        removed
    }
}
