//! The values that go into a log and come out of it.

use std::sync::Arc;

use super::files::LOG_SUFFIX;

/// The version of transactions from which on each has an epoch of its own.
pub const EPOCH_BUMPS_LEVEL: i16 = 2;

/// Who appends as leader: decides which checks a batch must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Produce requests: everything is checked, control batches are refused.
    Client,
    /// Our own coordinators and transaction markers: control batches may pass.
    Coordinator,
    /// The metadata log's leader.
    Raft,
}

#[derive(Clone, Copy, Debug)]
pub struct AppendContext {
    pub now_ms: i64,
    pub leader_epoch: i32,
    pub origin: Origin,
    /// Version of the Produce request; zstd is refused below 7. `i16::MAX` where there is none.
    pub produce_version: i16,
    /// The number of the verification that a client's batch was asked about, which one needs that is new to its
    /// transaction (KIP-890); 0 where there is none.
    pub verification: u64,
    /// Of a transaction that a marker ends: from 2 on its epoch is above that of all batches before it; 0 where there
    /// is none.
    pub transaction_version: i16,
}

/// How whoever decides is asked about a batch that is new to its transaction.
#[derive(Clone, Copy, Debug)]
pub struct Verifying {
    /// Nobody else's, now or before; not 0. It is taken unless one stands already.
    pub number: u64,
    /// The partition is added to the transaction, not only looked for there (transactions of version 2).
    pub adds: bool,
    pub now_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Of the first batch; for a duplicate, what the first attempt was given.
    pub base_offset: i64,
    pub last_offset: i64,
    /// -1 unless the topic says LogAppendTime.
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
    /// The batch was there already and nothing was written. The answer must still wait for the high watermark.
    pub duplicate: bool,
    pub record_count: u64,
    pub size_bytes: u64,
    /// A new segment was begun. Flush soon, off the I/O thread: until then a power cut may cost the end of the
    /// segment before it and leave a hole in front of this one (as in Apache Kafka).
    pub rolled: bool,
}

/// A piece of one segment's file, whole batches from the one that holds the asked offset on, unless `bytes_max` cut it.
#[derive(Debug)]
pub struct Slice<F> {
    /// None when there is nothing to read (`len` is 0).
    pub file: Option<Arc<F>>,
    pub position: u64,
    pub len: usize,
    /// `len` was cut within the first batch (only without `min_one`).
    pub first_batch_incomplete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

/// What ListOffsets may ask a log for, by Kafka's negative timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// -2
    Earliest,
    /// -1
    Latest,
    /// -3: the first record with the largest timestamp
    MaxTimestamp,
    /// -4
    EarliestLocal,
    /// -5: there is no tiered storage: nothing found
    LatestTiered,
    /// -6: as -5
    EarliestPendingUpload,
    /// The first record whose timestamp is not below this one
    Time(i64),
}

impl Lookup {
    /// None for negative numbers that Kafka does not know.
    pub fn from_timestamp(timestamp_ms: i64) -> Option<Self> {
        Some(match timestamp_ms {
            -1 => Self::Latest,
            -2 => Self::Earliest,
            -3 => Self::MaxTimestamp,
            -4 => Self::EarliestLocal,
            -5 => Self::LatestTiered,
            -6 => Self::EarliestPendingUpload,
            time if time >= 0 => Self::Time(time),
            _ => return None,
        })
    }
}

/// An answer to `Lookup`; `timestamp_ms` is -1 for all but `MaxTimestamp` and `Time`; leader epoch -1 if unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
}

/// What the node knows of a log before it opens it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHints {
    /// `.kafka_cleanshutdown` was there: nothing needs recovery.
    pub clean_shutdown: bool,
    /// From `recovery-point-offset-checkpoint`; 0 if it has no row.
    pub recovery_point: i64,
    /// From `log-start-offset-checkpoint`; 0 if it has no row.
    pub log_start_offset: i64,
    /// By how much the node's clock is ahead of its clients'.
    pub skew_ms: i64,
}

/// What opening found and mended. `to_string()` is one line for the log, empty if there was nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    pub recovered_segments: u32,
    pub truncated_bytes: u64,
    pub rebuilt_indexes: u32,
    pub removed_files: Vec<String>,
    /// All segments went, as they ended below the log's start.
    pub dropped_all: bool,
    /// What else was mended, in words.
    pub notes: Vec<String>,
    pub log_end_offset: i64,
}

impl Recovery {
    /// Whether records may have gone.
    pub fn has_lost(&self) -> bool {
        let segment = |name: &String| name.ends_with(LOG_SUFFIX);
        self.truncated_bytes > 0 || self.dropped_all || self.removed_files.iter().any(segment)
    }
}

impl std::fmt::Display for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if self.recovered_segments > 0 {
            parts.push(format!("checked {} segments", self.recovered_segments));
        }
        if self.truncated_bytes > 0 {
            parts.push(format!(
                "cut {} bytes after the last whole batch",
                self.truncated_bytes
            ));
        }
        if self.rebuilt_indexes > 0 {
            parts.push(format!(
                "rebuilt the indexes of {} segments",
                self.rebuilt_indexes
            ));
        }
        if !self.removed_files.is_empty() {
            parts.push(format!("removed {}", self.removed_files.join(", ")));
        }
        parts.extend(self.notes.iter().cloned());
        if parts.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "{}; log end offset {}",
            parts.join("; "),
            self.log_end_offset
        )
    }
}

/// Why a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedFor {
    RetentionTime,
    RetentionSize,
    LogStartOffset,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedSegment {
    pub base_offset: i64,
    pub size_bytes: u64,
    pub reason: DeletedFor,
}

/// One producer's state, as DescribeProducers shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSummary {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub last_sequence: i32,
    pub last_timestamp_ms: i64,
    pub coordinator_epoch: i32,
    /// -1 if no transaction is open.
    pub current_transaction_first_offset: i64,
}
