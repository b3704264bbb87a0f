//! A log that nothing was written to has no files, and takes its first batch on a disk that may fail at any step of it.

use super::*;

fn names(disk: &SimDisk) -> Vec<String> {
    let entries = disk.list(&dir()).unwrap().into_iter();
    entries.map(|entry| entry.name).collect()
}

fn hints(clean_shutdown: bool) -> OpenHints {
    OpenHints {
        clean_shutdown,
        ..OpenHints::default()
    }
}

const LAID: [&str; 4] = [
    "00000000000000000000.index",
    "00000000000000000000.log",
    "00000000000000000000.timeindex",
    EPOCHS_FILE,
];

/// Thousands of partitions that nobody writes to would cost as many files, at every leader's coming too.
#[test]
fn what_needs_no_file_makes_none() {
    for clean in [true, false] {
        let (disk, mut log) = fresh(config());
        for epoch in 0..3 {
            log.begin_epoch(epoch).unwrap();
            assert_eq!(log.latest_epoch(), Some(epoch));
            assert_eq!(log.epoch_end_offset(epoch), (epoch, 0));
        }
        log.flush().unwrap();
        log.truncate_to(0, NOW).unwrap();
        assert_eq!(log.delete_records(-1).unwrap(), 0);
        assert_eq!(log.enforce_retention(i64::MAX).unwrap(), []);
        assert!(!log.roll_if_due(i64::MAX).unwrap());
        assert!(!log.flush_is_due(i64::MAX));
        assert_eq!(log.expire_producers(i64::MAX), 0);
        assert_eq!(log.remove_deleted(i64::MAX).unwrap(), 0);
        assert_eq!(read_all(&mut log, 0), []);
        assert_eq!(log.aborted_transactions(0, 1).unwrap(), []);
        for what in [Lookup::MaxTimestamp, Lookup::Time(0)] {
            assert_eq!(log.lookup(what, 1).unwrap(), None);
        }
        log.release_files().unwrap();
        log.close(clean).unwrap();
        let (log, recovery) = open_with(&disk, config(), hints(clean));
        assert_eq!(recovery.to_string(), "");
        assert_eq!((log.size(), log.segment_count()), (0, 1));
        assert_eq!(names(&disk), Vec::<String>::new());
    }
}

/// Apache Kafka, too, finds everything from the first batch on that it would have made itself.
#[test]
fn the_first_batch_makes_all() {
    let (disk, mut log) = fresh(config());
    log.begin_epoch(4).unwrap();
    let refused = put(&mut log, vec![0; 61]);
    assert!(refused.is_err());
    assert_eq!(names(&disk), Vec::<String>::new(), "nothing was written");
    let context = AppendContext {
        leader_epoch: 4,
        ..client()
    };
    log.append(&mut batch(&["a"]), &context).unwrap();
    assert_eq!(names(&disk), LAID);
    let text = disk.read_all(&dir().join(EPOCHS_FILE)).unwrap().unwrap();
    assert_eq!(text, b"0\n1\n4 0\n");
    log.flush().unwrap();
    drop(log);
    disk.crash();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(read_all(&mut log, 0).len(), 1);
}

/// A follower's first batch may lie so far from 0 that it begins a segment of its own.
#[test]
fn a_first_batch_far_away() {
    let far = i64::from(i32::MAX) + 7;
    let spec = BatchSpec {
        base_offset: far,
        ..BatchSpec::default()
    };
    let (disk, mut log) = fresh(config());
    log.append_as_follower(&batch_with(spec, &["a"]), NOW)
        .unwrap();
    assert_eq!(log.segment_count(), 2);
    assert_eq!(read_all(&mut log, far).len(), 1);
    log.close(true).unwrap();
    let (mut log, recovery) = open_with(&disk, config(), hints(true));
    assert_eq!(recovery.to_string(), "");
    assert_eq!(read_all(&mut log, 0), [(far, "a".to_owned())]);
}

/// What begins above 0 has nothing but a file's name to say so.
#[test]
fn a_start_above_0_is_in_a_name() {
    let disk = disk();
    let started = OpenHints {
        log_start_offset: 7,
        ..OpenHints::default()
    };
    drop(open_with(&disk, config(), started));
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (7, 7));
    log.truncate_fully_and_start_at(0, NOW).unwrap();
    put(&mut log, batch(&["a"])).unwrap();
    assert_eq!(read_all(&mut log, 0).len(), 1);
}

/// A full disk costs the append that met it, by name, and nothing else.
#[test]
fn the_first_append_on_a_full_disk() {
    for room in 0..400 {
        let (disk, mut log) = fresh(config());
        log.begin_epoch(0).unwrap();
        disk.set_capacity(disk.used() + room);
        let first = log.append(&mut batch(&["a"]), &client());
        let taken = i64::from(first.is_ok());
        if let Err(error) = first {
            assert_eq!(error.code, Code::KafkaStorageError);
            assert!(error.text.contains("free some space"), "{error}");
        }
        disk.set_capacity(u64::MAX);
        let done = log.append(&mut batch(&["b"]), &client()).unwrap();
        assert_eq!(done.base_offset, taken);
        log.flush().unwrap();
        disk.crash();
        let (mut log, _) = open_with(&disk, config(), OpenHints::default());
        assert_eq!(read_all(&mut log, taken), [(taken, "b".to_owned())]);
    }
}

/// What the process or the machine ends at a step of the first append, or of the flush after it.
struct End {
    step: u64,
    power_cut: bool,
    seed: u64,
}

/// Append and flush until the disk stops; then what the next who opens the folder finds. How far it came.
fn ended(end: &End) -> Option<bool> {
    let disk = SimDisk::new(end.seed);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    log.begin_epoch(0).unwrap();
    disk.stop_after(Some(end.step));
    let appended = log.append(&mut batch(&["a"]), &client()).is_ok();
    let flushed = appended && log.flush().is_ok();
    drop(log);
    if end.power_cut {
        disk.crash();
    } else {
        disk.kill();
    }
    disk.stop_after(None);
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    let found = read_all(&mut log, 0);
    assert!(found.len() <= 1);
    assert!(
        !flushed || found.len() == 1,
        "a flushed batch is lost at step {}",
        end.step
    );
    assert!(
        end.power_cut || !appended || found.len() == 1,
        "a kill costs nothing that was taken"
    );
    let next = log.log_end_offset();
    log.begin_epoch(1).unwrap();
    let context = AppendContext {
        leader_epoch: 1,
        ..client()
    };
    log.append(&mut batch(&["b"]), &context).unwrap();
    log.flush().unwrap();
    disk.crash();
    let (mut log, _) = open_with(&disk, config(), OpenHints::default());
    assert_eq!(read_all(&mut log, next), [(next, "b".to_owned())]);
    assert_eq!((log.latest_epoch(), log.epoch_at(next)), (Some(1), Some(1)));
    (!flushed).then_some(appended)
}

/// At whatever step of the first append a node ends: what was flushed is there, and the log opens and goes on.
#[test]
fn an_end_at_every_step_of_the_first_append() {
    for power_cut in [false, true] {
        for seed in 0..40 {
            let step = |step| End {
                step,
                power_cut,
                seed,
            };
            let outcomes: Vec<bool> = (0..).map_while(|at| ended(&step(at))).collect();
            let written = outcomes.iter().filter(|appended| **appended).count();
            assert!(outcomes.len() > 12 && written > 3, "{outcomes:?}");
        }
    }
}

/// A segment whose files were made for a batch that never came is as good as none, whatever its indexes hold.
#[test]
fn an_empty_segment_takes_nothing_from_its_indexes() {
    for stale in [0, 8 * 12] {
        let (disk, mut log) = fresh(config());
        disk.fail_after(Some(3));
        assert!(log.append(&mut batch(&["a"]), &client()).is_err());
        disk.fail_after(None);
        drop(log);
        for suffix in [".index", ".timeindex"] {
            let file = disk
                .open(&file_path(&dir(), 0, suffix), Open::Create)
                .unwrap();
            file.write_all_at(&vec![7; stale], 0).unwrap();
        }
        disk.take_reads();
        let (mut log, recovery) = open_with(&disk, config(), OpenHints::default());
        assert_eq!(recovery.to_string(), "");
        let looked_at = usize::from(disk.stat(&dir().join(EPOCHS_FILE)).unwrap().is_some());
        assert!(
            disk.take_reads().0 <= looked_at as u64,
            "only the epochs are read"
        );
        put(&mut log, batch(&["b"])).unwrap();
        log.close(true).unwrap();
        let (mut log, recovery) = open_with(&disk, config(), hints(true));
        assert_eq!(
            (recovery.to_string().as_str(), log.take_notes()),
            ("", vec![])
        );
        assert_eq!(log.lookup(Lookup::Time(0), 9).unwrap().unwrap().offset, 0);
    }
}
