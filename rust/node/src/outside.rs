//! What is around the core in a node: its clocks, its randomness, its news for Python, and the threads for disk work.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use ottla_core::hosting::{Chore, Event, Guard, Host, Lock, Surroundings};
use ottla_core::log::Skew;
use tokio::sync::Semaphore;

use crate::clock::{Clock, ClockSet};
use crate::disk::NodeDisk;
use crate::lock::lock;
use crate::metrics::Flushes;
use crate::peer::Connection;
use crate::pool::Pool;
use crate::queue::Queue;

pub type NodeHost = Host<NodeDisk, Connection>;
pub type NodeChore = Chore<NodeDisk, Connection>;

/// Where a node is in its life; it only moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Life {
    Running,
    Stopping,
    Ended,
    Forked,
}

pub struct Outside {
    pub clock: Clock,
    pub queue: Queue,
    pub pool: Pool,
    /// Whose turn it is in each log directory to try a partition that could not be opened: ten thousand may have failed
    /// together, and a directory that hangs keeps no other one's from being served again.
    mends: Mutex<HashMap<usize, Arc<Semaphore>>>,
    /// Rung where nothing is wanted any more that is not so, under this lock.
    as_wanted: Condvar,
    wanting: Mutex<()>,
    life: AtomicU8,
    seeds: RandomState,
    draws: AtomicU64,
    pub flushes: Flushes,
}

/// The same as one host knows it, whose chores are carried out here.
pub struct Around {
    pub outside: Arc<Outside>,
    pub host: Weak<NodeHost>,
}

impl Outside {
    pub fn new(clock: ClockSet, skew: Skew) -> Self {
        Self {
            clock: Clock::new(clock, skew),
            queue: Queue::default(),
            pool: Pool::default(),
            mends: Mutex::default(),
            as_wanted: Condvar::new(),
            wanting: Mutex::default(),
            life: AtomicU8::new(Life::Running as u8),
            seeds: RandomState::new(),
            draws: AtomicU64::new(0),
            flushes: Flushes::default(),
        }
    }

    /// A number that nobody can guess from earlier ones: the standard library's keyed hash of a counter.
    pub fn random(&self) -> u64 {
        self.seeds
            .hash_one(self.draws.fetch_add(1, Ordering::Relaxed))
    }

    /// Wait until nothing is wanted that is not so; false at the timeout.
    pub fn await_wanted(&self, host: &NodeHost, timeout: Duration) -> bool {
        let wanting = lock(&self.wanting);
        let waited =
            (self.as_wanted).wait_timeout_while(wanting, timeout, |()| !host.is_as_wanted());
        let (_wanting, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    fn mends_in(&self, log_dir: usize) -> Arc<Semaphore> {
        let mut mends = lock(&self.mends);
        Arc::clone((mends.entry(log_dir)).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }

    pub fn life(&self) -> Life {
        match self.life.load(Ordering::Acquire) {
            0 => Life::Running,
            1 => Life::Stopping,
            2 => Life::Ended,
            _ => Life::Forked,
        }
    }

    /// Move on in life; false if the node was there already.
    pub fn enter(&self, life: Life) -> bool {
        self.life.fetch_max(life as u8, Ordering::AcqRel) < life as u8
    }
}

impl Surroundings<NodeDisk, Connection> for Around {
    fn now_ms(&self) -> i64 {
        self.outside.clock.now_ms()
    }

    fn steady_ms(&self) -> i64 {
        self.outside.clock.steady_ms()
    }

    fn random(&self) -> u64 {
        self.outside.random()
    }

    fn tell(&self, event: Event) {
        self.outside.queue.tell(event);
    }

    fn owe(&self, chore: NodeChore, after: Duration) {
        let Some(host) = self.host.upgrade() else {
            return; // it was dropped, and its partitions with it
        };
        let turns = match &chore {
            Chore::Mend(cell, _) => Some(self.outside.mends_in(cell.log_dir())),
            _ => None,
        };
        let work = move || host.carry_out(chore);
        if after.is_zero() && turns.is_none() {
            self.outside.pool.run(work);
        } else {
            self.outside.pool.run_later(after, turns, work);
        }
    }

    /// Parked for so long: to spin cost 3 to 13 % of the CPU of eight connections.
    fn hold_within<'a>(
        &self,
        partition: &'a Lock<NodeDisk, Connection>,
        patience: Duration,
    ) -> Option<Guard<'a, NodeDisk, Connection>> {
        partition.try_lock_for(patience)
    }

    fn is_as_wanted(&self) {
        let _whoever_waits = lock(&self.outside.wanting);
        self.outside.as_wanted.notify_all();
    }

    fn flushing(&self, flush: &mut dyn FnMut()) {
        let began = Instant::now();
        flush();
        self.outside.flushes.took(began.elapsed());
    }

    fn wake(&self) {
        self.outside.queue.wake();
    }

    fn is_running(&self) -> bool {
        self.outside.life() == Life::Running
    }
}
