//! One behaviour of the log a test, on the simulated disk.

use std::path::{Path, PathBuf};

use super::files::*;
use super::*;
use crate::batch::{
    BatchSpec, Batches, Builder, HEADER_BYTES, RecordOut, Records, StreamSource, crc_holds,
};
use crate::compression::{Codec, Decompressor};
use crate::disk::SimDisk;

const NOW: i64 = 1_700_000_000_000;

fn config() -> LogConfig {
    LogConfig {
        segment_index_bytes: 4096,
        ..LogConfig::default()
    }
}

fn dir() -> PathBuf {
    PathBuf::from("/data/topic-0")
}

fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk
}

fn open_with(disk: &SimDisk, config: LogConfig, hints: OpenHints) -> (Log<SimDisk>, Recovery) {
    Log::open(disk.clone(), dir(), config, NOW, hints).unwrap()
}

fn fresh(config: LogConfig) -> (SimDisk, Log<SimDisk>) {
    let disk = disk();
    let (log, recovery) = open_with(&disk, config, OpenHints::default());
    assert_eq!(recovery.to_string(), "");
    (disk, log)
}

fn client() -> AppendContext {
    AppendContext {
        now_ms: NOW,
        leader_epoch: 0,
        origin: Origin::Client,
        produce_version: 11,
    }
}

fn batch_with(spec: BatchSpec, values: &[&str]) -> Vec<u8> {
    timed(
        spec,
        &values.iter().map(|value| (NOW, *value)).collect::<Vec<_>>(),
    )
}

fn timed(spec: BatchSpec, values: &[(i64, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(spec).unwrap();
    for (timestamp_ms, value) in values {
        let record = RecordOut {
            timestamp_ms: *timestamp_ms,
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            headers: &[(b"h", None)],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

fn batch(values: &[&str]) -> Vec<u8> {
    batch_with(BatchSpec::default(), values)
}

fn produced(id: i64, epoch: i16, sequence: i32, count: usize, transactional: bool) -> Vec<u8> {
    let spec = BatchSpec {
        producer_id: id,
        producer_epoch: epoch,
        base_sequence: sequence,
        transactional,
        ..BatchSpec::default()
    };
    batch_with(spec, &vec!["v"; count])
}

fn marker(id: i64, epoch: i16, commit: bool) -> Vec<u8> {
    let spec = BatchSpec {
        producer_id: id,
        producer_epoch: epoch,
        transactional: true,
        control: true,
        ..BatchSpec::default()
    };
    let mut builder = Builder::new(spec).unwrap();
    let record = RecordOut {
        timestamp_ms: NOW,
        key: Some(if commit { &[0, 0, 0, 1] } else { &[0, 0, 0, 0] }),
        value: Some(&[0, 0, 0, 0, 0, 7]),
        headers: &[],
    };
    builder.append(&record).unwrap();
    builder.finish(None).unwrap()
}

fn put(log: &mut Log<SimDisk>, mut bytes: Vec<u8>) -> Result<Appended, AppendError> {
    let done = log.append(&mut bytes, &client());
    log.set_high_watermark(log.log_end_offset());
    done
}

fn put_marker(log: &mut Log<SimDisk>, mut bytes: Vec<u8>) -> Result<Appended, AppendError> {
    log.append(
        &mut bytes,
        &AppendContext {
            origin: Origin::Coordinator,
            ..client()
        },
    )
}

fn code(done: Result<Appended, AppendError>) -> Code {
    done.unwrap_err().code
}

fn bytes_of(slice: &Slice<crate::disk::SimFile>) -> Vec<u8> {
    let mut bytes = vec![0; slice.len];
    if let Some(file) = &slice.file {
        file.read_exact_at(&mut bytes, slice.position).unwrap();
    }
    bytes
}

/// (offset, value) of all records from `from` on.
fn read_all(log: &mut Log<SimDisk>, from: i64) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    let mut next = from;
    while next < log.log_end_offset() {
        let slice = log.read(next, 1, i64::MAX, true).unwrap();
        let bytes = bytes_of(&slice);
        for piece in Batches::new(&bytes) {
            let (_, header, batch) = piece.unwrap();
            assert!(crc_holds(batch));
            let stream =
                Decompressor::new(header.codec().unwrap(), &batch[HEADER_BYTES..]).unwrap();
            let mut records = Records::new(StreamSource::new(stream), header.record_count);
            while let Some(record) = records.next_record().unwrap() {
                let offset = header.base_offset + i64::from(record.offset_delta);
                let value = String::from_utf8(record.value.unwrap_or_default()).unwrap();
                if offset >= from {
                    out.push((offset, value));
                }
            }
            next = header.next_offset();
        }
    }
    out
}

/// Every codec must be stored as it came and read back at the right offsets.
#[test]
fn append_and_read() {
    let (_, mut log) = fresh(config());
    for number in 0..5 {
        let spec = BatchSpec {
            codec: Codec::from_number(number).unwrap(),
            ..Default::default()
        };
        let done = put(&mut log, batch_with(spec, &["a", "b"])).unwrap();
        assert_eq!(
            (done.base_offset, done.last_offset),
            (i64::from(number) * 2, i64::from(number) * 2 + 1)
        );
    }
    let all = read_all(&mut log, 3);
    assert_eq!(all.len(), 7);
    assert_eq!(all[0], (3, "b".to_owned()));
    assert_eq!(log.read(10, 100, i64::MAX, true).unwrap().len, 0);
    assert!(matches!(
        log.read(11, 100, i64::MAX, true),
        Err(ReadError::OffsetOutOfRange {
            log_start_offset: 0,
            log_end_offset: 10
        })
    ));
    let two = log.read(0, usize::MAX, 4, true).unwrap();
    let bytes = bytes_of(&two);
    assert_eq!(Batches::new(&bytes).count(), 2);
    assert!(log.read(0, 10, 4, false).unwrap().first_batch_incomplete);
}

/// A bad batch that got in would be served to every consumer for ever.
#[test]
fn bad_batches_are_refused() {
    let (_, mut log) = fresh(config());
    let mut corrupt = batch(&["a"]);
    let last = corrupt.len() - 1;
    corrupt[last] ^= 1;
    assert_eq!(code(put(&mut log, corrupt)), Code::CorruptMessage);
    let two = [batch(&["a"]), batch(&["b"])].concat();
    assert_eq!(code(put(&mut log, two)), Code::InvalidRecord);
    assert_eq!(code(put(&mut log, marker(1, 0, true))), Code::InvalidRecord);
    let mut old = batch(&["a"]);
    old[16] = 1;
    assert_eq!(code(put(&mut log, old)), Code::InvalidRecord);
    let spec = BatchSpec {
        codec: Codec::Zstd,
        ..Default::default()
    };
    let mut zstd = batch_with(spec, &["a"]);
    let early = AppendContext {
        produce_version: 6,
        ..client()
    };
    assert_eq!(
        code(log.append(&mut zstd, &early)),
        Code::UnsupportedCompressionType
    );
    let spec = BatchSpec {
        base_offset: 5,
        ..Default::default()
    };
    assert_eq!(
        code(put(&mut log, batch_with(spec, &["a"]))),
        Code::InvalidRecord
    );
    let mut miscounted = batch(&["a", "b"]);
    miscounted[60] = 3;
    crate::batch::seal(&mut miscounted);
    assert_eq!(code(put(&mut log, miscounted)), Code::InvalidRecord);
    let mut miscounted = batch(&["a", "b"]);
    (miscounted[60], miscounted[26]) = (3, 2);
    crate::batch::seal(&mut miscounted);
    assert_eq!(code(put(&mut log, miscounted)), Code::InvalidRecord);
    let far = timed(BatchSpec::default(), &[(NOW, "a"), (NOW + 3_600_001, "b")]);
    let refused = put(&mut log, far).unwrap_err();
    assert_eq!(refused.code, Code::InvalidTimestamp);
    assert_eq!(refused.record_errors[0].batch_index, 1);
    assert_eq!(
        put(&mut log, Vec::new()).unwrap_err().code,
        Code::InvalidRecord
    );
    let mut small = log.config().clone();
    small.max_message_bytes = 100;
    log.set_config(small);
    assert_eq!(
        code(put(&mut log, batch(&["a"; 50]))),
        Code::MessageTooLarge
    );
    assert_eq!((log.log_end_offset(), log.size()), (0, 0));
}

/// A record without a key could never be cleaned from a compacted topic.
#[test]
fn compacted_topics_want_keys() {
    let (_, mut log) = fresh(LogConfig {
        cleanup_compact: true,
        cleanup_delete: false,
        ..config()
    });
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    let keyless = RecordOut {
        timestamp_ms: NOW,
        key: None,
        value: None,
        headers: &[],
    };
    builder.append(&keyless).unwrap();
    let refused = put(&mut log, builder.finish(None).unwrap()).unwrap_err();
    assert_eq!(
        (refused.code, refused.record_errors.len()),
        (Code::InvalidRecord, 1)
    );
    assert!(log.is_uncleaned());
}

/// Consumers see the broker's time, or the topic's codec, where the topic says so.
#[test]
fn append_time_and_recompression() {
    let (_, mut log) = fresh(LogConfig {
        timestamp_type: TimestampType::LogAppendTime,
        compression: Some(Codec::Zstd),
        ..config()
    });
    let done = put(&mut log, timed(BatchSpec::default(), &[(5, "a"), (9, "b")])).unwrap();
    assert_eq!(done.log_append_time_ms, NOW);
    let bytes = bytes_of(&log.read(0, 1, i64::MAX, true).unwrap());
    let header = crate::batch::first_header(&bytes).unwrap();
    assert_eq!(header.codec(), Some(Codec::Zstd));
    assert!(header.is_log_append_time() && crc_holds(&bytes));
    assert_eq!(header.max_timestamp, NOW);
    assert_eq!(
        read_all(&mut log, 0),
        [(0, "a".to_owned()), (1, "b".to_owned())]
    );
    let mut plain = log.config().clone();
    plain.compression = Some(Codec::None);
    log.set_config(plain);
    let spec = BatchSpec {
        codec: Codec::Gzip,
        ..Default::default()
    };
    put(&mut log, batch_with(spec, &["c"])).unwrap();
    let bytes = bytes_of(&log.read(2, 1, i64::MAX, true).unwrap());
    assert_eq!(
        crate::batch::first_header(&bytes).unwrap().codec(),
        Some(Codec::None)
    );
}

/// A retry must not be written twice, a gap must not be written at all; both must hold after a restart too.
#[test]
fn idempotent_producers() {
    let (disk, mut log) = fresh(config());
    for n in 0..7 {
        put(&mut log, produced(9, 0, n * 2, 2, false)).unwrap();
    }
    let again = put(&mut log, produced(9, 0, 6, 2, false)).unwrap();
    assert!(again.duplicate);
    assert_eq!((again.base_offset, again.last_offset), (6, 7));
    let forgotten = produced(9, 0, 2, 2, false);
    assert_eq!(
        code(put(&mut log, forgotten)),
        Code::OutOfOrderSequenceNumber
    );
    assert_eq!(
        code(put(&mut log, produced(9, 0, 15, 1, false))),
        Code::OutOfOrderSequenceNumber
    );
    assert_eq!(
        code(put(&mut log, produced(9, 1, 3, 1, false))),
        Code::OutOfOrderSequenceNumber
    );
    put(&mut log, produced(9, 1, 0, 1, false)).unwrap();
    assert_eq!(
        code(put(&mut log, produced(9, 0, 14, 1, false))),
        Code::InvalidProducerEpoch
    );
    // A producer that is not known here may begin anywhere, up to the wrap.
    put(&mut log, produced(10, 0, i32::MAX - 1, 2, false)).unwrap();
    put(&mut log, produced(10, 0, 0, 1, false)).unwrap();
    log.close(true).unwrap();
    let clean = OpenHints {
        clean_shutdown: true,
        ..OpenHints::default()
    };
    let (mut log, _) = open_with(&disk, config(), clean);
    assert!(
        put(&mut log, produced(10, 0, 0, 1, false))
            .unwrap()
            .duplicate
    );
    assert_eq!(
        code(put(&mut log, produced(9, 1, 5, 1, false))),
        Code::OutOfOrderSequenceNumber
    );
    log.close(false).unwrap();
    let (mut log, recovery) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(recovery.recovered_segments, 1);
    assert!(
        put(&mut log, produced(9, 1, 0, 1, false))
            .unwrap()
            .duplicate
    );
    assert_eq!(log.producers().len(), 2);
    assert_eq!(log.expire_producers(NOW + 86_400_000), 2);
}

/// read_committed would show aborted or undecided data.
#[test]
fn transactions() {
    let (disk, mut log) = fresh(config());
    put(&mut log, produced(1, 0, 0, 2, true)).unwrap(); // 0-1
    put(&mut log, produced(2, 0, 0, 1, true)).unwrap(); // 2
    put(&mut log, batch(&["plain"])).unwrap(); // 3
    assert_eq!(log.last_stable_offset(), 0);
    assert_eq!(
        code(put(&mut log, produced(1, 0, 2, 1, false))),
        Code::InvalidTxnState
    );
    put_marker(&mut log, marker(1, 0, false)).unwrap(); // 4
    assert_eq!(
        log.last_stable_offset(),
        0,
        "the marker is above the high watermark"
    );
    log.set_high_watermark(5);
    assert_eq!(log.last_stable_offset(), 2);
    put_marker(&mut log, marker(2, 0, true)).unwrap(); // 5
    put(&mut log, produced(2, 0, 1, 1, true)).unwrap(); // 6
    put_marker(&mut log, marker(2, 0, false)).unwrap(); // 7
    log.set_high_watermark(8);
    assert_eq!(log.last_stable_offset(), 8);
    let aborted = |log: &mut Log<SimDisk>, from, to| {
        let found = log.aborted_transactions(from, to).unwrap();
        found
            .iter()
            .map(|a| (a.producer_id, a.first_offset))
            .collect::<Vec<_>>()
    };
    assert_eq!(aborted(&mut log, 0, 8), [(1, 0), (2, 6)]);
    assert_eq!(aborted(&mut log, 5, 8), [(2, 6)]);
    assert_eq!(aborted(&mut log, 0, 6), [(1, 0)]);
    put(&mut log, produced(3, 0, 0, 1, true)).unwrap(); // 8, left open
    log.close(true).unwrap();
    for clean_shutdown in [true, false] {
        let (mut log, _) = open_with(
            &disk,
            config(),
            OpenHints {
                clean_shutdown,
                ..OpenHints::default()
            },
        );
        log.set_high_watermark(9);
        assert_eq!(log.last_stable_offset(), 8);
        assert_eq!(aborted(&mut log, 0, 9), [(1, 0), (2, 6)]);
        log.close(false).unwrap();
    }
}

/// Segments end where Kafka ends them, with trimmed indexes and a snapshot at the new base.
#[test]
fn roll_by_size_and_time() {
    let size = batch(&["a"]).len() as u32;
    let (disk, mut log) = fresh(LogConfig {
        segment_bytes: size * 3,
        segment_ms: 1000,
        index_interval_bytes: 1,
        ..config()
    });
    for n in 0..7 {
        assert_eq!(
            put(&mut log, batch(&["a"])).unwrap().rolled,
            n == 3 || n == 6,
            "{n}"
        );
    }
    let late = timed(BatchSpec::default(), &[(NOW + 1001, "b")]);
    assert!(put(&mut log, late).unwrap().rolled);
    assert!(!log.roll_if_due(NOW + 1000).unwrap());
    assert!(log.roll_if_due(NOW + 1001).unwrap());
    let names: Vec<String> = disk
        .list(&dir())
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    for name in ["00000000000000000003.log", "00000000000000000003.snapshot"] {
        assert!(names.iter().any(|n| n == name), "{names:?}");
    }
    let len = |name: &str| disk.stat(&dir().join(name)).unwrap().unwrap().len;
    assert_eq!(len("00000000000000000000.index"), 16);
    assert_eq!(len("00000000000000000000.timeindex"), 12);
    assert_eq!(len("00000000000000000008.index"), 4096);
    assert_eq!(len("00000000000000000008.timeindex"), 4092);
    assert_eq!(read_all(&mut log, 0).len(), 8);
    assert_eq!(read_all(&mut log, 5)[0].0, 5);
}

/// Data must go when the topic says, and not before: never above the high watermark, never from compacted topics.
#[test]
fn retention() {
    let size = batch(&["a"]).len() as u32;
    let by_time = LogConfig {
        segment_bytes: size,
        retention_ms: 5000,
        file_delete_delay_ms: 100,
        ..config()
    };
    let (disk, mut log) = fresh(by_time.clone());
    for n in 0..4 {
        put(
            &mut log,
            timed(BatchSpec::default(), &[(NOW + n * 1000, "a")]),
        )
        .unwrap();
    }
    let compacted = LogConfig {
        cleanup_delete: false,
        cleanup_compact: true,
        ..by_time.clone()
    };
    log.set_config(compacted);
    assert_eq!(log.enforce_retention(NOW + 100_000).unwrap(), []);
    log.set_config(by_time.clone());
    log.high_watermark = 1;
    assert_eq!(log.enforce_retention(NOW + 7001).unwrap().len(), 1);
    log.set_high_watermark(4);
    let gone = log.enforce_retention(NOW + 7001).unwrap();
    assert_eq!(
        gone.iter().map(|s| s.base_offset).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!((log.log_start_offset(), log.segment_count()), (3, 1));
    assert!(log.remove_deleted(NOW + 7050).unwrap() == 0);
    assert!(log.remove_deleted(NOW + 7101).unwrap() > 8);
    assert!(
        disk.list(&dir())
            .unwrap()
            .iter()
            .all(|e| !e.name.ends_with(".deleted"))
    );
    let gone = log.enforce_retention(NOW + 100_000).unwrap();
    assert_eq!(
        (gone.len(), log.log_start_offset(), log.segment_count()),
        (1, 4, 1)
    );
    let by_size = LogConfig {
        retention_ms: -1,
        retention_bytes: i64::from(size) * 2,
        ..by_time
    };
    log.set_config(by_size);
    for _ in 0..5 {
        put(&mut log, batch(&["a"])).unwrap();
    }
    assert_eq!(log.enforce_retention(NOW).unwrap().len(), 3);
    assert_eq!(log.log_start_offset(), 7);
}

/// DeleteRecords hides records at once and frees whole segments.
#[test]
fn delete_records() {
    let size = batch(&["a", "b"]).len() as u32;
    let (disk, mut log) = fresh(LogConfig {
        segment_bytes: size,
        ..config()
    });
    for _ in 0..3 {
        put(&mut log, batch(&["a", "b"])).unwrap();
    }
    assert_eq!(log.delete_records(3).unwrap(), 3);
    assert_eq!(
        log.delete_records(1).unwrap(),
        3,
        "the start does not move back"
    );
    assert!(matches!(
        log.delete_records(7),
        Err(LogError::OutOfRange { .. })
    ));
    assert!(log.read(2, 10, 6, true).is_err());
    assert_eq!(read_all(&mut log, 3).len(), 3);
    assert_eq!(
        log.enforce_retention(NOW).unwrap()[0].reason,
        DeletedFor::LogStartOffset
    );
    log.close(true).unwrap();
    let hints = OpenHints {
        clean_shutdown: true,
        log_start_offset: 3,
        ..OpenHints::default()
    };
    let (mut log, _) = open_with(&disk, config(), hints);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (3, 6));
    log.set_high_watermark(6);
    assert_eq!(log.delete_records(-1).unwrap(), 6);
}

/// ListOffsets by time must find the first record that is not older.
#[test]
fn lookup_by_time() {
    let (_, mut log) = fresh(LogConfig {
        segment_bytes: 300,
        index_interval_bytes: 1,
        ..config()
    });
    let times = [10, 20, 15, 40, 40, 30, 50, 45];
    for pair in times.chunks(2) {
        let values: Vec<_> = pair.iter().map(|t| (NOW + t, "v")).collect();
        put(&mut log, timed(BatchSpec::default(), &values)).unwrap();
    }
    assert!(log.segment_count() > 1);
    log.begin_epoch(3).unwrap();
    let end = log.log_end_offset();
    let mut at = |time| {
        log.lookup(Lookup::Time(NOW + time), end)
            .unwrap()
            .map(|f| f.offset)
    };
    assert_eq!(
        (at(0), at(11), at(20), at(21)),
        (Some(0), Some(1), Some(1), Some(3))
    );
    assert_eq!((at(41), at(50), at(51)), (Some(6), Some(6), None));
    let max = log.lookup(Lookup::MaxTimestamp, end).unwrap().unwrap();
    assert_eq!(
        (max.offset, max.timestamp_ms, max.leader_epoch),
        (6, NOW + 50, 0)
    );
    assert_eq!(log.lookup(Lookup::Time(NOW + 50), 6).unwrap(), None);
    assert_eq!(log.lookup(Lookup::Latest, 5).unwrap().unwrap().offset, 5);
    let first = log.lookup(Lookup::Earliest, end).unwrap().unwrap();
    assert_eq!((first.offset, first.leader_epoch), (0, 0));
    assert_eq!(
        log.lookup(Lookup::LatestTiered, end)
            .unwrap()
            .unwrap()
            .offset,
        -1
    );
    assert_eq!(log.epoch_end_offset(0), (0, 8));
    assert_eq!(log.epoch_end_offset(3), (3, 8));
}

/// A follower cuts what its leader never had, and takes what it sends with its offsets.
#[test]
fn truncation_and_following() {
    let size = batch(&["a", "b"]).len() as u32;
    let (disk, mut log) = fresh(LogConfig {
        segment_bytes: size * 2,
        ..config()
    });
    for n in 0..5 {
        let context = AppendContext {
            leader_epoch: n / 2,
            ..client()
        };
        log.append(&mut batch(&["a", "b"]), &context).unwrap();
    }
    log.truncate_to(5, NOW).unwrap();
    assert_eq!(log.log_end_offset(), 5);
    log.truncate_to(4, NOW).unwrap();
    assert_eq!((log.log_end_offset(), log.latest_epoch()), (4, Some(0)));
    let mut foreign = batch_with(
        BatchSpec {
            base_offset: 6,
            leader_epoch: 5,
            ..Default::default()
        },
        &["x"],
    );
    let again = foreign.clone();
    log.append_as_follower(&foreign, NOW).unwrap();
    assert_eq!((log.log_end_offset(), log.latest_epoch()), (7, Some(5)));
    assert_eq!(
        log.append_as_follower(&again, NOW).unwrap_err().code,
        Code::OffsetOutOfRange
    );
    foreign[70] ^= 1;
    assert_eq!(
        log.append_as_follower(&foreign, NOW).unwrap_err().code,
        Code::CorruptMessage
    );
    assert_eq!(read_all(&mut log, 4), [(6, "x".to_owned())]);
    log.close(false).unwrap();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(read_all(&mut log, 0).len(), 5);
    log.truncate_fully_and_start_at(100, NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (100, 100));
    put(&mut log, batch(&["y"])).unwrap();
    assert_eq!(read_all(&mut log, 100), [(100, "y".to_owned())]);
}

/// What half-done deletions and compactions left must neither be served nor stop the start.
#[test]
fn leftovers_and_broken_indexes() {
    let (disk, mut log) = fresh(LogConfig {
        index_interval_bytes: 1,
        ..config()
    });
    for _ in 0..50 {
        put(&mut log, batch(&["a"])).unwrap();
    }
    log.close(true).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        disk.open(&dir().join(name), Open::Truncate)
            .unwrap()
            .write_all_at(bytes, 0)
            .unwrap();
    };
    write("00000000000000000000.timeindex.deleted", b"x");
    write("00000000000000000900.index", b"orphan");
    write("00000000000000000500.log.cleaned", b"x");
    write("00000000000000000000.index", &[0; 80]);
    let clean = OpenHints {
        clean_shutdown: true,
        ..OpenHints::default()
    };
    let (mut log, recovery) = open_with(&disk, config(), clean);
    assert_eq!(recovery.removed_files.len(), 3);
    assert_eq!(log.log_end_offset(), 50);
    assert_eq!(read_all(&mut log, 30)[0].0, 30);
    log.close(true).unwrap();
    disk.remove_file(&dir().join("00000000000000000000.timeindex"))
        .unwrap();
    disk.remove_file(&dir().join("leader-epoch-checkpoint"))
        .unwrap();
    let (log, recovery) = open_with(&disk, config(), clean);
    assert_eq!(recovery.rebuilt_indexes, 1);
    assert_eq!(log.latest_epoch(), Some(0));
    assert!(
        recovery.to_string().contains("leader-epoch-checkpoint"),
        "{recovery}"
    );
}

/// A log cut at any byte opens to its last whole batch and says what it cut.
#[test]
fn a_cut_at_any_byte() {
    let (disk, mut log) = fresh(config());
    for n in 0..3 {
        put(&mut log, produced(5, 0, n, 1, false)).unwrap();
    }
    let size = log.size();
    log.close(false).unwrap();
    let path = file_path(&dir(), 0, LOG_SUFFIX);
    let whole = disk.read_all(&path).unwrap().unwrap();
    assert_eq!(whole.len() as u64, size);
    let one = whole.len() / 3;
    for cut in 0..whole.len() {
        let file = disk.open(&path, Open::Truncate).unwrap();
        file.write_all_at(&whole[..cut], 0).unwrap();
        let (mut log, recovery) = open_with(&disk, config(), OpenHints::default());
        let batches = cut / one;
        assert_eq!(log.log_end_offset(), batches as i64);
        assert_eq!(recovery.truncated_bytes, (cut - batches * one) as u64);
        assert_eq!(recovery.to_string().is_empty(), cut == 0, "{recovery}");
        assert!(
            !put(&mut log, produced(5, 0, batches as i32, 1, false))
                .unwrap()
                .duplicate
        );
        log.close(false).unwrap();
    }
}

/// Messages of an older format are data: recovery must not take them for a torn write.
#[test]
fn old_formats_are_not_cut_away() {
    let disk = disk();
    disk.create_dir_all(&dir()).unwrap();
    let mut message = vec![0; 40];
    (message[11], message[16]) = (28, 1);
    let path = file_path(&dir(), 0, LOG_SUFFIX);
    disk.open(&path, Open::Create)
        .unwrap()
        .write_all_at(&message, 0)
        .unwrap();
    let opened = Log::open(disk.clone(), dir(), config(), NOW, OpenHints::default());
    assert!(matches!(opened, Err(LogError::Corrupt { .. })));
    assert_eq!(disk.read_all(&path).unwrap().unwrap(), message);
}

/// A full disk refuses the append and leaves the log as it was; with room again it goes on.
#[test]
fn a_full_disk() {
    let (disk, mut log) = fresh(config());
    put(&mut log, batch(&["a"])).unwrap();
    disk.set_capacity(disk.used() + 20);
    assert_eq!(code(put(&mut log, batch(&["b"]))), Code::KafkaStorageError);
    assert_eq!(log.log_end_offset(), 1);
    disk.set_capacity(u64::MAX);
    assert_eq!(put(&mut log, batch(&["c"])).unwrap().base_offset, 1);
    assert_eq!(read_all(&mut log, 0).len(), 2);
}

/// Two nodes on one folder would destroy each other's logs.
#[test]
fn locks_exclude() {
    let disk = disk();
    let path = Path::new("/data/.lock");
    let lock = disk.lock(path).unwrap();
    assert_eq!(
        disk.lock(path).err().unwrap().kind(),
        std::io::ErrorKind::WouldBlock
    );
    drop(lock);
    disk.lock(path).unwrap();
}
