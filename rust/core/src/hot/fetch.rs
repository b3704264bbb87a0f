//! Fetch, versions 4 to 18: what it asks, and its answer, of which the records may stay in their files.
//!
//! From version 7 on a request may be an increment of a session (KIP-227), from 12 on it is flexible, from
//! 13 on topics go by id, and from 15 on a replica says who it is in a tagged field.

use super::layout::{FETCH_REQUEST, FETCH_RESPONSE, first_flexible, version_after};
use super::{Malformed, Reader, TopicAt, TopicRef, writer};
use crate::code::Code;
use crate::log::AbortedTransaction;

const FIRST_FLEXIBLE: i16 = first_flexible(FETCH_REQUEST, FETCH_RESPONSE);
const FIRST_BY_ID: i16 = version_after(FETCH_REQUEST, "topics.topic_id uuid ");

/// What a reader may see of open transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    #[default]
    ReadUncommitted,
    ReadCommitted,
}

/// What a request says about itself as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchHead {
    /// -1 for consumers.
    pub replica_id: i32,
    pub replica_epoch: i64,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    pub isolation: Isolation,
    pub session_id: i32,
    pub session_epoch: i32,
    /// Topics go by their ids.
    pub by_id: bool,
}

/// What is asked of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPart {
    pub index: i32,
    /// -1 where the client does not check it.
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    pub last_fetched_epoch: i32,
    pub log_start_offset: i64,
    pub bytes_max: i32,
}

#[derive(Debug, Default)]
pub struct FetchRequest {
    pub head: FetchHead,
    pub topics: Vec<TopicAt>,
    /// Each with its topic's place in `topics`.
    pub parts: Vec<(usize, FetchPart)>,
    pub forgotten: Vec<(TopicAt, i32)>,
}

impl FetchRequest {
    fn entries(&self) -> usize {
        self.topics.len() + self.parts.len() + self.forgotten.len()
    }

    /// Keep no lists that are longer than is usual.
    pub fn shrink_to(&mut self, entries: usize) {
        self.topics.clear();
        self.parts.clear();
        self.forgotten.clear();
        self.topics.shrink_to(entries);
        self.parts.shrink_to(entries);
        self.forgotten.shrink_to(entries);
    }
}

/// The session that a request names, before it is read: 0 is none.
pub fn session_named(frame: &[u8], body_at: usize, version: i16) -> i32 {
    // Before it: replica_id, which became a tagged field; three numbers; the isolation level.
    let before = if version < 15 {
        4 + 3 * 4 + 1
    } else {
        3 * 4 + 1
    };
    if version < 7 {
        return 0;
    }
    let at = body_at.saturating_add(before);
    Reader::from(frame, at).int32().unwrap_or(0)
}

/// Read the body that begins at `body_at` of the frame.
pub fn parse_fetch(
    frame: &[u8],
    body_at: usize,
    version: i16,
    request: &mut FetchRequest,
) -> Result<(), Malformed> {
    let flexible = version >= FIRST_FLEXIBLE;
    let mut reader = Reader::from(frame, body_at);
    let reader = &mut reader;
    request.topics.clear();
    request.parts.clear();
    request.forgotten.clear();
    parse_head(reader, version, &mut request.head)?;
    for topic in 0..reader.entries(flexible, 0)? {
        request
            .topics
            .push(TopicAt::read(reader, request.head.by_id, flexible)?);
        for _ in 0..reader.entries(flexible, request.entries())? {
            request.parts.push((topic, parse_part(reader, version)?));
        }
        if flexible {
            reader.skip_tags()?;
        }
    }
    if version >= 7 {
        for _ in 0..reader.entries(flexible, request.entries())? {
            let topic = TopicAt::read(reader, request.head.by_id, flexible)?;
            for _ in 0..reader.entries(flexible, request.entries())? {
                request.forgotten.push((topic.clone(), reader.int32()?));
            }
            if flexible {
                reader.skip_tags()?;
            }
        }
    }
    if version >= 11 {
        reader.string(flexible)?; // rack_id: there is no other replica to prefer
    }
    if flexible {
        let head = &mut request.head;
        reader.tags(|tag, bytes| {
            if tag == 1 && version >= 15 {
                let mut replica = Reader::new(bytes);
                head.replica_id = replica.int32()?;
                head.replica_epoch = replica.int64()?;
                replica.skip_tags()?;
            }
            Ok(())
        })?;
    }
    // As in Apache Kafka, what follows a request in its frame is not looked at.
    Ok(())
}

fn parse_head(
    reader: &mut Reader<'_>,
    version: i16,
    head: &mut FetchHead,
) -> Result<(), Malformed> {
    head.replica_id = if version < 15 { reader.int32()? } else { -1 };
    head.replica_epoch = -1;
    head.by_id = version >= FIRST_BY_ID;
    head.max_wait_ms = reader.int32()?;
    head.min_bytes = reader.int32()?;
    head.max_bytes = reader.int32()?;
    // As Kafka reads it: 1 is read_committed, all else is not.
    head.isolation = if reader.int8()? == 1 {
        Isolation::ReadCommitted
    } else {
        Isolation::ReadUncommitted
    };
    (head.session_id, head.session_epoch) = if version >= 7 {
        (reader.int32()?, reader.int32()?)
    } else {
        (0, -1)
    };
    Ok(())
}

fn parse_part(reader: &mut Reader<'_>, version: i16) -> Result<FetchPart, Malformed> {
    let index = reader.int32()?;
    let current_leader_epoch = if version >= 9 { reader.int32()? } else { -1 };
    let fetch_offset = reader.int64()?;
    let last_fetched_epoch = if version >= 12 { reader.int32()? } else { -1 };
    let log_start_offset = if version >= 5 { reader.int64()? } else { -1 };
    let bytes_max = reader.int32()?;
    if version >= FIRST_FLEXIBLE {
        reader.skip_tags()?;
    }
    Ok(FetchPart {
        index,
        current_leader_epoch,
        fetch_offset,
        last_fetched_epoch,
        log_start_offset,
        bytes_max,
    })
}

/// What one partition answers, apart from its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionReply {
    pub topic: TopicRef,
    pub index: i32,
    pub error_code: Code,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub log_start_offset: i64,
    /// None is null: the reader did not ask for committed records only.
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// (epoch, its end offset): where the reader's log parted from ours.
    pub diverging_epoch: Option<(i32, i64)>,
    /// (leader id, leader epoch), told when the reader's leader epoch is old.
    pub current_leader: Option<(i32, i32)>,
}

impl PartitionReply {
    /// A refusal of a partition that exists: nothing is said about its offsets.
    pub fn refused(topic: TopicRef, index: i32, error_code: Code) -> Self {
        Self {
            topic,
            index,
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted: None,
            diverging_epoch: None,
            current_leader: None,
        }
    }

    /// A refusal of a partition that does not exist or may not be read; Kafka's form differs in the aborted list.
    pub fn unknown(topic: TopicRef, index: i32, error_code: Code) -> Self {
        Self {
            aborted: Some(Vec::new()),
            ..Self::refused(topic, index, error_code)
        }
    }
}

/// Put the response's body.
///
/// `records_bytes(i)` says how many bytes of records the i-th reply has, and `put_records(out, i)` puts them at
/// the end of `out` or notes that they follow from a file; false if they cannot be read after all, which
/// turns that reply into a storage error.
pub fn put_fetch_response(
    out: &mut Vec<u8>,
    version: i16,
    (throttle_ms, error_code, session_id): (i32, Code, i32),
    replies: &[PartitionReply],
    records_bytes: impl Fn(usize) -> usize,
    mut put_records: impl FnMut(&mut Vec<u8>, usize) -> bool,
) {
    let flexible = version >= FIRST_FLEXIBLE;
    writer::int32(out, throttle_ms);
    if version >= 7 {
        writer::int16(out, error_code.code());
        writer::int32(out, session_id);
    }
    let topics = replies.chunk_by(|a, b| a.topic == b.topic);
    writer::length(out, flexible, Some(topics.clone().count()));
    let mut place = 0;
    for topic in topics {
        match &topic[0].topic {
            TopicRef::Id(id) => out.extend_from_slice(id),
            TopicRef::Name(name) => writer::nullable_string(out, flexible, Some(name)),
        }
        writer::length(out, flexible, Some(topic.len()));
        for reply in topic {
            let began = out.len();
            put_partition(out, version, reply, records_bytes(place));
            if !put_records(out, place) {
                out.truncate(began);
                let storage = Code::KafkaStorageError;
                let refused = PartitionReply::refused(reply.topic.clone(), reply.index, storage);
                put_partition(out, version, &refused, 0);
            }
            put_partition_tags(out, version, reply);
            place += 1;
        }
        writer::no_tags(out, flexible);
    }
    writer::no_tags(out, flexible);
}

/// A partition up to and with its records' length.
fn put_partition(out: &mut Vec<u8>, version: i16, reply: &PartitionReply, records_bytes: usize) {
    let flexible = version >= FIRST_FLEXIBLE;
    writer::int32(out, reply.index);
    writer::int16(out, reply.error_code.code());
    writer::int64(out, reply.high_watermark);
    writer::int64(out, reply.last_stable_offset);
    if version >= 5 {
        writer::int64(out, reply.log_start_offset);
    }
    writer::length(out, flexible, reply.aborted.as_ref().map(Vec::len));
    for aborted in reply.aborted.iter().flatten() {
        writer::int64(out, aborted.producer_id);
        writer::int64(out, aborted.first_offset);
        writer::no_tags(out, flexible);
    }
    if version >= 11 {
        writer::int32(out, -1); // preferred_read_replica
    }
    writer::length(out, flexible, Some(records_bytes));
}

fn put_partition_tags(out: &mut Vec<u8>, version: i16, reply: &PartitionReply) {
    if version < FIRST_FLEXIBLE {
        return;
    }
    let count =
        usize::from(reply.diverging_epoch.is_some()) + usize::from(reply.current_leader.is_some());
    writer::uvarint(out, count);
    if let Some((epoch, end_offset)) = reply.diverging_epoch {
        out.extend_from_slice(&[0, 13]);
        writer::int32(out, epoch);
        writer::int64(out, end_offset);
        out.push(0);
    }
    if let Some((leader_id, leader_epoch)) = reply.current_leader {
        out.extend_from_slice(&[1, 9]);
        writer::int32(out, leader_id);
        writer::int32(out, leader_epoch);
        out.push(0);
    }
}
