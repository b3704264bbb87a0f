//! The logs that coordinators keep: their batches are appended here, and read back when a coordinator loads.

use std::sync::Arc;

use super::cell::Cell;
use super::host::Host;
use crate::code::Code;
use crate::disk::{Disk, DiskFile};
use crate::error::CoreError;
use crate::hot::Produced;
use crate::log::{AppendContext, Appended, Origin, ReadError};
use crate::partition::{Partition, Waiter};

impl<D: Disk, W: Waiter> Host<D, W> {
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

    /// Append a coordinator's batches. A flush that `flush.messages` owes is a chore:
    /// coordinators answer when the high watermark is there. The transaction version is that of the transactions which
    /// markers among them end, or 0.
    ///
    /// # Errors
    /// As `describe`; "storage" if the disk is at fault, "refused" with its error code for what the log did not take
    /// otherwise.
    pub fn append(
        &self,
        topic: &str,
        index: i32,
        mut records: Vec<u8>,
        transaction_version: i16,
    ) -> Result<Appended, CoreError> {
        self.with_led(topic, index, |cell, partition| {
            let context = AppendContext {
                now_ms: self.around.now_ms(),
                leader_epoch: -1, // the partition's own
                origin: Origin::Coordinator,
                produce_version: i16::MAX,
                verification: 0,
                transaction_version,
            };
            match partition.append(&mut records, &context, true) {
                Ok(done) => {
                    self.appended(cell, partition, &done);
                    Ok(done.appended)
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
                    ReadError::Log(error) => CoreError::storage(&error),
                })
        })?;
        let mut bytes = vec![0; slice.len];
        if let Some(file) = &slice.file {
            file.read_exact_at(&mut bytes, slice.position)
                .map_err(|error| CoreError::storage(&error))?;
        }
        bytes.truncate(whole_batches(&bytes));
        if slice.len > 0 && bytes.is_empty() {
            let text = format!("{topic}-{index}: the batch at offset {offset} is cut or damaged");
            return Err(CoreError::new("storage", text));
        }
        Ok(bytes)
    }
}

pub(super) fn not_taken(topic: &str, index: i32, refused: Produced) -> CoreError {
    let code = refused.error_code;
    let why = match refused.error_message {
        Some(text) => text,
        None if code == Code::NotEnoughReplicas => "too few replicas are in sync".to_owned(),
        None => format!("error {}", code.code()),
    };
    let kind = match code {
        Code::KafkaStorageError => "storage",
        Code::NotLeaderOrFollower => "not-leader",
        _ => "refused",
    };
    CoreError {
        error_code: code.code(),
        ..CoreError::new(kind, format!("{topic}-{index}: {why}"))
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
