//! The end of a log: what is written so that the next one who opens its folder need not look.

use super::Log;
use super::error::{During, LogError};
use super::files::{SNAPSHOT_SUFFIX, file_path};
use super::unsynced::sync_target;
use crate::disk::{Disk, DiskFile, Open};

impl<D: Disk> Log<D> {
    /// Clean: flush, complete and trim the indexes, write the producer snapshot. Else only let go of the files.
    ///
    /// # Errors
    /// If the disk fails, or the log has failed before; the folder must then not be called clean.
    pub fn close(mut self, clean: bool) -> Result<(), LogError> {
        if !clean {
            return Ok(());
        }
        self.fate.check()?;
        let written = self.recovery_point < self.end_offset || self.last_segment().is_touched();
        if self.end_offset > self.start_offset {
            self.flush()?;
        }
        let (place, active) = self.active();
        active.seal(place)?;
        let mut files = Vec::new();
        if written && active.size > 0 {
            active.hand_out_indexes(place, &mut files)?;
        }
        self.write_snapshot()?;
        self.fate.sync(|| {
            files
                .iter()
                .try_for_each(|file| sync_target(&self.disk, file))?;
            if self.dirty.names.pending() && self.end_offset > 0 {
                let path = file_path(&self.dir, self.producers.snapshot_offset, SNAPSHOT_SUFFIX);
                if let Ok(file) = self.disk.open(&path, Open::Write) {
                    file.sync().during("syncing", &path)?;
                }
                self.disk.sync_dir(&self.dir).during("syncing", &self.dir)?;
            }
            Ok(())
        })
    }
}
