//! What has to be done from time to time: retention, rolling, checkpoints, removal of deleted files.
//!
//! Python's timers, which follow the node's clock, begin these; there is no timer here. Each works through the
//! partitions one lock at a time, where one may block.

use std::sync::Arc;

use super::cell::Cell;
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::partition::Waiter;

/// What is done to all partitions from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Retention,
    Roll,
    Checkpoint,
    Producers,
    Deleted,
    Clean,
    Presence,
}

impl Pass {
    const ALL: [(&str, Self); 7] = [
        ("retention", Self::Retention),
        ("roll", Self::Roll),
        ("checkpoint", Self::Checkpoint),
        ("producers", Self::Producers),
        ("deleted", Self::Deleted),
        ("clean", Self::Clean),
        ("presence", Self::Presence),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, pass)| *pass)
    }
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Delete segments that retention lets go, of these partitions; a line for each.
    pub(super) fn enforce_retention(&self, wanted: impl Fn(&Cell<D, W>) -> bool) -> Vec<String> {
        let (now_ms, steady_ms) = (self.around.now_ms(), self.around.steady_ms());
        let done = self.each(|cell, partition| {
            if !wanted(cell) {
                return Ok((Vec::new(), Vec::new()));
            }
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
    pub(super) fn roll_due(&self) {
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

    pub(super) fn expire_producers(&self) {
        let now_ms = self.around.now_ms();
        self.each(|_, partition| {
            partition.log_mut().expire_producers(now_ms);
            Ok(())
        });
    }

    /// Write the offset checkpoints, and close the files of partitions that nobody used since the last look.
    pub(super) fn checkpoint(&self) {
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
}
