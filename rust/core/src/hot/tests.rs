//! Produce and Fetch requests of every version, any part of them replaced by the ends of what it can hold; and what
//! they ask asked of sessions and of a partition.

use std::path::{Path, PathBuf};

use super::*;
use crate::batch::{BatchSpec, Builder, RecordOut};
use crate::code::Code;
use crate::disk::{Disk, SimDisk};
use crate::log::{AppendContext, Log, LogConfig, OpenHints, Origin};
use crate::partition::{LeaderAndIsr, Partition, Read, Waiter, Wants};
use crate::session::Sessions;

#[derive(Default)]
struct Nobody(Wants);

impl Waiter for Nobody {
    fn principal(&self) -> &str {
        "User:nobody"
    }

    fn wants(&self) -> &Wants {
        &self.0
    }

    fn ring(&self) {}
}

fn text(out: &mut Vec<u8>, flexible: bool, text: &str) {
    writer::nullable_string(out, flexible, Some(text));
}

fn topic(out: &mut Vec<u8>, by_id: bool, flexible: bool) {
    if by_id {
        out.extend_from_slice(&[7; 16]);
    } else {
        text(out, flexible, "t");
    }
}

fn fetch_request(version: i16, session: (i32, i32)) -> Vec<u8> {
    let (flexible, by_id) = (version >= 12, version >= 13);
    let mut out = Vec::new();
    if version < 15 {
        writer::int32(&mut out, -1);
    }
    for number in [500, 1, 1 << 20] {
        writer::int32(&mut out, number);
    }
    out.push(1);
    if version >= 7 {
        writer::int32(&mut out, session.0);
        writer::int32(&mut out, session.1);
    }
    writer::length(&mut out, flexible, Some(1));
    topic(&mut out, by_id, flexible);
    writer::length(&mut out, flexible, Some(2));
    for index in 0..2 {
        writer::int32(&mut out, index);
        if version >= 9 {
            writer::int32(&mut out, 3);
        }
        writer::int64(&mut out, 1);
        if version >= 12 {
            writer::int32(&mut out, 3);
        }
        if version >= 5 {
            writer::int64(&mut out, 0);
        }
        writer::int32(&mut out, 1 << 20);
        writer::no_tags(&mut out, flexible);
    }
    writer::no_tags(&mut out, flexible);
    if version >= 7 {
        writer::length(&mut out, flexible, Some(1));
        topic(&mut out, by_id, flexible);
        writer::length(&mut out, flexible, Some(1));
        writer::int32(&mut out, 1);
        writer::no_tags(&mut out, flexible);
    }
    if version >= 11 {
        text(&mut out, flexible, "");
    }
    if version >= 15 {
        out.extend_from_slice(&[1, 1, 13]);
        writer::int32(&mut out, 2);
        writer::int64(&mut out, 5);
        out.push(0);
    } else {
        writer::no_tags(&mut out, flexible);
    }
    out
}

fn produce_request(version: i16, records: &[u8]) -> Vec<u8> {
    let flexible = version >= 9;
    let mut out = Vec::new();
    writer::nullable_string(&mut out, flexible, None);
    writer::int16(&mut out, -1);
    writer::int32(&mut out, 1000);
    writer::length(&mut out, flexible, Some(1));
    topic(&mut out, version >= 13, flexible);
    writer::length(&mut out, flexible, Some(1));
    writer::int32(&mut out, 0);
    writer::length(&mut out, flexible, Some(records.len()));
    out.extend_from_slice(records);
    for _ in 0..3 {
        writer::no_tags(&mut out, flexible);
    }
    out
}

fn batch() -> Vec<u8> {
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    let record = RecordOut {
        timestamp_ms: 1,
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    builder.append(&record).unwrap();
    builder.finish(None).unwrap()
}

fn partition() -> Partition<SimDisk, Nobody> {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    let (dir, config) = (PathBuf::from("/data/t-0"), LogConfig::default());
    let mut log = Log::open(disk, dir, config, 1, OpenHints::default())
        .unwrap()
        .0;
    log.begin_epoch(3).unwrap();
    let state = LeaderAndIsr {
        leader: 1,
        partition_epoch: 0,
        leader_epoch: 3,
        replicas: vec![1],
        isr: vec![1],
    };
    Partition::new(1, 0, log, (state, 1), 0).unwrap()
}

/// Bytes that are the ends of integers and of varints.
const PATTERNS: [&[u8]; 10] = [
    &[0x00; 8],
    &[0xff; 8],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0, 0, 0, 0, 0],
    &[0x80, 0, 0, 0, 0, 0, 0, 1],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
    &[0, 0, 0, 1, 0, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff],
    &[0x80, 0x80, 0x80, 0x80, 0x08, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// Each place of a message, one, two, four and eight bytes wide, with each pattern.
fn each_extreme(message: &[u8], mut check: impl FnMut(&mut Vec<u8>)) {
    for at in 0..message.len() {
        for width in [1, 2, 4, 5, 8] {
            for pattern in PATTERNS {
                let mut changed = message.to_vec();
                let end = (at + width).min(changed.len());
                // The ends of a number narrower than the pattern are its first bytes and its last one.
                changed[at..end].copy_from_slice(&pattern[..end - at]);
                if width > 1 && end - at == width {
                    changed[end - 1] = pattern[7];
                }
                check(&mut changed);
            }
        }
    }
}

fn ask(partition: &mut Partition<SimDisk, Nobody>, request: &FetchRequest) {
    for (_, part) in &request.parts {
        let read = Read {
            part: *part,
            isolation: request.head.isolation,
            bytes_max: usize::try_from(part.bytes_max).unwrap_or(0),
            min_one: true,
        };
        let _ = partition.read(&read);
        let _ = partition.epoch_end_offset(part.current_leader_epoch);
    }
    let offsets = partition.offsets();
    assert!(offsets.high_watermark <= offsets.log_end);
}

/// Whatever a Fetch holds, it is answered or refused.
#[test]
fn fetches_of_every_version() {
    let mut partition = partition();
    let context = AppendContext {
        now_ms: 1,
        leader_epoch: -1,
        origin: Origin::Client,
        produce_version: 11,
        verification: 0,
        transaction_version: 0,
    };
    for _ in 0..3 {
        partition.append(&mut batch(), &context, true).unwrap();
    }
    for version in 4..=18 {
        let mut request = FetchRequest::default();
        let mut sessions = Sessions::new(2, 1 << 20);
        let first = fetch_request(version, (0, 0));
        parse_fetch(&first, 0, version, &mut request).unwrap();
        let (_, wanted) = sessions.begin(&request, &first, i64::MIN).unwrap();
        let id = sessions.create(wanted, version >= 13, i64::MIN, u32::MAX);
        let increment = fetch_request(version, (id, 1));
        each_extreme(&increment, |bytes| {
            if parse_fetch(bytes, 0, version, &mut request).is_err() {
                return;
            }
            ask(&mut partition, &request);
            let begun = sessions.begin(&request, bytes, i64::MAX);
            let Ok((kind, wanted)) = begun else { return };
            let replies: Vec<PartitionReply> = wanted
                .iter()
                .map(|one| PartitionReply::refused(one.topic.clone(), one.part.index, Code::None))
                .collect();
            if let crate::session::Kind::Incremental(id) = kind {
                sessions.finish(id, &replies, |place| place % 2 == 0);
            }
            sessions.create(wanted, true, i64::MAX, 0);
            let mut out = Vec::new();
            put_fetch_response(
                &mut out,
                version,
                (0, Code::None, id),
                &replies,
                |_| 0,
                |_, _| true,
            );
            assert!(sessions.count() <= 2);
        });
    }
}

/// Whatever a Produce holds, its records lie in its frame, or it is refused; and the log takes them or says why not.
#[test]
fn produces_of_every_version() {
    for version in 3..=13 {
        let mut partition = partition();
        let mut request = ProduceRequest::default();
        let message = produce_request(version, &batch());
        each_extreme(&message, |bytes| {
            if parse_produce(bytes, 0, version, &mut request).is_err() {
                return;
            }
            let context = AppendContext {
                now_ms: i64::from(request.timeout_ms),
                leader_epoch: -1,
                origin: Origin::Client,
                produce_version: version,
                verification: 0,
                transaction_version: 0,
            };
            let mut outcomes = Vec::new();
            for part in &request.parts {
                let records = part.records.clone().unwrap_or(0..0);
                let done = partition.append(&mut bytes[records], &context, request.acks == -1);
                outcomes.push(done.err().unwrap_or(Produced::refused(Code::None)));
            }
            let mut out = Vec::new();
            put_produce_response(&mut out, (version, 0), bytes, &request, &outcomes);
        });
        assert!(partition.offsets().log_end > 0);
    }
}

/// A declaration that changed would be read as the old one was, with the list of its fields up to date.
#[test]
fn versions_are_what_the_layout_says() {
    use layout::version_after;
    let request = "versions 3-13 flexible 9-13\nid uuid 4-13\ntopics.id uuid 10-13\n";
    assert_eq!(version_after(request, "flexible "), 9);
    assert_eq!(version_after(request, "id uuid "), 4);
    assert_eq!(version_after(request, "topics.id uuid "), 10);
    assert_eq!(
        layout::first_flexible(layout::PRODUCE_REQUEST, layout::PRODUCE_RESPONSE),
        9
    );
    assert_eq!(
        layout::first_flexible(layout::FETCH_REQUEST, layout::FETCH_RESPONSE),
        12
    );
}
