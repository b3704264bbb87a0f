//! What is safe, who makes it so, and what a failed sync ends.

use super::*;

fn flushed_log() -> (SimDisk, Log<SimDisk>) {
    let (disk, mut log) = fresh(config());
    put(&mut log, batch(&["a"])).unwrap();
    log.flush().unwrap();
    put(&mut log, batch(&["b"])).unwrap();
    (disk, log)
}

/// Whoever holds a partition's lock while a disk takes seconds keeps all others from it.
#[test]
fn handing_out_syncs_nothing() {
    let (disk, mut log) = flushed_log();
    assert!(log.roll_if_due(NOW + 604_800_001).unwrap());
    put(&mut log, batch(&["c"])).unwrap();
    log.begin_epoch(3).unwrap();
    disk.fail_sync_after(Some(0));
    let handed_out = log.unflushed().unwrap();
    assert!(!disk.pages_lost(), "a file was synced in here");
    disk.fail_sync_after(None);
    put(&mut log, batch(&["d"])).unwrap();
    log.flushed(handed_out.sync()).unwrap();
    assert_eq!(log.recovery_point, 3);
    disk.crash();
    let hints = OpenHints {
        recovery_point: 3,
        ..OpenHints::default()
    };
    let (mut log, _) = open_with(&disk, config(), hints);
    assert!(read_all(&mut log, 0).len() >= 3);
}

/// The next sync would succeed, and call safe what is gone: whether or not anybody is told of the first.
#[test]
fn a_failed_sync_is_final() {
    for told in [true, false] {
        let (disk, mut log) = flushed_log();
        let before = log.recovery_point();
        let (first, second) = (log.unflushed().unwrap(), log.unflushed().unwrap());
        disk.fail_sync_after(Some(0));
        let failed = first.sync();
        assert!(log.failure().unwrap().contains("fsync"));
        let late = second.sync();
        if told {
            assert!(log.flushed(failed).unwrap_err().is_failed_sync());
        }
        assert!(log.flushed(late).unwrap_err().is_failed_sync());
        assert!(log.flush().unwrap_err().is_failed_sync());
        assert!(matches!(
            log.unflushed(),
            Err(LogError::Failed { by_sync: true, .. })
        ));
        assert!(!log.flush_is_due(i64::MAX));
        assert!(!log.roll_if_due(i64::MAX).unwrap());
        assert_eq!(log.enforce_retention(i64::MAX).unwrap(), []);
        let refused = put(&mut log, batch(&["c"])).unwrap_err();
        assert_eq!(refused.code, Code::KafkaStorageError);
        assert!(refused.text.contains("fsync"), "{}", refused.text);
        assert!(matches!(
            log.truncate_to(1, NOW),
            Err(LogError::Failed { .. })
        ));
        assert_eq!(log.recovery_point(), before);
        assert_eq!(read_all(&mut log, 0).len(), 2, "reads go on");
        assert!(log.close(true).unwrap_err().is_failed_sync());
    }
}

/// A log that broke under a write would be taken for one whose sync failed, and its whole log directory would end.
#[test]
fn what_no_sync_broke_says_so() {
    let (_, mut log) = flushed_log();
    let text = "no room".to_owned();
    log.fail("a failed write", &LogError::OutOfRange { text });
    let errors = [log.flush().unwrap_err(), log.close(true).unwrap_err()];
    for error in errors {
        assert!(matches!(error, LogError::Failed { .. }));
        assert!(!error.is_failed_sync());
    }
}

/// A sync that succeeded before the other failed, but is told after it, proves nothing of what came between.
#[test]
fn no_recovery_point_moves_after_a_failure() {
    let (disk, mut log) = flushed_log();
    let before = log.recovery_point();
    let done = log.unflushed().unwrap().sync();
    disk.fail_sync_after(Some(0));
    put(&mut log, batch(&["c"])).unwrap();
    assert!(log.flush().is_err());
    assert!(log.flushed(done).is_err());
    assert_eq!(log.recovery_point(), before);
}

/// Retention may take a segment between hand-out and sync: it is the log's no more, and no disk failed.
#[test]
fn what_was_cut_or_deleted_is_no_failure() {
    let (_, mut log) = flushed_log();
    assert!(log.roll_if_due(NOW + 604_800_001).unwrap());
    put(&mut log, batch(&["c"])).unwrap();
    log.set_high_watermark(3);
    let handed_out = log.unflushed().unwrap();
    assert_eq!(log.enforce_retention(NOW + 604_800_001).unwrap().len(), 2);
    log.remove_deleted(i64::MAX).unwrap();
    log.flushed(handed_out.sync()).unwrap();
    assert_eq!(log.recovery_point, 3);
}

/// Safe is what was there when it was handed out, not what was written in its place since.
#[test]
fn a_cut_takes_back_what_was_handed_out() {
    let (_, mut log) = flushed_log();
    put(&mut log, batch(&["c"])).unwrap();
    let done = log.unflushed().unwrap().sync();
    log.truncate_to(1, NOW).unwrap();
    put(&mut log, batch(&["x"])).unwrap();
    put(&mut log, batch(&["y"])).unwrap();
    log.flushed(done).unwrap();
    assert_eq!(log.recovery_point, 1);
}

/// Another log in the same folder is told nothing by what the one before it handed out.
#[test]
fn another_log_is_not_told() {
    let (disk, mut log) = flushed_log();
    let done = log.unflushed().unwrap().sync();
    log.close(false).unwrap();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    log.flushed(done).unwrap();
    assert_eq!(log.recovery_point, 0);
}

/// An index of aborted transactions that lost its end in a power cut would show readers what was never committed.
#[test]
fn recovery_looks_at_a_segment_until_its_indexes_are_safe() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/data")).unwrap();
        let (mut log, _) = open_with(&disk, config(), OpenHints::default());
        put(&mut log, produced(7, 0, 0, 1, true)).unwrap();
        put_marker(&mut log, marker(7, 0, false)).unwrap();
        log.flush().unwrap();
        let checkpoint = log.recovery_point();
        assert!(log.roll_if_due(NOW + 604_800_001).unwrap());
        assert!(
            log.recovery_point() <= 1,
            "the sealed segment's indexes are not safe"
        );
        let handed_out = log.unflushed().unwrap();
        if seed % 2 == 0 {
            log.flushed(handed_out.sync()).unwrap();
            assert_eq!(log.recovery_point(), 2);
        }
        drop(log);
        disk.crash();
        let hints = OpenHints {
            recovery_point: checkpoint,
            ..OpenHints::default()
        };
        let (mut log, _) = open_with(&disk, config(), hints);
        assert_eq!(log.log_end_offset(), 2);
        assert_eq!(
            log.aborted_transactions(0, 2).unwrap().len(),
            1,
            "seed {seed}"
        );
    }
}

/// flush.ms counts on any clock, and one that jumps back costs at most the time anew.
#[test]
fn flushes_by_time() {
    let (_, mut log) = flushed_log();
    log.set_config(LogConfig {
        flush_ms: 100,
        ..config()
    });
    assert!(!log.flush_is_due(5_000));
    assert!(!log.flush_is_due(5_099));
    assert!(log.flush_is_due(5_100));
    assert!(!log.flush_is_due(i64::MIN));
    assert!(log.flush_is_due(i64::MIN + 100));
    log.flush().unwrap();
    assert!(!log.flush_is_due(i64::MAX), "there is nothing to flush");
}

/// An index that cannot be written costs no data and no log: its entries wait for the next append.
#[test]
fn a_full_disk_while_an_index_is_written() {
    let (disk, mut log) = fresh(LogConfig {
        segment_index_bytes: 1 << 20,
        index_interval_bytes: 0,
        ..LogConfig::default()
    });
    for _ in 0..512 {
        put(&mut log, batch(&["a"])).unwrap();
    }
    // One write for the batch, none for the index.
    disk.fail_after(Some(1));
    put(&mut log, batch(&["b"])).unwrap();
    disk.fail_after(None);
    assert_eq!(log.failure(), None);
    put(&mut log, batch(&["c"])).unwrap();
    assert_eq!(read_all(&mut log, 510).len(), 4);
    log.close(true).unwrap();
    let index = disk.stat(&file_path(&dir(), 0, ".index")).unwrap().unwrap();
    assert_eq!(index.len, 513 * 8);
}
