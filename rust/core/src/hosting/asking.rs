//! Partitions as whoever decides asks them: read, written, looked up, cut, found where they should not be.

use std::path::PathBuf;
use std::sync::Arc;

use super::cell::{Cell, Standing};
use super::dirs::storage;
use super::{Host, lock};
use crate::disk::{Disk, DiskFile};
use crate::error::CoreError;
use crate::log::files::FolderKind;
use crate::log::{AppendContext, LogError, Lookup, Origin, ReadError};
use crate::partition::{Offsets, Partition, Waiter};

/// A partition's whereabouts for those who ask by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    pub offsets: Offsets,
    pub leader_epoch: i32,
    pub size_bytes: u64,
}

/// What a lookup found; all -1 if nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Whether a partition is hosted in the log directory of this place.
    fn hosts_in(&self, dir: usize, topic: &str, index: i32) -> bool {
        let hosted = self.hosted();
        hosted
            .find(topic, index)
            .is_ok_and(|cell| cell.log_dir == dir)
    }

    /// Folders of partitions that are not hosted: (topic, partition, path).
    ///
    /// # Errors
    /// "storage" if a log directory cannot be read.
    pub fn strays(&self) -> Result<Vec<(String, i32, String)>, CoreError> {
        let is_ours = |dir, topic: &str, index| self.hosts_in(dir, topic, index);
        let strays = lock(&self.dirs).strays(&self.disk, is_ours)?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        Ok(strays
            .into_iter()
            .map(|stray| (stray.topic, stray.partition, text(stray.path)))
            .collect())
    }

    /// Rename such folders to `-stray`, as Kafka does; what they hold is kept. Their new names.
    ///
    /// # Errors
    /// "storage" if the disk refuses one.
    pub fn set_strays_aside(&self) -> Result<Vec<String>, CoreError> {
        let is_ours = |dir, topic: &str, index| self.hosts_in(dir, topic, index);
        let strays = lock(&self.dirs).strays(&self.disk, is_ours)?;
        let mut done = Vec::new();
        for stray in strays {
            let key = (stray.topic.as_str(), stray.partition);
            let there = self.mark_folder(&stray.path, key, FolderKind::Stray)?;
            done.push(there.to_string_lossy().into_owned());
        }
        Ok(done)
    }

    /// Work with one that is open.
    fn with_open<T>(
        &self,
        topic: &str,
        index: i32,
        work: impl FnOnce(&Arc<Cell<D, W>>, &mut Partition<D, W>) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        let unknown = || {
            let text = format!("{topic}-{index} is not hosted here");
            CoreError::new("unknown-partition", text)
        };
        let cell = self.hosted().find(topic, index).cloned();
        let cell = cell.map_err(|_| unknown())?;
        match cell.standing() {
            Standing::Offline => return Err(storage(&format!("{topic}-{index} is offline"))),
            Standing::Opening => {
                let text = format!("{topic}-{index} is being opened");
                return Err(CoreError::new("not-leader", text));
            }
            Standing::Serving | Standing::Faltering => {}
        }
        let mut guard = cell.hold();
        cell.touch();
        work(&cell, guard.as_mut().ok_or_else(unknown)?)
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
    /// "unknown-partition", "not-leader" while it is being opened, "storage" if it is offline.
    pub fn describe(&self, topic: &str, index: i32) -> Result<Described, CoreError> {
        self.with_open(topic, index, |_, partition| {
            Ok(Described {
                offsets: partition.offsets(),
                leader_epoch: partition.state().leader_epoch,
                size_bytes: partition.log().size(),
            })
        })
    }

    /// Append a coordinator's batches; the first and the last offset. A flush that `flush.messages` owes is a chore:
    /// coordinators answer when the high watermark is there.
    ///
    /// # Errors
    /// As `describe`, "not-leader" too; "storage" for whatever the log did not take.
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
                    let text = refused
                        .error_message
                        .unwrap_or_else(|| format!("error {}", refused.error_code));
                    self.append_failed(cell, partition, &text);
                    Err(storage(&format!("{topic}-{index}: {text}")))
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

    /// ListOffsets. Isolation 1 is read_committed.
    ///
    /// # Errors
    /// As `append`; "invalid" for a negative time that Kafka does not know.
    pub fn list_offset(
        &self,
        topic: &str,
        index: i32,
        timestamp_ms: i64,
        isolation: i8,
    ) -> Result<Looked, CoreError> {
        let what = Lookup::from_timestamp(timestamp_ms).ok_or_else(|| {
            let text = format!("{timestamp_ms} is no timestamp to look up");
            CoreError::new("invalid", text)
        })?;
        self.with_led(topic, index, |_, partition| {
            let offsets = partition.offsets();
            let upper_bound = if isolation == 1 {
                offsets.last_stable
            } else {
                offsets.high_watermark
            };
            let found = partition
                .log_mut()
                .lookup(what, upper_bound)
                .map_err(|error| storage(&error))?;
            let nothing = Looked {
                offset: -1,
                timestamp_ms: -1,
                leader_epoch: -1,
            };
            Ok(found.map_or(nothing, |found| Looked {
                offset: found.offset,
                timestamp_ms: found.timestamp_ms,
                leader_epoch: found.leader_epoch,
            }))
        })
    }

    /// OffsetForLeaderEpoch: (epoch, end offset).
    ///
    /// # Errors
    /// As `append`.
    pub fn epoch_end_offset(
        &self,
        topic: &str,
        index: i32,
        epoch: i32,
    ) -> Result<(i32, i64), CoreError> {
        self.with_led(topic, index, |_, partition| {
            Ok(partition.epoch_end_offset(epoch))
        })
    }

    /// DeleteRecords: the new log start offset.
    ///
    /// # Errors
    /// As `append`; "offset-out-of-range".
    pub fn delete_records(&self, topic: &str, index: i32, offset: i64) -> Result<i64, CoreError> {
        self.with_led(topic, index, |_, partition| {
            let outcome = partition.log_mut().delete_records(offset);
            partition.log_start_moved();
            outcome.map_err(|error| match error {
                LogError::OutOfRange { text } => CoreError::new("offset-out-of-range", text),
                error => storage(&error),
            })
        })
    }

    /// What opening and recovery did since this was asked last, one line a log that needed any.
    pub fn take_report(&self) -> Vec<String> {
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
