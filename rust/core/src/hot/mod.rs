//! The two requests that carry bytes, Produce and Fetch, read and answered in place.
//!
//! A decoded message of Python objects would cost more than the work itself, so these two are read from the
//! frame by hand. They are not a second declaration: `layout` lists every field that they rely on, and a
//! node refuses to start if that list differs from the declared messages.

mod fetch;
pub mod layout;
mod produce;
mod reader;
mod writer;

pub use fetch::{
    FetchHead, FetchPart, FetchRequest, Isolation, PartitionReply, parse_fetch, put_fetch_response,
    session_named,
};
pub use produce::{ProducePart, ProduceRequest, Produced, parse_produce, put_produce_response};
pub use reader::{ENTRIES_MAX, Malformed, Reader};

use std::ops::Range;
use std::sync::Arc;

pub const UNKNOWN_SERVER_ERROR: i16 = -1;
pub const OFFSET_OUT_OF_RANGE: i16 = 1;
pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
pub const NOT_LEADER_OR_FOLLOWER: i16 = 6;
pub const REQUEST_TIMED_OUT: i16 = 7;
pub const INVALID_TOPIC_EXCEPTION: i16 = 17;
pub const NOT_ENOUGH_REPLICAS: i16 = 19;
pub const NOT_ENOUGH_REPLICAS_AFTER_APPEND: i16 = 20;
pub const INVALID_REQUIRED_ACKS: i16 = 21;
pub const UNSUPPORTED_VERSION: i16 = 35;
pub const KAFKA_STORAGE_ERROR: i16 = 56;
pub const FETCH_SESSION_ID_NOT_FOUND: i16 = 70;
pub const INVALID_FETCH_SESSION_EPOCH: i16 = 71;
pub const FENCED_LEADER_EPOCH: i16 = 74;
pub const UNKNOWN_LEADER_EPOCH: i16 = 75;
pub const UNKNOWN_TOPIC_ID: i16 = 100;
pub const FETCH_SESSION_TOPIC_ID_ERROR: i16 = 106;

/// A topic as a request names it: where its name stands in the frame, or its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicAt {
    Name(Range<usize>),
    Id([u8; 16]),
}

/// A topic, kept beyond the request that named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicRef {
    Name(Arc<str>),
    Id([u8; 16]),
}

impl TopicAt {
    fn read(reader: &mut Reader<'_>, by_id: bool, compact: bool) -> Result<Self, Malformed> {
        if by_id {
            return Ok(Self::Id(reader.uuid()?));
        }
        let length = reader.string(compact)?.len();
        Ok(Self::Name(reader.position() - length..reader.position()))
    }

    /// The name as it stands in the frame; empty if the topic goes by its id.
    pub fn name<'a>(&self, frame: &'a [u8]) -> &'a str {
        match self {
            // It was checked when it was read.
            Self::Name(range) => std::str::from_utf8(&frame[range.clone()]).unwrap_or_default(),
            Self::Id(_) => "",
        }
    }

    pub fn to_owned(&self, frame: &[u8]) -> TopicRef {
        match self {
            Self::Name(_) => TopicRef::Name(self.name(frame).into()),
            Self::Id(id) => TopicRef::Id(*id),
        }
    }
}

#[cfg(test)]
mod tests;
