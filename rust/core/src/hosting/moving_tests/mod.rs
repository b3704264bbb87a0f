//! A partition moves between two log directories of a simulated disk, which ends at every change that the move makes:
//! by the death of the process and by that of the machine. What must hold: it is in one place, with all that was
//! acknowledged, as it was; and the move goes on.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::batch::{BatchSpec, Builder, RecordOut};
use crate::disk::{Disk, SimDisk};
use crate::error::CoreError;
use crate::log::files::{Folder, FolderKind, read_checkpoint};
use crate::log::{ConfigValue, Marker, ProducerSummary};
use crate::partition::{TopicConfig, Wants};

mod compacted;
mod slow;

const TOPIC: &str = "t";
const ID: [u8; 16] = [7; 16];
const DIRS: [&str; 2] = ["/a", "/b"];

#[derive(Default)]
struct Nobody(Wants);

impl Waiter for Nobody {
    fn principal(&self) -> &str {
        "User:nobody"
    }

    fn wants(&self) -> &Wants {
        &self.0
    }

    fn ring(&self) {}
}

use crate::partition::Waiter;

#[derive(Default)]
struct Around {
    chores: Mutex<VecDeque<Chore<SimDisk, Nobody>>>,
    events: Mutex<VecDeque<Event>>,
    drawn: AtomicU64,
    pauses: Mutex<Vec<Duration>>,
    /// What moves wait for is over at once.
    steady_ms: AtomicI64,
}

impl Surroundings<SimDisk, Nobody> for Around {
    fn now_ms(&self) -> i64 {
        1_000
    }

    fn steady_ms(&self) -> i64 {
        self.steady_ms.load(Ordering::Acquire)
    }

    fn random(&self) -> u64 {
        self.drawn.fetch_add(1, Ordering::AcqRel)
    }

    fn tell(&self, event: Event) {
        self.events.lock().unwrap().push_back(event);
    }

    fn owe(&self, chore: Chore<SimDisk, Nobody>, after: Duration) {
        if matches!(chore, Chore::Move(_)) {
            self.pauses.lock().unwrap().push(after);
            let ms = i64::try_from(after.as_millis()).unwrap();
            self.steady_ms.fetch_add(ms, Ordering::AcqRel);
        }
        self.chores.lock().unwrap().push_back(chore);
    }

    fn hold_within<'a>(
        &self,
        partition: &'a Lock<SimDisk, Nobody>,
        _patience: Duration,
    ) -> Option<Guard<'a, SimDisk, Nobody>> {
        partition.try_lock()
    }

    fn wake(&self) {}

    fn is_running(&self) -> bool {
        true
    }
}

/// What outlives a node: the disk, what the cluster knows of the place, and what clients were told.
struct World {
    disk: SimDisk,
    recorded: usize,
    /// (base offset, bytes) of every batch that may be in the log.
    batches: Vec<(i64, Vec<u8>)>,
    /// Below this all was acknowledged.
    acknowledged: i64,
    start: i64,
    sequence: i32,
}

struct Node {
    host: Arc<Host<SimDisk, Nobody>>,
    around: Arc<Around>,
}

fn config() -> Arc<TopicConfig> {
    let rows = [("segment.bytes", 1_500), ("flush.messages", 1)];
    let rows: Vec<_> = rows
        .iter()
        .map(|(key, value)| ((*key).to_owned(), ConfigValue::Int(*value)))
        .collect();
    Arc::new(TopicConfig::parse(&rows).unwrap())
}

fn batch(spec: BatchSpec, count: usize) -> Vec<u8> {
    let mut builder = Builder::new(spec).unwrap();
    for _ in 0..count {
        let record = RecordOut {
            timestamp_ms: 1,
            key: None,
            value: Some(&[7; 90]),
            headers: &[],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            recorded: 0,
            batches: Vec::new(),
            acknowledged: 0,
            start: 0,
            sequence: 0,
        }
    }

    /// A node starts: partitions are where their folders are, the record deciding between two, moves go on, and what is
    /// nobody's is set aside.
    fn start(&mut self) -> Result<Node, CoreError> {
        let node = self.open()?;
        node.host.resume_moves();
        node.host.set_strays_aside()?;
        Ok(node)
    }

    /// As `start`, up to where moves go on.
    fn open(&mut self) -> Result<Node, CoreError> {
        let around = Arc::new(Around::default());
        around
            .drawn
            .store(self.disk.deaths() * 1_000 + 1, Ordering::Release);
        let options = HostOptions {
            node_id: 1,
            log_dirs: DIRS.iter().map(PathBuf::from).collect(),
            fetch_session_slots: 10,
            fetch_sessions_bytes_max: 1 << 20,
            fetch_bytes_max: 1 << 20,
            skew: crate::log::Skew::default(),
        };
        let host = Host::new(options, self.disk.mount(), |_| around.clone())?;
        let node = Node { host, around };
        let lying: BTreeSet<usize> = (node.host.strays()?.iter())
            .map(|stray| place_of(&stray.folder))
            .collect();
        let place = match lying.contains(&self.recorded) {
            true => self.recorded,
            false => lying.first().copied().unwrap_or(self.recorded),
        };
        self.recorded = place;
        node.host.place(vec![PartitionState {
            topic: TOPIC.to_owned(),
            topic_id: ID,
            partition: 0,
            log_dir: place,
            internal: false,
            leader: 1,
            leader_epoch: 3,
            partition_epoch: 1,
            replicas: vec![1],
            isr: vec![1],
            config: config(),
        }])?;
        node.work(1);
        Ok(node)
    }

    /// Write something, and flush it; what is acknowledged then must stay.
    fn write(&mut self, node: &Node) {
        self.sequence += 1;
        let spec = |transactional| BatchSpec {
            producer_id: 5,
            base_sequence: self.sequence * 3,
            producer_epoch: 0,
            transactional,
            ..BatchSpec::default()
        };
        match self.sequence % 4 {
            0 => {
                let marker = Marker {
                    commit: self.sequence % 8 == 0,
                    coordinator_epoch: 2,
                    timestamp_ms: 1,
                };
                self.append(node, marker.batch(5, 0).unwrap());
            }
            1 => self.append(node, batch(BatchSpec::default(), 2)),
            _ => self.append(node, batch(spec(true), 3)),
        }
    }

    fn append(&mut self, node: &Node, bytes: Vec<u8>) {
        let Ok(done) = node.host.append(TOPIC, 0, bytes, 0) else {
            return;
        };
        if let Ok(bytes) = node.host.read(TOPIC, 0, done.base_offset, 1, true) {
            self.batches.push((done.base_offset, bytes));
        }
        node.host.flush();
        self.hear(node);
    }

    /// What a client may have been told by now.
    fn hear(&mut self, node: &Node) {
        if self.disk_lives(node)
            && let Ok(described) = node.host.describe(TOPIC, 0)
        {
            self.acknowledged = self.acknowledged.max(described.offsets.high_watermark);
        }
    }

    fn disk_lives(&self, node: &Node) -> bool {
        node.host.disk.is_mounted()
    }

    /// Do all that is left to do, telling the cluster of what is to be told.
    fn settle(&mut self, node: &Node) {
        while node.work_once() {
            while let Some(event) = node.event() {
                match event {
                    Event::Moving(MoveNews {
                        step: MoveStep::CaughtUp,
                        log_dir,
                        ..
                    }) => {
                        self.recorded = log_dir;
                        node.host.finish_move(TOPIC, 0);
                    }
                    Event::Moving(MoveNews {
                        step: MoveStep::GivenUp,
                        ..
                    }) => self.recorded = node.place(),
                    _ => {}
                }
            }
            self.hear(node);
        }
    }

    /// All that is in the log, from its start on, is what was written; and all of it that was acknowledged is there.
    fn check(&self, node: &Node, what: &str) {
        let described = node.host.describe(TOPIC, 0).unwrap();
        let (start, end) = (described.offsets.log_start, described.offsets.log_end);
        assert!(
            end >= self.acknowledged,
            "{what}: {end} of {}",
            self.acknowledged
        );
        assert!(start <= self.start, "{what}: starts at {start}");
        let mut next = start;
        while next < end {
            let bytes = node.host.read(TOPIC, 0, next, 1, true).unwrap();
            let known = self
                .batches
                .iter()
                .rfind(|(base, _)| *base <= next)
                .unwrap();
            assert!(known.1 == bytes, "{what}: the batch at {next} is another");
            next = known.0 + i64::from(u32::from_be_bytes(bytes[23..27].try_into().unwrap())) + 1;
        }
    }

    /// The folders of the partition that serve, and those of moves.
    fn folders(&self) -> (Vec<usize>, usize) {
        let (mut live, mut future) = (Vec::new(), 0);
        for (place, dir) in DIRS.iter().enumerate() {
            for entry in self.disk.list(Path::new(dir)).unwrap() {
                match Folder::parse(&entry.name).map(|folder| folder.kind) {
                    Some(FolderKind::Live) => live.push(place),
                    Some(FolderKind::Future) => future += 1,
                    _ => {}
                }
            }
        }
        (live, future)
    }
}

fn place_of(folder: &Path) -> usize {
    (DIRS.iter())
        .position(|dir| folder.parent() == Some(Path::new(dir)))
        .unwrap()
}

impl Node {
    fn event(&self) -> Option<Event> {
        self.around.events.lock().unwrap().pop_front()
    }

    fn work_once(&self) -> bool {
        let chore = self.around.chores.lock().unwrap().pop_front();
        match chore {
            None => return false,
            Some(Chore::Mend(..) | Chore::Ended(_)) => {} // its time has not come
            Some(chore) => self.host.carry_out(chore),
        }
        // Who waits for a dead disk waits for ever.
        self.host.disk.is_mounted()
    }

    fn work(&self, chores: usize) {
        for _ in 0..chores {
            self.work_once();
        }
    }

    fn place(&self) -> usize {
        self.host.hosted().find(TOPIC, 0).unwrap().log_dir()
    }

    fn producers(&self) -> Vec<ProducerSummary> {
        let cell = Arc::clone(self.host.hosted().find(TOPIC, 0).unwrap());
        cell.hold().as_ref().unwrap().log().producers()
    }

    fn latest_epoch_end(&self) -> (i32, i64) {
        let cell = Arc::clone(self.host.hosted().find(TOPIC, 0).unwrap());
        cell.hold().as_ref().unwrap().log().epoch_end_offset(2)
    }
}

/// A partition with some segments, transactions, and records that were deleted before their time.
fn filled(seed: u64) -> (World, Node) {
    let mut world = World::new(seed);
    let node = world.start().unwrap();
    world.settle(&node);
    for _ in 0..14 {
        world.write(&node);
    }
    let cell = Arc::clone(node.host.hosted().find(TOPIC, 0).unwrap());
    cell.hold()
        .as_mut()
        .unwrap()
        .log_mut()
        .delete_records(3)
        .unwrap();
    world.start = 3;
    node.host.run(Pass::Checkpoint);
    world.settle(&node);
    (world, node)
}

/// The move, with writes between its steps; and the record of it.
fn move_and_write(world: &mut World, node: &Node) {
    let _ = node.host.move_partition(TOPIC, 0, 1);
    for _ in 0..3 {
        node.work_once();
        world.write(node);
    }
    world.settle(node);
    world.write(node);
    world.settle(node);
}

/// If this failed, a move would lose or double records, or change what they are, or forget producers.
#[test]
fn a_partition_moves_while_it_is_written() {
    let (mut world, node) = filled(1);
    move_and_write(&mut world, &node);
    assert_eq!((node.place(), world.recorded), (1, 1));
    assert_eq!(world.folders(), (vec![1], 0));
    world.check(&node, "after the move");
    let before = node.producers();
    assert_eq!(node.host.describe(TOPIC, 0).unwrap().offsets.log_start, 3);
    let path = Path::new("/b/log-start-offset-checkpoint");
    let starts = read_checkpoint(&world.disk, path).unwrap();
    assert_eq!(starts.get(&(TOPIC.to_owned(), 0)), Some(&3));
    world.disk.kill();
    let node = world.start().unwrap();
    world.check(&node, "after a kill");
    assert_eq!(node.producers(), before);
    node.host.close_logs(1).unwrap();
}

/// If this failed, a move that ended in the middle of anything could leave the partition nowhere, twice, or without
/// records that a client was told of.
#[test]
fn it_may_end_at_every_change_of_the_disk() {
    for power in [false, true] {
        let mut ends = 0;
        for seed in 0..3 {
            for changes in 0.. {
                let (mut world, node) = filled(seed);
                let what = format!("seed {seed}, power {power}, after {changes} changes");
                world.disk.die_after(Some(changes));
                move_and_write(&mut world, &node);
                let ended = !node.host.disk.is_mounted();
                world.disk.die_after(None);
                if power {
                    world.disk.crash();
                } else {
                    world.disk.kill();
                }
                drop(node);
                let node = world.start().unwrap();
                world.check(&node, &what);
                assert_eq!(world.folders().0, vec![node.place()], "{what}");
                world.write(&node);
                world.settle(&node);
                world.check(&node, &what);
                assert_eq!(world.folders(), (vec![node.place()], 0), "{what}");
                assert_eq!(world.recorded, node.place(), "{what}");
                if !ended {
                    assert_eq!(node.place(), 1, "{what}");
                    break;
                }
                ends += 1;
            }
        }
        assert!(ends > 300, "only {ends} ends were tried");
    }
}

/// If this failed, a disk that is too small would end what it was to relieve, or stay full of what nobody needs.
#[test]
fn a_full_disk_ends_the_move_alone() {
    let (mut world, node) = filled(1);
    let used = world.disk.used();
    world.disk.set_capacity(used + 1_000);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    let mut given_up = Vec::new();
    while node.work_once() {
        while let Some(event) = node.event() {
            if let Event::Moving(MoveNews { step, text, .. }) = event {
                assert_eq!(step, MoveStep::GivenUp);
                given_up.push(text);
            }
        }
    }
    assert_eq!(given_up.len(), 1, "{given_up:?}");
    assert!(given_up[0].contains("no storage space"), "{given_up:?}");
    assert_eq!((node.place(), world.folders()), (0, (vec![0], 0)));
    assert!(world.disk.used() <= used);
    world.disk.set_capacity(u64::MAX);
    world.write(&node);
    world.check(&node, "after it was given up");
    assert!(node.host.moves().is_empty());
}

/// If this failed, a move that was taken back would go on, or its folder stay.
#[test]
fn a_move_is_taken_back_and_sent_elsewhere() {
    let (mut world, node) = filled(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    node.work(1);
    let moves = node.host.moves();
    assert_eq!((moves.len(), moves[0].log_dir), (1, 1));
    assert_eq!(world.folders(), (vec![0], 1));
    node.host.move_partition(TOPIC, 0, 0).unwrap();
    assert!(node.host.moves().is_empty());
    world.settle(&node);
    assert_eq!((node.place(), world.folders()), (0, (vec![0], 0)));
    // Taken back when it had all but the cluster's word.
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    while node.work_once() {}
    assert_eq!(node.host.moves()[0].lag, 0);
    node.host.move_partition(TOPIC, 0, 0).unwrap();
    node.host.finish_move(TOPIC, 0);
    world.settle(&node);
    assert_eq!((node.place(), world.folders()), (0, (vec![0], 0)));
    assert!(node.host.move_partition(TOPIC, 0, 2).is_err());
    assert!(node.host.move_partition("u", 0, 1).is_err());
}

/// If this failed, a stop in the middle of a move would cost a start all that was copied, or a whole recovery.
#[test]
fn a_clean_stop_keeps_what_was_copied() {
    let (mut world, node) = filled(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    while node.work_once() {}
    node.host.close_logs(1).unwrap();
    assert_eq!(world.folders(), (vec![0], 1));
    drop(node);
    world.disk.kill();
    let node = world.start().unwrap();
    assert_eq!(node.host.previous_broker_epoch(), 1);
    assert!(node.host.take_report().is_empty(), "nothing was recovered");
    world.settle(&node);
    assert_eq!((node.place(), world.folders()), (1, (vec![1], 0)));
    world.check(&node, "after the second start");
    // And when the cluster knows already, the stop ends the move.
    node.host.move_partition(TOPIC, 0, 0).unwrap();
    while node.work_once() {}
    world.recorded = 0;
    node.host.finish_move(TOPIC, 0);
    world.write(&node);
    node.host.close_logs(2).unwrap();
    assert_eq!(world.folders(), (vec![0], 0));
    drop(node);
    world.disk.kill();
    let node = world.start().unwrap();
    assert_eq!(node.host.previous_broker_epoch(), 2);
    world.check(&node, "after the third start");
}

/// If this failed, what a move left would stay for ever, or be served.
#[test]
fn what_is_of_no_move_goes_at_a_start() {
    let (mut world, node) = filled(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    node.work(1);
    node.host.delete_partitions(&[(TOPIC.to_owned(), 0)]);
    while node.work_once() {}
    assert_eq!(world.folders(), (vec![], 0), "the topic is deleted");
    drop(node);
    world.disk.kill();
    let unknown = "/b/u-3.00000000000000000000000000000abc-future";
    world.disk.create_dir_all(Path::new(unknown)).unwrap();
    let node = world.start().unwrap();
    assert_eq!(world.folders().1, 0);
    assert_eq!(node.place(), 0);
}

/// If this failed, a partition whose record names the directory that it was moving to, and whose old one is away, would
/// begin anew beside nearly all of its records.
#[test]
fn the_copy_is_taken_where_the_source_is_away() {
    let (mut world, node) = filled(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    while node.work_once() {}
    node.host.close_logs(1).unwrap();
    drop(node);
    world.disk.kill();
    world
        .disk
        .rename(Path::new("/a/t-0"), Path::new("/elsewhere"))
        .unwrap();
    world.recorded = 1;
    let node = world.start().unwrap();
    assert_eq!((node.place(), world.folders()), (1, (vec![1], 0)));
    world.check(&node, "from the copy");
    let report = node.host.take_report();
    assert_eq!(report.len(), 1);
    assert_eq!(report[0].kind, ReportKind::Lost);
}

/// If this failed, a directory that fails would take partitions with it that are elsewhere, or a failed sync of the
/// copy's disk end the partition.
#[test]
fn a_failed_sync_ends_the_target_and_not_the_partition() {
    let (mut world, node) = filled(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    world.disk.fail_sync_after(Some(1)); // the first is that of the topic's id
    let (mut steps, mut failed) = (Vec::new(), Vec::new());
    while node.work_once() {
        while let Some(event) = node.event() {
            match event {
                Event::Moving(MoveNews { step, .. }) => steps.push(step),
                Event::LogDirFailed { log_dir, .. } => failed.push(log_dir),
                _ => {}
            }
        }
    }
    assert_eq!((steps, failed), (vec![MoveStep::GivenUp], vec![1]));
    world.write(&node);
    world.check(&node, "in the old place");
    assert_eq!(node.place(), 0);
}
