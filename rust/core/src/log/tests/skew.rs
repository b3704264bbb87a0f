//! A clock that tests moved ahead of clients': what a log ages, rolls and forgets by it.

use super::*;

const DAY: i64 = 86_400_000;

/// A log whose node's clock was moved by a week, and when that is to the node.
fn skewed(config: LogConfig) -> (SimDisk, Log<SimDisk>, AppendContext) {
    let (disk, mut log) = fresh(config);
    log.follow(Skew::of(7 * DAY));
    let context = AppendContext {
        now_ms: NOW + 7 * DAY,
        ..client()
    };
    (disk, log, context)
}

fn write(log: &mut Log<SimDisk>, mut bytes: Vec<u8>, context: &AppendContext) -> bool {
    let done = log.append(&mut bytes, context).unwrap();
    log.set_high_watermark(log.log_end_offset());
    done.rolled
}

fn by_day() -> LogConfig {
    LogConfig {
        segment_ms: DAY,
        retention_ms: DAY,
        index_interval_bytes: 1,
        ..config()
    }
}

/// Records of now would go with the next look at retention, and each append begin a segment.
#[test]
fn records_of_after_the_move_are_as_old_as_they_would_be() {
    let (_, mut log, now) = skewed(by_day());
    assert!(!write(&mut log, batch(&["a"]), &now));
    assert!(!write(&mut log, batch(&["b"]), &now), "no day has passed");
    assert_eq!(log.enforce_retention(now.now_ms + DAY - 1).unwrap(), []);
    assert_eq!(
        log.enforce_retention(now.now_ms + DAY + 1).unwrap().len(),
        1
    );
}

/// The segment's age would leap by the move, as its end is cut off or its indexes are built anew in a running node.
#[test]
fn what_is_left_of_a_segment_keeps_its_skew() {
    for rebuilt in [false, true] {
        let (_, mut log, now) = skewed(by_day());
        for value in ["a", "b", "c"] {
            assert!(!write(&mut log, batch(&[value]), &now));
        }
        if rebuilt {
            let (place, active) = log.active();
            active.rebuild_indexes(place).unwrap();
        }
        log.truncate_to(2, now.now_ms).unwrap();
        assert!(!write(&mut log, batch(&["d"]), &now), "{rebuilt}");
        assert_eq!(log.enforce_retention(now.now_ms + DAY - 1).unwrap(), []);
    }
}

/// What comes after all was cut would be as young as what is gone.
#[test]
fn an_empty_segment_has_no_skew() {
    let (_, mut log, now) = skewed(by_day());
    write(&mut log, batch(&["a"]), &now);
    log.truncate_to(0, now.now_ms).unwrap();
    log.follow(Skew::default());
    assert!(!write(&mut log, batch(&["old"]), &now));
    assert_eq!(log.enforce_retention(now.now_ms).unwrap().len(), 1);
}

/// Who may append several batches in one.
fn several(now: &AppendContext) -> AppendContext {
    AppendContext {
        origin: Origin::Coordinator,
        ..*now
    }
}

/// A segment would roll late, or early, where one append brings records of several days.
#[test]
fn the_first_batch_and_the_newest_have_each_their_own() {
    let (_, mut log, now) = skewed(by_day());
    let mut two = batch(&["of now"]);
    // Stamped by the node's own clock: it has no skew.
    two.extend(timed(BatchSpec::default(), &[(now.now_ms, "stamped")]));
    assert!(!write(&mut log, two, &several(&now)));
    let hours = |count: i64| AppendContext {
        now_ms: now.now_ms + count * DAY / 24,
        ..client()
    };
    let late = |count: i64| timed(BatchSpec::default(), &[(NOW + count * DAY / 24, "late")]);
    assert!(!write(&mut log, late(23), &hours(23)));
    assert!(
        write(&mut log, late(25), &hours(25)),
        "the first is a day old"
    );
}

/// A producer would be forgotten early, because another's batch in the same append was of another time.
#[test]
fn producers_have_each_their_own() {
    let (_, mut log, now) = skewed(config());
    let mut two = produced(5, 0, 0, 1, false);
    let spec = BatchSpec {
        producer_id: 6,
        producer_epoch: 0,
        base_sequence: 0,
        ..BatchSpec::default()
    };
    two.extend(timed(spec, &[(now.now_ms, "stamped")]));
    write(&mut log, two, &several(&now));
    assert_eq!(log.expire_producers(now.now_ms + DAY - 1), 0);
    assert_eq!(log.expire_producers(now.now_ms + DAY), 2);
}

/// A retry would be there twice: after a restart, whose clock is where it was, or after a cut.
#[test]
fn producers_that_are_found_are_remembered() {
    for clean_shutdown in [false, true] {
        let (disk, mut log, now) = skewed(config());
        write(&mut log, produced(5, 0, 0, 1, false), &now);
        write(&mut log, produced(5, 0, 1, 1, false), &now);
        log.truncate_to(1, now.now_ms).unwrap();
        assert_eq!(log.expire_producers(now.now_ms), 0);
        log.close(true).unwrap();
        let hints = OpenHints {
            clean_shutdown,
            skew_ms: 7 * DAY,
            ..OpenHints::default()
        };
        let (mut log, _) = Log::open(disk, dir(), config(), now.now_ms, hints).unwrap();
        log.follow(Skew::of(7 * DAY));
        assert_eq!(log.expire_producers(now.now_ms + DAY - 1), 0);
        let mut again = produced(5, 0, 0, 1, false);
        assert!(log.append(&mut again, &now).unwrap().duplicate);
        assert_eq!(log.expire_producers(now.now_ms + DAY), 1);
    }
}
