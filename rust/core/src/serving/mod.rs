//! Produce and Fetch, from a frame to what is said of it: steps that answer, or say what has to come first.
//!
//! A machine is made once for a connection and told one request after the other. `step` never waits: it comes back
//! with what it waits for, and its driver calls it again when that is there. So threads with sockets run it as well as
//! a simulator does, and whatever is decided of bytes (what is refused, when a reply is due, which bytes it carries)
//! is decided here.

mod admitting;
mod apis;
mod asked;
mod behind;
pub mod crowd;
mod fetch;
mod kept;
mod lookout;
mod permitted;
mod produce;
mod queue;
mod verifying;

pub use admitting::{Admitted, admit};
pub use apis::{Api, Apis, FETCH, PRODUCE};
pub use asked::{Asked, Item};
pub use behind::is_let_go;
pub use fetch::{Fetch, Piece};
pub use kept::{Asker, Errors, Kept, KeptReplies, Question, Reply};
pub use lookout::Lookout;
pub use produce::{Finished, Produce};
pub use queue::Queue;

use std::time::Duration;

use crate::hosting::PATIENCE;

/// One whose time is up waits for an append that goes on, and for nothing else: it may have a thousand partitions.
const HURRY: u32 = 16;

/// How long a request rests that is `Busy`: who holds its partition waits for a slow disk.
pub const PAUSE: Duration = Duration::from_millis(1);
/// So long a request is tried again that is `Busy`, even one that waits for nothing: who rolls a log, say, holds its
/// partition. Then its driver tells it to hurry.
pub const BUSY_MIN: Duration = Duration::from_millis(100);

/// How long a request is tried again that is `Busy` and would wait so long by itself.
fn busy_for(wait_ms: u64) -> Duration {
    Duration::from_millis(wait_ms).max(BUSY_MIN)
}

/// How long a step waits for a partition that somebody holds.
fn patience(hurried: bool) -> Duration {
    if hurried { PATIENCE / HURRY } else { PATIENCE }
}

/// What is known of a request before its body is read.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub version: i16,
    pub correlation_id: i32,
    /// Its answer's header carries tagged fields.
    pub flexible: bool,
    /// Where the body begins in the frame.
    pub body_at: usize,
    pub from_admin: bool,
    /// How long the client id is, which every header has at the same place.
    pub client_id_bytes: usize,
}

/// Where the client id begins in a frame: after API key, version, correlation id and its own length.
const CLIENT_ID_AT: usize = 2 + 2 + 4 + 2;

/// Apache's admin client, which alone may write to internal topics (as tools that restore them do).
const ADMIN_CLIENT_ID: &str = "__admin_client";

impl Header {
    /// Who the client says it is; empty if it says nothing. Borrowed: a verdict on each request allocates nothing.
    pub fn client_id<'a>(&self, frame: &'a [u8]) -> &'a str {
        let bytes = frame.get(CLIENT_ID_AT..CLIENT_ID_AT + self.client_id_bytes);
        bytes.map_or("", |bytes| std::str::from_utf8(bytes).unwrap_or_default())
    }

    pub fn is_admin(client_id: Option<&str>) -> bool {
        client_id == Some(ADMIN_CLIENT_ID)
    }
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The outcome is there.
    Done,
    /// Somebody holds a partition for longer than a step waits for it: again, soon, until the request's time is up and
    /// it is told to `hurry`. The same where nobody knows yet whether it may.
    Busy,
    /// Records have to be looked through that unpack to far more than they are: `prepare`, in one's turn, then again.
    Heavy,
    /// It waits for whoever decides, or for the in-sync replicas, or for records: again when the waiter is rung, or when
    /// the request's time is up.
    Parked,
}

#[cfg(test)]
pub(crate) mod tests;
