//! What can be asked of a partition or a volume, what is answered, and what waits with one for its answer. Who asks and
//! who answers is in `asking.rs` and `volumes.rs`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::{LogError, Lookup, ProducerSummary};
use crate::partition::{Partition, Waiter};

/// So many questions may wait with one partition or volume: whoever hangs up and asks again is not forgotten before the
/// disk answers.
pub const WAITING_MAX: usize = 1000;

/// What one question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// ListOffsets, negative times too. Isolation 1 is read_committed.
    Time { timestamp_ms: i64, isolation: i8 },
    /// OffsetForLeaderEpoch: where an epoch ended.
    EpochEnd { epoch: i32 },
    /// DeleteRecords: let the log start there; -1 is the high watermark.
    DeleteBefore { offset: i64 },
    /// WriteTxnMarkers: a producer's transaction ends here.
    EndTransaction(Ending),
    /// DescribeProducers.
    Producers,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub coordinator_epoch: i32,
    pub committed: bool,
    pub transaction_version: i16,
}

/// Who is asked what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inquiry {
    Partition {
        topic: String,
        partition: i32,
        question: Question,
    },
    /// How much room the volume of this log directory has.
    Space { log_dir: usize },
}

/// What was found; all -1 if nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
    pub total_bytes: i64,
    pub usable_bytes: i64,
    pub producers: Vec<ProducerSummary>,
}

/// Kinds of refusals: "unknown-partition", "not-leader", "storage", "offset-out-of-range", "invalid".
pub type Answer = Result<Looked, CoreError>;

/// Several questions that are answered together.
pub struct Job {
    pub number: i64,
    answers: Mutex<Vec<Option<Answer>>>,
    open: AtomicUsize,
}

/// What waits with a partition.
#[derive(Default)]
pub struct Waiting {
    pub questions: VecDeque<(Arc<Job>, usize, Question)>,
    /// Someone answers them, or is going to.
    pub attended: bool,
    /// Whoever decides could not look at it, and does when it is free.
    pub looked_for: bool,
}

/// What waits for one volume.
#[derive(Default)]
pub struct Volume {
    /// Each with the place of its answer.
    pub waiting: Vec<(Arc<Job>, usize)>,
    /// Someone asks the disk, or is going to.
    pub attended: bool,
}

impl Question {
    /// Whether it is answered from memory.
    pub fn is_light(self) -> bool {
        match self {
            Self::Time { timestamp_ms, .. } => !matches!(
                Lookup::from_timestamp(timestamp_ms),
                Some(Lookup::Time(_) | Lookup::MaxTimestamp)
            ),
            Self::EpochEnd { .. } | Self::Producers => true,
            Self::DeleteBefore { .. } | Self::EndTransaction(_) => false,
        }
    }

    /// The answer; what ends a transaction has one of its own, in its time (`ending.rs`).
    pub fn answer<D: Disk, W: Waiter>(self, partition: &mut Partition<D, W>) -> Answer {
        let offsets = partition.offsets();
        match self {
            Self::Time {
                timestamp_ms,
                isolation,
            } => {
                let what = Lookup::from_timestamp(timestamp_ms).ok_or_else(|| {
                    let text = format!("{timestamp_ms} is no timestamp to look up");
                    CoreError::new("invalid", text)
                })?;
                let upper_bound = if isolation == 1 {
                    offsets.last_stable
                } else {
                    offsets.high_watermark
                };
                let found = partition.log_mut().lookup(what, upper_bound);
                let found = found.map_err(|error| CoreError::storage(&error))?;
                Ok(found.map_or(Looked::NOTHING, |found| Looked {
                    timestamp_ms: found.timestamp_ms,
                    leader_epoch: found.leader_epoch,
                    ..Looked::at(found.offset)
                }))
            }
            Self::EpochEnd { epoch } => {
                let (leader_epoch, offset) = partition.epoch_end_offset(epoch);
                Ok(Looked {
                    leader_epoch,
                    ..Looked::at(offset)
                })
            }
            Self::Producers => Ok(Looked {
                producers: partition.log().producers(),
                ..Looked::NOTHING
            }),
            Self::EndTransaction(_) => Ok(Looked::NOTHING),
            Self::DeleteBefore { offset } => {
                let outcome = partition.log_mut().delete_records(offset);
                partition.log_start_moved();
                outcome.map(Looked::at).map_err(|error| match error {
                    LogError::OutOfRange { text } => CoreError::new("offset-out-of-range", text),
                    error => CoreError::storage(&error),
                })
            }
        }
    }
}

impl Looked {
    pub const NOTHING: Self = Self {
        offset: -1,
        timestamp_ms: -1,
        leader_epoch: -1,
        total_bytes: -1,
        usable_bytes: -1,
        producers: Vec::new(),
    };

    pub fn at(offset: i64) -> Self {
        Self {
            offset,
            ..Self::NOTHING
        }
    }
}

impl Job {
    /// `answers` are those that are at hand; so many others are to come.
    pub fn new(number: i64, answers: Vec<Option<Answer>>, open: usize) -> Self {
        Self {
            number,
            answers: Mutex::new(answers),
            open: AtomicUsize::new(open),
        }
    }

    /// One more answer; all of them with the last.
    pub fn take(&self, place: usize, answer: Answer) -> Option<Vec<Answer>> {
        if let Some(slot) = lock(&self.answers).get_mut(place) {
            *slot = Some(answer);
        }
        let last = self.open.fetch_sub(1, Ordering::AcqRel) == 1;
        last.then(|| lock(&self.answers).drain(..).flatten().collect())
    }
}
