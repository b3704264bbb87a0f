//! The partitions of one broker, from their folders to what is told of them: made, led or followed, written, read,
//! flushed, checkpointed, mended, deleted.
//!
//! A `Host` begins no thread and waits for nothing but locks and the disk. What may take as long as a disk does it
//! leaves as a `Chore` to its surroundings, which carry it out where one may block: so whoever decides only says what
//! is wanted, and hears by `Event::Applied` that it is so. What fails is told as an event, once, and tried again.
//!
//! Locks, from the outside in: a cell's partition, then its `desired`, `dirs`, `work`; the table of what is hosted is
//! held for a look alone and never during I/O.

mod asking;
mod cell;
mod closing;
mod deleting;
mod dirs;
mod event;
mod flushing;
mod mending;
mod opening;
mod passes;
mod places;
mod questions;
mod table;
mod traffic;

use std::path::PathBuf;
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::Duration;

use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::Waiter;
use crate::session::Sessions;

pub use asking::Described;
pub use cell::{Cell, Desired, Guard, Standing, TopicOf};
pub use event::{Chore, Event, Place, Report, ReportKind, Subject, Surroundings};
pub use passes::Pass;
pub use places::{HostedState, TopicConfig};
pub use questions::{Answer, Inquiry, Looked, Question};
pub use table::{Hosted, Topic};
pub use traffic::{Traffic, add};

use dirs::LogDirs;
use places::Work;

/// What a host is made with.
#[derive(Debug, Clone)]
pub struct HostOptions {
    pub node_id: i32,
    pub log_dirs: Vec<PathBuf>,
    pub fetch_session_slots: usize,
    pub fetch_sessions_bytes_max: usize,
    pub fetch_bytes_max: usize,
    /// How long a thread that serves others waits for a partition's lock before its request is `Busy`.
    pub patience: Duration,
}

pub struct Host<D: Disk, W: Waiter> {
    pub node_id: i32,
    pub fetch_bytes_max: usize,
    pub patience: Duration,
    pub disk: D,
    pub around: Arc<dyn Surroundings<D, W>>,
    pub sessions: Mutex<Sessions>,
    dirs: Mutex<LogDirs<D>>,
    work: Mutex<Work<D, W>>,
    all_as_wanted: Condvar,
    /// Held by who writes checkpoints.
    checkpointing: Mutex<()>,
    hosted: RwLock<Hosted<D, W>>,
}

/// Lock without a care for panics elsewhere: after a panic the node is poisoned and refuses all calls anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Take the log directories.
    ///
    /// # Errors
    /// "locked" if another node has one, "storage" if none can be opened, "checkpoint" if one says nonsense.
    pub fn new(
        options: HostOptions,
        disk: D,
        around: Arc<dyn Surroundings<D, W>>,
    ) -> Result<Self, CoreError> {
        Ok(Self {
            node_id: options.node_id,
            fetch_bytes_max: options.fetch_bytes_max,
            patience: options.patience,
            dirs: Mutex::new(LogDirs::open(&disk, &options.log_dirs)?),
            disk,
            around,
            sessions: Mutex::new(Sessions::new(
                options.fetch_session_slots,
                options.fetch_sessions_bytes_max,
            )),
            work: Mutex::default(),
            all_as_wanted: Condvar::new(),
            checkpointing: Mutex::default(),
            hosted: RwLock::default(),
        })
    }

    pub fn hosted(&self) -> RwLockReadGuard<'_, Hosted<D, W>> {
        self.hosted.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn hosted_mut(&self) -> RwLockWriteGuard<'_, Hosted<D, W>> {
        self.hosted.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All partitions of now; whoever works through them keeps nobody from changing which there are.
    pub fn cells(&self) -> Vec<Arc<Cell<D, W>>> {
        self.hosted().cells()
    }

    /// Whether this very partition is still hosted, and no namesake instead.
    fn hosts(&self, cell: &Arc<Cell<D, W>>) -> bool {
        self.hosted()
            .find_by_id(&cell.topic_id, cell.index)
            .is_ok_and(|found| Arc::ptr_eq(found, cell))
    }

    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    /// Do what was left to those who may block.
    pub fn carry_out(&self, chore: Chore<D, W>) {
        match chore {
            Chore::Places(log_dir) => self.work_through(log_dir),
            Chore::Flush(cell) => self.flush_cell(&cell),
            Chore::Mend(cell, pause) => self.mend(&cell, pause),
            Chore::Answer(cell) => self.answer_waiting(&cell),
            Chore::SyncVolumes => {
                let _ = self.sync_volumes();
            }
        }
    }

    /// The log directories that could be opened, by their place.
    fn dir_paths(&self) -> Vec<(usize, PathBuf)> {
        let dirs = lock(&self.dirs);
        let known = dirs.dirs.iter().enumerate();
        known
            .filter(|(_, dir)| dir.lost.is_none())
            .map(|(place, dir)| (place, dir.path.clone()))
            .collect()
    }
}

impl<D: Disk, W: Waiter> Cell<D, W> {
    pub fn place(&self) -> Place {
        Place {
            topic: Arc::clone(&self.topic),
            topic_id: self.topic_id,
            partition: self.index,
        }
    }
}
