//! Partitions as whoever decides uses them: described, read, written, found where they should not be. What clients
//! ask is in `questions.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::dirs::{Found, live, storage};
use super::event::Report;
use super::questions::{refusal, unknown};
use super::{Host, lock};
use crate::disk::{Disk, DiskFile};
use crate::error::CoreError;
use crate::hot::{KAFKA_STORAGE_ERROR, NOT_ENOUGH_REPLICAS, NOT_LEADER_OR_FOLLOWER, Produced};
use crate::log::files::FolderKind;
use crate::log::{AppendContext, Origin, ReadError};
use crate::partition::{Offsets, Partition, Waiter};

/// How long whoever decides waits for a partition that somebody holds: for as long as others may wait for a decision.
const PATIENCE: Duration = Duration::from_millis(500);

/// A partition's whereabouts for those who ask by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    pub offsets: Offsets,
    pub leader_epoch: i32,
    pub size_bytes: u64,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Whether a partition is hosted in the log directory of this place.
    fn hosts_in(&self, dir: usize, topic: &str, index: i32) -> bool {
        let hosted = self.hosted();
        hosted
            .find(topic, index)
            .is_ok_and(|cell| cell.log_dir == dir)
    }

    /// What lies in the log directories and is not hosted.
    fn find_strays(&self) -> Result<Vec<Found>, CoreError> {
        let mut strays = Vec::new();
        for (dir, path) in self.dir_paths() {
            let live = live(&self.disk, &path)?.into_iter();
            strays.extend(live.filter(|found| {
                found.is_dir && !self.hosts_in(dir, &found.topic, found.partition)
            }));
        }
        Ok(strays)
    }

    /// Folders of partitions that are not hosted: (topic, partition, path).
    ///
    /// # Errors
    /// "storage" if a log directory cannot be read.
    pub fn strays(&self) -> Result<Vec<(String, i32, String)>, CoreError> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let strays = self.find_strays()?.into_iter();
        Ok(strays
            .map(|stray| (stray.topic, stray.partition, text(stray.path)))
            .collect())
    }

    /// Rename such folders to `-stray`, as Kafka does; what they hold is kept. Their new names.
    ///
    /// # Errors
    /// "storage" if the disk refuses one.
    pub fn set_strays_aside(&self) -> Result<Vec<String>, CoreError> {
        let mut done = Vec::new();
        for stray in self.find_strays()? {
            let key = (stray.topic.as_str(), stray.partition);
            let there = self.mark_folder(&stray.path, key, FolderKind::Stray)?;
            done.push(there.to_string_lossy().into_owned());
        }
        Ok(done)
    }

    /// One that is open, as far as is known without its lock.
    fn open_cell(&self, topic: &str, index: i32) -> Result<Arc<Cell<D, W>>, CoreError> {
        let cell = self.hosted().find(topic, index).cloned();
        let cell = cell.map_err(|_| unknown(topic, index))?;
        refusal(&cell).map_or(Ok(cell), Err)
    }

    /// Work with one that is open.
    fn with_open<T>(
        &self,
        topic: &str,
        index: i32,
        work: impl FnOnce(&Arc<Cell<D, W>>, &mut Partition<D, W>) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        let cell = self.open_cell(topic, index)?;
        let held = cell.hold_within(PATIENCE);
        let mut guard =
            held.ok_or_else(|| storage(&format!("{topic}-{index}: its disk takes long")))?;
        cell.touch();
        work(&cell, guard.as_mut().ok_or_else(|| unknown(topic, index))?)
    }

    /// Work with one that this broker leads.
    fn with_led<T>(
        &self,
        topic: &str,
        index: i32,
        work: impl FnOnce(&Arc<Cell<D, W>>, &mut Partition<D, W>) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        self.with_open(topic, index, |cell, partition| {
            if !partition.leads() {
                let text = format!("{topic}-{index} is not led here");
                return Err(CoreError::new("not-leader", text));
            }
            work(cell, partition)
        })
    }

    /// # Errors
    /// "unknown-partition", "not-leader" while it is being opened, "storage" if it is offline or held for long.
    pub fn describe(&self, topic: &str, index: i32) -> Result<Described, CoreError> {
        self.with_open(topic, index, |cell, partition| Ok(noted(cell, partition)))
    }

    /// The same without waiting: while somebody holds it as it was described before, if it was, and whoever decides
    /// has a turn when it is free.
    ///
    /// # Errors
    /// As `describe`.
    pub fn describe_lately(&self, topic: &str, index: i32) -> Result<Described, CoreError> {
        let cell = self.open_cell(topic, index)?;
        if let Some(mut guard) = cell.try_hold() {
            let partition = guard.as_mut().ok_or_else(|| unknown(topic, index))?;
            return Ok(noted(&cell, partition));
        }
        let described = *cell.described.lock();
        match described {
            Some(described) => {
                self.look_later(&cell);
                Ok(described)
            }
            None => self.describe(topic, index),
        }
    }

    /// Append a coordinator's batches; the first and the last offset. A flush that `flush.messages` owes is a chore:
    /// coordinators answer when the high watermark is there.
    ///
    /// # Errors
    /// As `describe`; "storage" if the disk is at fault, "refused" with its error code for what the log did not take
    /// otherwise.
    pub fn append(
        &self,
        topic: &str,
        index: i32,
        mut records: Vec<u8>,
    ) -> Result<(i64, i64), CoreError> {
        self.with_led(topic, index, |cell, partition| {
            let context = AppendContext {
                now_ms: self.around.now_ms(),
                leader_epoch: -1, // the partition's own
                origin: Origin::Coordinator,
                produce_version: i16::MAX,
            };
            match partition.append(&mut records, &context, true) {
                Ok(done) => {
                    self.appended(cell, partition, &done);
                    Ok((done.appended.base_offset, done.appended.last_offset))
                }
                Err(refused) => {
                    self.append_refused(cell, partition, &refused);
                    Err(not_taken(topic, index, refused))
                }
            }
        })
    }

    /// Whole batches from the one that holds `offset` on: below the high watermark, or, for a coordinator that
    /// loads what it will hold back until that passes it, up to the log end.
    ///
    /// # Errors
    /// As `describe`; "offset-out-of-range".
    pub fn read(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
        bytes_max: usize,
        to_log_end: bool,
    ) -> Result<Vec<u8>, CoreError> {
        let slice = self.with_open(topic, index, |_, partition| {
            let offsets = partition.offsets();
            let upper_bound = if to_log_end {
                offsets.log_end
            } else {
                offsets.high_watermark
            };
            partition
                .log_mut()
                .read(offset, bytes_max, upper_bound, true)
                .map_err(|error| match error {
                    ReadError::OffsetOutOfRange { .. } => {
                        CoreError::new("offset-out-of-range", format!("{topic}-{index}: {error}"))
                    }
                    ReadError::Log(error) => storage(&error),
                })
        })?;
        let mut bytes = vec![0; slice.len];
        if let Some(file) = &slice.file {
            file.read_exact_at(&mut bytes, slice.position)
                .map_err(|error| storage(&error))?;
        }
        bytes.truncate(whole_batches(&bytes));
        if slice.len > 0 && bytes.is_empty() {
            let text = format!("{topic}-{index}: the batch at offset {offset} is cut or damaged");
            return Err(CoreError::new("storage", text));
        }
        Ok(bytes)
    }

    /// What opening and recovery did since this was asked last, one a log that needed any.
    pub fn take_report(&self) -> Vec<Report> {
        std::mem::take(&mut lock(&self.dirs).report)
    }

    /// Log directories that could not be opened at the start, by their place, and why.
    pub fn lost_log_dirs(&self) -> Vec<(usize, String)> {
        let dirs = lock(&self.dirs);
        let known = dirs.dirs.iter().enumerate();
        known
            .filter_map(|(place, dir)| Some((place, dir.lost.clone()?)))
            .collect()
    }

    /// The broker epoch that the last clean stop wrote, -1 without one: the least of all log directories.
    pub fn previous_broker_epoch(&self) -> i64 {
        let dirs = lock(&self.dirs);
        let there = dirs.dirs.iter().filter(|dir| dir.lost.is_none());
        there.map(|dir| dir.clean.unwrap_or(-1)).min().unwrap_or(-1)
    }
}

fn not_taken(topic: &str, index: i32, refused: Produced) -> CoreError {
    let code = refused.error_code;
    let why = match refused.error_message {
        Some(text) => text,
        None if code == NOT_ENOUGH_REPLICAS => "too few replicas are in sync".to_owned(),
        None => format!("error {code}"),
    };
    let kind = match code {
        KAFKA_STORAGE_ERROR => "storage",
        NOT_LEADER_OR_FOLLOWER => "not-leader",
        _ => "refused",
    };
    CoreError {
        error_code: code,
        ..CoreError::new(kind, format!("{topic}-{index}: {why}"))
    }
}

fn noted<D: Disk, W: Waiter>(cell: &Cell<D, W>, partition: &Partition<D, W>) -> Described {
    let described = Described {
        offsets: partition.offsets(),
        leader_epoch: partition.state().leader_epoch,
        size_bytes: partition.log().size(),
    };
    *cell.described.lock() = Some(described);
    described
}

/// The length of the whole batches that `bytes` begin with.
fn whole_batches(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(length) = bytes.get(end + 8..end + 12) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if bytes.len() - end - 12 < length {
            break;
        }
        end += 12 + length;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_cut_is_left_out() {
        let mut batch = vec![0; 12 + 5];
        batch[11] = 5;
        let mut two = [batch.clone(), batch].concat();
        assert_eq!(whole_batches(&two), 34);
        two.pop();
        assert_eq!(whole_batches(&two), 17);
        assert_eq!(whole_batches(&two[..11]), 0);
    }
}
