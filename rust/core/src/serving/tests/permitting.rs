//! Who may not: what Produce and Fetch say of a partition whose topic their principal may not touch, or may and nobody
//! knows it yet. What is allowed is what all other scripts are about.

use super::fetching::{ASKS, Asks, Reader};
use super::producing::Producer;
use super::*;
use crate::code::Code;
use crate::serving::permitted::{Kept, Named, permitted};

/// Records would be written or read by whom nobody allowed it. Apache Kafka's code is TOPIC_AUTHORIZATION_FAILED.
#[test]
fn what_is_denied_is_neither_written_nor_read() {
    let world = World::new(&[1], 1);
    world.host.append(TOPIC, 0, batch(1), 0).unwrap();
    world.say(&[(Operation::Write, TOPIC, Verdict::Denied)]);
    assert_eq!(Producer::of(1).says(&world), "29 at -1");
    assert_eq!(Producer::of(-1).says(&world), "29 at -1");
    assert_eq!(world.marks(), (1, 1));
    assert_eq!(Reader::new().asks(&world, &ASKS), "0 with records");
    world.say(&[(Operation::Read, TOPIC, Verdict::Denied)]);
    assert_eq!(Reader::new().asks(&world, &ASKS), "29 with nothing");
    assert_eq!(Producer::of(1).says(&world), "0 at 1");
}

/// One who may not would learn from acks which topics there are, or write without a word.
#[test]
fn what_is_denied_is_refused_before_anything_else() {
    let world = World::new(&[1], 1);
    world.say(&[(Operation::Write, TOPIC, Verdict::Denied)]);
    assert_eq!(Producer::of(7).says(&world), "29 at -1");
    assert_eq!(Producer::of(0).says(&world), "hung up");
    // An internal topic is refused to everybody: not before it is known who asks.
    let kept = World::coordinating(&[1], &[]);
    kept.say(&[(Operation::Write, OFFSETS, Verdict::Denied)]);
    let asked = permitted(&kept.host, ALICE, Operation::Write, Named::Name(OFFSETS), 0);
    let denied = Err(Kept::Refused(Code::TopicAuthorizationFailed));
    assert_eq!(asked.map(|cell| cell.index), denied);
}

/// A name would be told to exist by how it is refused; an id is no secret, but its topic's partitions are.
#[test]
fn permission_comes_before_existence() {
    let world = World::new(&[1], 1);
    let asked = |topic: Named<'_>, index| {
        let found = permitted(&world.host, ALICE, Operation::Read, topic, index);
        found.map(|cell| cell.index)
    };
    let (name, id) = (Named::Name(TOPIC), Named::Id(&ID));
    let (nobody, stranger) = (Named::Name("nobody"), Named::Id(&[8; 16]));
    let refused = |code| Err(Kept::Refused(code));
    assert_eq!((asked(name, 0), asked(id, 0)), (Ok(0), Ok(0)));
    assert_eq!(asked(nobody, 0), refused(Code::UnknownTopicOrPartition));
    assert_eq!(asked(stranger, 0), refused(Code::UnknownTopicId));
    world.say(&[
        (Operation::Read, TOPIC, Verdict::Denied),
        (Operation::Read, "nobody", Verdict::Denied),
    ]);
    let denied = refused(Code::TopicAuthorizationFailed);
    for topic in [name, id, nobody] {
        assert_eq!((asked(topic, 0), asked(topic, 9)), (denied, denied));
    }
    assert_eq!(asked(stranger, 0), refused(Code::UnknownTopicId));
}

/// A consumer's rights would let it fetch as a replica does, or a replica would need each topic's.
#[test]
fn a_replicas_right_is_the_clusters() {
    let world = World::new(&[1], 1);
    world.host.append(TOPIC, 0, batch(1), 0).unwrap();
    let replica = Asks { replica: 2, ..ASKS };
    assert_eq!(Reader::new().asks(&world, &replica), "75 with nothing");
    world.say(&[
        (Operation::ClusterAction, TOPIC, Verdict::Denied),
        (Operation::ClusterAction, "", Verdict::Denied),
    ]);
    assert_eq!(Reader::new().asks(&world, &replica), "29 with nothing");
    assert_eq!(Reader::new().asks(&world, &ASKS), "0 with records");
    let stranger = Named::Id(&[8; 16]);
    let asked = permitted(&world.host, ALICE, Operation::ClusterAction, stranger, 0);
    let denied = Err(Kept::Refused(Code::TopicAuthorizationFailed));
    assert_eq!(asked.map(|cell| cell.index), denied);
}

/// A verdict that has to be fetched first would be taken for a refusal, or its request would wait for ever.
#[test]
fn what_nobody_knows_yet_is_asked_again() {
    let world = World::new(&[1], 1);
    world.host.append(TOPIC, 0, batch(1), 0).unwrap();
    let unknown = [
        (Operation::Write, TOPIC, Verdict::Ask),
        (Operation::Read, TOPIC, Verdict::Ask),
    ];
    world.say(&unknown);
    let (mut producer, mut reader) = (Producer::of(1), Reader::new());
    assert_eq!(producer.says(&world), "busy");
    assert_eq!(reader.asks(&world, &ASKS), "busy");
    assert_eq!(world.marks(), (1, 1));
    world.say(&[]);
    assert_eq!(producer.says(&world), "0 at 1");
    assert_eq!(reader.says(&world), "0 with records");
    world.say(&unknown);
    let (mut producer, mut reader) = (Producer::of(1), Reader::new());
    assert_eq!(producer.says(&world), "busy");
    assert_eq!(reader.asks(&world, &ASKS), "busy");
    producer.machine.hurry();
    reader.machine.hurry();
    assert_eq!(producer.says(&world), "7 at -1");
    assert_eq!(reader.says(&world), "56 with nothing");
}
