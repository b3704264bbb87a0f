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
