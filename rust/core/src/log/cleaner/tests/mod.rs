//! Rounds over small logs on the simulated disk: what stays, what a crash at any moment leaves.

mod crashes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::batch::{
    BatchSpec, Batches, Builder, HEADER_BYTES, RecordOut, Records, StreamSource, crc_holds,
    first_header,
};
use crate::compression::{Codec, Decompressor};
use crate::disk::{Disk, DiskFile, Open, SimDisk};
use crate::log::{AppendContext, Log, LogConfig, OpenHints, Origin, Verifying};

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 86_400_000;

const LIMITS: CleanerLimits = CleanerLimits {
    keys_bytes_max: 24 * 1000,
    load_factor: 0.9,
    io_bytes: 300,
};

type Row<'a> = (&'a str, Option<&'a str>);

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 600,
        segment_index_bytes: 256,
        index_interval_bytes: 100,
        file_delete_delay_ms: 0,
        cleanup_delete: false,
        cleanup_compact: true,
        delete_retention_ms: DAY,
        ..LogConfig::default()
    }
}

fn dir() -> PathBuf {
    PathBuf::from("/data/topic-0")
}

fn disk(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    disk
}

fn open(disk: &SimDisk) -> Log<SimDisk> {
    let (mut log, _) = Log::open(disk.clone(), dir(), config(), NOW, OpenHints::default()).unwrap();
    log.set_high_watermark(log.log_end_offset());
    log
}

fn batch(spec: BatchSpec, rows: &[Row<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(spec).unwrap();
    for (n, (key, value)) in rows.iter().enumerate() {
        let record = RecordOut {
            timestamp_ms: NOW + n as i64,
            key: (!key.is_empty()).then_some(key.as_bytes()),
            value: value.map(str::as_bytes),
            headers: &[(b"h", None)],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

fn of_producer(id: i64, sequence: i32, transactional: bool) -> BatchSpec {
    BatchSpec {
        producer_id: id,
        producer_epoch: 0,
        base_sequence: sequence,
        transactional,
        ..BatchSpec::default()
    }
}

fn append(log: &mut Log<SimDisk>, mut bytes: Vec<u8>, origin: Origin) {
    let header = first_header(&bytes).unwrap();
    let asked = Verifying {
        number: 1,
        adds: false,
        now_ms: NOW,
    };
    let is_asked = header.is_transactional() && !header.is_control();
    let number = is_asked.then(|| log.verify(&header, &asked).unwrap());
    let context = AppendContext {
        now_ms: NOW,
        leader_epoch: 0,
        origin,
        produce_version: 11,
        verification: number.flatten().unwrap_or(0),
        transaction_version: 0,
    };
    log.append(&mut bytes, &context).unwrap();
    log.set_high_watermark(log.log_end_offset());
}

fn put(log: &mut Log<SimDisk>, rows: &[Row<'_>]) {
    append(log, batch(BatchSpec::default(), rows), Origin::Client);
}

fn mark(log: &mut Log<SimDisk>, id: i64, commit: bool) {
    let marker = crate::log::Marker {
        commit,
        coordinator_epoch: 0,
        timestamp_ms: NOW,
    };
    append(log, marker.batch(id, 0).unwrap(), Origin::Coordinator);
}

/// The active segment is never cleaned: what was put so far is ended.
fn end_segment(log: &mut Log<SimDisk>) {
    log.roll(log.log_end_offset(), NOW).unwrap();
}

/// One whole round; where the log is clean up to.
fn clean_from(
    log: &mut Log<SimDisk>,
    from: Option<i64>,
    now_ms: i64,
    limits: CleanerLimits,
) -> Result<(i64, Cleaned), CleanError> {
    let cleanable = log.cleanable(from, now_ms)?;
    if cleanable.cleanable_bytes == 0 {
        return Ok((cleanable.first_dirty, Cleaned::default()));
    }
    let mut cleaner = Cleaner::new(log, &cleanable, limits, now_ms)?;
    loop {
        let done = match cleaner.wants() {
            Wants::Log => cleaner.look(log),
            Wants::Disk => cleaner.work().map(drop),
            Wants::Nothing { clean_to } => return Ok((clean_to, *cleaner.done())),
        };
        if let Err(error) = done {
            cleaner.abandon();
            return Err(error);
        }
    }
}

fn clean(log: &mut Log<SimDisk>, from: Option<i64>, now_ms: i64) -> i64 {
    clean_from(log, from, now_ms, LIMITS).unwrap().0
}

/// (offset, key, value, timestamp) of all records, and (base, last, records) of all batches.
type Held = (
    Vec<(i64, String, Option<String>, i64)>,
    Vec<(i64, i64, i32)>,
);

fn held(log: &mut Log<SimDisk>) -> Held {
    let (mut records, mut batches) = (Vec::new(), Vec::new());
    let mut next = log.log_start_offset();
    while next < log.log_end_offset() {
        let slice = log.read(next, 1, i64::MAX, true).unwrap();
        let mut bytes = vec![0; slice.len];
        let Some(file) = &slice.file else { break };
        file.read_exact_at(&mut bytes, slice.position).unwrap();
        for piece in Batches::new(&bytes) {
            let (_, header, batch) = piece.unwrap();
            assert!(crc_holds(batch), "{header:?}");
            assert!(header.base_offset >= next || header.last_offset() >= next);
            batches.push((
                header.base_offset,
                header.last_offset(),
                header.record_count,
            ));
            next = header.next_offset();
            let codec = header.codec().unwrap();
            let stream = Decompressor::new(codec, &batch[HEADER_BYTES..]).unwrap();
            let mut rest = Records::new(StreamSource::new(stream), header.record_count);
            while let Some(record) = rest.next_record().unwrap() {
                if header.is_control() {
                    continue;
                }
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                records.push((
                    header.base_offset + i64::from(record.offset_delta),
                    text(record.key.unwrap_or_default()),
                    record.value.map(text),
                    header.timestamp(record.timestamp_delta),
                ));
            }
        }
    }
    (records, batches)
}

fn offsets(log: &mut Log<SimDisk>) -> Vec<i64> {
    held(log).0.into_iter().map(|row| row.0).collect()
}

fn names(disk: &SimDisk) -> Vec<String> {
    let entries = disk.list(&dir()).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// What makes a topic a table: the latest record of a key stays, at its offset and with its time, in every codec.
#[test]
fn the_latest_of_each_key_stays() {
    for codec in [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ] {
        let disk = disk(1);
        let mut log = open(&disk);
        for n in 0..40 {
            let value = format!("{n}");
            let spec = BatchSpec {
                codec,
                ..BatchSpec::default()
            };
            let key = format!("k{}", n % 7);
            let rows = [(key.as_str(), Some(value.as_str())), ("all", Some("x"))];
            append(&mut log, batch(spec, &rows), Origin::Client);
        }
        let before = held(&mut log).0;
        assert!(log.segment_count() > 4);
        let active = log.last_segment().base_offset;
        assert_eq!(clean(&mut log, None, NOW), active);
        let (after, batches) = held(&mut log);
        let latest: BTreeMap<_, _> = (before.iter())
            .filter(|row| row.0 < active)
            .map(|row| (row.1.clone(), row.clone()))
            .collect();
        let mut wanted: Vec<_> = latest.into_values().collect();
        wanted.extend(before.iter().filter(|row| row.0 >= active).cloned());
        wanted.sort();
        assert_eq!(after, wanted, "{codec:?}");
        assert!(
            batches
                .iter()
                .any(|(base, last, count)| last - base + 1 > i64::from(*count))
        );
        assert_eq!(
            log.remove_deleted(0).unwrap() > 0,
            log.remove_deleted(0).unwrap() == 0
        );
        assert!(
            names(&disk)
                .iter()
                .all(|name| !name.contains(".swap") && !name.contains(".cleaned"))
        );
        log.close(true).unwrap();
        assert_eq!(held(&mut open(&disk)).0, wanted, "{codec:?}");
    }
}

/// A tombstone stays for as long as a slow reader may need it, from the first round on that meets it.
#[test]
fn tombstones_go_after_their_horizon() {
    let disk = disk(1);
    let mut log = open(&disk);
    put(&mut log, &[("a", Some("1")), ("b", Some("1"))]);
    put(&mut log, &[("a", None)]);
    end_segment(&mut log);
    let to = clean(&mut log, None, NOW);
    assert_eq!(offsets(&mut log), [1, 2]);
    put(&mut log, &[("c", Some("1"))]);
    end_segment(&mut log);
    let to = clean(&mut log, Some(to), NOW + DAY - 1);
    assert_eq!(offsets(&mut log), [1, 2, 3]);
    put(&mut log, &[("d", Some("1"))]);
    end_segment(&mut log);
    clean(&mut log, Some(to), NOW + DAY);
    assert_eq!(offsets(&mut log), [1, 3, 4]);
    assert_eq!(
        held(&mut log).0[0].3,
        NOW + 1,
        "times stay when a batch gets its horizon"
    );
}

/// A long key of a packed batch is met in pieces, and would be another one than the same key in one piece.
#[test]
fn long_keys_are_the_same_in_pieces() {
    let key: String = (0..40_000).map(|number| format!("{number:x}")).collect();
    let disk = disk(1);
    let config = LogConfig {
        segment_bytes: 1 << 20,
        ..config()
    };
    let log = Log::open(disk.clone(), dir(), config, NOW, OpenHints::default());
    let mut log = log.unwrap().0;
    for (codec, value) in [(Codec::None, "1"), (Codec::Zstd, "2")] {
        let spec = BatchSpec {
            codec,
            ..BatchSpec::default()
        };
        append(
            &mut log,
            batch(spec, &[(&key, Some(value))]),
            Origin::Client,
        );
        end_segment(&mut log);
    }
    clean(&mut log, None, NOW);
    let (left, _) = held(&mut log);
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].1.len(), left[0].2.as_deref()),
        (key.len(), Some("2"))
    );
}

/// Of producers 7 and 8: one each that both write a key, of which one is aborted; then both commit another.
fn write_transactions(log: &mut Log<SimDisk>) {
    append(
        log,
        batch(of_producer(7, 0, true), &[("a", Some("no"))]),
        Origin::Client,
    );
    append(
        log,
        batch(of_producer(8, 0, true), &[("a", Some("yes"))]),
        Origin::Client,
    );
    mark(log, 7, false);
    mark(log, 8, true);
    append(
        log,
        batch(of_producer(7, 1, true), &[("b", Some("1"))]),
        Origin::Client,
    );
    append(
        log,
        batch(of_producer(8, 1, true), &[("b", Some("2"))]),
        Origin::Client,
    );
    mark(log, 7, true);
    mark(log, 8, true);
    end_segment(log);
}

/// What was aborted goes at once; markers in the round after the one that found nothing left of their transaction,
/// and no sooner than tombstones; the index of aborted transactions keeps in step.
#[test]
fn transactions_are_removed_in_two_rounds() {
    let disk = disk(1);
    let mut log = open(&disk);
    write_transactions(&mut log);
    assert_eq!(log.aborted_transactions(0, 100).unwrap().len(), 1);
    let to = clean(&mut log, None, NOW);
    // 4 is the last of producer 7, and has lost its record.
    let bases = |log: &mut Log<SimDisk>| {
        let batches = held(log).1.into_iter();
        batches
            .map(|(base, _, count)| (base, count))
            .collect::<Vec<_>>()
    };
    let all = [(1, 1), (2, 1), (3, 1), (4, 0), (5, 1), (6, 1), (7, 1)];
    assert_eq!(bases(&mut log), all);
    assert_eq!(
        log.aborted_transactions(0, 100).unwrap().len(),
        1,
        "its marker is still there"
    );
    put(&mut log, &[("c", Some("1"))]);
    end_segment(&mut log);
    let to = clean(&mut log, Some(to), NOW + 1);
    assert_eq!(
        log.aborted_transactions(0, 100).unwrap(),
        [],
        "none of its batches was"
    );
    put(&mut log, &[("d", Some("1"))]);
    end_segment(&mut log);
    clean(&mut log, Some(to), NOW + 1 + DAY);
    let left = [
        (1, 1),
        (3, 1),
        (4, 0),
        (5, 1),
        (6, 1),
        (7, 1),
        (8, 1),
        (9, 1),
    ];
    assert_eq!(bases(&mut log), left);
    assert_eq!(log.producers().len(), 2);
}

/// A round that begins behind the marker of an aborted transaction would take all that its producer wrote later for
/// aborted too, and keep what that superseded.
#[test]
fn what_was_aborted_before_the_round_is_over() {
    let disk = disk(1);
    let mut log = open(&disk);
    let of = |sequence| of_producer(7, sequence, true);
    append(&mut log, batch(of(0), &[("a", Some("no"))]), Origin::Client);
    mark(&mut log, 7, false);
    put(&mut log, &[("b", Some("1"))]);
    end_segment(&mut log);
    let to = clean(&mut log, None, NOW);
    append(&mut log, batch(of(1), &[("b", Some("2"))]), Origin::Client);
    mark(&mut log, 7, true);
    end_segment(&mut log);
    clean(&mut log, Some(to), NOW);
    assert_eq!(offsets(&mut log), [3]);
}

/// An open transaction holds back what comes after it: what it will be is not known.
#[test]
fn nothing_is_cleaned_past_an_open_transaction() {
    let disk = disk(1);
    let mut log = open(&disk);
    put(&mut log, &[("a", Some("1"))]);
    end_segment(&mut log);
    put(&mut log, &[("a", Some("2"))]);
    append(
        &mut log,
        batch(of_producer(7, 0, true), &[("a", Some("3"))]),
        Origin::Client,
    );
    put(&mut log, &[("a", Some("4"))]);
    end_segment(&mut log);
    let cleanable = log.cleanable(None, NOW).unwrap();
    assert_eq!((cleanable.first_dirty, cleanable.first_uncleanable), (0, 1));
    assert_eq!(clean(&mut log, None, NOW), 1);
    assert_eq!(offsets(&mut log), [0, 1, 2, 3]);
    mark(&mut log, 7, false);
    assert_eq!(clean(&mut log, Some(1), NOW), 4);
    assert_eq!(offsets(&mut log), [3]);
}

/// The end of a producer's batches is what its next one is checked against; without it a retry would be there twice.
#[test]
fn the_last_batch_of_a_producer_stays_empty() {
    let disk = disk(1);
    let mut log = open(&disk);
    append(
        &mut log,
        batch(of_producer(7, 0, false), &[("a", Some("1"))]),
        Origin::Client,
    );
    append(
        &mut log,
        batch(of_producer(7, 1, false), &[("a", Some("2"))]),
        Origin::Client,
    );
    put(&mut log, &[("a", Some("3"))]);
    end_segment(&mut log);
    clean(&mut log, None, NOW);
    assert_eq!(held(&mut log).1, [(1, 1, 0), (2, 2, 1)]);
    drop(log);
    let mut log = open(&disk);
    assert_eq!(log.producers()[0].last_sequence, 1);
    append(
        &mut log,
        batch(of_producer(7, 1, false), &[("a", Some("2"))]),
        Origin::Client,
    );
    assert_eq!(log.log_end_offset(), 3, "it was there already");
}

/// Records without a key can be in a log that was not compacted before: nothing says which of them is the latest.
#[test]
fn records_without_a_key_go_and_are_counted() {
    let disk = disk(1);
    let mut log = open(&disk);
    log.set_config(LogConfig {
        cleanup_compact: false,
        ..config()
    });
    put(&mut log, &[("", Some("1")), ("a", Some("1")), ("", None)]);
    log.set_config(config());
    end_segment(&mut log);
    let (_, done) = clean_from(&mut log, None, NOW, LIMITS).unwrap();
    assert_eq!(
        (done.keyless, done.records_read, done.records_written),
        (2, 3, 1)
    );
    assert_eq!(offsets(&mut log), [1]);
}

/// A table of keys that is too small for all is used up, and the next round goes on behind, within a batch if need be; one
/// for no key lets no round succeed, which must be told and not tried for ever.
#[test]
fn a_small_table_takes_several_rounds() {
    let disk = disk(1);
    let mut log = open(&disk);
    for n in 0..60 {
        put(
            &mut log,
            &[(&format!("k{}", n % 20), Some("x")), ("b", Some("y"))],
        );
    }
    let active = log.last_segment().base_offset;
    let small = |keys: usize| CleanerLimits {
        keys_bytes_max: 24 * keys,
        load_factor: 1.0,
        ..LIMITS
    };
    let (mut to, mut rounds) = (0, 0);
    while to < active {
        to = clean_from(&mut log, Some(to), NOW, small(8)).unwrap().0;
        rounds += 1;
        assert!(rounds < 100);
    }
    assert!(rounds > 5, "{rounds}");
    let below = held(&mut log).0.into_iter().filter(|row| row.0 < active);
    assert_eq!(below.count(), 21);
    let refused = clean_from(&mut log, Some(0), NOW, small(0)).unwrap_err();
    assert!(
        matches!(&refused, CleanError::Uncleanable(text) if text.contains("dedupe.buffer.size"))
    );
}

/// A lag keeps what is young as it is; what is overdue is told, so that it is cleaned though little is dirty.
#[test]
fn lags_are_kept() {
    let disk = disk(1);
    let mut log = open(&disk);
    put(&mut log, &[("a", Some("1"))]);
    end_segment(&mut log);
    put(&mut log, &[("a", Some("2"))]);
    end_segment(&mut log);
    let lags = LogConfig {
        min_compaction_lag_ms: 1000,
        max_compaction_lag_ms: 5000,
        ..config()
    };
    log.set_config(lags);
    let at = |log: &mut Log<SimDisk>, now_ms| {
        let cleanable = log.cleanable(None, now_ms).unwrap();
        (cleanable.first_uncleanable, cleanable.overdue_ms)
    };
    assert_eq!(at(&mut log, NOW + 999), (0, 0));
    assert_eq!(at(&mut log, NOW + 1000), (2, 0));
    assert_eq!(at(&mut log, NOW + 5000), (2, 0));
    assert_eq!(at(&mut log, NOW + 5007), (2, 7));
    let wrong = log.cleanable(Some(99), NOW).unwrap();
    assert!(wrong.reset && wrong.first_dirty == 0, "{wrong:?}");
    let whole = log.cleanable(Some(2), NOW + 5000).unwrap();
    assert_eq!((whole.cleanable_bytes, whole.ratio()), (0, 0.0));
}

/// Bytes that are no batch must not get a fresh checksum: they are named, and the log stays as it is.
#[test]
fn damage_is_named_and_kept() {
    let disk = disk(1);
    let mut log = open(&disk);
    put(&mut log, &[("a", Some("1"))]);
    put(&mut log, &[("a", Some("2"))]);
    end_segment(&mut log);
    let path = dir().join("00000000000000000000.log");
    let file = disk.open(&path, Open::Write).unwrap();
    let len = file.len().unwrap();
    file.write_all_at(b"!", len - 2).unwrap();
    let refused = clean_from(&mut log, None, NOW, LIMITS).unwrap_err();
    assert!(
        matches!(&refused, CleanError::Uncleanable(text) if text.contains("00000.log: byte")),
        "{refused:?}"
    );
    assert_eq!(disk.stat(&path).unwrap().unwrap().len, len);
    assert!(names(&disk).iter().all(|name| !name.contains(".cleaned")));
}

/// A disk without room costs the round and nothing else: the old segments stay.
#[test]
fn a_full_disk_keeps_the_old_segments() {
    let mut failed = 0;
    for room in (0..3000).step_by(50) {
        let disk = disk(1);
        let mut log = open(&disk);
        for n in 0..20 {
            put(&mut log, &[(&format!("k{n}"), Some("x")), ("b", Some("y"))]);
        }
        let before = held(&mut log);
        disk.set_capacity(disk.used() + room);
        match clean_from(&mut log, None, NOW, LIMITS) {
            Ok(_) => {}
            Err(CleanError::Disk(error)) => {
                assert!(error.is_full(), "{error}");
                failed += 1;
                if !names(&disk).iter().any(|name| name.contains(".swap")) {
                    let first = before.0.first().cloned();
                    assert!(held(&mut log).0.first() == first.as_ref() || log.segment_count() > 1);
                }
            }
            Err(error) => panic!("{error:?}"),
        }
        disk.set_capacity(u64::MAX);
        clean(&mut log, None, NOW);
        let active = log.last_segment().base_offset;
        let below = held(&mut log).0.into_iter().filter(|row| row.0 < active);
        let keys: Vec<_> = below.map(|row| row.1).collect();
        assert_eq!(keys.len(), 1 + active as usize / 2, "{room}: {keys:?}");
    }
    assert!(failed > 5, "{failed}");
}
