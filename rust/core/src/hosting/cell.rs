//! One hosted partition and the one lock around it, with what is wanted of it.
//!
//! What is wanted is written down at once, by whoever decides, and made so by whoever may block (see `places.rs`):
//! so a decision never waits for a disk, and the latest wish counts. Whoever serves asks `refusal` before the lock:
//! one that is being opened may be locked for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::event::Place;
use super::question::{Endings, Waiting};
use super::traffic::Traffic;
use crate::code::Code;
use crate::disk::Disk;
use crate::partition::{LeaderAndIsr, Offsets, Partition, TopicConfig, Waiter};

/// How long a thread that serves others waits for a partition that somebody holds, before its request is `Busy`.
pub const PATIENCE: Duration = Duration::from_millis(1);

/// A partition's whereabouts for those who ask by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    pub offsets: Offsets,
    pub leader_epoch: i32,
    pub size_bytes: u64,
}

/// How much of a partition is served. It gets worse where a disk fails and better where it mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Standing {
    Serving,
    /// It is new here and is being opened.
    Opening,
    /// The last append failed: the next one tries again, and reads go on.
    Faltering,
    /// It could not be opened, or a sync in its log directory failed.
    Offline,
    /// It is hosted no more: what is left of it is closed and renamed.
    Gone,
}

/// How a partition is to be, and what is known of why it is not.
#[derive(Debug, Clone)]
pub struct Desired {
    pub state: LeaderAndIsr,
    pub config: TopicConfig,
    /// What kept it from being opened, as it was told last; empty if nothing did.
    pub problem: String,
    /// There was something in the place of its folder: a new one must not take its place while it is mended.
    pub existed: bool,
}

/// Empty while it is not open, once it is deleted, or when the node has ended.
pub struct Cell<D: Disk, W: Waiter> {
    pub topic: Arc<str>,
    pub topic_id: [u8; 16],
    pub index: i32,
    log_dir: AtomicUsize,
    /// Where it was before it moved: whoever decides may not have heard of that yet.
    left: AtomicUsize,
    /// Only brokers write to it.
    pub internal: bool,
    pub traffic: Arc<Traffic>,
    pub desired: Mutex<Desired>,
    /// Questions that could not be answered at once.
    pub waiting: std::sync::Mutex<Waiting>,
    /// Ends of transactions that are written, until the high watermark has passed them.
    pub endings: std::sync::Mutex<Endings>,
    /// How it was when somebody looked last, for those who cannot wait for whoever holds it.
    pub described: Mutex<Option<Described>>,
    /// Someone tries again by and by.
    pub retried: AtomicBool,
    /// See `flushing.rs`.
    pub flushing: AtomicU8,
    /// Somebody was called to flush and has not begun.
    pub flush_called: AtomicBool,
    /// That the disk refused something it can do later was told.
    pub strained: AtomicBool,
    /// Held, before the partition is, by who renames its folder or opens it anew, and by who works in it by names without
    /// holding the partition: that must not go on in a folder that is another's by then.
    pub names: std::sync::Mutex<()>,
    partition: Lock<D, W>,
    standing: AtomicU8,
    /// How often it was looked at since it was in use.
    rested: AtomicU8,
}

/// What a topic's partitions have in common.
#[derive(Clone)]
pub struct TopicOf {
    pub name: Arc<str>,
    pub id: [u8; 16],
    pub traffic: Arc<Traffic>,
}

/// A partition's lock.
pub type Lock<D, W> = Mutex<Option<Partition<D, W>>>;
/// A partition that is locked.
pub type Guard<'a, D, W> = MutexGuard<'a, Option<Partition<D, W>>>;

impl<D: Disk, W: Waiter> Cell<D, W> {
    pub fn new(
        topic: &TopicOf,
        index: i32,
        log_dir: usize,
        internal: bool,
        desired: Desired,
    ) -> Self {
        Self {
            topic: Arc::clone(&topic.name),
            topic_id: topic.id,
            index,
            log_dir: AtomicUsize::new(log_dir),
            left: AtomicUsize::new(log_dir),
            internal,
            traffic: Arc::clone(&topic.traffic),
            desired: Mutex::new(desired),
            waiting: std::sync::Mutex::default(),
            endings: std::sync::Mutex::default(),
            described: Mutex::new(None),
            retried: AtomicBool::new(false),
            flushing: AtomicU8::new(0),
            flush_called: AtomicBool::new(false),
            strained: AtomicBool::new(false),
            names: std::sync::Mutex::default(),
            partition: Mutex::new(None),
            standing: AtomicU8::new(Standing::Opening as u8),
            rested: AtomicU8::new(0),
        }
    }

    /// The log directory that it is in; it changes where it moves, under its lock.
    pub fn log_dir(&self) -> usize {
        self.log_dir.load(Ordering::Acquire)
    }

    /// It is in this log directory from now on. Whoever says so holds it.
    pub fn moved_to(&self, log_dir: usize) {
        let left = self.log_dir.swap(log_dir, Ordering::AcqRel);
        self.left.store(left, Ordering::Release);
    }

    /// Whether it is there, or was until it moved.
    pub fn is_known_in(&self, log_dir: usize) -> bool {
        self.log_dir() == log_dir || self.left.load(Ordering::Acquire) == log_dir
    }

    pub fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Serving,
            1 => Standing::Opening,
            2 => Standing::Faltering,
            3 => Standing::Offline,
            _ => Standing::Gone,
        }
    }

    pub fn is_offline(&self) -> bool {
        self.standing() >= Standing::Offline
    }

    /// Why it is neither written nor read, if so.
    pub fn refusal(&self) -> Option<Code> {
        match self.standing() {
            Standing::Serving | Standing::Faltering => None,
            Standing::Opening => Some(Code::NotLeaderOrFollower),
            Standing::Offline => Some(Code::KafkaStorageError),
            Standing::Gone => Some(Code::UnknownTopicOrPartition),
        }
    }

    /// Why there is nothing behind the lock.
    pub fn absence(&self) -> Code {
        self.refusal().unwrap_or(Code::UnknownTopicOrPartition)
    }

    /// It got worse, or is as bad as that already. Whether it was better before.
    pub fn worsen(&self, standing: Standing) -> bool {
        self.standing.fetch_max(standing as u8, Ordering::AcqRel) < standing as u8
    }

    /// An append succeeded, if it was only these that failed. Whether it was.
    pub fn heal(&self) -> bool {
        let (from, to) = (Standing::Faltering as u8, Standing::Serving as u8);
        self.standing
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// It is open and takes writes (again), unless it is gone.
    pub fn serve(&self) {
        let (serving, gone) = (Standing::Serving as u8, Standing::Gone as u8);
        let stays = |standing| (standing != gone).then_some(serving);
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let _ = self.standing.fetch_update(set, fetch, stays);
    }

    /// Lock it where that may take long.
    pub fn hold(&self) -> Guard<'_, D, W> {
        self.partition.lock()
    }

    /// Lock it if nobody holds it.
    pub fn try_hold(&self) -> Option<Guard<'_, D, W>> {
        self.partition.try_lock()
    }

    /// The lock itself, for whoever waits for it: `Host::hold_within`.
    pub fn lock(&self) -> &Lock<D, W> {
        &self.partition
    }

    pub fn is_compacted(&self) -> bool {
        self.desired.lock().config.log.cleanup_compact
    }

    /// How it is called in events.
    pub fn place(&self) -> Place {
        Place {
            topic: Arc::clone(&self.topic),
            topic_id: self.topic_id,
            partition: self.index,
        }
    }

    /// Note that it is in use, so that its files stay open.
    pub fn touch(&self) {
        if self.rested.load(Ordering::Relaxed) != 0 {
            self.rested.store(0, Ordering::Relaxed);
        }
    }

    /// A look at it: how many there were since it was in use, without this one.
    pub fn rest(&self) -> u8 {
        let looks = self.rested.load(Ordering::Relaxed);
        self.rested
            .store(looks.saturating_add(1), Ordering::Relaxed);
        looks
    }
}
