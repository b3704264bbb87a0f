//! What stays: segments, retention, lookups, truncation, recovery.

use super::*;

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
    assert!(log.remove_deleted(50).unwrap() == 0);
    assert!(log.remove_deleted(151).unwrap() > 8);
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

/// Who keeps elsewhere what was before drops it while no disk answers, and the files that are left do no harm.
#[test]
fn forgetting_needs_no_disk() {
    let size = batch(&["a"]).len() as u32;
    let small = LogConfig {
        segment_bytes: size * 2,
        ..config()
    };
    let (disk, mut log) = fresh(small.clone());
    for _ in 0..7 {
        put(&mut log, batch(&["a"])).unwrap();
    }
    log.flush().unwrap();
    disk.fail_after(Some(0));
    assert!(log.forget_before(8).is_err());
    assert!(log.forget_before(-1).is_err());
    assert_eq!(log.forget_before(1).unwrap(), Vec::<PathBuf>::new());
    let gone = log.forget_before(5).unwrap();
    let logs = gone
        .iter()
        .filter(|path| path.extension() == Some("log".as_ref()));
    let logs: Vec<_> = logs.map(|path| path.file_stem().unwrap()).collect();
    assert_eq!(logs, ["00000000000000000000", "00000000000000000002"]);
    assert_eq!((log.log_start_offset(), log.segment_count()), (5, 2));
    assert_eq!(log.forget_before(5).unwrap(), Vec::<PathBuf>::new());
    assert!(log.failure().is_none());
    log.flush().unwrap();
    disk.fail_after(None);
    put(&mut log, batch(&["a"])).unwrap();
    assert_eq!(read_all(&mut log, 5).len(), 3);
    for path in &gone[..gone.len() - 3] {
        let _ = disk.remove_file(path);
    }
    log.close(false).unwrap();
    let hints = OpenHints {
        log_start_offset: 5,
        ..OpenHints::default()
    };
    let (mut log, _) = Log::open(disk, dir(), small, NOW, hints).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (5, 8));
    assert_eq!(read_all(&mut log, 5).len(), 3);
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
    assert_eq!(
        recovery.removed_files.len(),
        2,
        "what was deleted is no news"
    );
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

/// An older batch behind the tail must not turn the log's end back: offsets that are taken would be given out again.
#[test]
fn a_batch_that_goes_backward_is_cut() {
    let (disk, mut log) = fresh(config());
    for _ in 0..6 {
        put(&mut log, batch(&["a"])).unwrap();
    }
    let path = file_path(&dir(), 0, LOG_SUFFIX);
    let clean = OpenHints {
        clean_shutdown: true,
        ..OpenHints::default()
    };
    for hints in [clean, OpenHints::default()] {
        log.close(hints.clean_shutdown).unwrap();
        let whole = disk.read_all(&path).unwrap().unwrap();
        let one = whole.len() / 6;
        let file = disk.open(&path, Open::Write).unwrap();
        file.write_all_at(&whole[one..3 * one], whole.len() as u64)
            .unwrap();
        let (opened, recovery) = open_with(&disk, config(), hints);
        log = opened;
        assert_eq!((log.log_end_offset(), log.size()), (6, whole.len() as u64));
        assert!(
            recovery
                .to_string()
                .contains(&format!("cut {} bytes", 2 * one)),
            "{recovery}"
        );
    }
    assert_eq!(put(&mut log, batch(&["b"])).unwrap().base_offset, 6);
}

/// Messages of an older format are data: recovery must not take them for a torn write.
#[test]
fn old_formats_are_not_cut_away() {
    let disk = disk();
    disk.create_dir_all(&dir()).unwrap();
    let mut message = vec![0; 40];
    (message[11], message[16]) = (28, 1);
    let crc = crc_fast::crc32_iso_hdlc(&message[16..]);
    message[12..16].copy_from_slice(&crc.to_be_bytes());
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

/// A full disk would keep the log from being opened after a kill, for want of room for what only speeds it up.
#[test]
fn a_start_on_a_full_disk() {
    let config = LogConfig {
        segment_bytes: batch(&["a"]).len() as u32 * 3,
        index_interval_bytes: 1,
        ..config()
    };
    let (disk, mut log) = fresh(config.clone());
    for n in 0..8 {
        put(&mut log, timed(BatchSpec::default(), &[(NOW + n, "a")])).unwrap();
    }
    drop(log);
    disk.kill();
    disk.set_capacity(1);
    let (mut log, _) = open_with(&disk, config.clone(), OpenHints::default());
    assert_eq!(read_all(&mut log, 0).len(), 8);
    log.set_high_watermark(8);
    let what = Lookup::from_timestamp(NOW + 5).unwrap();
    assert_eq!(log.lookup(what, 8).unwrap().unwrap().offset, 5);
    assert!(put(&mut log, batch(&["b"])).is_err());
    let full = log.flush().unwrap_err().to_string();
    assert!(full.ends_with("free some space"), "{full}");
    assert_eq!(log.recovery_point(), 0);
    disk.set_capacity(u64::MAX);
    log.flush().unwrap();
    put(&mut log, batch(&["c"])).unwrap();
    log.close(true).unwrap();
    let len = |name: &str| disk.stat(&dir().join(name)).unwrap().unwrap().len;
    for base in [0, 3] {
        assert_eq!(len(&format!("{base:020}.index")), 16);
        assert_eq!(len(&format!("{base:020}.timeindex")), 24);
    }
    let clean = OpenHints {
        clean_shutdown: true,
        ..OpenHints::default()
    };
    let (mut log, recovery) = open_with(&disk, config, clean);
    assert_eq!(recovery.rebuilt_indexes, 0);
    assert_eq!(read_all(&mut log, 0).len(), 9);
    assert!(log.take_notes().is_empty());
}

/// A leader on a full disk would serve no reads for want of room to say that it leads; or, once it may wait with
/// that, lose the epoch of what it took, or call safe what has no epoch.
#[test]
fn an_epoch_that_begins_on_a_full_disk() {
    let new = AppendContext {
        leader_epoch: 5,
        ..client()
    };
    for clean in [true, false] {
        let hints = OpenHints {
            clean_shutdown: clean,
            ..OpenHints::default()
        };
        let (disk, mut log) = fresh(config());
        put(&mut log, batch(&["a"])).unwrap();
        log.close(clean).unwrap();
        disk.set_capacity(1);
        let (mut log, _) = open_with(&disk, config(), hints);
        log.begin_epoch(5).unwrap();
        assert_eq!(
            (log.latest_epoch(), log.epoch_end_offset(0)),
            (Some(5), (0, 1))
        );
        assert_eq!(read_all(&mut log, 0).len(), 1);
        assert_eq!(
            code(log.append(&mut batch(&["b"]), &new)),
            Code::KafkaStorageError
        );
        disk.set_capacity(disk.used() + batch(&["b"]).len() as u64);
        assert!(
            log.append(&mut batch(&["b"]), &new).is_err(),
            "its epoch comes first"
        );
        disk.set_capacity(1);
        log.flush().unwrap();
        assert_eq!((log.recovery_point(), log.latest_epoch()), (0, Some(5)));
        disk.crash();
        disk.set_capacity(u64::MAX);
        let (mut log, _) = open_with(&disk, config(), OpenHints::default());
        assert_eq!((log.log_end_offset(), log.latest_epoch()), (1, Some(0)));
        disk.set_capacity(1);
        log.begin_epoch(5).unwrap();
        disk.set_capacity(u64::MAX);
        log.append(&mut batch(&["b"]), &new).unwrap();
        log.close(clean).unwrap();
        let (log, _) = open_with(&disk, config(), hints);
        assert_eq!(
            (log.latest_epoch(), log.epoch_end_offset(0)),
            (Some(5), (0, 1))
        );
    }
}

/// Epochs that only the batches tell, and no file: after a flush nobody would look at those batches again.
#[test]
fn nothing_is_safe_whose_epoch_is_in_no_file() {
    let (disk, mut log) = fresh(config());
    put(&mut log, batch(&["a"])).unwrap();
    log.close(false).unwrap();
    disk.remove_file(&dir().join(EPOCHS_FILE)).unwrap();
    disk.set_capacity(1);
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    log.begin_epoch(5).unwrap();
    assert!(log.flush().unwrap_err().is_full());
    assert!(log.close(true).unwrap_err().is_full());
    disk.set_capacity(u64::MAX);
    let (log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(log.latest_epoch(), Some(0));
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
