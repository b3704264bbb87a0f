//! The partitions of one broker, from their folders to what is told of them: made, led or followed, written, read,
//! flushed, checkpointed, mended, deleted.
//!
//! A `Host` begins no thread and waits for nothing but locks and the disk. What may take as long as a disk does it
//! leaves as a `Chore` to its surroundings, which carry it out where one may block: so whoever decides only says what
//! is wanted, and hears by `Event::Applied` that it is so. What fails is told as an event, once, and tried again.

mod asking;
mod cell;
mod closing;
mod coordinating;
mod deleting;
mod describing;
mod dirs;
mod event;
mod findings;
mod flushing;
mod host;
mod lock;
mod mending;
mod opening;
mod passes;
mod places;
mod question;
mod surroundings;
mod table;
mod traffic;
mod volumes;
mod work;

pub use cell::{Cell, Described, Desired, Guard, Lock, PATIENCE, Standing, TopicOf};
pub use coordinating::Appended;
pub use event::{Event, Place, Report, ReportKind, Subject};
pub use findings::{LostLogDir, Stray};
pub use host::{Host, HostOptions};
pub use passes::Pass;
pub use places::{HostedState, TopicConfig};
pub use question::{Answer, Inquiry, Looked, Question};
pub use surroundings::{Chore, Operation, Surroundings, Verdict};
pub use table::{Hosted, Topic};
pub use traffic::{Traffic, add};
