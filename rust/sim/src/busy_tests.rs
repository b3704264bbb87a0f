//! A partition that somebody holds, as it is played: a request is tried again later, until its time is up.

use std::path::PathBuf;
use std::sync::Arc;

use ottla_core::batch::{BatchSpec, Builder, RecordOut};
use ottla_core::disk::SimDisk;
use ottla_core::hosting::{Cell, PartitionState};
use ottla_core::partition::TopicConfig;
use ottla_core::serving::{Api, FETCH, PRODUCE};

use crate::connection::Connection;
use crate::{Node, Options, Verb};

const TOPIC: &str = "t";
/// What Python decides.
pub const METADATA: i16 = 3;
pub const METADATA_VERSION: i16 = 1;
const PRODUCE_VERSION: i16 = 7;
const FETCH_VERSION: i16 = 11;
const NONE: i16 = 0;
const REQUEST_TIMED_OUT: i16 = 7;
const KAFKA_STORAGE_ERROR: i16 = 56;

pub fn node() -> (Node, u64) {
    let options = Options {
        node_id: 1,
        log_dirs: vec![PathBuf::from("/data")],
        seed: 1,
        now_ms: 1_000_000,
        request_size_bytes_max: 1 << 20,
        fetch_session_slots: 10,
        fetch_max_bytes: 1 << 20,
        plant: String::new(),
    };
    let node = Node::new(options, &SimDisk::new(1)).unwrap();
    let port = node.listen("PLAINTEXT", 0, false).unwrap();
    let api = |key, version| Api {
        key,
        version_min: version,
        version_max: version,
        first_flexible: version + 1,
        on_brokers: true,
        on_controllers: false,
    };
    let rows = [
        api(PRODUCE, PRODUCE_VERSION),
        api(FETCH, FETCH_VERSION),
        api(METADATA, METADATA_VERSION),
    ];
    node.set_apis(rows).unwrap();
    node.bind().unwrap();
    node.serve().unwrap();
    let state = PartitionState {
        topic: TOPIC.to_owned(),
        topic_id: [7; 16],
        partition: 0,
        log_dir: 0,
        internal: false,
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        replicas: vec![1],
        isr: vec![1],
        config: Arc::new(TopicConfig::parse(&[]).unwrap()),
    };
    node.ask(|host| host.place(vec![state])).unwrap();
    assert!(node.await_wanted().unwrap());
    let id = node.connect(port).unwrap();
    (node, id)
}

fn cell(node: &Node) -> Arc<Cell<SimDisk, Connection>> {
    node.ask(|host| Ok(Arc::clone(host.hosted().find(TOPIC, 0).unwrap())))
        .unwrap()
}

/// Big-endian numbers, one behind the other.
fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn named(out: &mut Vec<u8>) {
    let one = 1_i32.to_be_bytes();
    put(out, &[&one, &[0, 1], TOPIC.as_bytes(), &one, &[0; 4]]);
}

pub fn framed(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let head = [key, version, 0, 5, -1].map(i16::to_be_bytes).concat();
    let size = i32::try_from(head.len() + body.len()).unwrap();
    [&size.to_be_bytes(), &*head, body].concat()
}

fn produce(timeout_ms: i32) -> Vec<u8> {
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    let record = RecordOut {
        timestamp_ms: 1,
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    builder.append(&record).unwrap();
    let records = builder.finish(None).unwrap();
    let mut body = Vec::new();
    let (none, acks) = ((-1_i16).to_be_bytes(), (-1_i16).to_be_bytes());
    put(&mut body, &[&none, &acks, &timeout_ms.to_be_bytes()]);
    named(&mut body);
    let size = i32::try_from(records.len()).unwrap();
    put(&mut body, &[&size.to_be_bytes(), &records]);
    framed(PRODUCE, PRODUCE_VERSION, &body)
}

pub fn fetch(wait_ms: i32) -> Vec<u8> {
    let mut body = Vec::new();
    let ints = [-1, wait_ms, 1, 1 << 20].map(i32::to_be_bytes).concat();
    let session = [0, -1].map(i32::to_be_bytes).concat();
    put(&mut body, &[&ints, &[0], &session]);
    named(&mut body);
    let offsets = [0, -1].map(i64::to_be_bytes).concat();
    let (epoch, most) = ((-1_i32).to_be_bytes(), (1_i32 << 20).to_be_bytes());
    put(&mut body, &[&epoch, &offsets, &most, &[0; 4], &[0; 2]]);
    framed(FETCH, FETCH_VERSION, &body)
}

/// The error code of the one partition, if there is a reply. Before it: size, correlation id, and what differs.
fn said(node: &Node, id: u64, before: usize) -> Option<i16> {
    let reply = node.received(id).unwrap();
    let at = 8 + before + 4 + 2 + TOPIC.len() + 4 + 4;
    (!reply.is_empty()).then(|| i16::from_be_bytes(reply[at..at + 2].try_into().unwrap()))
}

const OF_PRODUCE: usize = 0;
/// Throttle time, error code and session.
const OF_FETCH: usize = 4 + 2 + 4;

/// Take the frame while somebody holds the partition, then let so much time pass, a step whenever there is one.
fn play(frame: &[u8], before: usize, held_ms: u64, then_ms: u64) -> (Vec<Option<i16>>, Node) {
    let (node, id) = node();
    let cell = cell(&node);
    let held = cell.hold();
    node.send(id, frame);
    assert!(node.step(Verb::Frame, id).unwrap());
    let mut heard = vec![said(&node, id, before)];
    let wait = |for_ms| {
        for _ in 0..for_ms {
            node.advance_clock(1);
            if node.pending().contains(&(Verb::Parked, id)) {
                node.step(Verb::Parked, id).unwrap();
            }
        }
        said(&node, id, before)
    };
    heard.push(wait(held_ms));
    drop(held);
    heard.push(wait(then_ms));
    (heard, node)
}

/// A simulator would answer a producer that its records are safe, with not one of them looked at, or end in a reply of
/// fewer partitions than were asked for.
#[test]
fn a_produce_that_is_busy_is_tried_again() {
    let (heard, node) = play(&produce(500), OF_PRODUCE, 50, 2);
    assert_eq!(heard, [None, None, Some(NONE)]);
    let described = node.ask(|host| host.describe(TOPIC, 0)).unwrap();
    assert_eq!(described.offsets.log_end, 1);
}

/// One that is held for ever would hold its connection for ever.
#[test]
fn a_produce_hurries_when_its_time_is_up() {
    let (heard, node) = play(&produce(5), OF_PRODUCE, 99, 0);
    assert_eq!(heard, [None, None, None], "100 ms at the least");
    drop(node);
    let (heard, _node) = play(&produce(5), OF_PRODUCE, 101, 0);
    assert_eq!(heard, [None, Some(REQUEST_TIMED_OUT), None]);
}

/// The same of readers: what is busy waits at first, is parked when nothing is there, and is tried again until it hurries.
#[test]
fn a_fetch_that_is_busy_is_tried_again() {
    let (heard, _node) = play(&fetch(0), OF_FETCH, 50, 2);
    assert_eq!(heard, [None, None, Some(NONE)]);
    let (heard, _node) = play(&fetch(300), OF_FETCH, 50, 299);
    assert_eq!(heard, [None, None, None], "it is parked from then on");
    let (heard, _node) = play(&fetch(300), OF_FETCH, 50, 302);
    assert_eq!(heard, [None, None, Some(NONE)]);
    let (heard, _node) = play(&fetch(0), OF_FETCH, 101, 0);
    assert_eq!(heard, [None, Some(KAFKA_STORAGE_ERROR), None]);
}
