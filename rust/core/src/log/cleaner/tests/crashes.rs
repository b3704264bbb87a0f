//! A round that is cut off anywhere.

use super::*;

/// What a log is worth to who reads it from the start, as a table: the last value of each key.
fn table(log: &mut Log<SimDisk>) -> BTreeMap<String, String> {
    let aborted = log.aborted_transactions(0, log.log_end_offset()).unwrap();
    assert_eq!(aborted, [], "this story aborts nothing");
    let mut table = BTreeMap::new();
    let mut last = -1;
    for (offset, key, value, _) in held(log).0 {
        assert!(offset > last, "{offset} after {last}");
        last = offset;
        match value {
            Some(value) => table.insert(key, value),
            None => table.remove(&key),
        };
    }
    table
}

/// Three rounds of keyed records and a cleaning each, of which the last one dies after so many changes of the disk; where
/// the log is clean up to, the time, and the table that is to be there.
fn cut_off(disk: &SimDisk, seed: u64, after: u64) -> (Option<i64>, i64, BTreeMap<String, String>) {
    let mut log = open(disk);
    let mut wanted = BTreeMap::new();
    let mut random = seed + 1;
    let mut next = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % bound
    };
    let (mut to, mut now_ms) = (None, NOW);
    for round in 0..3 {
        for _ in 0..12 {
            let (key, value) = (format!("k{}", next(5)), format!("{}", next(1000)));
            let value = (next(3) > 0).then_some(value);
            put(&mut log, &[(&key, value.as_deref()), ("z", Some("1"))]);
            wanted.insert("z".to_owned(), "1".to_owned());
            match value {
                Some(value) => wanted.insert(key, value),
                None => wanted.remove(&key),
            };
        }
        end_segment(&mut log);
        log.flush().unwrap();
        now_ms += DAY;
        if round == 2 {
            disk.die_after(Some(after));
        }
        if let Ok((clean_to, _)) = clean_from(&mut log, to, now_ms, LIMITS) {
            to = Some(clean_to);
        }
    }
    (to, now_ms, wanted)
}

/// Cut off at any change of the disk, killed or without power: what should be there is, and nothing that was deleted
/// comes back.
#[test]
fn a_crash_at_any_change_keeps_the_table() {
    let (mut deaths, mut finished) = (0, 0);
    for (seed, power) in (0..6).flat_map(|seed| [(seed, true), (seed, false)]) {
        for after in (0..400).step_by(3) {
            let disk = disk(seed);
            let (to, now_ms, wanted) = cut_off(&disk, seed, after);
            deaths += disk.deaths();
            finished += u64::from(disk.deaths() == 0);
            if power {
                disk.crash();
            } else {
                disk.kill();
            }
            let mut log = open(&disk);
            assert_eq!(
                table(&mut log),
                wanted,
                "seed {seed}, power {power}, after {after}"
            );
            clean(&mut log, to, now_ms);
            assert_eq!(
                table(&mut log),
                wanted,
                "seed {seed}, power {power}, after {after}, again"
            );
        }
    }
    assert!(
        deaths > 200 && finished > 20,
        "{deaths} deaths, {finished} finished"
    );
}

/// A round over what was written, and a power cut after each of its steps; what is there then.
fn cut_off_at_each_step(write: impl Fn(&mut Log<SimDisk>), see: impl Fn(&mut Log<SimDisk>, &str)) {
    for seed in 0..20 {
        for steps in 0.. {
            let disk = disk(seed);
            let mut log = open(&disk);
            write(&mut log);
            let cleanable = log.cleanable(None, NOW).unwrap();
            let mut cleaner = Cleaner::new(&mut log, &cleanable, LIMITS, NOW).unwrap();
            let mut left = steps;
            let is_over = loop {
                match cleaner.wants() {
                    Wants::Nothing { .. } => break true,
                    _ if left == 0 => break false,
                    Wants::Log => cleaner.look(&mut log).unwrap(),
                    Wants::Disk => drop(cleaner.work().unwrap()),
                }
                left -= 1;
            };
            drop((cleaner, log));
            disk.crash();
            see(
                &mut open(&disk),
                &format!("seed {seed}: after {steps} steps"),
            );
            if is_over {
                assert!(steps > 8, "{steps}");
                break;
            }
        }
    }
}

/// A segment had ended and was not synced when its log was cleaned: a record that had been on disk for long went for one
/// that a power cut then took.
#[test]
fn what_supersedes_is_safe_before_what_it_supersedes_goes() {
    let fill = "x".repeat(300);
    let write = |log: &mut Log<SimDisk>| {
        put(log, &[("k", Some("old")), ("a", Some(&fill))]);
        end_segment(log);
        log.flush().unwrap();
        put(log, &[("k", Some("new")), ("b", Some(&fill))]);
        end_segment(log);
    };
    cut_off_at_each_step(write, |log, when| {
        assert!(table(log).contains_key("k"), "{when}");
    });
}

/// The marker behind what was cleaned was not synced: a record went for one of a transaction that was committed, and
/// whoever reads committed records found neither after a power cut.
#[test]
fn what_commits_is_safe_before_what_is_superseded_goes() {
    let fill = "x".repeat(300);
    let write = |log: &mut Log<SimDisk>| {
        put(log, &[("k", Some("old")), ("a", Some(&fill))]);
        let spec = of_producer(7, 0, true);
        append(log, batch(spec, &[("k", Some("new"))]), Origin::Client);
        end_segment(log);
        log.flush().unwrap();
        put(log, &[("b", Some(&fill))]);
        mark(log, 7, true);
    };
    cut_off_at_each_step(write, |log, when| {
        let stable = log.last_stable_offset();
        let found = held(log).0;
        let committed = found.iter().filter(|(offset, ..)| *offset < stable);
        assert!(
            committed.into_iter().any(|(_, key, ..)| key == "k"),
            "{when}"
        );
    });
}
