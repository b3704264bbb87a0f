//! Produce as a machine: what it says at once, what it waits for, and what ends its wait.

use super::Happens::*;
use super::*;

const VERSION: i16 = 3;
/// Where the error code and the base offset lie in a reply of one partition: after the size, the correlation id, the
/// counts of topics and of partitions, the topic's name and the partition's index.
const ERROR_AT: usize = 4 + 4 + 4 + 3 + 4 + 4;

pub(super) struct Producer {
    pub(super) machine: Produce<SimDisk, Bell>,
    frame: Vec<u8>,
    bell: Arc<Bell>,
}

fn frame(acks: i16, parts: &[&[u8]]) -> Vec<u8> {
    let body = Body::default().i16(-1).i16(acks).i32(1_000).i32(1);
    let mut body = body.text(TOPIC).i32(i32::try_from(parts.len()).unwrap());
    for (index, records) in (0..).zip(parts) {
        body = body.i32(index).i32(i32::try_from(records.len()).unwrap());
        body.0.extend(*records);
    }
    body.0
}

impl Producer {
    fn begun(acks: i16, records: &[u8]) -> Self {
        Self::of_parts(acks, &[records])
    }

    /// Records for as many partitions.
    fn of_parts(acks: i16, parts: &[&[u8]]) -> Self {
        let mut producer = Self {
            machine: Produce::default(),
            frame: frame(acks, parts),
            bell: Arc::default(),
        };
        let (machine, frame) = (&mut producer.machine, &producer.frame);
        machine.begin(frame, &header(VERSION), 1_000).unwrap();
        producer
    }

    /// One record.
    pub(super) fn of(acks: i16) -> Self {
        Self::begun(acks, &batch(1))
    }

    fn step(&mut self, world: &World) -> Step {
        let (machine, frame) = (&mut self.machine, &mut self.frame);
        machine.step(&world.host, frame, &header(VERSION), &self.bell)
    }

    /// What it says now: that it waits, or its error code and the first offset.
    pub(super) fn says(&mut self, world: &World) -> String {
        match self.step(world) {
            Step::Done => self.reply(),
            Step::Parked => PARKED.to_owned(),
            Step::Busy => "busy".to_owned(),
            Step::Heavy => "heavy".to_owned(),
        }
    }

    fn reply(&mut self) -> String {
        let mut out = Vec::new();
        let finished = (self.machine).finish(&mut out, &self.frame, &header(VERSION));
        match finished {
            Finished::Reply { size_at } => assert_eq!(size_at, 0),
            Finished::Silent => return "silent".to_owned(),
            Finished::HangUp => return "hung up".to_owned(),
        }
        let code = i16::from_be_bytes(number(&out, ERROR_AT));
        let offset = i64::from_be_bytes(number(&out, ERROR_AT + 2));
        format!("{code} at {offset}")
    }

    /// What it says of what happened, if it was told.
    fn hears(&mut self, world: &World, what: Happens) -> String {
        if matches!(what, TimeUp) {
            self.machine.time_is_up();
            return self.reply();
        }
        if self.bell.take() {
            self.says(world)
        } else {
            QUIET.to_owned()
        }
    }
}

/// Let one producer wait for all in-sync replicas, and these things happen: what it says of each.
fn waits(mut world: World, script: &[(Happens, &str)]) {
    let mut producer = Producer::of(-1);
    assert_eq!(producer.says(&world), PARKED);
    for (place, (what, expected)) in script.iter().enumerate() {
        world.happen(*what);
        let said = producer.hears(&world, *what);
        assert_eq!(said, *expected, "at step {place}");
    }
}

/// Without this a producer would wait for whom it did not ask, or hear of what nobody has.
#[test]
fn acks_say_who_is_waited_for() {
    for (acks, isr, min, expected) in [
        (0, &[1, 2][..], 1, "silent"),
        (0, &[2], 9, "silent"),
        (1, &[1, 2], 1, "0 at 0"),
        (1, &[1, 2], 3, "0 at 0"),
        (-1, &[1], 1, "0 at 0"),
        (-1, &[1], 2, "19 at -1"),
        (-1, &[1, 2], 2, PARKED),
        (2, &[1], 1, "21 at -1"),
    ] {
        let mut producer = Producer::of(acks);
        assert_eq!(producer.machine.wants_reply(), acks != 0);
        let said = producer.says(&World::new(isr, min));
        assert_eq!(said, expected, "acks={acks}, in sync {isr:?} of {min}");
    }
}

/// A producer would hear too early, too late or never that its record is safe.
#[test]
fn a_parked_producer_hears_of_the_in_sync_replicas() {
    let world = || World::new(&[1, 2], 1);
    waits(world(), &[(Reached(0), QUIET), (Reached(1), "0 at 0")]);
    waits(world(), &[(Appended(2), QUIET), (Reached(1), "0 at 0")]);
    waits(world(), &[(Led(1, 0, &[1], 1), "0 at 0")]);
    waits(world(), &[(TimeUp, "7 at -1")]);
    // Of two it waits for both.
    let both = World::new(&[1, 2, 3], 1);
    waits(
        both,
        &[(Reached(1), QUIET), (Led(1, 0, &[1, 2], 1), "0 at 0")],
    );
}

/// An acknowledged record would be gone once this replica follows and is cut: the epoch in which it was appended is over,
/// whoever leads later.
#[test]
fn a_parked_producer_hears_at_once_that_leadership_moved() {
    let world = || World::new(&[1, 2], 1);
    waits(world(), &[(Led(2, 1, &[1, 2], 1), "6 at -1")]);
    waits(world(), &[(Led(-1, 1, &[1, 2], 1), "6 at -1")]);
    // What happened between was not seen by it; the new epoch is the log's before anybody hears of it.
    let there_and_back = [(Led(1, 2, &[1], 1), QUIET), (Chores, "6 at -1")];
    waits(world(), &there_and_back);
    // The same leader in the epoch that follows has led all the time, and its log was not cut.
    let stays = [
        (Led(1, 1, &[1, 2], 1), QUIET),
        (Chores, PARKED),
        (Reached(1), "0 at 0"),
    ];
    waits(world(), &stays);
}

/// A producer of epoch 0 would be told in epoch 2 that its record is safe, though it slept through epoch 1.
#[test]
fn one_that_slept_through_another_leader_is_refused() {
    let mut world = World::new(&[1, 2], 1);
    let mut producer = Producer::of(-1);
    assert_eq!(producer.says(&world), PARKED);
    world.happen(Led(2, 1, &[1, 2], 1));
    let cell = world.cell();
    let cut = cell.hold().as_mut().unwrap().truncate_as_follower(0, 1);
    cut.unwrap();
    world.happen(Led(1, 2, &[1], 1));
    world.chores();
    world.happen(Appended(1)); // another record has its offset by now
    assert_eq!(producer.says(&world), "6 at -1");
}

/// A producer would take for safe what fewer replicas hold than its topic demands, though all that were in sync had it.
#[test]
fn too_few_in_sync_replicas_after_the_append_are_told() {
    let mut world = World::new(&[1, 2], 2);
    let mut producer = Producer::of(-1);
    assert_eq!(producer.says(&world), PARKED);
    world.happen(Reached(1));
    world.happen(Led(1, 0, &[1], 2)); // before it looks
    assert_eq!(producer.says(&world), "20 at -1");
    waits(
        World::new(&[1, 2], 2),
        &[(Led(1, 0, &[1], 2), PARKED), (Reached(1), QUIET)],
    );
}

/// A producer would wait out its time for a partition that is gone, or on a disk that failed.
#[test]
fn a_parked_producer_hears_of_ends() {
    let world = || World::new(&[1, 2], 1);
    waits(world(), &[(Deleted, "3 at -1")]);
    waits(world(), &[(SyncFails, "56 at -1")]);
}

/// With flush.messages a record that is told before it is safe would be lost in a power cut; and acks=1 asks for no
/// follower.
#[test]
fn a_flush_that_is_owed_is_waited_for() {
    for (acks, expected) in [(0, "silent"), (1, PARKED), (-1, PARKED)] {
        for isr in [&[1][..], &[1, 2]] {
            let world = World::configured(isr, 1, &[("flush.messages", 1)]);
            let mut producer = Producer::of(acks);
            assert_eq!(producer.says(&world), expected, "acks={acks}");
            world.chores();
            if acks == 0 {
                continue;
            }
            let told = acks == 1 || (acks == -1 && isr.len() == 1);
            // What it waits for is not reached by the flush alone: it is not woken to find that out.
            let expected = if told { "0 at 0" } else { QUIET };
            assert_eq!(
                producer.hears(&world, Chores),
                expected,
                "acks={acks}, {isr:?}"
            );
            if !told {
                world.host.follower_reached(&world.cell(), 2, 1);
                assert_eq!(producer.hears(&world, Reached(1)), "0 at 0");
            }
        }
    }
}

/// Who may block would be called once for each request, and each would cost a thread's waking and a sync.
#[test]
fn many_who_wait_have_one_flush() {
    let world = World::configured(&[1], 1, &[("flush.messages", 1)]);
    let mut producers: Vec<_> = (0..3).map(|_| Producer::of(-1)).collect();
    for producer in &mut producers {
        assert_eq!(producer.says(&world), PARKED);
    }
    assert_eq!(world.around.chores.lock().unwrap().len(), 1);
    world.chores();
    for (offset, producer) in producers.iter_mut().enumerate() {
        assert_eq!(producer.hears(&world, Chores), format!("0 at {offset}"));
    }
    let mut later = Producer::of(-1);
    assert_eq!(later.says(&world), PARKED);
    world.chores();
    assert_eq!(later.hears(&world, Chores), "0 at 3", "it is called again");
}

/// A step that waits would hold up whoever shares its thread; and one whose time is up would never be told.
#[test]
fn a_partition_that_is_held_makes_it_busy_until_its_time_is_up() {
    let world = World::new(&[1, 2], 1);
    let cell = world.cell();
    let mut producer = Producer::of(-1);
    let held = cell.hold();
    assert_eq!(producer.says(&world), "busy");
    assert_eq!(producer.says(&world), "busy");
    drop(held);
    assert_eq!(producer.says(&world), PARKED, "it is appended once");
    let held = cell.hold();
    assert_eq!(producer.says(&world), "busy", "it is parked nowhere");
    producer.machine.hurry();
    assert_eq!(producer.says(&world), "7 at -1");
    drop(held);
    let held = cell.hold();
    let mut late = Producer::of(1);
    late.machine.hurry();
    assert_eq!(late.says(&world), "7 at -1");
    drop(held);
    assert_eq!(
        Producer::of(1).says(&world),
        "0 at 1",
        "one record is there"
    );
}

/// A few kilobytes that unpack to gigabytes would be looked through where others are served.
#[test]
fn heavy_records_are_prepared_elsewhere() {
    use crate::compression::Codec;
    let world = World::new(&[1], 1);
    let mut builder = Builder::new(BatchSpec {
        codec: Codec::Gzip,
        ..BatchSpec::default()
    })
    .unwrap();
    let value = vec![0; 32 << 20];
    let record = RecordOut {
        timestamp_ms: 1,
        key: None,
        value: Some(&value),
        headers: &[],
    };
    builder.append(&record).unwrap();
    let mut producer = Producer::begun(1, &builder.finish(None).unwrap());
    assert_eq!(producer.says(&world), "heavy");
    assert!(producer.machine.memory_to_prepare(&producer.frame) > 0);
    producer.machine.prepare(&mut producer.frame);
    assert_eq!(producer.says(&world), "0 at 0");
}

/// What one partition's records were unpacked to would be acknowledged in the next one's log, cut its batch short, or end
/// the node.
#[test]
fn what_is_prepared_for_a_partition_that_goes_is_nobody_elses() {
    let world = World::new(&[1], 1);
    world.place_one(1, (1, 0), &[1], 1, &[]);
    world.chores();
    let (heavy, light) = (heavy_batch(), batch(1));
    let mut producer = Producer::of_parts(-1, &[&heavy, &light]);
    assert_eq!(producer.says(&world), "heavy");
    producer.machine.prepare(&mut producer.frame);
    world.host.delete_partitions(&[(TOPIC.to_owned(), 0)]);
    assert_eq!(producer.says(&world), "3 at -1");
    assert_eq!(
        world.host.read(TOPIC, 1, 0, 1 << 20, true).unwrap().len(),
        light.len()
    );
}

/// The same of one that is made again meanwhile: its records are looked through for the new one's configuration.
#[test]
fn what_is_prepared_for_a_partition_is_not_its_namesakes() {
    let mut world = World::new(&[1], 1);
    let mut producer = Producer::begun(-1, &heavy_batch());
    assert_eq!(producer.says(&world), "heavy");
    producer.machine.prepare(&mut producer.frame);
    world.happen(Deleted);
    world.chores();
    world.place(1, 0, &[1], 1, &[]);
    world.chores();
    assert_eq!(producer.says(&world), "heavy");
    producer.machine.prepare(&mut producer.frame);
    assert_eq!(producer.says(&world), "0 at 0");
}
