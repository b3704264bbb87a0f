//! What a host tells whoever decides.

use std::sync::Arc;

use super::question::Answer;
use crate::error::CoreError;

/// News. None is ever lost but `Refused`, which any peer may cause as often as it likes: `serving::Queue`, where they wait,
/// drops it beyond a bound.
/// Of one partition's news of a kind the latest takes the place of those that were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// All that was placed, configured and deleted between this mark and the one before it is as it was wanted, or was
    /// told to fail.
    Applied { mark: i64 },
    /// What `Host::ask` could not answer at once.
    Answered { job: i64, answers: Vec<Answer> },
    /// A producer wants to write to partitions that know nothing of its transaction: `Host::verified` says whether it may.
    Unverified {
        job: i64,
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        /// Of Produce.
        version: i16,
        partitions: Vec<(Arc<str>, i32)>,
    },
    /// Small files that were handed over are written, or `refused` says why not.
    Written {
        job: i64,
        refused: Option<CoreError>,
    },
    /// An append failed; reads go on, and each next append tries again.
    LogFailed { place: Place, text: String },
    /// It is offline, for another reason than was told before; it is tried again.
    LogUnopened { place: Place, refused: CoreError },
    /// It is open and takes writes again.
    LogHealed { place: Place },
    /// The disk refused something of this partition that can be done later.
    LogStrained { place: Place, text: String },
    /// The same of no partition.
    Strained { text: String },
    /// How a move to another log directory goes.
    Moving(MoveNews),
    /// A failed sync ended a log directory.
    LogDirFailed { log_dir: usize, text: String },
    /// Something was done that the log of the node should know.
    Done { text: String },
    /// The node is dead: a broken invariant.
    Poisoned { text: String },
    /// What a peer sent and why its connection was closed, or why it was not let in.
    Refused { text: String },
}

/// What opening did to something that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub kind: ReportKind,
    /// A partition, or a file.
    pub place: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// What was not whole is, and nothing went.
    Mended,
    /// Records may have gone.
    Lost,
    /// A folder of another topic was set aside.
    Aside,
    /// A checkpoint that can be done without was dropped.
    Dropped,
}

/// News of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveNews {
    pub place: Place,
    /// Where it moves to.
    pub log_dir: usize,
    pub step: MoveStep,
    /// Why it was given up.
    pub text: String,
}

/// What a move has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// It has all that there is; it goes on when the cluster knows (`Host::finish_move`).
    CaughtUp,
    /// The partition is there.
    Moved,
    /// It stays where it was.
    GivenUp,
}

/// A partition in an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub topic: Arc<str>,
    pub topic_id: [u8; 16],
    pub partition: i32,
}

/// What makes an event the newer one of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(std::mem::Discriminant<Event>, Place);

impl Event {
    /// None if no other event takes its place.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::LogFailed { place, .. }
            | Self::LogUnopened { place, .. }
            | Self::LogHealed { place }
            | Self::LogStrained { place, .. } => {
                Some(Subject(std::mem::discriminant(self), place.clone()))
            }
            _ => None,
        }
    }
}
