//! What has to be done from time to time: retention, rolling, flushing, checkpoints, removal of deleted files.
//!
//! Python's timers, which follow the node's clock, call these; there is no timer here. Each works through the
//! partitions one lock at a time, on the caller's thread.

use std::sync::Arc;

use ottla_core::disk::Disk;

use crate::dirs::storage;
use crate::error::NodeError;
use crate::flush::{fail, flush_cell};
use crate::hosted::{Cell, LedPartition};
use crate::node::Node;
use crate::partitions::sync_volumes;
use crate::shared::{Shared, lock};

/// How long a folder that an earlier run deleted is kept: Kafka's default for `file.delete.delay.ms`.
const LEFT_BEHIND_DELAY_MS: i64 = 60_000;

/// From how many partitions on one sync of the volume comes before those of single files.
const VOLUME_SYNC_FROM: usize = 64;

impl Node {
    /// Do something with every partition; a disk that fails takes that log offline and is told as an event.
    fn each<T>(
        shared: &Arc<Shared>,
        mut work: impl FnMut(&Arc<Cell>, &mut LedPartition) -> Result<T, ottla_core::log::LogError>,
    ) -> Vec<(Arc<Cell>, T)> {
        let cells = shared.hosted().cells();
        let mut done = Vec::new();
        for cell in cells {
            let outcome = {
                let mut guard = lock(&cell.partition);
                let Some(partition) = guard.as_mut() else {
                    continue;
                };
                match work(&cell, partition) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        fail(shared, &cell, partition, error.to_string());
                        continue;
                    }
                }
            };
            done.push((cell, outcome));
        }
        done
    }

    /// Delete segments that retention lets go; a line for each.
    pub fn enforce_retention(&self) -> Result<Vec<String>, NodeError> {
        self.call(|shared| {
            let now_ms = shared.clock.now_ms();
            let done = Self::each(shared, |_, partition| {
                let deleted = partition.log_mut().enforce_retention(now_ms);
                partition.log_start_moved();
                deleted
            });
            Ok(done
                .into_iter()
                .flat_map(|(cell, deleted)| {
                    deleted.into_iter().map(move |segment| {
                        format!(
                            "{}-{}: deleted the segment at {} of {} bytes ({:?})",
                            cell.topic,
                            cell.index,
                            segment.base_offset,
                            segment.size_bytes,
                            segment.reason
                        )
                    })
                })
                .collect())
        })
    }

    /// Begin new segments where the active one is too old, and sync where `flush.ms` is over.
    pub fn roll_due(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            let now_ms = shared.clock.now_ms();
            let rolled = Self::each(shared, |_, partition| {
                let rolled = partition.log_mut().roll_if_due(now_ms)?;
                Ok(partition.log_mut().flush_is_due(now_ms) || rolled)
            });
            for (cell, unsafe_now) in rolled {
                if unsafe_now {
                    flush_cell(shared, &cell);
                }
            }
            Ok(())
        })
    }

    pub fn expire_producers(&self) -> Result<usize, NodeError> {
        self.call(|shared| {
            let now_ms = shared.clock.now_ms();
            let done = Self::each(shared, |_, partition| {
                Ok(partition.log_mut().expire_producers(now_ms))
            });
            Ok(done.into_iter().map(|(_, expired)| expired).sum())
        })
    }

    /// Remove deleted segments and folders whose delay is over; how many.
    pub fn delete_renamed(&self) -> Result<usize, NodeError> {
        self.call(|shared| {
            let now_ms = shared.clock.now_ms();
            let segments = Self::each(shared, |_, partition| {
                partition.log_mut().remove_deleted(now_ms)
            });
            let mut removed: usize = segments.into_iter().map(|(_, count)| count).sum();
            let mut due = Vec::new();
            lock(&shared.dirs).doomed.retain_mut(|doomed| {
                let due_ms = *doomed.due_ms.get_or_insert(now_ms + LEFT_BEHIND_DELAY_MS);
                if due_ms <= now_ms {
                    due.push(doomed.path.clone());
                }
                due_ms > now_ms
            });
            for path in due {
                match shared.disk.remove_dir_all(&path) {
                    Ok(()) => removed += 1,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(storage(&format!("removing {}: {error}", path.display())));
                    }
                }
            }
            Ok(removed)
        })
    }

    /// Write the offset checkpoints, and close the files of partitions that nobody used since the last time.
    pub fn checkpoint(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            Self::each(shared, |cell, partition| {
                if cell.was_touched() {
                    Ok(())
                } else {
                    partition.log_mut().release_files()
                }
            });
            self.write_checkpoints(shared)
        })
    }

    pub(crate) fn write_checkpoints(&self, shared: &Arc<Shared>) -> Result<(), NodeError> {
        let noted = Self::each(shared, |_, partition| {
            let offsets = partition.offsets();
            Ok((
                partition.log().recovery_point(),
                offsets.high_watermark,
                offsets.log_start,
            ))
        });
        let mut dirs = lock(&shared.dirs);
        for (cell, offsets) in noted {
            if let Some(dir) = dirs.dirs.get_mut(cell.log_dir) {
                dir.note(&cell.topic, cell.index, offsets);
            }
        }
        dirs.dirs
            .iter()
            .try_for_each(|dir| dir.write_checkpoints(&shared.disk))
    }

    /// Sync every partition.
    pub fn flush(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            for cell in shared.hosted().cells() {
                flush_cell(shared, &cell);
            }
            Ok(())
        })
    }

    /// Close all logs cleanly, then write what the next start needs to know, the mark of a clean stop last.
    pub(crate) fn close_logs(shared: &Arc<Shared>, broker_epoch: i64) -> Result<(), NodeError> {
        let mut problem = None;
        if shared.hosted().cells().len() >= VOLUME_SYNC_FROM {
            sync_volumes(shared)?;
        }
        for cell in shared.hosted().cells() {
            let Some(partition) = lock(&cell.partition).take() else {
                continue;
            };
            let offsets = partition.offsets();
            let healthy = partition.offline().is_none();
            let outcome = partition.into_log().close(healthy);
            let mut dirs = lock(&shared.dirs);
            let Some(dir) = dirs.dirs.get_mut(cell.log_dir) else {
                continue;
            };
            match outcome {
                Ok(()) if healthy => {
                    let offsets = (offsets.log_end, offsets.high_watermark, offsets.log_start);
                    dir.note(&cell.topic, cell.index, offsets);
                }
                Ok(()) => dir.failed = true,
                Err(error) => {
                    dir.failed = true;
                    problem.get_or_insert(storage(&format!(
                        "closing {}-{}: {error}",
                        cell.topic, cell.index
                    )));
                }
            }
        }
        let dirs = lock(&shared.dirs);
        for dir in &dirs.dirs {
            dir.write_checkpoints(&shared.disk)?;
            if !dir.failed {
                dir.write_clean_shutdown(&shared.disk, broker_epoch)?;
            }
        }
        problem.map_or(Ok(()), Err)
    }

    /// Let go of all logs as they are.
    pub(crate) fn drop_logs(shared: &Arc<Shared>) {
        for cell in shared.hosted().cells() {
            drop(lock(&cell.partition).take());
        }
    }
}
