//! The end of a node's logs: closed one by one, and the mark of a clean stop where every one of a directory was.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cell::Cell;
use super::dirs::{Found, Row, futures, live};
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::LogError;
use crate::log::files::write_clean_shutdown;
use crate::partition::Waiter;

/// From how many partitions on one sync of the volume comes before those of single files.
const VOLUME_SYNC_FROM: usize = 64;

/// What is known of a log directory when all of its logs are closed.
#[derive(Clone, Default)]
struct Proof {
    closed: BTreeSet<(String, i32)>,
    /// Folders of moves that were closed cleanly.
    copies: BTreeSet<String>,
    /// A partition of this directory was not open, or could not be closed.
    broken: bool,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Close all logs cleanly, then write what the next start needs to know, the mark of a clean stop last.
    ///
    /// # Errors
    /// The first of what a disk refused; all else was closed.
    pub fn close_logs(&self, broker_epoch: i64) -> Result<(), CoreError> {
        let mut problem = None;
        for (index, _) in self.dir_paths() {
            // One that failed before was told of then.
            if let Err(error) = self.look(index) {
                problem.get_or_insert(error);
            }
        }
        let cells = self.cells();
        if cells.len() >= VOLUME_SYNC_FROM {
            // A help and no more: every file is synced all the same, and says what became of it.
            let _ = self.sync_volumes();
        }
        let mut proofs = vec![Proof::default(); lock(&self.dirs).dirs.len()];
        for (log_dir, folder) in self.close_copies() {
            if let Some(proof) = proofs.get_mut(log_dir) {
                proof.copies.insert(folder);
            }
        }
        for cell in cells {
            let closed = self.close_cell(&cell).unwrap_or_else(|error| {
                let text = format!("closing {}-{}: {error}", cell.topic, cell.index);
                problem.get_or_insert(CoreError::caused("storage", &error, text));
                false
            });
            let Some(proof) = proofs.get_mut(cell.log_dir()) else {
                continue;
            };
            if closed {
                proof.closed.insert((cell.topic.to_string(), cell.index));
            } else {
                proof.broken = true;
            }
        }
        for (index, proof) in proofs.iter().enumerate() {
            if let Err(error) = self.end_dir(index, proof, broker_epoch) {
                problem.get_or_insert(error);
            }
        }
        problem.map_or(Ok(()), Err)
    }

    /// Whether the log is closed cleanly.
    fn close_cell(&self, cell: &Arc<Cell<D, W>>) -> Result<bool, LogError> {
        let Some(partition) = cell.hold().take() else {
            return Ok(false);
        };
        let offsets = partition.offsets();
        let healthy = partition.offline().is_none() && !cell.is_offline();
        let log = partition.into_log();
        if !healthy {
            log.close(false)?;
            return Ok(false);
        }
        log.close(true).inspect_err(|error| {
            if error.is_failed_sync() {
                self.fail_dir(cell.log_dir(), &error.to_string());
            }
        })?;
        if let Some(dir) = lock(&self.dirs).dirs.get_mut(cell.log_dir()) {
            let row = Row {
                recovery_point: offsets.log_end,
                high_watermark: offsets.high_watermark,
                log_start: offsets.log_start,
            };
            dir.note(&cell.topic, cell.index, row);
        }
        Ok(true)
    }

    /// The last word in a log directory. The mark is a proof: every partition of it, and everything there that has a
    /// partition's name or moves there, was closed cleanly.
    fn end_dir(&self, index: usize, proof: &Proof, broker_epoch: i64) -> Result<(), CoreError> {
        if lock(&self.dirs).has_failed(index) {
            return Ok(());
        }
        self.write_checkpoints(index)?;
        let path = lock(&self.dirs).get(index)?.path.clone();
        let known = |found: Found| proof.closed.contains(&(found.topic, found.partition));
        let whole = live(&self.disk, &path)?.into_iter().all(known)
            && futures(&self.disk, &path)?
                .iter()
                .all(|name| proof.copies.contains(name));
        if !proof.broken && whole {
            write_clean_shutdown(&self.disk, &path, broker_epoch)
                .map_err(|error| CoreError::storage(&error))?;
        }
        Ok(())
    }

    /// Let go of all logs as they are, and of the log directories, so far as nobody is at work there. True if that is
    /// all: else whoever holds the rest waits for a disk, and a next node must not take its folder before.
    pub fn drop_logs(&self) -> bool {
        let busy: BTreeSet<usize> = (self.cells().into_iter())
            .filter(|cell| cell.try_hold().map(|mut held| drop(held.take())).is_none())
            .map(|cell| cell.log_dir())
            .chain(self.drop_copies())
            .collect();
        for (index, dir) in lock(&self.dirs).dirs.iter_mut().enumerate() {
            if !busy.contains(&index) {
                dir.unlock();
            }
        }
        busy.is_empty()
    }

    /// The same once those are done who hold it, however long that takes.
    pub fn drop_logs_at_last(&self) {
        while !self.drop_logs() {
            for cell in self.cells() {
                drop(cell.hold());
            }
            self.drop_copies_at_last();
        }
    }
}
