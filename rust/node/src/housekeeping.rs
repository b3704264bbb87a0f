//! What has to be done from time to time: retention, rolling, flushing, checkpoints, removal of deleted files.
//!
//! Python's timers, which follow the node's clock, begin these; there is no timer here. Each works through the
//! partitions one lock at a time, on a thread that may block (see `background.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ottla_core::disk::Disk;
use ottla_core::log::LogError;

use crate::background::Pass;
use crate::dirs::{Doomed, Found, storage};
use crate::error::NodeError;
use crate::flush::{fail_dir, flush_cell, suffer};
use crate::hosted::{Cell, LedPartition};
use crate::node::Node;
use crate::partitions::sync_volumes;
use crate::shared::{Shared, lock};

/// How long a folder that an earlier run deleted is kept: Kafka's default for `file.delete.delay.ms`.
const LEFT_BEHIND_DELAY_MS: i64 = 60_000;

/// How long who opens partitions waits for checkpoints that must forget earlier ones of their names. Less than the
/// first pause of `heal.rs`, which opens them later where that was too short.
const NAMESAKE_PATIENCE: Duration = Duration::from_millis(500);

/// From how many partitions on one sync of the volume comes before those of single files.
const VOLUME_SYNC_FROM: usize = 64;

impl Node {
    /// One pass of a kind.
    pub(crate) fn run(shared: &Arc<Shared>, pass: Pass) {
        match pass {
            Pass::Retention => {
                Self::roll_due(shared);
                for line in Self::enforce_retention(shared) {
                    shared.queue.tell("done", line);
                }
            }
            Pass::Flush => Self::roll_due(shared),
            Pass::Checkpoint => Self::checkpoint(shared),
            Pass::Producers => Self::expire_producers(shared),
            Pass::Deleted => {
                Self::delete_renamed(shared);
            }
        }
    }

    /// Do something with every partition that is open; what a disk refuses is told as an event.
    fn each<T>(
        shared: &Arc<Shared>,
        mut work: impl FnMut(&Arc<Cell>, &mut LedPartition) -> Result<T, LogError>,
    ) -> Vec<(Arc<Cell>, T)> {
        let cells = shared.cells();
        let mut done = Vec::new();
        for cell in cells {
            if cell.is_offline() {
                continue;
            }
            let outcome = {
                let mut guard = cell.hold();
                let Some(partition) = guard.as_mut() else {
                    continue;
                };
                match work(&cell, partition) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        suffer(shared, &cell, partition, &error);
                        drop(guard);
                        if error.is_failed_sync() {
                            fail_dir(shared, cell.log_dir, &error.to_string());
                        }
                        continue;
                    }
                }
            };
            done.push((cell, outcome));
        }
        done
    }

    /// Delete segments that retention lets go; a line for each.
    fn enforce_retention(shared: &Arc<Shared>) -> Vec<String> {
        let (now_ms, steady_ms) = (shared.clock.now_ms(), shared.clock.steady_ms());
        let done = Self::each(shared, |_, partition| {
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
    fn roll_due(shared: &Arc<Shared>) {
        let now_ms = shared.clock.now_ms();
        let due = Self::each(shared, |_, partition| {
            let rolled = partition.log_mut().roll_if_due(now_ms)?;
            Ok(partition.log_mut().flush_is_due(shared.clock.steady_ms()) || rolled)
        });
        for (cell, due) in due {
            if due {
                flush_cell(shared, &cell);
            }
        }
    }

    fn expire_producers(shared: &Arc<Shared>) {
        let now_ms = shared.clock.now_ms();
        Self::each(shared, |_, partition| {
            partition.log_mut().expire_producers(now_ms);
            Ok(())
        });
    }

    /// Remove deleted segments and folders whose delay is over; how many. What cannot be removed is tried again.
    fn delete_renamed(shared: &Arc<Shared>) -> usize {
        let steady_ms = shared.clock.steady_ms();
        let segments = Self::each(shared, |_, partition| {
            partition.log_mut().remove_deleted(steady_ms)
        });
        let mut removed: usize = segments.into_iter().map(|(_, count)| count).sum();
        let mut due = Vec::new();
        lock(&shared.dirs).doomed.retain_mut(|doomed| {
            let due_ms = *doomed
                .due_ms
                .get_or_insert(steady_ms.saturating_add(LEFT_BEHIND_DELAY_MS));
            if due_ms <= steady_ms {
                due.push(doomed.path.clone());
            }
            due_ms > steady_ms
        });
        for path in due {
            match shared.disk.remove_dir_all(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    shared
                        .queue
                        .tell("strained", format!("removing {}: {error}", path.display()));
                    lock(&shared.dirs).doomed.push(Doomed {
                        path,
                        due_ms: Some(steady_ms.saturating_add(LEFT_BEHIND_DELAY_MS)),
                    });
                }
            }
        }
        removed
    }

    /// Write the offset checkpoints, and close the files of partitions that nobody used since the last look.
    fn checkpoint(shared: &Arc<Shared>) {
        Self::each(shared, |cell, partition| {
            if cell.rest() == 0 {
                Ok(())
            } else {
                partition.log_mut().release_files()
            }
        });
        for index in 0..shared.options.log_dirs.len() {
            // Told once, and tried again with the next period: recovery begins earlier, that is all.
            let _ = shared.write_checkpoints(index);
        }
    }

    /// Sync every partition, here and now.
    pub fn flush(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            for cell in shared.cells() {
                flush_cell(shared, &cell);
            }
            Ok(())
        })
    }

    /// Close all logs cleanly, then write what the next start needs to know, the mark of a clean stop last.
    pub(crate) fn close_logs(shared: &Arc<Shared>, broker_epoch: i64) -> Result<(), NodeError> {
        let mut problem = None;
        let cells = shared.cells();
        if cells.len() >= VOLUME_SYNC_FROM {
            // A help and no more: every file is synced all the same, and says what became of it.
            let _ = sync_volumes(shared);
        }
        let mut proofs = vec![Proof::default(); shared.options.log_dirs.len()];
        for cell in cells {
            let closed = close_cell(shared, &cell).unwrap_or_else(|error| {
                problem.get_or_insert(storage(&format!(
                    "closing {}-{}: {error}",
                    cell.topic, cell.index
                )));
                false
            });
            let Some(proof) = proofs.get_mut(cell.log_dir) else {
                continue;
            };
            if closed {
                proof.closed.insert((cell.topic.to_string(), cell.index));
            } else {
                proof.broken = true;
            }
        }
        for (index, proof) in proofs.iter().enumerate() {
            if let Err(error) = end_dir(shared, index, proof, broker_epoch) {
                problem.get_or_insert(error);
            }
        }
        problem.map_or(Ok(()), Err)
    }

    /// Let go of all logs as they are.
    pub(crate) fn drop_logs(shared: &Arc<Shared>) {
        for cell in shared.cells() {
            drop(cell.hold().take());
        }
    }
}

/// Whether the log is closed cleanly.
fn close_cell(shared: &Arc<Shared>, cell: &Cell) -> Result<bool, LogError> {
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
            fail_dir(shared, cell.log_dir, &error.to_string());
        }
    })?;
    if let Some(dir) = lock(&shared.dirs).dirs.get_mut(cell.log_dir) {
        let offsets = (offsets.log_end, offsets.high_watermark, offsets.log_start);
        dir.note(&cell.topic, cell.index, offsets);
    }
    Ok(true)
}

/// What is known of a log directory when all of its logs are closed.
#[derive(Clone, Default)]
struct Proof {
    closed: BTreeSet<(String, i32)>,
    /// A partition of this directory was not open, or could not be closed.
    broken: bool,
}

/// The last word in a log directory. The mark is a proof: every partition of it, and everything there that has a
/// partition's name, was closed cleanly.
fn end_dir(
    shared: &Shared,
    index: usize,
    proof: &Proof,
    broker_epoch: i64,
) -> Result<(), NodeError> {
    if lock(&shared.dirs).has_failed(index) {
        return Ok(());
    }
    shared.write_checkpoints(index)?;
    let dirs = lock(&shared.dirs);
    let dir = dirs.get(index)?;
    let known = |found: Found| proof.closed.contains(&(found.topic, found.partition));
    if !proof.broken && dir.live(&shared.disk)?.into_iter().all(known) {
        dir.write_clean_shutdown(&shared.disk, broker_epoch)?;
    }
    Ok(())
}

impl Shared {
    /// Whether this very partition is still hosted, and no namesake instead.
    fn hosts(&self, cell: &Arc<Cell>) -> bool {
        self.hosted()
            .find(&cell.topic, cell.index)
            .is_ok_and(|found| Arc::ptr_eq(found, cell))
    }

    /// Write the offset checkpoints of one log directory, unless it failed: what they say must stay then.
    pub fn write_checkpoints(&self, index: usize) -> Result<(), NodeError> {
        let _turn = lock(&self.checkpointing);
        let mut noted = Vec::new();
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
                noted.push((Arc::clone(&cell), row));
            }
        }
        let checkpoints = {
            let mut dirs = lock(&self.dirs);
            let Some(dir) = dirs.dirs.get_mut(index).filter(|dir| !dir.failed) else {
                return Ok(());
            };
            for (cell, row) in noted {
                // Deleted since it was asked: the name may be another topic's by now.
                if self.hosts(&cell) {
                    dir.note(&cell.topic, cell.index, row);
                }
            }
            dir.checkpoints()
        };
        let outcome = checkpoints.write(&self.disk);
        let mut dirs = lock(&self.dirs);
        if let Some(dir) = dirs.dirs.get_mut(index) {
            match &outcome {
                Ok(()) => dir.written(&checkpoints),
                Err(error) if !std::mem::replace(&mut dir.checkpoint_told, true) => {
                    self.queue.tell("strained", error.text.clone());
                }
                Err(_) => {}
            }
        }
        outcome
    }

    /// Write the checkpoints of these directories in the background, and wait for it a moment: who decides must not
    /// wait for a slow disk. What came of it so far, by directory.
    pub fn forget_namesakes(
        self: &Arc<Self>,
        dirs: BTreeSet<usize>,
    ) -> BTreeMap<usize, Result<(), NodeError>> {
        let (tell, hear) = mpsc::channel();
        let count = dirs.len();
        self.in_background(move |node| {
            for dir in dirs {
                let _ = tell.send((dir, node.write_checkpoints(dir)));
            }
        });
        let deadline = Instant::now() + NAMESAKE_PATIENCE;
        let heard = || {
            hear.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .ok()
        };
        std::iter::from_fn(heard).take(count).collect()
    }
}
