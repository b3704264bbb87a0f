//! Produce with batches of transactions: who is asked about which, what the answer makes of them, and what may happen
//! between the two.

use super::Happens::*;
use super::*;
use crate::hosting::{Ending, Inquiry, Question};
use crate::hot::Reader;

const PRODUCER: i64 = 7;
const ID_OF_TRANSACTIONS: &str = "x";
/// The last version whose clients add partitions to their transactions, and the first that leaves it to the broker.
const OLD: i16 = 11;
const NEW: i16 = 12;

/// A request, as far as the scripts differ in it.
#[derive(Clone, Copy)]
struct Asks {
    version: i16,
    id: Option<&'static str>,
    acks: i16,
}

const ASKS: Asks = Asks {
    version: NEW,
    id: Some(ID_OF_TRANSACTIONS),
    acks: -1,
};

/// Of one record.
fn part_of(epoch: i16, sequence: i32) -> Vec<u8> {
    part_by(PRODUCER, epoch, sequence)
}

fn spec_of(producer_id: i64, producer_epoch: i16, base_sequence: i32) -> BatchSpec {
    BatchSpec {
        producer_id,
        producer_epoch,
        base_sequence,
        transactional: true,
        ..BatchSpec::default()
    }
}

fn part_by(producer_id: i64, epoch: i16, sequence: i32) -> Vec<u8> {
    batch_of(spec_of(producer_id, epoch, sequence), 1, b"v")
}

/// Lengths as flexible versions put them: what there is, and one more.
fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length + 1;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
}

fn frame(asks: Asks, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    match asks.id {
        None => out.push(0),
        Some(id) => {
            put_length(&mut out, id.len());
            out.extend(id.as_bytes());
        }
    }
    out.extend(Body::default().i16(asks.acks).i32(1_000).0);
    put_length(&mut out, 1);
    put_length(&mut out, TOPIC.len());
    out.extend(TOPIC.as_bytes());
    put_length(&mut out, parts.len());
    for (index, records) in (0_i32..).zip(parts) {
        out.extend(index.to_be_bytes());
        put_length(&mut out, records.len());
        out.extend(*records);
        out.push(0);
    }
    out.extend([0, 0]);
    out
}

struct Producer {
    machine: Produce<SimDisk, Bell>,
    frame: Vec<u8>,
    version: i16,
    bell: Arc<Bell>,
}

impl Producer {
    /// With records for as many partitions.
    fn begun(asks: Asks, parts: &[&[u8]]) -> Self {
        let mut producer = Self {
            machine: Produce::default(),
            frame: Vec::new(),
            version: asks.version,
            bell: Arc::default(),
        };
        producer.begin(asks, parts);
        producer
    }

    fn of(parts: &[&[u8]]) -> Self {
        Self::begun(ASKS, parts)
    }

    fn begin(&mut self, asks: Asks, parts: &[&[u8]]) {
        (self.frame, self.version) = (frame(asks, parts), asks.version);
        let (machine, frame) = (&mut self.machine, &self.frame);
        machine.begin(frame, &header(self.version), 1_000).unwrap();
    }

    /// What it says now: that it waits, or an error code and an offset for each partition.
    fn says(&mut self, world: &World) -> String {
        let (machine, frame) = (&mut self.machine, &mut self.frame);
        let step = machine.step(&world.host, frame, &header(self.version), &self.bell);
        match step {
            Step::Done => self.reply(),
            Step::Parked => PARKED.to_owned(),
            Step::Busy => "busy".to_owned(),
            Step::Heavy => "heavy".to_owned(),
        }
    }

    fn reply(&mut self) -> String {
        let mut out = Vec::new();
        let finished = (self.machine).finish(&mut out, &self.frame, &header(self.version));
        if finished == Finished::HangUp {
            return "hung up".to_owned();
        }
        let mut reader = Reader::from(&out, 8);
        assert_eq!(reader.entries(true, 0).unwrap(), 1);
        assert_eq!(reader.string(true).unwrap(), TOPIC);
        let mut said = Vec::new();
        for _ in 0..reader.entries(true, 0).unwrap() {
            reader.int32().unwrap();
            let (code, offset) = (reader.int16().unwrap(), reader.int64().unwrap());
            reader.take(16).unwrap();
            assert_eq!(reader.entries(true, 0).unwrap(), 0, "errors of records");
            let text = reader.nullable_string(true).unwrap().unwrap_or_default();
            reader.skip_tags().unwrap();
            said.push(format!("{code} at {offset} {text}").trim_end().to_owned());
        }
        said.join(", ")
    }

    /// What it says of an answer that rang it.
    fn hears(&mut self, world: &World) -> String {
        if self.bell.take() {
            self.says(world)
        } else {
            QUIET.to_owned()
        }
    }
}

/// What was asked since the last look: number, epoch, version, partitions.
fn asked(world: &World) -> Vec<(i64, i16, i16, Vec<i32>)> {
    let events = std::mem::take(&mut *world.around.events.lock().unwrap());
    let asked = events.into_iter().filter_map(|event| match event {
        Event::Unverified {
            job,
            transactional_id,
            producer_id,
            producer_epoch,
            version,
            partitions,
        } => {
            assert_eq!(transactional_id, ID_OF_TRANSACTIONS);
            assert_eq!(producer_id, PRODUCER);
            assert!(partitions.iter().all(|(topic, _)| **topic == *TOPIC));
            let partitions = partitions.iter().map(|(_, index)| *index);
            Some((job, producer_epoch, version, partitions.collect()))
        }
        _ => None,
    });
    asked.collect()
}

/// Codes without words.
fn told(codes: &[i16]) -> Vec<(i16, Option<String>)> {
    codes.iter().map(|code| (*code, None)).collect()
}

/// Answer all that is asked.
fn answer(world: &World, codes: &[i16]) {
    for (job, _, _, partitions) in asked(world) {
        let codes: Vec<i16> = codes
            .iter()
            .copied()
            .cycle()
            .take(partitions.len())
            .collect();
        world.host.verified(job, told(&codes)).unwrap();
    }
}

/// Broker 1 leads so many partitions alone.
fn world(partitions: i32) -> World {
    let world = World::new(&[1], 1);
    for index in 1..partitions {
        world.place_one(index, (1, 0), &[1], 1, &[]);
    }
    world.chores();
    world
}

/// The producer's transaction ends in the first partition.
fn end(world: &World, epoch: i16, committed: bool, version: i16) {
    let ending = Ending {
        producer_id: PRODUCER,
        producer_epoch: epoch,
        coordinator_epoch: 0,
        committed,
        transaction_version: version,
    };
    let inquiry = Inquiry::Partition {
        topic: TOPIC.to_owned(),
        partition: 0,
        question: Question::EndTransaction(ending),
    };
    assert!(world.host.ask(1, &[inquiry]).is_none());
    world.chores();
}

/// (last stable offset, log end) of the first partition.
fn stands(world: &World) -> (i64, i64) {
    let offsets = world.host.describe(TOPIC, 0).unwrap().offsets;
    (offsets.last_stable, offsets.log_end)
}

/// Each batch of a transaction would cost a decision, or none of them one.
#[test]
fn what_is_new_to_its_transaction_is_asked_about_once() {
    let world = world(3);
    let (first, second) = (part_of(0, 0), part_of(0, 1));
    let mut producer = Producer::of(&[&first, &batch(1), &first]);
    assert_eq!(producer.says(&world), PARKED);
    assert_eq!(producer.says(&world), PARKED, "whatever rings it");
    let [(job, epoch, version, partitions)] = &asked(&world)[..] else {
        panic!("not asked once");
    };
    assert_eq!((*epoch, *version, &partitions[..]), (0, NEW, &[0, 2][..]));
    assert_eq!(stands(&world), (0, 0));
    world.host.verified(*job, told(&[0, 0])).unwrap();
    assert_eq!(producer.hears(&world), "0 at 0, 0 at 0, 0 at 0");
    producer.begin(ASKS, &[&second, &first, &second]);
    assert_eq!(producer.says(&world), PARKED);
    let partitions: Vec<_> = asked(&world).into_iter().map(|asks| asks.3).collect();
    assert_eq!(partitions, [[1]], "the others know it");
    let mut other = Producer::of(&[&part_of(0, 2)]);
    assert_eq!(other.says(&world), "0 at 2");
    assert!(asked(&world).is_empty());
    assert_eq!(world.host.verifications_asked(), 2);
}

/// It would be of another transaction than it says, or refused with what it comes with.
#[test]
fn a_transactional_batch_of_nobody_is_in_no_transaction() {
    let world = world(2);
    let (part, nobodys) = (part_of(0, 0), part_by(-1, -1, -1));
    let nameless = Asks { id: None, ..ASKS };
    let mut producer = Producer::begun(nameless, &[&nobodys]);
    assert_eq!(producer.says(&world), "53 at -1");
    producer.begin(ASKS, &[&nobodys]);
    assert_eq!(producer.says(&world), "0 at 0");
    assert_eq!(stands(&world), (1, 1), "nothing is open");
    producer.begin(ASKS, &[&nobodys, &part]);
    assert_eq!(producer.says(&world), PARKED);
    let [(_, 0, NEW, ref partitions)] = asked(&world)[..] else {
        panic!("not asked once");
    };
    assert_eq!(partitions, &[1]);
}

/// One partition's refusal would be another's, or its records would be there in spite of it.
#[test]
fn each_partition_hears_its_own_answer() {
    let world = world(4);
    let first = part_of(0, 0);
    let mut producer = Producer::of(&[&first, &first, &first, &first]);
    assert_eq!(producer.says(&world), PARKED);
    let [(job, ..)] = asked(&world)[..] else {
        panic!("not asked once");
    };
    assert!(
        world.host.verified(job, told(&[0, 0])).is_err(),
        "of two partitions"
    );
    assert_eq!(producer.hears(&world), QUIET);
    let mut told = told(&[48, 51, 0, 19]);
    told[0].1 = Some("not in it".to_owned());
    world.host.verified(job, told).unwrap();
    assert_eq!(
        producer.hears(&world),
        "48 at -1 not in it, 51 at -1, 0 at 0, 19 at -1"
    );
    assert_eq!(stands(&world), (0, 0));
    // What nobody knows is no success.
    let mut producer = Producer::of(&[&first]);
    assert_eq!(producer.says(&world), PARKED);
    answer(&world, &[1234]);
    assert_eq!(producer.hears(&world), "-1 at -1");
}

/// Anybody could write to a transaction that is another's, or one request to two of them.
#[test]
fn a_request_that_breaks_a_rule_is_refused_as_a_whole() {
    let world = world(2);
    let part = part_of(0, 0);
    let plain = batch(1);
    let nameless = Asks { id: None, ..ASKS };
    let mut producer = Producer::begun(nameless, &[&plain, &part]);
    assert_eq!(producer.says(&world), "53 at -1, 53 at -1");
    for others in [part_by(8, 0, 0), part_of(1, 0)] {
        let mut producer = Producer::of(&[&part, &others]);
        let mixed = "49 at -1 Transactional records contained more than one producer ID";
        assert_eq!(producer.says(&world), [mixed, mixed].join(", "));
    }
    let mut silent = Producer::begun(
        Asks {
            acks: 0,
            ..nameless
        },
        &[&part],
    );
    assert_eq!(silent.says(&world), "hung up");
    let about = |verdict| (Operation::Transact, ID_OF_TRANSACTIONS, verdict);
    world.say(&[about(Verdict::Denied)]);
    let mut producer = Producer::of(&[&part, &plain]);
    assert_eq!(producer.says(&world), "53 at -1, 53 at -1");
    world.say(&[about(Verdict::Ask)]);
    let mut producer = Producer::of(&[&part]);
    assert_eq!(producer.says(&world), "busy");
    producer.machine.hurry();
    assert_eq!(producer.says(&world), "7 at -1");
    assert!(asked(&world).is_empty());
    // An id without a batch of a transaction is nothing.
    let mut producer = Producer::of(&[&plain]);
    assert_eq!(producer.says(&world), "0 at 0");
    world.say(&[]);
    let mut control = spec_of(PRODUCER, 0, 0);
    control.control = true;
    let mut producer = Producer::of(&[&batch_of(control, 1, b"v")]);
    assert_eq!(producer.says(&world), PARKED);
    answer(&world, &[0]);
    assert!(producer.hears(&world).starts_with("87 at -1"));
}

/// Somebody would be asked about what is refused whatever is said, and partitions be added that are never written to.
#[test]
fn what_is_refused_anyway_is_not_asked_about() {
    let mut world = world(1);
    let part = part_of(0, 0);
    let mut producer = Producer::begun(Asks { acks: 7, ..ASKS }, &[&part]);
    assert_eq!(producer.says(&world), "21 at -1");
    let mut producer = Producer::of(&[&batch(1), &part]);
    assert_eq!(producer.says(&world), "0 at 0, 3 at -1");
    world.say(&[(Operation::Write, TOPIC, Verdict::Denied)]);
    assert_eq!(Producer::of(&[&part]).says(&world), "29 at -1");
    world.say(&[]);
    end(&world, 5, false, 0);
    assert_eq!(Producer::of(&[&part]).says(&world), "47 at -1");
    world.happen(Led(2, 1, &[1, 2], 1));
    assert_eq!(Producer::of(&[&part_of(5, 0)]).says(&world), "6 at -1");
    assert!(asked(&world).is_empty());
}

/// A producer would wait for ever for an answer that does not come, or memory for whom nobody waits any more.
#[test]
fn a_late_answer_is_nobodys() {
    let world = world(2);
    let part = part_of(0, 0);
    let mut producer = Producer::of(&[&batch(1), &part]);
    assert_eq!(producer.says(&world), PARKED);
    assert_eq!(world.host.verifications_waiting(), 1);
    producer.machine.time_is_up();
    assert_eq!(world.host.verifications_waiting(), 0);
    assert_eq!(producer.reply(), "0 at 0, 7 at -1");
    answer(&world, &[0]);
    assert_eq!(producer.hears(&world), QUIET);
    // The next request has nothing of it.
    producer.begin(ASKS, &[&part_of(0, 0)]);
    assert_eq!(producer.says(&world), PARKED);
    producer.begin(ASKS, &[&batch(1)]);
    assert_eq!(world.host.verifications_waiting(), 0);
    assert_eq!(producer.says(&world), "0 at 1");
    let mut gone = Producer::of(&[&part]);
    assert_eq!(gone.says(&world), PARKED);
    drop(gone);
    assert_eq!(world.host.verifications_waiting(), 0);
    answer(&world, &[0]);
    assert_eq!(stands(&world), (2, 2));
}

/// A batch would be appended to a transaction that ended while somebody was asked, and block its readers.
#[test]
fn a_marker_that_comes_before_the_answer_is_seen() {
    let world = world(1);
    let old = Asks {
        version: OLD,
        ..ASKS
    };
    let mut producer = Producer::begun(old, &[&part_of(0, 0)]);
    assert_eq!(producer.says(&world), PARKED);
    end(&world, 0, false, 0);
    answer(&world, &[0]);
    let text = "Record was not part of an ongoing transaction";
    assert_eq!(producer.hears(&world), format!("48 at -1 {text}"));
    assert_eq!(stands(&world), (1, 1));
}

/// Keyed by the producer alone, the first batch of its next transaction would join the last one, whose marker is still to
/// come: what was committed would be aborted with it, or what was aborted would be committed.
#[test]
fn the_next_transactions_batch_may_come_before_the_last_ones_marker() {
    for committed in [true, false] {
        let world = world(1);
        let mut producer = Producer::of(&[&part_of(0, 0)]);
        assert_eq!(producer.says(&world), PARKED);
        answer(&world, &[0]);
        assert_eq!(producer.hears(&world), "0 at 0");
        producer.begin(ASKS, &[&part_of(1, 0)]);
        assert_eq!(producer.says(&world), PARKED, "it is not of this one");
        let [(job, 1, NEW, _)] = asked(&world)[..] else {
            panic!("not asked once, of the next epoch");
        };
        end(&world, 1, committed, 2);
        assert_eq!(stands(&world), (2, 2));
        world.host.verified(job, told(&[0])).unwrap();
        assert_eq!(producer.hears(&world), "0 at 2");
        assert_eq!(stands(&world), (2, 3), "the next one is open");
        end(&world, 2, !committed, 2);
        assert_eq!(stands(&world), (4, 4));
        let cell = world.cell();
        let aborted = (cell.hold().as_mut().unwrap().log_mut()).aborted_transactions(0, 4);
        let aborted: Vec<i64> = aborted
            .unwrap()
            .iter()
            .map(|one| one.first_offset)
            .collect();
        assert_eq!(aborted, [if committed { 2 } else { 0 }]);
    }
}

/// A retry would be there twice, or be asked about though its transaction is open.
#[test]
fn a_retry_is_answered_with_its_first_attempt() {
    let world = world(1);
    let mut producer = Producer::of(&[&part_of(0, 0)]);
    assert_eq!(producer.says(&world), PARKED);
    producer.machine.time_is_up();
    answer(&world, &[0]);
    for _ in 0..2 {
        producer.begin(ASKS, &[&part_of(0, 0)]);
        let said = producer.says(&world);
        if said == PARKED {
            answer(&world, &[0]);
            assert_eq!(producer.hears(&world), "0 at 0");
        } else {
            assert_eq!(said, "0 at 0");
        }
    }
    assert_eq!(stands(&world), (0, 1));
    assert_eq!(world.host.verifications_asked(), 2);
}

/// Of a producer's two connections the later batch's could be answered first, and the earlier batch never come.
#[test]
fn two_connections_of_one_producer_keep_its_order() {
    let world = world(1);
    let mut first = Producer::of(&[&part_of(0, 0)]);
    let mut second = Producer::of(&[&part_of(0, 1)]);
    assert_eq!([first.says(&world), second.says(&world)], [PARKED, PARKED]);
    let [(one, ..), (other, ..)] = asked(&world)[..] else {
        panic!("not asked twice");
    };
    world.host.verified(other, told(&[0])).unwrap();
    assert!(second.hears(&world).starts_with("45 at -1"));
    assert_eq!(first.hears(&world), QUIET);
    world.host.verified(one, told(&[0])).unwrap();
    assert_eq!(first.hears(&world), "0 at 0");
    second.begin(ASKS, &[&part_of(0, 1)]);
    assert_eq!(second.says(&world), "0 at 1");
    // One that was asked about while the other opened the transaction is of it.
    let world = self::world(1);
    let mut first = Producer::of(&[&part_of(0, 0)]);
    let mut second = Producer::of(&[&part_of(0, 1)]);
    assert_eq!([first.says(&world), second.says(&world)], [PARKED, PARKED]);
    answer(&world, &[0]);
    assert_eq!(first.hears(&world), "0 at 0");
    assert_eq!(second.hears(&world), "0 at 1");
}

/// A step would wait for whoever holds one of many partitions, or leave that one out of what is asked.
#[test]
fn a_partition_that_is_held_is_looked_over_again() {
    let world = world(2);
    let part = part_of(0, 0);
    let cell = Arc::clone(world.host.hosted().find(TOPIC, 1).unwrap());
    let held = cell.hold();
    let mut producer = Producer::of(&[&part, &part]);
    assert_eq!(producer.says(&world), "busy");
    assert!(asked(&world).is_empty());
    drop(held);
    assert_eq!(producer.says(&world), PARKED);
    let partitions: Vec<_> = asked(&world).into_iter().map(|asks| asks.3).collect();
    assert_eq!(partitions, [[0, 1]]);
    let held = cell.hold();
    let mut late = Producer::of(&[&part, &part]);
    assert_eq!(late.says(&world), "busy");
    late.machine.hurry();
    assert_eq!(late.says(&world), "7 at -1, 7 at -1");
    drop(held);
    assert!(asked(&world).is_empty());
}

/// What unpacks to gigabytes would be looked through before anybody said that it may be there.
#[test]
fn heavy_records_are_asked_about_first() {
    let world = world(1);
    let spec = BatchSpec {
        codec: Codec::Gzip,
        ..spec_of(PRODUCER, 0, 0)
    };
    let heavy = batch_of(spec, 20, &[0; 1 << 20]);
    let mut producer = Producer::of(&[&heavy]);
    assert_eq!(producer.says(&world), PARKED);
    answer(&world, &[0]);
    assert_eq!(producer.hears(&world), "heavy");
    producer.machine.prepare(&mut producer.frame);
    assert_eq!(producer.says(&world), "0 at 0");
}

/// A producer that waits for its replicas would hear of them before it was said that its other records may be there.
#[test]
fn an_answer_comes_before_the_in_sync_replicas() {
    let mut world = World::new(&[1, 2], 1);
    world.place_one(1, (1, 0), &[1], 1, &[]);
    world.chores();
    let mut producer = Producer::of(&[&batch(1), &part_of(0, 0)]);
    assert_eq!(producer.says(&world), PARKED);
    world.happen(Reached(1));
    assert_eq!(producer.hears(&world), QUIET);
    answer(&world, &[0]);
    assert_eq!(producer.hears(&world), "0 at 0, 0 at 0");
    let mut producer = Producer::of(&[&part_of(0, 0)]);
    assert_eq!(producer.says(&world), PARKED);
    answer(&world, &[0]);
    assert_eq!(producer.hears(&world), PARKED);
    world.happen(Reached(2));
    assert_eq!(producer.hears(&world), "0 at 1");
}
