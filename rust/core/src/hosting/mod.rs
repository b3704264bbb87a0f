//! The partitions of one broker, from their folders to what is told of them: made, led or followed, written, read,
//! flushed, checkpointed, mended, deleted.
//!
//! A `Host` begins no thread and waits for nothing but locks and the disk. What may take as long as a disk does it
//! leaves as a `Chore` to its surroundings, which carry it out where one may block: so whoever decides only says what
//! is wanted, and hears by `Event::Applied` that it is so. What fails is told as an event, once, and tried again.
//!
//! The files stand above each other, and each uses only what is below it:
//!
//! - `chores`: who works on what that was left to those who may block, and on each pass.
//! - `places`: what is wanted of partitions becomes so.
//! - `mending`, `deleting`, `findings`, `closing`, `passes`, `cleaning`: a partition is opened again, or goes; what else lies
//!   in the folders; all are closed, looked after, or compacted. `coordinating`: coordinators write and read. `ending`, `ended`: a transaction ends.
//! - `verifying`: what is asked of transactions before something is written to them.
//! - `opening`: a folder becomes a log. `describing`, `asking`, `volumes`, `series`: what is said of partitions and their volumes.
//! - `moving`, `swapping`, `copying`: a partition moves to another log directory.
//! - `flushing`, `checkpoints`: what was written is made safe, and how far it is.
//! - `failing`: what a disk that fails ends, whoever of those above meets it.
//! - `host`: what it is made of, and what all of them need.
//! - `work`, `moves`, `table`, `dirs`, `cleaners`, `round`, `surroundings`, `cell`, `event`, `question`, `refusing`, `unanswered`, `traffic`, `lock`: its parts, which know no
//!   host.

mod asking;
mod cell;
mod checkpoints;
mod chores;
mod cleaners;
mod cleaning;
mod closing;
mod coordinating;
mod copying;
mod deleting;
mod describing;
mod dirs;
mod ended;
mod ending;
mod event;
mod failing;
mod findings;
mod flushing;
mod host;
mod lock;
mod mending;
mod moves;
mod moving;
#[cfg(test)]
mod moving_tests;
mod opening;
mod pace;
mod passes;
mod places;
mod presence;
mod question;
mod refusing;
mod round;
mod series;
mod surroundings;
mod swapping;
mod table;
mod traffic;
mod unanswered;
mod verifying;
mod volumes;
mod work;

pub use cell::{Cell, Described, Desired, Guard, Lock, PATIENCE, Standing, TopicOf};
pub use cleaners::CleanerConfig;
pub use event::{Event, MoveNews, MoveStep, Place, Report, ReportKind, Subject};
pub use findings::{LostLogDir, Stray};
pub use host::{Host, HostOptions};
pub use moves::{Future, Move, Moving};
pub use passes::Pass;
pub use places::PartitionState;
pub use question::{Answer, Ending, Inquiry, Looked, Question};
pub use round::Round;
pub use series::Shown;
pub use surroundings::{Chore, Operation, Surroundings, Verdict};
pub use table::{Hosted, Topic};
pub use traffic::{Traffic, add};
pub use unanswered::{Awaited, Told};
pub use verifying::Unverified;
