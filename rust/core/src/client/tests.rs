//! What producers and consumers rely on in the bytes of their batches.

use super::*;
use crate::batch::{BatchSpec, Header, RecordOut, crc_holds};
use crate::compression::{Codec, Levels};

fn settings() -> Settings {
    Settings {
        batch_bytes: 1000,
        buffer_bytes: 100_000,
        record_bytes_max: 5000,
        linger_ms: 5,
        codec: Codec::None,
        levels: Levels::default(),
    }
}

fn record<'a>(key: Option<&'a [u8]>, value: &'a [u8]) -> RecordOut<'a> {
    RecordOut {
        timestamp_ms: 7,
        key,
        value: Some(value),
        headers: &[],
    }
}

fn sealed(outbox: &mut Outbox, topic: &str, partition: i32, sequence: i32) -> (u64, Vec<u8>) {
    let closed = outbox.take(topic, partition).unwrap();
    let spec = outbox.spec(BatchSpec {
        producer_id: 9,
        producer_epoch: 1,
        base_sequence: sequence,
        ..BatchSpec::default()
    });
    (closed.id, closed.seal(spec).unwrap())
}

fn values(bytes: &[u8], position: i64, aborted: Option<&[Aborted]>) -> Vec<(i64, Vec<u8>)> {
    let fetched = Fetched::new(bytes, position, aborted, true);
    assert_eq!(fetched.fault, None);
    let mut found = Vec::new();
    for batch in fetched.batches {
        let raw = &bytes[batch.at.clone()];
        let mut walk = Walk::new(&batch.header, raw, u64::MAX).unwrap();
        while let Some(spans) = walk.next(raw).unwrap() {
            let offset = batch.header.base_offset + i64::from(spans.offset_delta);
            found.push((offset, walk.bytes(raw)[spans.value.unwrap()].to_vec()));
        }
    }
    found
}

/// Another partition than Java's would part the records of a key.
#[test]
fn keys_go_where_javas_producer_sends_them() {
    for (key, hash) in [
        (&b"21"[..], -973_932_308_i32),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (
            b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        (b"abc", 479_470_107),
    ] {
        assert_eq!(partition_of(key, i32::MAX), (hash & i32::MAX) % i32::MAX);
        assert_eq!(partition_of(key, 12), (hash & i32::MAX) % 12);
    }
}

/// Records of a partition must leave in the order in which they came, whatever closes their batches.
#[test]
fn records_leave_in_order_and_whole() {
    for codec in [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ] {
        let mut outbox = Outbox::new(
            Settings {
                codec,
                ..settings()
            },
            1,
        );
        outbox.learn("t", 2, &[0, 1]);
        let mut wanted = Vec::new();
        for number in 0..100u32 {
            let value = number.to_be_bytes().repeat(10);
            let found = outbox
                .append("t", Some(1), &record(Some(b"k"), &value))
                .unwrap();
            assert_eq!(found.partition, 1);
            wanted.push(value);
        }
        assert_eq!(outbox.ready(0), vec![("t".to_owned(), 1)]);
        assert_eq!(outbox.due_ms(), Some(5));
        outbox.close_all();
        let (mut sequence, mut found) = (0, Vec::new());
        while outbox.front("t", 1).is_some() {
            let (id, bytes) = sealed(&mut outbox, "t", 1, sequence);
            let header = Header::parse(&bytes).unwrap();
            assert!(crc_holds(&bytes));
            assert_eq!((header.producer_id, header.base_sequence), (9, sequence));
            sequence += header.record_count;
            found.extend(values(&bytes, 0, None).into_iter().map(|(_, value)| value));
            outbox.settled(id);
        }
        assert_eq!(found, wanted);
        assert_eq!((outbox.buffered(), outbox.oldest()), (0, None));
        assert_eq!(outbox.ready(100), vec![]);
    }
}

/// A lingering batch must go by itself, and not before.
#[test]
fn a_batch_lingers_and_goes() {
    let mut outbox = Outbox::new(settings(), 1);
    outbox.learn("t", 1, &[0]);
    let first = outbox.append("t", None, &record(None, b"x")).unwrap();
    assert!(first.is_first && first.is_ready);
    let second = outbox.append("t", None, &record(None, b"y")).unwrap();
    assert_eq!(
        (second.index, second.is_first, second.is_ready),
        (1, false, false)
    );
    assert!(outbox.ready(10).is_empty());
    assert!(outbox.ready(14).is_empty());
    assert_eq!(outbox.ready(15).len(), 1);
    assert_eq!(outbox.due_ms(), None);
}

/// Without keys every partition must get its share, a batch at a time, and one with a long queue less.
#[test]
fn records_without_keys_stick_and_wander() {
    let mut outbox = Outbox::new(
        Settings {
            buffer_bytes: 1 << 30,
            ..settings()
        },
        3,
    );
    outbox.learn("t", 4, &[0, 1, 3]);
    let (mut counts, mut changes, mut last) = ([0; 4], 0, -1);
    for _ in 0..3000 {
        let found = outbox.append("t", None, &record(None, &[0; 50])).unwrap();
        counts[found.partition as usize] += 1;
        changes += i32::from(found.partition != last);
        last = found.partition;
    }
    assert_eq!(counts[2], 0, "it has no leader");
    assert!(
        counts[0] > 700 && counts[1] > 700 && counts[3] > 700,
        "{counts:?}"
    );
    assert!((50..300).contains(&changes), "{changes} {counts:?}");
}

/// What does not fit must be refused before it takes memory, and by its reason.
#[test]
fn refusals() {
    let mut outbox = Outbox::new(settings(), 1);
    let found = outbox.append("t", None, &record(None, b"x"));
    assert!(matches!(found, Err(Refusal::UnknownTopic)));
    outbox.learn("t", 1, &[0]);
    let found = outbox.append("t", Some(1), &record(None, b"x"));
    assert!(matches!(found, Err(Refusal::NoPartition(1))));
    let found = outbox.append("t", None, &record(None, &[0; 6000]));
    assert!(matches!(found, Err(Refusal::TooLarge(_))));
    let mut taken = 0;
    while outbox.append("t", None, &record(None, &[0; 900])).is_ok() {
        taken += 1;
    }
    assert!((95..115).contains(&taken), "{taken}");
    let (id, _) = sealed(&mut outbox, "t", 0, 0);
    outbox.settled(id);
    assert!(outbox.append("t", None, &record(None, &[0; 900])).is_ok());
    let dropped = outbox.clear();
    assert_eq!(dropped.len() as i32, taken);
}

fn batch(base: i64, values: &[&[u8]], spec: BatchSpec) -> Vec<u8> {
    let mut builder = crate::batch::Builder::new(BatchSpec {
        base_offset: base,
        ..spec
    })
    .unwrap();
    for value in values {
        builder.append(&record(None, value)).unwrap();
    }
    builder.finish(None).unwrap()
}

fn marker(base: i64, producer_id: i64, kind: u8) -> Vec<u8> {
    let spec = BatchSpec {
        base_offset: base,
        producer_id,
        producer_epoch: 0,
        transactional: true,
        control: true,
        ..BatchSpec::default()
    };
    let mut builder = crate::batch::Builder::new(spec).unwrap();
    builder
        .append(&record(Some(&[0, 0, 0, kind]), &[0; 6]))
        .unwrap();
    builder.finish(None).unwrap()
}

/// A reader of what is committed must not see what was aborted, and must see all else.
#[test]
fn aborted_transactions_do_not_count() {
    let by = |producer_id| BatchSpec {
        producer_id,
        producer_epoch: 0,
        base_sequence: 0,
        transactional: true,
        ..BatchSpec::default()
    };
    let mut log = batch(0, &[b"a"], by(1));
    log.extend(batch(1, &[b"b"], by(2)));
    log.extend(batch(2, &[b"c"], BatchSpec::default()));
    log.extend(marker(3, 1, 0));
    log.extend(batch(4, &[b"d"], by(1)));
    log.extend(marker(5, 2, 1));
    log.extend(marker(6, 1, 1));
    let aborted = [Aborted {
        producer_id: 1,
        first_offset: 0,
    }];
    let texts = |found: Vec<(i64, Vec<u8>)>| -> String {
        found
            .into_iter()
            .map(|(_, value)| char::from(value[0]))
            .collect()
    };
    assert_eq!(texts(values(&log, 0, Some(&aborted))), "bcd");
    assert_eq!(texts(values(&log, 0, None)), "abcd");
    assert_eq!(Fetched::new(&log, 0, Some(&aborted), true).next_offset, 7);
}

/// A broken batch must stop the reading there, and what lies before it must still be read.
#[test]
fn what_is_broken_ends_the_reading() {
    let mut log = batch(0, &[b"a"], BatchSpec::default());
    let whole = log.len();
    log.extend(batch(1, &[b"b"], BatchSpec::default()));
    let cut = Fetched::new(&log[..log.len() - 1], 0, None, true);
    assert_eq!(
        (cut.batches.len(), cut.next_offset, cut.fault),
        (1, 1, None)
    );
    log[whole + 66] ^= 1;
    let found = Fetched::new(&log, 0, None, true);
    assert_eq!((found.batches.len(), found.next_offset), (1, 1));
    assert!(found.fault.unwrap().contains("offset 1"));
    log[16] = 1;
    assert!(Fetched::new(&log, 0, None, true).fault.is_some());
}

/// A batch that was read must be sent on as it is, or a node would refuse it; one with holes is made anew.
#[test]
fn a_batch_that_was_read_can_be_sent() {
    let log = batch(
        40,
        &[b"a", b"b"],
        BatchSpec {
            leader_epoch: 3,
            ..BatchSpec::default()
        },
    );
    let out = for_producing(&log, 5, 2, 11, false).unwrap();
    let header = Header::parse(&out).unwrap();
    assert!(crc_holds(&out));
    assert_eq!((header.base_offset, header.leader_epoch), (0, -1));
    assert_eq!(
        (
            header.producer_id,
            header.producer_epoch,
            header.base_sequence
        ),
        (5, 2, 11)
    );
    assert_eq!(
        values(&out, 0, None),
        vec![(0, b"a".to_vec()), (1, b"b".to_vec())]
    );
    let mut builder = crate::batch::Builder::new(BatchSpec {
        base_offset: 8,
        ..BatchSpec::default()
    })
    .unwrap();
    builder.append_at(2, &record(None, b"x")).unwrap();
    builder.append_at(5, &record(None, b"y")).unwrap();
    let holes = builder.finish(Some(9)).unwrap();
    assert_eq!(Fetched::new(&holes, 0, None, true).next_offset, 18);
    let out = for_producing(&holes, 5, 2, 11, true).unwrap();
    assert!(Header::parse(&out).unwrap().is_transactional());
    assert_eq!(
        values(&out, 0, None),
        vec![(0, b"x".to_vec()), (1, b"y".to_vec())]
    );
    let again = restamped(&out, 5, 3, 0);
    assert!(crc_holds(&again));
    assert_eq!(Header::parse(&again).unwrap().producer_epoch, 3);
}

/// A batch that a node finds too large must go in two, with numbers that go on.
#[test]
fn a_batch_in_two() {
    let spec = BatchSpec {
        producer_id: 5,
        producer_epoch: 2,
        base_sequence: i32::MAX,
        codec: Codec::Zstd,
        ..BatchSpec::default()
    };
    let whole = batch(0, &[b"a", b"b", b"c"], spec);
    let parts = split(&whole).unwrap();
    let sequences: Vec<_> = parts
        .iter()
        .map(|(bytes, count)| {
            assert!(crc_holds(bytes));
            (Header::parse(bytes).unwrap().base_sequence, *count)
        })
        .collect();
    assert_eq!(sequences, vec![(i32::MAX, 1), (0, 2)]);
    assert_eq!(
        values(&parts[1].0, 0, None),
        vec![(0, b"b".to_vec()), (1, b"c".to_vec())]
    );
    let one = batch(0, &[b"a"], BatchSpec::default());
    assert_eq!(split(&one).unwrap(), vec![(one.clone(), 1)]);
}
