//! Produce, versions 3 to 13: what it asks, where its records lie in the frame, and its answer.
//!
//! From version 13 on topics go by id. All of a request is read before anything is appended, so a malformed
//! one changes nothing.

use std::ops::Range;

use super::layout::{PRODUCE_REQUEST, PRODUCE_RESPONSE, first_flexible, version_after};
use super::{Malformed, Reader, TopicAt, writer};
use crate::code::Code;
use crate::log::{Flaw, RecordError};

const FIRST_FLEXIBLE: i16 = first_flexible(PRODUCE_REQUEST, PRODUCE_RESPONSE);
const FIRST_BY_ID: i16 = version_after(PRODUCE_REQUEST, "topic_data.topic_id uuid ");

/// One partition's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePart {
    /// Index into `ProduceRequest::topics`.
    pub topic: usize,
    pub index: i32,
    /// Where the records lie in the frame; None for null.
    pub records: Option<Range<usize>>,
}

/// A request's lists are kept from one request to the next, so that a steady producer allocates nothing.
#[derive(Debug, Default)]
pub struct ProduceRequest {
    /// Where it stands in the frame; None for null.
    pub transactional_id: Option<Range<usize>>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topics: Vec<TopicAt>,
    pub parts: Vec<ProducePart>,
}

impl ProduceRequest {
    pub fn transactional_id<'a>(&self, frame: &'a [u8]) -> Option<&'a str> {
        let range = self.transactional_id.clone()?;
        // It was checked when it was read.
        Some(std::str::from_utf8(&frame[range]).unwrap_or_default())
    }

    /// Keep no lists that are longer than is usual.
    pub fn shrink_to(&mut self, entries: usize) {
        self.topics.clear();
        self.parts.clear();
        self.topics.shrink_to(entries);
        self.parts.shrink_to(entries);
    }
}

/// Read the body that begins at `body_at` of the frame.
pub fn parse_produce(
    frame: &[u8],
    body_at: usize,
    version: i16,
    request: &mut ProduceRequest,
) -> Result<(), Malformed> {
    let flexible = version >= FIRST_FLEXIBLE;
    let mut reader = Reader::from(frame, body_at);
    request.topics.clear();
    request.parts.clear();
    let id = reader.nullable_string(flexible)?.map(str::len);
    request.transactional_id = id.map(|length| reader.position() - length..reader.position());
    request.acks = reader.int16()?;
    request.timeout_ms = reader.int32()?;
    for topic in 0..reader.entries(flexible, 0)? {
        request.topics.push(TopicAt::read(
            &mut reader,
            version >= FIRST_BY_ID,
            flexible,
        )?);
        let others = request.topics.len() + request.parts.len();
        for _ in 0..reader.entries(flexible, others)? {
            let index = reader.int32()?;
            let records = reader.nullable_bytes_range(flexible)?;
            if flexible {
                reader.skip_tags()?;
            }
            request.parts.push(ProducePart {
                topic,
                index,
                records,
            });
        }
        if flexible {
            reader.skip_tags()?;
        }
    }
    if flexible {
        reader.skip_tags()?;
    }
    // As in Apache Kafka, what follows a request in its frame is not looked at.
    Ok(())
}

/// What became of one partition's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub error_code: Code,
    pub base_offset: i64,
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
    pub record_errors: Vec<RecordError>,
    pub error_message: Option<String>,
    /// Not told: it is counted.
    pub flaw: Flaw,
}

impl Produced {
    pub fn refused(error_code: Code) -> Self {
        Self {
            error_code,
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: Vec::new(),
            error_message: None,
            flaw: Flaw::None,
        }
    }

    pub fn refused_with(error_code: Code, text: impl Into<String>) -> Self {
        Self {
            error_message: Some(text.into()),
            ..Self::refused(error_code)
        }
    }
}

/// Put the response's body; `outcomes` go with `request.parts`.
pub fn put_produce_response(
    out: &mut Vec<u8>,
    (version, throttle_ms): (i16, i32),
    frame: &[u8],
    request: &ProduceRequest,
    outcomes: &[Produced],
) {
    let flexible = version >= FIRST_FLEXIBLE;
    writer::length(out, flexible, Some(request.topics.len()));
    let mut rest = request.parts.iter().zip(outcomes).peekable();
    for (place, topic) in request.topics.iter().enumerate() {
        match topic {
            TopicAt::Id(id) => out.extend_from_slice(id),
            TopicAt::Name(_) => writer::nullable_string(out, flexible, Some(topic.name(frame))),
        }
        let count = rest
            .clone()
            .take_while(|(part, _)| part.topic == place)
            .count();
        writer::length(out, flexible, Some(count));
        for (part, outcome) in rest.by_ref().take(count) {
            put_partition(out, version, part.index, outcome);
        }
        writer::no_tags(out, flexible);
    }
    writer::int32(out, throttle_ms);
    writer::no_tags(out, flexible);
}

fn put_partition(out: &mut Vec<u8>, version: i16, index: i32, outcome: &Produced) {
    let flexible = version >= FIRST_FLEXIBLE;
    writer::int32(out, index);
    writer::int16(out, outcome.error_code.code());
    writer::int64(out, outcome.base_offset);
    writer::int64(out, outcome.log_append_time_ms);
    if version >= 5 {
        writer::int64(out, outcome.log_start_offset);
    }
    if version >= 8 {
        writer::length(out, flexible, Some(outcome.record_errors.len()));
        for error in &outcome.record_errors {
            writer::int32(out, error.batch_index);
            writer::nullable_string(out, flexible, error.text.as_deref());
            writer::no_tags(out, flexible);
        }
        writer::nullable_string(out, flexible, outcome.error_message.as_deref());
    }
    writer::no_tags(out, flexible);
}
