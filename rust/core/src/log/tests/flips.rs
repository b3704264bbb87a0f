//! One bit of one file is wrong. What is served then is what was written, or what Apache Kafka would serve, whose
//! consumers check it; or an error that names the file. Never a batch from another offset because an index said so.

use super::damage::*;
use super::*;

struct Truth {
    files: Vec<(String, Vec<u8>)>,
    /// (first offset, last offset, segment, position, bytes)
    batches: Vec<(i64, i64, usize, usize, Vec<u8>)>,
    times: Vec<(i64, Option<i64>)>,
    producers: Vec<ProducerSummary>,
    aborted: Vec<AbortedTransaction>,
    end: i64,
}

const CLEAN: OpenHints = OpenHints {
    clean_shutdown: true,
    recovery_point: 0,
    log_start_offset: 0,
    skew_ms: 0,
};

fn opened(
    files: &[(String, Vec<u8>)],
    hints: OpenHints,
) -> (SimDisk, Result<Log<SimDisk>, LogError>) {
    let disk = disk_with(files);
    let opened = Log::open(disk.clone(), dir(), damaged_config(), NOW, hints);
    let opened = opened.map(|(mut log, _)| {
        log.set_high_watermark(log.log_end_offset());
        log
    });
    (disk, opened)
}

fn times(log: &mut Log<SimDisk>) -> Vec<(i64, Option<i64>)> {
    let times = (-1..150).map(|n| NOW + n);
    let end = log.log_end_offset();
    let mut ask = |what| log.lookup(what, end).unwrap().map(|found| found.offset);
    let mut all: Vec<_> = times.map(|time| (time, ask(Lookup::Time(time)))).collect();
    all.push((-3, ask(Lookup::MaxTimestamp)));
    all
}

fn truth() -> Truth {
    let files = folder();
    let (_, log) = opened(&files, CLEAN);
    let mut log = log.unwrap();
    let logs = files.iter().filter(|(name, _)| name.ends_with(LOG_SUFFIX));
    let mut batches = Vec::new();
    for (segment, (_, bytes)) in logs.enumerate() {
        for (at, len) in batches_at(bytes) {
            let bytes = bytes[at..at + len].to_vec();
            let header = crate::batch::first_header(&bytes).unwrap();
            batches.push((header.base_offset, header.last_offset(), segment, at, bytes));
        }
    }
    let end = log.log_end_offset();
    Truth {
        times: times(&mut log),
        producers: log.producers(),
        aborted: log.aborted_transactions(0, end).unwrap(),
        end,
        batches,
        files,
    }
}

impl Truth {
    fn of(&self, offset: i64) -> &(i64, i64, usize, usize, Vec<u8>) {
        let holds = |batch: &&(i64, i64, usize, usize, Vec<u8>)| batch.1 >= offset;
        self.batches.iter().find(holds).unwrap()
    }

    fn places(&self, suffix: &str) -> Vec<usize> {
        let ends = |n: &usize| self.files[*n].0.ends_with(suffix) && !self.files[*n].1.is_empty();
        (0..self.files.len()).filter(ends).collect()
    }

    /// Each bit of each file of this kind, or every `step`th, flipped.
    fn each_flip(
        &self,
        suffix: &str,
        step: usize,
        mut check: impl FnMut(&[(String, Vec<u8>)], &str),
    ) {
        let places = self.places(suffix);
        assert!(!places.is_empty(), "no {suffix}");
        for place in places {
            let bits = self.files[place].1.len() * 8;
            for bit in (0..bits).step_by(step) {
                let mut files = self.files.clone();
                files[place].1[bit / 8] ^= 1 << (bit % 8);
                let what = format!("{} byte {} bit {}", files[place].0, bit / 8, bit % 8);
                check(&files, &what);
            }
        }
    }

    /// Read at every offset: what was written, to the last byte.
    fn reads_all(&self, log: &mut Log<SimDisk>, what: &str) {
        for offset in 0..log.log_end_offset() {
            let slice = log.read(offset, 1, i64::MAX, true);
            let slice = slice.unwrap_or_else(|e| panic!("{what}: at {offset}: {e}"));
            assert!(
                bytes_of(&slice) == self.of(offset).4,
                "{what}: other bytes at {offset}"
            );
        }
    }
}

/// An index may cost time, and nothing else.
#[test]
fn in_an_offset_index() {
    let truth = truth();
    truth.each_flip(".index", 1, |files, what| {
        for hints in [CLEAN, OpenHints::default()] {
            let (_, log) = opened(files, hints);
            let mut log = log.unwrap();
            assert_eq!(log.log_end_offset(), truth.end, "{what}");
            truth.reads_all(&mut log, what);
            assert!(times(&mut log) == truth.times, "{what}: other times");
        }
    });
}

/// A time leads to the first record that is not older, whatever the index says; retention rests on it too.
#[test]
fn in_a_time_index() {
    let truth = truth();
    truth.each_flip(".timeindex", 1, |files, what| {
        for hints in [CLEAN, OpenHints::default()] {
            let (_, log) = opened(files, hints);
            let mut log = log.unwrap();
            let found = times(&mut log);
            let other = found.iter().zip(&truth.times).find(|(a, b)| a != b);
            assert!(other.is_none(), "{what}: {other:?}");
            truth.reads_all(&mut log, what);
            let keep_all = LogConfig {
                retention_ms: 1 << 30,
                ..damaged_config()
            };
            log.set_config(keep_all);
            assert_eq!(log.enforce_retention(NOW + 1000).unwrap(), [], "{what}");
        }
    });
}

/// What is told of a mended index is told once, with its name; and it is right on the disk too.
#[test]
fn a_wrong_index_is_named_once_and_mended() {
    let truth = truth();
    let place = truth.places(".index")[1];
    let mut files = truth.files.clone();
    let position = 4;
    files[place].1[position + 3] ^= 1;
    let (disk, log) = opened(&files, CLEAN);
    let mut log = log.unwrap();
    truth.reads_all(&mut log, "a wrong position");
    let notes = log.take_notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let base = &truth.files[place].0[..20];
    assert!(
        notes[0].contains(base) && notes[0].contains("rebuilt"),
        "{notes:?}"
    );
    truth.reads_all(&mut log, "again");
    assert!(log.take_notes().is_empty());
    log.close(true).unwrap();
    assert!(contents(&disk)[place] == truth.files[place]);
}

/// Aborted transactions that are not found show what was never committed. What cannot be right is built anew at
/// opening; a plausible number is believed, as Apache Kafka believes it.
#[test]
fn in_a_transaction_index() {
    let truth = truth();
    truth.each_flip(".txnindex", 1, |files, what| {
        for hints in [CLEAN, OpenHints::default()] {
            let (_, log) = opened(files, hints);
            let mut log = log.unwrap();
            truth.reads_all(&mut log, what);
            let aborted = log.aborted_transactions(0, truth.end).unwrap();
            let byte: usize = what.split(' ').nth(2).unwrap().parse().unwrap();
            if !hints.clean_shutdown || byte % 34 < 2 {
                assert!(aborted == truth.aborted, "{what}");
            }
        }
    });
    for cut in 1..34 {
        let place = truth.places(".txnindex")[0];
        let mut files = truth.files.clone();
        let len = files[place].1.len() - cut;
        files[place].1.truncate(len);
        let (_, log) = opened(&files, CLEAN);
        let aborted = log.unwrap().aborted_transactions(0, truth.end).unwrap();
        assert!(aborted == truth.aborted || cut == 34, "cut {cut}");
    }
}

/// A snapshot that is not what was written is not used: its log says the same.
#[test]
fn in_a_snapshot() {
    let truth = truth();
    truth.each_flip(SNAPSHOT_SUFFIX, 1, |files, what| {
        for hints in [CLEAN, OpenHints::default()] {
            let (_, log) = opened(files, hints);
            let log = log.unwrap();
            assert!(
                log.producers() == truth.producers,
                "{what}: {:?}",
                log.producers()
            );
        }
    });
}

/// Epochs are a text; what is none is built anew from the batches, and reads need none.
#[test]
fn in_the_epochs() {
    let truth = truth();
    truth.each_flip(EPOCHS_FILE, 1, |files, what| {
        for hints in [CLEAN, OpenHints::default()] {
            let (disk, log) = opened(files, hints);
            let mut log = log.unwrap();
            truth.reads_all(&mut log, what);
            for epoch in -1..6 {
                let (_, end) = log.epoch_end_offset(epoch);
                assert!(
                    (-1..=truth.end).contains(&end),
                    "{what}: {epoch} ends at {end}"
                );
            }
            exercise(&disk, &mut log, NOW);
        }
    });
}

/// Where Apache Kafka would read for an offset: by lengths from the segment's start, to the first batch that claims
/// to reach it.
fn kafka_reads_at(log: &[u8], offset: i64) -> Option<usize> {
    let mut at = 0;
    while let Some(header) = log.get(at..).and_then(crate::batch::Header::parse) {
        if header.batch_length < 49 || header.size() > log.len() - at {
            return None;
        }
        let last = header
            .base_offset
            .wrapping_add(i64::from(header.last_offset_delta));
        if last >= offset {
            return Some(at);
        }
        at += header.size();
    }
    None
}

/// A segment after a clean stop is not read through. A wrong bit there is served as it lies, for consumers to find,
/// or named; it does not lead elsewhere.
#[test]
fn in_a_segment_after_a_clean_stop() {
    let truth = truth();
    truth.each_flip(LOG_SUFFIX, 5, |files, what| {
        let (_, log) = opened(files, CLEAN);
        let mut log = match log {
            Ok(log) => log,
            Err(e) => return assert!(e.to_string().contains(LOG_SUFFIX), "{what}: {e}"),
        };
        let logs: Vec<_> = files
            .iter()
            .filter(|(name, _)| name.ends_with(LOG_SUFFIX))
            .collect();
        for offset in 0..log.log_end_offset().min(truth.end) {
            let (_, _, segment, position, bytes) = truth.of(offset);
            let slice = match log.read(offset, 1, i64::MAX, true) {
                Ok(slice) => slice,
                Err(ReadError::Log(LogError::Corrupt { path, .. })) => {
                    assert!(
                        path.ends_with(&logs[*segment].0),
                        "{what}: {}",
                        path.display()
                    );
                    continue;
                }
                Err(e) => panic!("{what}: at {offset}: {e}"),
            };
            let found = bytes_of(&slice);
            let mut from_here = logs[*segment..].iter();
            let as_kafka = from_here
                .find_map(|(_, bytes)| Some((kafka_reads_at(bytes, offset)?, bytes)))
                .is_some_and(|(at, bytes)| {
                    at == slice.position as usize && bytes[at..].starts_with(&found)
                });
            let as_written = slice.position as usize == *position && found.len() == bytes.len();
            assert!(
                as_kafka || as_written || found == *bytes,
                "{what}: at {offset}"
            );
        }
    });
}

/// After a kill everything behind the recovery point is read: the damage is cut, and nothing changed is left.
#[test]
fn in_a_segment_after_a_kill() {
    let truth = truth();
    truth.each_flip(LOG_SUFFIX, 5, |files, what| {
        let (_, log) = opened(files, OpenHints::default());
        let mut log = match log {
            Ok(log) => log,
            Err(e) => return assert!(e.to_string().contains(LOG_SUFFIX), "{what}: {e}"),
        };
        for offset in 0..log.log_end_offset().min(truth.end) {
            let slice = log.read(offset, 1, i64::MAX, true);
            let found = match slice {
                Ok(slice) => bytes_of(&slice),
                Err(ReadError::Log(LogError::Corrupt { .. })) => continue,
                Err(e) => panic!("{what}: at {offset}: {e}"),
            };
            let known = truth
                .batches
                .iter()
                .any(|batch| batch.4[16..] == found[16..]);
            assert!(known, "{what}: at {offset}");
        }
    });
}

/// Damage in the middle costs what lies there: before it and, where an index leads past it, behind it all is read.
#[test]
fn damage_costs_what_it_hit() {
    let truth = truth();
    let victim = truth
        .batches
        .iter()
        .find(|batch| batch.2 == 1 && batch.3 > 300)
        .unwrap();
    let place = truth.places(LOG_SUFFIX)[1];
    let mut files = truth.files.clone();
    files[place].1[victim.3 + 8..victim.3 + 12].copy_from_slice(&[0xff; 4]);
    let (disk, log) = opened(&files, CLEAN);
    let mut log = log.unwrap();
    let mut lost = Vec::new();
    for offset in 0..truth.end {
        match log.read(offset, 1, i64::MAX, true) {
            Ok(slice) => assert!(bytes_of(&slice) == truth.of(offset).4, "{offset}"),
            Err(e) => {
                assert!(e.to_string().contains(&files[place].0), "{e}");
                lost.push(offset);
            }
        }
    }
    assert!(lost.contains(&victim.0) && lost.len() < 12, "{lost:?}");
    disk.take_reads();
    let _ = log.read(victim.0, 1, i64::MAX, true);
    let (reads, _) = disk.take_reads();
    assert!(reads < 10, "{reads} reads to say it again");
}
