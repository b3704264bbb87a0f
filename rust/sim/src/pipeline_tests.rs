//! Requests of one connection behind each other, as they are played: what one of them lets go, and which replies wait.

use std::time::Duration;

use ottla_core::serving::Reply;

use crate::busy_tests::{METADATA, METADATA_VERSION, fetch, framed, node};
use crate::connection::Item;
use crate::{Node, Verb};

const WAIT_MS: i32 = 60_000;

fn asks(body: &[u8]) -> Vec<u8> {
    framed(METADATA, METADATA_VERSION, body)
}

/// Handle the next frame, which Python is asked to decide: its token.
fn asked(node: &Node, id: u64) -> u64 {
    assert!(node.pending().contains(&(Verb::Frame, id)));
    assert!(node.step(Verb::Frame, id).unwrap());
    match node.next().unwrap().pop() {
        Some(Item::Asked(asked)) => asked.token,
        _ => panic!("nothing is asked"),
    }
}

fn reply(node: &Node, token: u64, body: &[u8]) {
    let reply = Reply {
        body,
        mute: Duration::ZERO,
        stays: false,
        errors: Vec::new(),
    };
    node.reply(token, &reply).unwrap();
}

/// What came, if that is whole replies of these bodies.
fn heard(node: &Node, id: u64, bodies: &[&[u8]]) {
    let came = node.received(id).unwrap();
    let frames = bodies.iter().map(|body| {
        let size = i32::try_from(4 + body.len()).unwrap().to_be_bytes();
        [&size, &5_i32.to_be_bytes()[..], body].concat()
    });
    assert_eq!(came, frames.collect::<Vec<_>>().concat());
}

fn is_parked(node: &Node, id: u64) -> bool {
    !node.pending().contains(&(Verb::Parked, id))
}

/// A simulated client's question would wait behind its Fetch where a real node answers it, and no seed would meet what
/// comes of it.
#[test]
fn a_fetch_that_waits_is_let_go_by_what_is_behind_it() {
    let (node, id) = node();
    node.send(id, &fetch(WAIT_MS));
    assert!(node.step(Verb::Frame, id).unwrap());
    assert!(is_parked(&node, id));
    let (first, rest) = (&asks(b"a")[..9], &asks(b"a")[9..]);
    node.send(id, first);
    assert!(is_parked(&node, id), "it is not whole");
    node.send(id, rest);
    assert!(node.step(Verb::Parked, id).unwrap());
    let token = asked(&node, id);
    assert!(node.received(id).unwrap().len() > 50, "the Fetch's");
    reply(&node, token, b"a");
    heard(&node, id, &[b"a"]);
    assert_eq!(node.steady_ms(), 0);
}

/// A client with two Fetches under way would be answered as fast as it asks.
#[test]
fn a_fetch_behind_a_fetch_waits_its_turn() {
    let (node, id) = node();
    node.send(id, &[fetch(WAIT_MS), fetch(WAIT_MS)].concat());
    assert!(node.step(Verb::Frame, id).unwrap());
    assert!(is_parked(&node, id));
    node.advance_clock(u64::from(WAIT_MS.unsigned_abs()));
    assert!(node.step(Verb::Parked, id).unwrap());
    assert!(node.received(id).unwrap().len() > 50);
    assert!(node.step(Verb::Frame, id).unwrap());
    heard(&node, id, &[]);
    assert!(is_parked(&node, id));
}

/// A simulated node would answer otherwise than a real one: replies to what came together leave together, unless the
/// next takes long; and whatever its client sends on, they have waited once.
#[test]
fn replies_to_what_came_together_leave_together() {
    let (node, id) = node();
    node.send(id, &[asks(b"a"), asks(b"b"), asks(b"c")].concat());
    let first = asked(&node, id);
    reply(&node, first, b"a");
    let second = asked(&node, id);
    assert!(is_parked(&node, id));
    reply(&node, second, b"b");
    heard(&node, id, &[]);
    let third = asked(&node, id);
    node.send(id, &asks(b"d"));
    assert!(is_parked(&node, id));
    assert_eq!(node.next_due_ms(), Some(1));
    node.advance_clock(1);
    assert!(node.step(Verb::Parked, id).unwrap());
    heard(&node, id, &[b"a", b"b"]);
    assert!(is_parked(&node, id) && node.next_due_ms().is_none());
    reply(&node, third, b"c");
    let last = asked(&node, id);
    reply(&node, last, b"d");
    heard(&node, id, &[b"c", b"d"]);
}

/// What was answered before would be lost with a request that ends its connection.
#[test]
fn what_ends_a_connection_ends_no_reply() {
    let bad: [&[u8]; 2] = [&asks(b"bad"), &[0xff; 4]];
    for (is_decided, bad) in [true, false].into_iter().zip(bad) {
        let (node, id) = node();
        node.send(id, &[&asks(b"a"), bad].concat());
        let first = asked(&node, id);
        reply(&node, first, b"a");
        if is_decided {
            let second = asked(&node, id);
            node.hang_up(second).unwrap();
        } else {
            assert!(node.step(Verb::Frame, id).unwrap());
        }
        heard(&node, id, &[b"a"]);
        assert!(node.received(id).is_none());
    }
}
