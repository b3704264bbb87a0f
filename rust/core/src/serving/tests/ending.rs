//! Ends of transactions, as their coordinators ask for them: what is written, when it is answered, and with which error;
//! and what a partition says of its producers.

use super::Happens::*;
use super::*;
use crate::code::Code;
use crate::hosting::{Ending, Inquiry, Question};

const ENDING: Ending = Ending {
    producer_id: 7,
    producer_epoch: 0,
    coordinator_epoch: 3,
    committed: true,
    transaction_version: 0,
};
const JOB: i64 = 5;

fn asks(partition: i32, question: Question) -> Inquiry {
    Inquiry::Partition {
        topic: TOPIC.to_owned(),
        partition,
        question,
    }
}

fn ask(world: &World, ending: Ending) {
    let asked = world
        .host
        .ask(JOB, &[asks(0, Question::EndTransaction(ending))]);
    assert_eq!(asked, None, "it writes");
}

/// The error code and the offset, once it is answered.
fn told(world: &World) -> Option<(i16, i64)> {
    let events = std::mem::take(&mut *world.around.events.lock().unwrap());
    events.into_iter().find_map(|event| match event {
        Event::Answered { job: JOB, answers } => Some(match &answers[..] {
            [Ok(found)] => (0, found.offset),
            [Err(refused)] => (refused.error_code, -1),
            _ => panic!("not one answer"),
        }),
        _ => None,
    })
}

fn ends(world: &World, ending: Ending) -> (i16, i64) {
    ask(world, ending);
    world.chores();
    told(world).unwrap()
}

/// One who follows would be told too early that a transaction has ended, or never.
#[test]
fn an_end_is_answered_when_the_high_watermark_has_passed_it() {
    let world = World::new(&[1], 1);
    assert_eq!(ends(&world, ENDING), (0, 0));
    let mut world = World::new(&[1, 2], 1);
    ask(&world, ENDING);
    ask(&world, ENDING);
    world.chores();
    assert_eq!(told(&world), None);
    world.happen(Reached(1));
    assert_eq!(told(&world), Some((0, 0)));
    assert_eq!(told(&world), None);
    world.happen(Led(1, 0, &[1], 1));
    assert_eq!(told(&world), Some((0, 1)));
}

/// With flush.messages an end would be told that a power cut takes back; or a thread would look for it without a rest.
#[test]
fn an_end_waits_for_the_flush_that_is_owed() {
    let world = World::configured(&[1], 1, &[("flush.messages", 1)]);
    ask(&world, ENDING);
    let next = || world.around.chores.lock().unwrap().pop_front().unwrap();
    let answers = next();
    assert!(matches!(answers, Chore::Answer(_)));
    world.host.carry_out(answers);
    assert_eq!(told(&world), None);
    let flush = next();
    assert!(matches!(flush, Chore::Flush(_)));
    let looks = next();
    assert!(matches!(looks, Chore::Ended(_)));
    assert!(world.around.chores.lock().unwrap().is_empty());
    world.host.carry_out(flush);
    assert_eq!(told(&world), Some((0, 0)));
    world.host.carry_out(looks);
    assert!(world.around.chores.lock().unwrap().is_empty(), "it rests");
}

/// A coordinator would wait for ever for a partition that is led elsewhere by now, or is gone.
#[test]
fn an_end_that_will_not_come_is_told() {
    for (happens, code) in [
        (Led(2, 1, &[1, 2], 1), Code::NotLeaderOrFollower),
        (Deleted, Code::UnknownTopicOrPartition),
        (SyncFails, Code::KafkaStorageError),
    ] {
        let mut world = World::new(&[1, 2], 1);
        let cell = world.cell();
        ask(&world, ENDING);
        world.chores();
        world.host.carry_out(Chore::Ended(Arc::clone(&cell)));
        assert_eq!(told(&world), None);
        let looks = world.around.chores.lock().unwrap().pop_back();
        assert!(
            matches!(looks, Some(Chore::Ended(_))),
            "it is looked at again"
        );
        world.happen(happens);
        world.chores();
        let gone = told(&world);
        world.host.carry_out(Chore::Ended(cell));
        assert_eq!(gone.or_else(|| told(&world)), Some((code.code(), -1)));
    }
}

/// A coordinator would try again for ever what is refused for good, or give up what is not.
#[test]
fn an_end_that_is_refused_says_why() {
    let world = World::new(&[1], 1);
    let fifth = Ending {
        producer_epoch: 5,
        ..ENDING
    };
    assert_eq!(ends(&world, fifth).0, 0);
    let fenced = Ending {
        coordinator_epoch: 2,
        ..fifth
    };
    assert_eq!(ends(&world, fenced).0, 52);
    assert_eq!(ends(&world, ENDING).0, 47);
    let again = Ending {
        transaction_version: 2,
        ..fifth
    };
    assert_eq!(ends(&world, again).0, 0, "nothing is open");
    let few = World::new(&[1], 2);
    assert_eq!(ends(&few, ENDING).0, 19);
    let mut moved = World::new(&[1], 1);
    moved.happen(Led(2, 1, &[1, 2], 1));
    assert_eq!(ends(&moved, ENDING).0, 6);
    let full = World::new(&[1], 1);
    full.host.append(TOPIC, 0, batch(1), 0).unwrap();
    full.disk.set_capacity(full.disk.used());
    assert_eq!(ends(&full, ENDING).0, 56);
    let nowhere = asks(9, Question::EndTransaction(ENDING));
    let answers = world.host.ask(JOB, &[nowhere]).unwrap();
    assert_eq!(answers[0].as_ref().unwrap_err().error_code, 3);
}

/// Who describes producers would wait for a disk, or find none.
#[test]
fn producers_are_told_from_memory() {
    let world = World::new(&[1], 1);
    let told = |world: &World| {
        let answers = world
            .host
            .ask(JOB, &[asks(0, Question::Producers)])
            .unwrap();
        answers[0].as_ref().unwrap().producers.clone()
    };
    assert_eq!(told(&world), []);
    let spec = BatchSpec {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 3,
        transactional: true,
        ..BatchSpec::default()
    };
    world
        .host
        .append(TOPIC, 0, batch_of(spec, 2, b"v"), 0)
        .unwrap();
    let [found] = &told(&world)[..] else {
        panic!("not one producer");
    };
    assert_eq!((found.producer_id, found.producer_epoch), (7, 0));
    assert_eq!((found.last_sequence, found.last_timestamp_ms), (4, 1));
    assert_eq!(found.coordinator_epoch, -1);
    assert_eq!(found.current_transaction_first_offset, 0);
    assert_eq!(ends(&world, ENDING), (0, 2));
    let [found] = &told(&world)[..] else {
        panic!("not one producer");
    };
    assert_eq!(
        (found.coordinator_epoch, found.last_timestamp_ms),
        (3, 1_000)
    );
    assert_eq!(found.current_transaction_first_offset, -1);
    assert_eq!(found.last_sequence, 4);
}

/// A coordinator's own partitions would take the end of a transaction that the strict rule refuses.
#[test]
fn a_coordinators_append_says_the_version_of_its_transactions() {
    let world = World::new(&[1], 1);
    let opens = BatchSpec {
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        transactional: true,
        ..BatchSpec::default()
    };
    world
        .host
        .append(TOPIC, 0, batch_of(opens, 1, b"v"), 0)
        .unwrap();
    let marker = crate::log::Marker {
        commit: true,
        coordinator_epoch: 0,
        timestamp_ms: 1_000,
    };
    let ended = |version| {
        let batch = marker.batch(7, 0).unwrap();
        world.host.append(TOPIC, 0, batch, version)
    };
    assert_eq!(ended(2).unwrap_err().error_code, 47);
    ended(0).unwrap();
}
