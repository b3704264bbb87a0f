//! One partition's log: segments of whole record batches, with indexes, epochs and producer state beside them,
//! byte for byte what Apache Kafka 4.3.1 keeps in such a folder.
//!
//! It decides nothing about replication: the partition above it says where the high watermark is. It is used by
//! one thread at a time (`&mut self`, no locks inside); a `Slice` that it gave out stays readable without it.
//! What stays true: offsets only grow; a failed append leaves the log as it was; a log that nobody uses holds no
//! file descriptor (`release_files`).

mod api;
mod config;
mod error;

use std::path::Path;
use std::path::PathBuf;

use crate::disk::Disk;

pub use api::*;
pub use config::*;
pub use error::*;

pub struct Log<D: Disk> {
    disk: D,
    dir: PathBuf,
    config: LogConfig,
}

#[allow(unused_variables, clippy::missing_errors_doc)]
impl<D: Disk> Log<D> {
    /// Open the folder, or make a new log in it (the folder too). Cheap after a clean shutdown; else every segment
    /// from the recovery point on is read, checked, and cut after its last whole batch.
    pub fn open(
        disk: D,
        dir: PathBuf,
        config: LogConfig,
        now_ms: i64,
        hints: OpenHints,
    ) -> Result<(Self, Recovery), LogError> {
        unimplemented!()
    }

    /// Append one or more whole batches as leader: base offsets and leader epoch are patched into `batches`, and
    /// they are written from there. All or none.
    pub fn append(
        &mut self,
        batches: &mut [u8],
        context: &AppendContext,
    ) -> Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Append what the leader sent, offsets and epochs as they came. A batch cut short at the end is left out.
    pub fn append_as_follower(
        &mut self,
        batches: &[u8],
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Where the batches from `offset` on lie, within one segment: at most `bytes_max`, none that begins at or past
    /// `upper_bound` (high watermark, last stable offset or log end). With `min_one` a first batch larger than
    /// `bytes_max` comes whole. Empty at `upper_bound`.
    pub fn read(
        &mut self,
        offset: i64,
        bytes_max: usize,
        upper_bound: i64,
        min_one: bool,
    ) -> Result<Slice<D::File>, ReadError> {
        unimplemented!()
    }

    /// What a read_committed reader of offsets from `from` to `upper_bound` (exclusive) must skip, sorted by first offset.
    pub fn aborted_transactions(
        &mut self,
        from: i64,
        upper_bound: i64,
    ) -> Result<Vec<AbortedTransaction>, LogError> {
        unimplemented!()
    }

    /// The partition moved its high watermark: decided transactions below it become stable, and retention may go up to it.
    /// A log starts with its high watermark at its log start offset.
    pub fn set_high_watermark(&mut self, high_watermark: i64) {
        unimplemented!()
    }

    /// The first offset that read_committed must not see yet: never above the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        unimplemented!()
    }

    pub fn log_start_offset(&self) -> i64 {
        unimplemented!()
    }

    pub fn log_end_offset(&self) -> i64 {
        unimplemented!()
    }

    /// Up to where everything is fsynced.
    pub fn recovery_point(&self) -> i64 {
        unimplemented!()
    }

    /// Bytes of all segments' batches.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }

    pub fn segment_count(&self) -> usize {
        unimplemented!()
    }

    pub fn dir(&self) -> &Path {
        unimplemented!()
    }

    pub fn config(&self) -> &LogConfig {
        unimplemented!()
    }

    pub fn set_config(&mut self, config: LogConfig) {
        unimplemented!()
    }

    /// ListOffsets. Only offsets below `upper_bound` are found by time; `Latest` is `upper_bound` itself. Reads and
    /// decompresses: not for an I/O thread.
    pub fn lookup(&mut self, what: Lookup, upper_bound: i64) -> Result<Option<Found>, LogError> {
        unimplemented!()
    }

    /// The latest leader epoch that has an entry; None in an empty log.
    pub fn latest_epoch(&self) -> Option<i32> {
        unimplemented!()
    }

    /// This epoch begins at the log's end: said by a new leader before its first append (and durable).
    pub fn begin_epoch(&mut self, leader_epoch: i32) -> Result<(), LogError> {
        unimplemented!()
    }

    /// OffsetForLeaderEpoch: (largest epoch not above the asked one, where it ended); (-1, -1) if unknown.
    pub fn epoch_end_offset(&self, leader_epoch: i32) -> (i32, i64) {
        unimplemented!()
    }

    /// The epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        unimplemented!()
    }

    /// Begin a new segment if the active one is older than `segment.ms` (less its jitter). True if it did.
    pub fn roll_if_due(&mut self, now_ms: i64) -> Result<bool, LogError> {
        unimplemented!()
    }

    /// Fsync if `flush.ms` passed since the last time. True if it did.
    pub fn flush_if_due(&mut self, now_ms: i64) -> Result<bool, LogError> {
        unimplemented!()
    }

    /// Delete (rename to `.deleted`) what retention by time, size and log start offset lets go, below the high watermark.
    pub fn enforce_retention(&mut self, now_ms: i64) -> Result<Vec<DeletedSegment>, LogError> {
        unimplemented!()
    }

    /// Remove renamed files whose `file.delete.delay.ms` is over; how many.
    pub fn remove_deleted(&mut self, now_ms: i64) -> Result<usize, LogError> {
        unimplemented!()
    }

    /// DeleteRecords: move the log start offset up to `offset` (-1: to the high watermark). `OutOfRange` beyond the
    /// high watermark. The new start; whole segments below it go with the next `enforce_retention`.
    pub fn delete_records(&mut self, offset: i64) -> Result<i64, LogError> {
        unimplemented!()
    }

    /// Cut all records from `offset` on.
    pub fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Drop everything and begin again, empty, at `offset`.
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: i64,
        now_ms: i64,
    ) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Make all that was appended safe, and move the recovery point up. Not for an I/O thread.
    pub fn flush(&mut self) -> Result<(), LogError> {
        unimplemented!()
    }

    /// What `flush` would sync now: sync these off the lock, then call `flushed_to` with the offset.
    pub fn unflushed(&mut self) -> Result<(i64, Vec<std::sync::Arc<D::File>>), LogError> {
        unimplemented!()
    }

    pub fn flushed_to(&mut self, offset: i64) {
        unimplemented!()
    }

    /// Forget producers that were silent for `producer.id.expiration.ms` and have no open transaction; how many.
    pub fn expire_producers(&mut self, now_ms: i64) -> usize {
        unimplemented!()
    }

    pub fn producers(&self) -> Vec<ProducerSummary> {
        unimplemented!()
    }

    /// Give back file descriptors; they come back when needed.
    pub fn release_files(&mut self) -> Result<(), LogError> {
        unimplemented!()
    }

    /// Clean: flush, trim the indexes, write the producer snapshot. Else only let go of the files.
    pub fn close(self, clean: bool) -> Result<(), LogError> {
        unimplemented!()
    }
}
