//! The log against a model, on a disk that tears writes, loses what was not synced and fills up.
//!
//! The model is a list of batches and how much of it was flushed. After a crash the log must hold a first part of
//! the list that reaches at least as far as the last flush, byte for byte, and go on from there.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append {
        values: usize,
        codec: u8,
        size: usize,
    },
    Idempotent {
        producer: i64,
        again: bool,
    },
    Transactional {
        producer: i64,
    },
    Mark {
        producer: i64,
        commit: bool,
    },
    Flush,
    Roll,
    Retain {
        bytes: i64,
    },
    DeleteRecords {
        part: u8,
    },
    Truncate {
        part: u8,
    },
    Release,
    Reopen {
        clean: bool,
    },
    Kill,
    Crash,
    Full {
        room: u64,
    },
    Fail {
        writes: u64,
    },
    /// Nothing changes any more after so many changes, names among them.
    Stop {
        changes: u64,
    },
    /// One sync fails, and what it should have made safe may be gone.
    FailSync {
        syncs: u64,
    },
    /// Take what must be synced, as a thread does that syncs without the lock.
    HandOut,
    /// It syncs.
    Sync,
    /// It comes back to tell; or it ended before that.
    Tell,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1usize..4, 0u8..5, 0usize..300)
            .prop_map(|(values, codec, size)| Step::Append { values, codec, size }),
        4 => (1i64..3, any::<bool>())
            .prop_map(|(producer, again)| Step::Idempotent { producer, again }),
        3 => (5i64..7).prop_map(|producer| Step::Transactional { producer }),
        2 => (5i64..7, any::<bool>()).prop_map(|(producer, commit)| Step::Mark { producer, commit }),
        2 => Just(Step::Flush),
        1 => Just(Step::Roll),
        1 => (0i64..3000).prop_map(|bytes| Step::Retain { bytes }),
        1 => any::<u8>().prop_map(|part| Step::DeleteRecords { part }),
        1 => any::<u8>().prop_map(|part| Step::Truncate { part }),
        1 => Just(Step::Release),
        1 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
        1 => Just(Step::Kill),
        2 => Just(Step::Crash),
        1 => (0u64..6000).prop_map(|room| Step::Full { room }),
        1 => (0u64..6).prop_map(|writes| Step::Fail { writes }),
        1 => (0u64..12).prop_map(|changes| Step::Stop { changes }),
        2 => (0u64..5).prop_map(|syncs| Step::FailSync { syncs }),
        2 => Just(Step::HandOut),
        2 => Just(Step::Sync),
        2 => Just(Step::Tell),
    ]
}

#[derive(Clone, Debug)]
struct Kept {
    base_offset: i64,
    next_offset: i64,
    bytes: Vec<u8>,
    /// (producer, is a marker, commit)
    transaction: Option<(i64, bool, bool)>,
    /// (producer, sequence)
    sequence: Option<(i64, i32)>,
}

const NONE: Kept = Kept {
    base_offset: 0,
    next_offset: 0,
    bytes: Vec::new(),
    transaction: None,
    sequence: None,
};

struct World {
    disk: SimDisk,
    config: LogConfig,
    log: Option<Log<SimDisk>>,
    kept: Vec<Kept>,
    /// Refused because the disk failed in the middle: the client knows nothing, and it may be there after all.
    doubtful: Option<Kept>,
    flushed: i64,
    /// What the checkpoint says.
    recovery_point: i64,
    start: i64,
    /// A roll whose flush failed: a power cut now may leave a hole, as it may in Apache Kafka.
    exposed: bool,
    handed_out: Option<Unflushed<SimDisk>>,
    synced: Option<Flushed>,
    /// What comes next is undefined.
    over: bool,
}

fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1500,
        segment_index_bytes: 256,
        index_interval_bytes: 200,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/data")).unwrap();
        let mut world = Self {
            disk,
            config: small(),
            log: None,
            kept: Vec::new(),
            doubtful: None,
            flushed: 0,
            recovery_point: 0,
            start: 0,
            exposed: false,
            handed_out: None,
            synced: None,
            over: false,
        };
        world.open(false);
        world
    }

    fn log(&mut self) -> &mut Log<SimDisk> {
        self.log.as_mut().unwrap()
    }

    fn end(&self) -> i64 {
        self.kept
            .last()
            .map_or(self.start, |batch| batch.next_offset)
    }

    /// The node's checkpoints are taken as safe: the recovery point is what was flushed.
    fn open(&mut self, clean_shutdown: bool) {
        (self.handed_out, self.synced) = (None, None);
        if self.over {
            return;
        }
        let hints = OpenHints {
            clean_shutdown,
            recovery_point: self.recovery_point,
            log_start_offset: self.start,
            skew_ms: 0,
        };
        let (log, _) =
            Log::open(self.disk.clone(), dir(), self.config.clone(), NOW, hints).unwrap();
        let end = log.log_end_offset();
        assert!(
            end >= self.flushed,
            "lost what was flushed: {end} < {}",
            self.flushed
        );
        if end > self.end().max(self.start) {
            self.kept.extend(self.doubtful.take());
        }
        self.doubtful = None;
        assert!(
            end <= self.end().max(self.start),
            "came back with more: {end} > {}",
            self.end()
        );
        self.kept.retain(|batch| batch.next_offset <= end);
        assert_eq!(self.end().max(self.start), end, "cut within a batch");
        self.start = self.start.max(log.log_start_offset());
        self.log = Some(log);
        self.log().set_high_watermark(end);
        self.check();
    }

    fn put(&mut self, mut bytes: Vec<u8>, origin: Origin, mut kept: Kept) -> Option<Code> {
        let context = AppendContext { origin, ..client() };
        let context = verified(self.log(), &bytes, context);
        let end = self.log().log_end_offset();
        match self.log().append(&mut bytes, &context) {
            Ok(done) if done.duplicate => {
                let (base, sequence) = (done.base_offset, kept.sequence);
                let first = self
                    .kept
                    .iter()
                    .rev()
                    .find(|batch| batch.sequence == sequence);
                if let Some(first) = first {
                    assert_eq!(first.base_offset, base, "a duplicate of another batch");
                }
                None
            }
            Ok(done) => {
                assert_eq!(done.base_offset, end);
                (kept.base_offset, kept.next_offset) = (done.base_offset, done.last_offset + 1);
                kept.bytes = bytes;
                self.kept.push(kept);
                self.doubtful = None;
                self.log().set_high_watermark(done.last_offset + 1);
                if done.rolled {
                    self.exposed = true;
                    self.flush();
                }
                None
            }
            Err(e) => {
                self.exposed |= e.code == Code::KafkaStorageError;
                if self.log().failure().is_some() && self.doubtful.is_none() {
                    let header = crate::batch::first_header(&bytes).unwrap();
                    (kept.base_offset, kept.next_offset) = (end, header.next_offset());
                    kept.bytes = bytes;
                    self.doubtful = Some(kept);
                }
                Some(e.code)
            }
        }
    }

    fn next_sequence(&self, producer: i64) -> i32 {
        let mut own = self.kept.iter().rev().filter_map(|batch| batch.sequence);
        own.find(|(id, _)| *id == producer)
            .map_or(0, |(_, sequence)| sequence + 1)
    }

    fn open_transaction(&self, producer: i64) -> Option<i64> {
        let mut first = None;
        for batch in &self.kept {
            match batch.transaction {
                Some((id, true, _)) if id == producer => first = None,
                Some((id, false, _)) if id == producer => {
                    first = first.or(Some(batch.base_offset));
                }
                _ => {}
            }
        }
        first
    }

    fn take(&mut self, step: Step) {
        if self.over {
            return;
        }
        match step {
            Step::Append {
                values,
                codec,
                size,
            } => self.append(values, codec, size),
            Step::Idempotent { producer, again } => self.append_idempotent(producer, again),
            Step::Transactional { producer } => self.append_transactional(producer),
            Step::Mark { producer, commit } => {
                let kept = Kept {
                    transaction: Some((producer, true, commit)),
                    ..NONE
                };
                self.put(marker(producer, 0, commit), Origin::Coordinator, kept);
            }
            Step::Flush => self.flush(),
            Step::Roll => {
                self.exposed = true;
                let _ = self.log().roll_if_due(NOW + 604_800_001);
                self.flush();
            }
            Step::Retain { bytes } => self.retain(bytes),
            Step::DeleteRecords { part } => {
                let end = self.end().max(self.start);
                let offset = self.start + (end - self.start) * i64::from(part) / 255;
                let _ = self.log().delete_records(offset);
                self.started();
            }
            Step::Truncate { part } => self.truncate(part),
            Step::Release => {
                let _ = self.log().release_files();
            }
            Step::FailSync { syncs } => self.disk.fail_sync_after(Some(syncs)),
            Step::HandOut => self.handed_out = self.log().unflushed().ok(),
            Step::Sync => self.synced = self.handed_out.take().map(Unflushed::sync),
            Step::Tell => self.tell(),
            Step::Reopen { clean } => self.reopen(clean),
            Step::Kill => {
                self.die(false);
                self.open(false);
            }
            Step::Crash => {
                self.die(true);
                self.open(false);
            }
            Step::Full { room } => self.disk.set_capacity(self.disk.used() + room),
            Step::Fail { writes } => self.disk.fail_after(Some(writes)),
            Step::Stop { changes } => self.disk.stop_after(Some(changes)),
        }
        if !self.over {
            self.check();
        }
    }

    fn append(&mut self, values: usize, codec: u8, size: usize) {
        let spec = BatchSpec {
            codec: Codec::from_number(codec).unwrap(),
            ..Default::default()
        };
        let value = "v".repeat(size);
        let batch = batch_with(spec, &vec![value.as_str(); values]);
        let done = self.put(batch, Origin::Client, NONE);
        let failed = matches!(done, None | Some(Code::KafkaStorageError));
        assert!(failed, "{done:?}");
    }

    fn append_idempotent(&mut self, producer: i64, again: bool) {
        let next = self.next_sequence(producer);
        let sequence = if again && next > 0 { next - 1 } else { next };
        let kept = Kept {
            sequence: Some((producer, sequence)),
            ..NONE
        };
        let known = (self.log().producers().iter()).any(|p| p.producer_id == producer);
        let batch = produced(producer, 0, sequence, 1, false);
        let done = self.put(batch, Origin::Client, kept);
        // A producer whose batches were all deleted or cut may be unknown: then any sequence is taken.
        let failed = matches!(done, None | Some(Code::KafkaStorageError));
        assert!(failed || !known || self.start > 0, "{done:?}");
    }

    fn append_transactional(&mut self, producer: i64) {
        let sequence = self.next_sequence(producer);
        let kept = Kept {
            sequence: Some((producer, sequence)),
            transaction: Some((producer, false, false)),
            ..NONE
        };
        let batch = produced(producer, 0, sequence, 1, true);
        self.put(batch, Origin::Client, kept);
    }

    fn retain(&mut self, bytes: i64) {
        let config = LogConfig {
            retention_bytes: bytes,
            ..self.config.clone()
        };
        self.log().set_config(config);
        self.exposed = true;
        let _ = self.log().enforce_retention(NOW);
        let _ = self.log().remove_deleted(NOW);
        self.started();
    }

    fn tell(&mut self) {
        if let Some(done) = self.synced.take() {
            let _ = self.log().flushed(done);
            self.recovery_point = self.log().recovery_point();
            self.flushed = self.flushed.max(self.recovery_point);
        }
    }

    fn reopen(&mut self, clean: bool) {
        let log = self.log.take().unwrap();
        let clean = clean && log.close(clean).is_ok();
        if clean {
            self.heal();
            self.flushed = self.end().max(self.start);
            self.recovery_point = self.flushed;
        } else {
            self.die(false);
        }
        self.open(clean);
    }

    /// As the node does after a roll too: nothing follows a segment that could lose its end.
    fn flush(&mut self) {
        if self.log().flush().is_ok() {
            self.exposed = false;
            self.flushed = self.end().max(self.start);
            self.recovery_point = self.log().recovery_point();
        }
    }

    /// The process ends. After a failed sync only a mended disk may be opened, one without the pages that it lost.
    fn die(&mut self, power_cut: bool) {
        self.log = None;
        self.over = self.exposed && self.disk.pages_lost();
        if self.exposed || !(power_cut || self.disk.pages_lost()) {
            self.disk.kill();
        } else {
            self.disk.crash();
        }
        self.heal();
    }

    fn heal(&mut self) {
        self.disk.set_capacity(u64::MAX);
        self.disk.fail_after(None);
        self.disk.stop_after(None);
        self.disk.fail_sync_after(None);
    }

    fn started(&mut self) {
        self.start = self.log().log_start_offset();
        let start = self.start;
        self.flushed = self.flushed.max(start);
    }

    fn truncate(&mut self, part: u8) {
        // A cut that fails half way leaves an undefined end, as in Apache Kafka: the directory goes offline.
        self.heal();
        if self.kept.is_empty() {
            return;
        }
        let at = self.kept.len() * usize::from(part) / 256;
        let offset = self.kept[at].base_offset.max(self.start);
        if self.kept[at].base_offset != offset {
            return;
        }
        let failed = self.log().failure().is_some();
        let done = self.log().truncate_to(offset, NOW);
        if failed {
            assert!(matches!(done, Err(LogError::Failed { .. })), "{done:?}");
            return;
        }
        done.unwrap();
        self.kept.truncate(at);
        self.flushed = self.flushed.min(offset);
        self.recovery_point = self.recovery_point.min(offset);
        assert_eq!(self.log().log_end_offset(), offset);
    }

    /// What can be read is what the model holds.
    fn check(&mut self) {
        let (start, end) = (self.start, self.end().max(self.start));
        let kept: Vec<Kept> = self
            .kept
            .iter()
            .filter(|batch| batch.next_offset > start)
            .cloned()
            .collect();
        let open: Vec<i64> = (5..7).filter_map(|id| self.open_transaction(id)).collect();
        let log = self.log();
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, end));
        let mut next = start;
        for batch in kept {
            let slice = log.read(next, 1, i64::MAX, true).unwrap();
            let found = bytes_of(&slice);
            assert!(
                found == batch.bytes,
                "other bytes at {next}: {:?} not {:?}",
                crate::batch::first_header(&found),
                crate::batch::first_header(&batch.bytes)
            );
            next = batch.next_offset;
        }
        assert_eq!(next, end);
        // What lies below the log's start may be forgotten, a transaction's beginning too.
        if let Some(first) = open.iter().filter(|first| **first >= start).min() {
            assert!(
                log.last_stable_offset() <= *first,
                "undecided data is shown"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(3000), max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done and whatever the disk does, no flushed batch is lost, none comes back changed, and the
    /// log opens again.
    #[test]
    fn the_log_is_its_model(seed in any::<u64>(), steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(seed);
        for step in steps {
            world.take(step);
        }
    }
}

/// A segment made before a crash loses its name with the next power cut, if nobody syncs the folder after opening.
#[test]
fn names_from_before_a_kill_are_made_safe() {
    let append = |count: usize| {
        let one = Step::Append {
            values: 1,
            codec: 0,
            size: 0,
        };
        vec![one; count]
    };
    let mut steps = append(4);
    steps.push(Step::Retain { bytes: 1 });
    steps.extend(append(5));
    steps.push(Step::Roll);
    steps.extend(append(2));
    steps.push(Step::DeleteRecords { part: 0 });
    steps.push(Step::DeleteRecords { part: 232 });
    steps.extend([Step::Crash, Step::Fail { writes: 5 }, Step::Roll]);
    steps.push(Step::Reopen { clean: false });
    steps.extend(append(1));
    steps.extend([Step::Flush, Step::Crash]);
    let mut world = World::new(644_217_407_199_836_787);
    for step in steps {
        world.take(step);
    }
}

/// A marker that failed half way is no part of the log; a roll must not write its effect into a snapshot.
#[test]
fn a_failed_log_rolls_no_more() {
    let one = Step::Append {
        values: 1,
        codec: 0,
        size: 0,
    };
    let mut world = World::new(8_654_048_586_004_776_399);
    for step in [
        Step::Mark {
            producer: 5,
            commit: false,
        },
        Step::Transactional { producer: 6 },
        one,
        Step::Full { room: 78 },
        Step::Mark {
            producer: 6,
            commit: false,
        },
        Step::Roll,
        Step::Reopen { clean: false },
    ] {
        world.take(step);
    }
}
