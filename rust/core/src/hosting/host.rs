//! `Host` itself: what it is made of, and what all that it does needs. What it does has a file each.
//!
//! Locks, from the outside in: a cell's partition, then its `desired`, `moves`, a move's `stage`, `dirs`, `work`, `volumes`, `cleaners`. Who has a move's copy may lock a partition, and
//! not the other way round. The table of what is
//! hosted is held for a look alone and never during I/O.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::time::Duration;

use super::cell::{Cell, Guard};
use super::cleaners::Cleaners;
use super::dirs::LogDirs;
use super::event::Event;
use super::lock::lock;
use super::moves::Moves;
use super::pace::Pace;
use super::question::{Answer, Job, Volume};
use super::surroundings::Surroundings;
use super::table::Hosted;
use super::unanswered::Unanswered;
use super::work::Work;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::Skew;
use crate::partition::Waiter;
use crate::session::Sessions;

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    pub node_id: i32,
    pub log_dirs: Vec<PathBuf>,
    pub fetch_session_slots: usize,
    pub fetch_sessions_bytes_max: usize,
    pub fetch_bytes_max: usize,
    pub skew: Skew,
}

pub struct Host<D: Disk, W: Waiter> {
    pub node_id: i32,
    pub fetch_bytes_max: usize,
    pub disk: D,
    pub around: Arc<dyn Surroundings<D, W>>,
    pub sessions: Mutex<Sessions>,
    pub(super) dirs: Mutex<LogDirs<D>>,
    pub(super) work: Mutex<Work<D, W>>,
    /// By log directory.
    pub(super) volumes: Mutex<BTreeMap<usize, Volume>>,
    pub(super) cleaners: Mutex<Cleaners>,
    /// What moves to another log directory.
    pub(super) moves: Mutex<Moves<D, W>>,
    /// How fast, all of it together.
    pub(super) moves_pace: Mutex<Pace>,
    /// Held by who writes checkpoints.
    pub(super) checkpointing: Mutex<()>,
    pub(super) hosted: RwLock<Hosted<D, W>>,
    /// Logs that became partitions, and verifications that begin, have a number each.
    pub(super) numbers: AtomicU64,
    /// What whoever decides is asked of transactions.
    pub(super) unanswered: Arc<Unanswered<W>>,
    /// The clock's, for all logs.
    pub skew: Skew,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Take the log directories. Surroundings that carry out chores are made knowing whose: by the time there is a
    /// chore, there is the host.
    ///
    /// # Errors
    /// "locked" if another node has one, "storage" if none can be opened, "checkpoint" if one says nonsense.
    pub fn new(
        options: HostOptions,
        disk: D,
        around: impl FnOnce(&Weak<Self>) -> Arc<dyn Surroundings<D, W>>,
    ) -> Result<Arc<Self>, CoreError> {
        let dirs = LogDirs::open(&disk, &options.log_dirs)?;
        Ok(Arc::new_cyclic(|host| Self {
            node_id: options.node_id,
            fetch_bytes_max: options.fetch_bytes_max,
            dirs: Mutex::new(dirs),
            disk,
            around: around(host),
            sessions: Mutex::new(Sessions::new(
                options.fetch_session_slots,
                options.fetch_sessions_bytes_max,
            )),
            work: Mutex::default(),
            volumes: Mutex::default(),
            cleaners: Mutex::default(),
            moves: Mutex::default(),
            moves_pace: Mutex::default(),
            checkpointing: Mutex::default(),
            hosted: RwLock::default(),
            numbers: AtomicU64::new(1),
            unanswered: Arc::default(),
            skew: options.skew,
        }))
    }

    pub fn hosted(&self) -> RwLockReadGuard<'_, Hosted<D, W>> {
        self.hosted.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hosted_mut(&self) -> RwLockWriteGuard<'_, Hosted<D, W>> {
        self.hosted.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nobody else of this host has, nor had; not 0.
    pub fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// All partitions of now; whoever works through them keeps nobody from changing which there are.
    pub fn cells(&self) -> Vec<Arc<Cell<D, W>>> {
        self.hosted().cells()
    }

    /// Whether this very partition is still hosted, and no namesake instead.
    pub(super) fn hosts(&self, cell: &Arc<Cell<D, W>>) -> bool {
        self.hosted()
            .find_by_id(&cell.topic_id, cell.index)
            .is_ok_and(|found| Arc::ptr_eq(found, cell))
    }

    /// Lock a partition on a thread that serves others too: None if somebody holds it for longer than so.
    pub fn hold_within<'a>(
        &self,
        cell: &'a Cell<D, W>,
        patience: Duration,
    ) -> Option<Guard<'a, D, W>> {
        let wait = || self.around.hold_within(cell.lock(), patience);
        cell.try_hold().or_else(wait)
    }

    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    /// The log directories that could be opened, by their place.
    pub(super) fn dir_paths(&self) -> Vec<(usize, PathBuf)> {
        let dirs = lock(&self.dirs);
        let known = dirs.dirs.iter().enumerate();
        known
            .filter(|(_, dir)| !dir.lost)
            .map(|(place, dir)| (place, dir.path.clone()))
            .collect()
    }

    /// One more answer of a job, which is told of with its last one.
    pub(super) fn answered(&self, job: &Job, place: usize, answer: Answer) {
        if let Some(answers) = job.take(place, answer) {
            self.around.tell(Event::Answered {
                job: job.number,
                answers,
            });
        }
    }
}
