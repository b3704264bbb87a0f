//! What a producer was told is there after a power cut, as far as `flush.messages` promises it.

use super::*;
use crate::disk::Disk;
use crate::log::{Flushed, Unflushed};

fn durable(disk: &SimDisk, flush_messages: i64) -> Option<Led> {
    let config = LogConfig {
        flush_messages,
        segment_bytes: 400,
        ..LogConfig::default()
    };
    let dir = PathBuf::from("/data/topic-0");
    let log = Log::open(disk.clone(), dir, config, 0, OpenHints::default());
    Partition::new(1, 0, log.ok()?.0, (state(0, &[1]), 1), 0).ok()
}

/// One that appends, whoever syncs for it, and what its producers were told.
struct Life {
    partition: Led,
    awaited: Vec<Awaited>,
    handed_out: Option<Unflushed<SimDisk>>,
    synced: Option<Flushed>,
    /// Up to where somebody was told.
    told: i64,
}

impl Life {
    /// A step; None once the machine is gone.
    fn step(&mut self, which: u64) -> Option<()> {
        match which % 8 {
            0..4 => {
                let count = 1 + usize::from(which % 4 == 3);
                let all = which.is_multiple_of(2);
                let done = append(&mut self.partition, count, all).ok()?;
                self.awaited.push(done.awaited);
            }
            4 => self.handed_out = Some(self.partition.log_mut().unflushed().ok()?),
            5 => {
                self.synced = self
                    .handed_out
                    .take()
                    .map(Unflushed::sync)
                    .or(self.synced.take())
            }
            _ => {
                if let Some(synced) = self.synced.take() {
                    drop(self.partition.flushed(synced).ok()?);
                }
            }
        }
        for awaited in &self.awaited {
            if self.partition.outcome_of(awaited) == Outcome::Safe {
                self.told = self.told.max(awaited.offset);
            }
        }
        Some(())
    }
}

/// How many records were told of and are gone, if power is cut before that change of the disk; None if there are fewer.
fn lost(seed: u64, flush_messages: i64, cut: u64) -> Option<i64> {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    disk.die_after(Some(cut));
    let mut told = 0;
    if let Some(partition) = durable(&disk, flush_messages) {
        let mut life = Life {
            partition,
            awaited: Vec::new(),
            handed_out: None,
            synced: None,
            told: 0,
        };
        let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for _ in 0..40 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            if life.step(dice >> 20).is_none() {
                break;
            }
        }
        told = life.told;
    }
    let died = disk.deaths() > 0;
    disk.crash();
    let there = durable(&disk, flush_messages).unwrap();
    let (start, end) = (there.log().log_start_offset(), there.log().log_end_offset());
    assert_eq!(start, 0);
    died.then_some((told - end).max(0))
}

/// A record that was acknowledged under `flush.messages=1` would be gone after a power cut; under N, more than the N - 1
/// that nobody asked to be safe.
#[test]
fn a_power_cut_takes_no_more_than_flush_messages_leaves_open() {
    for (flush_messages, expected) in [(1, 0), (3, 2)] {
        let mut worst = 0;
        for seed in 0..60 {
            for cut in 0.. {
                let Some(lost) = lost(seed, flush_messages, cut) else {
                    break;
                };
                let left_open = flush_messages - 1;
                assert!(lost <= left_open, "seed {seed}, cut {cut}: {lost} are gone");
                worst = worst.max(lost);
            }
        }
        assert_eq!(worst, expected, "flush.messages={flush_messages}");
    }
}

/// What `flush.ms` had synced would still be lost; that a record is told before is what it leaves open.
#[test]
fn a_power_cut_after_flush_ms_takes_nothing_from_before() {
    for seed in 0..60 {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/data")).unwrap();
        let mut partition = durable(&disk, i64::MAX).unwrap();
        let config = LogConfig {
            flush_ms: 50,
            ..LogConfig::default()
        };
        partition.log_mut().set_config(config);
        let done = append(&mut partition, 2, true).unwrap();
        assert_eq!(partition.outcome_of(&done.awaited), Outcome::Safe);
        assert!(!partition.log_mut().flush_is_due(1_000));
        assert!(partition.log_mut().flush_is_due(1_050));
        let synced = partition.log_mut().unflushed().unwrap().sync();
        let _ = append(&mut partition, 1, true).unwrap();
        drop(partition.flushed(synced).unwrap());
        disk.crash();
        let there = durable(&disk, 1).unwrap();
        assert!(there.log().log_end_offset() >= 2, "seed {seed}");
    }
}

/// Who appended before a sync began would wait for a second one; who appended after it would be told by the first, or be
/// woken for nothing.
#[test]
fn one_sync_tells_all_who_came_before_it_and_nobody_else() {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    let mut partition = durable(&disk, 1).unwrap();
    let park = |partition: &mut Led| {
        let told = Arc::new(Told::default());
        let awaited = append(partition, 1, true).unwrap().awaited;
        assert_eq!(partition.outcome_of(&awaited), Outcome::Waiting);
        partition.park(&told, For::Append(awaited));
        (told, awaited)
    };
    let first: Vec<_> = (0..3).map(|_| park(&mut partition)).collect();
    let handed_out = partition.log_mut().unflushed().unwrap();
    let (late, awaited) = park(&mut partition);
    drop(partition.flushed(handed_out.sync()).unwrap());
    for (told, awaited) in &first {
        assert_eq!(told.take(), CHANGED);
        assert_eq!(partition.outcome_of(awaited), Outcome::Safe);
    }
    assert_eq!(late.take(), NOTHING);
    assert_eq!(partition.outcome_of(&awaited), Outcome::Waiting);
    let handed_out = partition.log_mut().unflushed().unwrap();
    drop(partition.flushed(handed_out.sync()).unwrap());
    assert_eq!(late.take(), CHANGED);
    assert_eq!(partition.outcome_of(&awaited), Outcome::Safe);
    assert_eq!(partition.waiter_count(), 0);
}

/// A sync that fails may have lost what any of them wrote: one who is not told would wait until its time is up.
#[test]
fn a_failing_sync_tells_all_who_waited() {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    let mut partition = durable(&disk, 1).unwrap();
    let mut parked = Vec::new();
    for _ in 0..3 {
        let told = Arc::new(Told::default());
        let awaited = append(&mut partition, 1, true).unwrap().awaited;
        partition.park(&told, For::Append(awaited));
        parked.push((told, awaited));
    }
    disk.fail_sync_after(Some(0));
    let done = partition.log_mut().unflushed().unwrap().sync();
    let error = partition.flushed(done).err().unwrap();
    partition.go_offline(error.to_string());
    for (told, awaited) in parked {
        assert_eq!(told.take(), CHANGED);
        let refused = Outcome::Refused(Code::KafkaStorageError);
        assert_eq!(partition.outcome_of(&awaited), refused);
    }
}
