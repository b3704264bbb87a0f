//! A Produce that begins to write to a transaction, as it is played: it waits for Python's answer, and no longer than its
//! own time.

use ottla_core::batch::{BatchSpec, Builder, RecordOut};
use ottla_core::hosting::Event;
use ottla_core::serving::PRODUCE;

use crate::busy_tests::{framed, node};
use crate::connection::Item;
use crate::{Node, Verb};

const VERSION: i16 = 7;
const TIMEOUT_MS: i32 = 500;
const REQUEST_TIMED_OUT: i16 = 7;

fn produce() -> Vec<u8> {
    let mut builder = Builder::new(BatchSpec {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        transactional: true,
        ..BatchSpec::default()
    })
    .unwrap();
    let record = RecordOut {
        timestamp_ms: 1,
        key: None,
        value: Some(b"v"),
        headers: &[],
    };
    builder.append(&record).unwrap();
    let records = builder.finish(None).unwrap();
    let size = i32::try_from(records.len()).unwrap();
    let one = 1_i32.to_be_bytes();
    let (id, acks, topic): (&[u8], &[u8], &[u8]) = (b"\0\x01x", &[0xff; 2], b"\0\x01t");
    let timeout = TIMEOUT_MS.to_be_bytes();
    let head = [id, acks, &timeout, &one, topic, &one, &[0; 4]].concat();
    framed(
        PRODUCE,
        VERSION,
        &[&head, &size.to_be_bytes()[..], &records].concat(),
    )
}

/// Send it: what is asked.
fn asked(node: &Node, id: u64) -> i64 {
    node.send(id, &produce());
    assert!(node.step(Verb::Frame, id).unwrap());
    assert!(node.pending().contains(&(Verb::Turn, 0)));
    match node.next().unwrap().pop() {
        Some(Item::Event(Event::Unverified { job, .. })) => job,
        _ => panic!("nothing is asked"),
    }
}

/// The error code of the one partition, if there is a reply.
fn said(node: &Node, id: u64) -> Option<i16> {
    let reply = node.received(id).unwrap();
    let at = 8 + 4 + 3 + 4 + 4;
    (!reply.is_empty()).then(|| i16::from_be_bytes(reply[at..at + 2].try_into().unwrap()))
}

/// A simulated producer would hear of records that nobody allowed, or never.
#[test]
fn a_produce_waits_for_what_python_says() {
    for code in [0, 48] {
        let (node, id) = node();
        let job = asked(&node, id);
        assert!(!node.pending().contains(&(Verb::Parked, id)));
        node.ask(|host| host.verified(job, vec![(code, None)]))
            .unwrap();
        assert_eq!(said(&node, id), None);
        assert!(node.pending().contains(&(Verb::Parked, id)));
        assert!(node.step(Verb::Parked, id).unwrap());
        assert_eq!(said(&node, id), Some(code));
        assert_eq!(node.steady_ms(), 0);
    }
}

/// One whose answer never comes would hold its connection for ever.
#[test]
fn a_produce_waits_no_longer_than_its_time() {
    let (node, id) = node();
    let job = asked(&node, id);
    assert_eq!(node.next_due_ms(), Some(i64::from(TIMEOUT_MS)));
    node.advance_clock(u64::from(TIMEOUT_MS.unsigned_abs()));
    assert!(node.step(Verb::Parked, id).unwrap());
    assert_eq!(said(&node, id), Some(REQUEST_TIMED_OUT));
    node.ask(|host| host.verified(job, vec![(0, None)]))
        .unwrap();
    assert!(!node.pending().contains(&(Verb::Parked, id)));
}
