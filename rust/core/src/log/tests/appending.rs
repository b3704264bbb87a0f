//! What goes in: batches, producers, transactions.

use super::*;

/// A batch that was refused, of which nobody was told, would be in the log after the next start.
#[test]
fn a_failed_write_leaves_nothing_behind() {
    let (disk, mut log) = fresh(config());
    put(&mut log, batch(&["kept"])).unwrap();
    let [mut first, mut second] = [batch(&["refused"]), batch(&["refused"])];
    first[..8].copy_from_slice(&1_i64.to_be_bytes());
    second[..8].copy_from_slice(&2_i64.to_be_bytes());
    let both = [first.clone(), second].concat();
    disk.set_capacity(disk.used() + first.len() as u64 + 10);
    let refused = log.append_as_follower(&both, NOW);
    assert_eq!(code(refused), Code::KafkaStorageError);
    disk.set_capacity(u64::MAX);
    assert_eq!(log.failure(), None, "it could be cut back");
    drop(log);
    disk.kill();
    let (mut log, recovery) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(read_all(&mut log, 0), [(0, "kept".to_owned())]);
    assert_eq!(recovery.truncated_bytes, 0);
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
    assert_eq!(code(put(&mut log, old.clone())), Code::InvalidRecord);
    old[16] = 3;
    assert_eq!(code(put(&mut log, old)), Code::CorruptMessage);
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
    assert!(refused.by_content);
    assert_eq!(code(put(&mut log, Vec::new())), Code::InvalidRecord);
    let mut small = log.config().clone();
    small.max_message_bytes = 100;
    log.set_config(small);
    assert_eq!(
        code(put(&mut log, batch(&["a"; 50]))),
        Code::MessageTooLarge
    );
    assert_eq!((log.log_end_offset(), log.size()), (0, 0));
}

fn sealed(records: &[u8], count: u8, attributes: u8) -> Vec<u8> {
    let mut bytes = batch(&["a"])[..HEADER_BYTES].to_vec();
    (bytes[22], bytes[26], bytes[60]) = (attributes, count.wrapping_sub(1), count);
    bytes.extend_from_slice(records);
    let length = (bytes.len() - 12) as u32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    crate::batch::seal(&mut bytes);
    bytes
}

fn gzip(records: &[u8]) -> Vec<u8> {
    let gzip = crate::compression::Compressor::new(Codec::Gzip, Default::default(), Vec::new());
    let mut stream = gzip.unwrap();
    std::io::Write::write_all(&mut stream, records).unwrap();
    stream.finish().unwrap()
}

/// Malformed records, each with the answer of 4.3.1; one that passed would break every reader behind it.
#[test]
fn malformed_records_are_refused() {
    // One record: length 7 (0x0e), attributes, timestamp, offset, key of 1, value of 1, no headers.
    let good = [0x10, 0, 0, 0, 2, b'k', 2, b'v', 0];
    let with = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        bytes
    };
    let refused = [
        ("too long", sealed(&with(0, 0x12), 1, 0)),
        ("too short", sealed(&with(0, 0x0e), 1, 0)),
        ("negative length", sealed(&with(0, 0x01), 1, 0)),
        ("negative headers", sealed(&with(8, 1), 1, 0)),
        ("many headers", sealed(&with(8, 100), 1, 0)),
        ("key beyond the record", sealed(&with(4, 60), 1, 0)),
        ("value beyond the record", sealed(&with(6, 60), 1, 0)),
        ("bytes behind", sealed(&[&good[..], &[0, 0]].concat(), 1, 0)),
        ("a record is missing", sealed(&good, 2, 0)),
        ("not gzip", sealed(&good, 1, 1)),
        ("not snappy", sealed(&good, 1, 2)),
        ("not lz4", sealed(&good, 1, 3)),
        ("not zstd", sealed(&good, 1, 4)),
        ("cut gzip", sealed(&gzip(&good)[..12], 1, 1)),
        (
            "bytes behind in gzip",
            sealed(&gzip(&[&good[..], &[0]].concat()), 1, 1),
        ),
        ("compressed offsets", sealed(&gzip(&with(3, 6)), 1, 1)),
    ];
    let (_, mut log) = fresh(config());
    for (name, bytes) in refused {
        let error = put(&mut log, bytes).expect_err(name);
        assert_eq!(
            (error.code, error.by_content),
            (Code::InvalidRecord, true),
            "{name}"
        );
    }
    let unknown = code(put(&mut log, sealed(&good, 1, 5)));
    assert_eq!(unknown, Code::UnsupportedCompressionType);
    for bytes in [
        sealed(&good, 1, 0),
        sealed(&with(3, 6), 1, 0),
        sealed(&gzip(&good), 1, 1),
    ] {
        put(&mut log, bytes).unwrap();
    }
    assert_eq!(log.log_end_offset(), 3);
}

/// A small batch that unpacks to a great deal is walked, not held: the limit is on the batch as it came.
#[test]
fn a_bomb_costs_time_only() {
    let value = "0".repeat(32 << 20);
    for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
        let spec = BatchSpec {
            codec,
            ..Default::default()
        };
        let bomb = batch_with(spec, &[value.as_str()]);
        assert!(bomb.len() < 1 << 20, "{codec:?}");
        let (_, mut log) = fresh(config());
        put(&mut log, bomb.clone()).unwrap();
        let (_, mut log) = fresh(LogConfig {
            compression: Some(Codec::None),
            ..config()
        });
        assert_eq!(code(put(&mut log, bomb)), Code::MessageTooLarge);
    }
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

/// A reader of committed records would be given what was aborted: the marker is there, its entry in the index is not. So
/// where the entry can't be written, nothing is; and an entry whose marker can't be written goes.
#[test]
fn what_is_aborted_is_noted_before_its_marker_or_neither_is_there() {
    for writes in 0..4 {
        let (disk, mut log) = fresh(config());
        put(&mut log, produced(1, 0, 0, 2, true)).unwrap();
        put(&mut log, batch(&["plain"])).unwrap();
        disk.fail_after(Some(writes));
        let done = put_marker(&mut log, marker(1, 0, false));
        disk.fail_after(None);
        log.set_high_watermark(log.log_end_offset());
        let index = dir().join(file_name(0, ".txnindex"));
        let noted = disk
            .open(&index, Open::Read)
            .map_or(0, |file| file.len().unwrap());
        if done.is_ok() {
            assert_eq!((noted, log.last_stable_offset()), (34, 4), "{writes}");
            continue;
        }
        assert_eq!(
            (log.log_end_offset(), log.last_stable_offset()),
            (3, 0),
            "{writes}"
        );
        let end = log.read(0, 1 << 20, 1 << 40, true).unwrap().len;
        let whole = log.read(0, 1 << 20, 3, true).unwrap().len;
        assert_eq!(end, whole, "{writes}: nothing is read behind the end");
        if log.failure().is_none() {
            assert_eq!(noted, 0, "{writes}");
            put_marker(&mut log, marker(1, 0, false)).unwrap();
            log.set_high_watermark(log.log_end_offset());
            let found = log.aborted_transactions(0, 4).unwrap();
            assert_eq!(found.len(), 1, "{writes}");
        }
    }
}
