//! A folder with something of everything, to be damaged; and everything that is asked of a log that opened on it.

use super::*;

/// Enough of each kind of trouble with numbers: the ends of every width, and around them.
pub fn extremes(bits: u32) -> Vec<i64> {
    let top = 1i128 << (bits - 1);
    let mut values = vec![-top, 1 - top, -1, 0, 1, top - 2, top - 1];
    for power in [7, 15, 31, 32, 47, 62] {
        values.extend([-1, 0].map(|near| (1i128 << power) + near));
    }
    values.retain(|value| (-top..top).contains(value));
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(|value| value as i64).collect()
}

/// The files of a log of several segments, with transactions of both ends, epochs, snapshots and old timestamps.
pub fn folder() -> Vec<(String, Vec<u8>)> {
    let (disk, mut log) = fresh(damaged_config());
    for n in 0..14i32 {
        let context = AppendContext {
            leader_epoch: n / 4,
            ..client()
        };
        let time = NOW + i64::from(n) * 10;
        let values = [(time, "one"), (time + 3, "two"), (time + 1, "three")];
        let spec = BatchSpec {
            codec: Codec::from_number((n % 5) as u8).unwrap(),
            ..BatchSpec::default()
        };
        log.append(&mut timed(spec, &values), &context).unwrap();
        let transactional = produced(7, 0, n, 1, true);
        let begins = verified(&mut log, &transactional, context);
        log.append(&mut transactional.clone(), &begins).unwrap();
        log.append(&mut produced(9, 1, n * 2, 2, false), &context)
            .unwrap();
        let context = AppendContext {
            origin: Origin::Coordinator,
            ..context
        };
        if n % 3 != 0 {
            log.append(&mut marker(7, 0, n % 3 == 1), &context).unwrap();
        }
    }
    log.set_high_watermark(log.log_end_offset());
    assert!(log.segment_count() > 3);
    log.close(true).unwrap();
    contents(&disk)
}

pub fn damaged_config() -> LogConfig {
    LogConfig {
        segment_bytes: 1200,
        segment_index_bytes: 512,
        index_interval_bytes: 100,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

pub fn contents(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let entries = disk.list(&dir()).unwrap().into_iter();
    let read = |name: &str| disk.read_all(&dir().join(name)).unwrap().unwrap();
    entries.map(|e| (e.name.clone(), read(&e.name))).collect()
}

pub fn disk_with(files: &[(String, Vec<u8>)]) -> SimDisk {
    let disk = disk();
    disk.create_dir_all(&dir()).unwrap();
    for (name, bytes) in files {
        let file = disk.open(&dir().join(name), Open::Create).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }
    disk
}

/// Where batches lie in a segment's bytes.
pub fn batches_at(bytes: &[u8]) -> Vec<(usize, usize)> {
    let pieces = Batches::new(bytes).map_while(Result::ok);
    pieces.map(|(at, _, batch)| (at, batch.len())).collect()
}

/// Do all that can be asked of a log. Whatever it answers, it must answer, at a price that its files justify.
pub fn exercise(disk: &SimDisk, log: &mut Log<SimDisk>, now_ms: i64) {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    assert!(0 <= start && start <= end, "{start} to {end}");
    assert!((start..=end).contains(&log.last_stable_offset()));
    assert!((0..=end).contains(&log.recovery_point()));
    log.set_high_watermark(i64::MAX);
    let mut asked = extremes(64);
    asked.extend([start, end, start.midpoint(end), end.saturating_sub(1)]);
    for offset in asked {
        for bytes_max in [0, 1, usize::MAX] {
            let _ = log.read(offset, bytes_max, i64::MAX, true);
            let _ = log.read(offset, bytes_max, offset.saturating_add(1), false);
        }
        let _ = log.aborted_transactions(offset, offset);
        if let Some(what) = Lookup::from_timestamp(offset) {
            let _ = log.lookup(what, i64::MAX);
        }
        let epoch = offset as i32;
        let _ = (log.epoch_end_offset(epoch), log.epoch_at(offset));
    }
    let _ = log.lookup(Lookup::Time(NOW + 55), end);
    let _ = (log.size(), log.producers());
    let _ = log.begin_epoch(now_ms as i32);
    let context = AppendContext { now_ms, ..client() };
    let _ = log.append(&mut batch(&["more"]), &context);
    let _ = log.append(&mut produced(9, 1, 28, 1, false), &context);
    let marked = AppendContext {
        origin: Origin::Coordinator,
        ..context
    };
    let _ = log.append(&mut marker(7, 0, false), &marked);
    let _ = log.roll_if_due(now_ms);
    let _ = log.flush_is_due(now_ms);
    let _ = log.release_files();
    let _ = log.expire_producers(now_ms);
    let _ = log.enforce_retention(now_ms);
    let _ = log.remove_deleted(now_ms);
    let _ = log.delete_records(log.log_start_offset().saturating_add(1));
    let end = log.log_end_offset();
    let _ = log.truncate_to(end.saturating_sub(1), now_ms);
    let _ = log.append_as_follower(&batch(&["x"]), now_ms);
    let size: usize = contents(disk).iter().map(|(_, bytes)| bytes.len()).sum();
    let (reads, largest) = disk.take_reads();
    assert!(
        largest <= size + (300 << 10),
        "a read of {largest} bytes from {size}"
    );
    assert!(reads < 200_000, "{reads} reads");
}
