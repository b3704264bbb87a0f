//! What all tasks and callers of one node share.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard,
    RwLockWriteGuard,
};
use std::time::Instant;

use ottla_core::session::Sessions;

use crate::apis::{Apis, FETCH, PRODUCE};
use crate::background::Background;
use crate::budget::{Budget, Charge};
use crate::clock::Clock;
use crate::connection::{Connection, Ending};
use crate::descriptors::Descriptors;
use crate::dirs::LogDirs;
use crate::disk::NodeDisk;
use crate::error::NodeError;
use crate::hosted::{Cell, Hosted};
use crate::listener::Listening;
use crate::metrics::Metrics;
use crate::queue::{Item, Queue};
use crate::shedding::Room;
use crate::weight::Weights;

/// What Python works on may take this part of the request memory, beside it.
const DECISIONS_SHARE: usize = 4;
/// and this part of that is for small requests alone.
const SMALL_SHARE: usize = 4;
/// What fetch sessions remember may take this part of it, beside it.
const SESSIONS_SHARE: usize = 4;

/// How the node was asked to be; units and meanings as in `_core.pyi`.
#[derive(Debug, Clone)]
pub struct Options {
    pub node_id: i32,
    pub log_dirs: Vec<PathBuf>,
    pub threads: usize,
    pub clock_offset_ms: i64,
    pub request_memory_bytes_max: usize,
    pub request_size_bytes_max: usize,
    pub connection_idle_ms_max: i64,
    pub connections_max: usize,
    pub connections_per_ip_max: usize,
    pub socket_send_buffer_bytes: i32,
    pub socket_receive_buffer_bytes: i32,
    pub fetch_session_slots: usize,
    pub fetch_max_bytes: usize,
    /// Keep track of what was synced, so that `power_cut` can take the rest away.
    pub power_cuts: bool,
    /// Carry syncs out; else they are only noted, for folders that go with the node.
    pub durable: bool,
    /// A fault for tests: panic where a request of this API key is handled.
    pub panic_on_api: Option<i16>,
}

/// Where a node is in its life; it only moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Life {
    Running,
    Stopping,
    Ended,
    Forked,
}

/// A request that Python holds: where its answer goes.
pub struct Held {
    pub connection: Arc<Connection>,
    pub correlation_id: i32,
    pub flexible: bool,
    /// What it takes while Python works on it; nothing is left of it in one that is parked.
    pub charge: Option<Charge>,
}

pub struct Shared {
    pub options: Options,
    pub clock: Clock,
    pub started: Instant,
    pub queue: Queue,
    pub apis: RwLock<Arc<Apis>>,
    /// What connections hold: frames being received and replies that are not sent.
    pub budget: Budget,
    /// What Python works on: requests until the turn that took them is over, and replies until they are sent.
    pub decisions: Arc<Budget>,
    /// The same for those that ask little, whose answers may still be large; when it is taken they wait as others.
    pub small_decisions: Arc<Budget>,
    /// What fetches of many partitions hold.
    pub weights: Weights,
    /// Whose turn it is to look through a batch that unpacks to far more than it is.
    pub heavy: tokio::sync::Mutex<()>,
    pub room: Room,
    pub listening: Mutex<Vec<Arc<Listening>>>,
    pub metrics: Metrics,
    pub descriptors: Arc<Descriptors>,
    pub held: Mutex<HashMap<u64, Held>>,
    /// What Python took in its present turn.
    turn: Mutex<Vec<u64>>,
    pub next_token: AtomicU64,
    pub connections: Mutex<HashMap<u64, Arc<Connection>>>,
    pub connection_gone: Condvar,
    pub connection_freed: tokio::sync::Notify,
    pub sessions: Mutex<Sessions>,
    pub disk: NodeDisk,
    pub dirs: Mutex<LogDirs>,
    pub bound_to_messages: AtomicBool,
    /// Where blocking work is put; none once the node has ended, so that the runtime can go.
    pub runtime: Mutex<Option<tokio::runtime::Handle>>,
    pub background: Background,
    /// Held by who writes checkpoints.
    pub checkpointing: Mutex<()>,
    /// Whose turn it is to try a partition that could not be opened.
    pub heals: tokio::sync::Semaphore,
    hosted: RwLock<Hosted>,
    seeds: RandomState,
    draws: AtomicU64,
    life: AtomicU8,
    poisoned: AtomicBool,
    poison_text: OnceLock<String>,
}

/// Lock without a care for panics elsewhere: after a panic the node is poisoned and refuses all calls anyway.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(options: Options) -> Result<Self, NodeError> {
        let descriptors: Arc<Descriptors> = Arc::default();
        let disk = NodeDisk::new(
            Arc::clone(&descriptors),
            options.power_cuts,
            options.durable,
        );
        let decisions = options.request_memory_bytes_max / DECISIONS_SHARE;
        let dirs = LogDirs::open(&disk, &options.log_dirs)?;
        Ok(Self {
            clock: Clock::new(options.clock_offset_ms),
            started: Instant::now(),
            queue: Queue::default(),
            apis: RwLock::default(),
            budget: Budget::new(options.request_memory_bytes_max),
            decisions: Arc::new(Budget::new(decisions - decisions / SMALL_SHARE)),
            small_decisions: Arc::new(Budget::new(decisions / SMALL_SHARE)),
            weights: Weights::new(options.request_memory_bytes_max),
            heavy: tokio::sync::Mutex::default(),
            room: Room::default(),
            listening: Mutex::default(),
            metrics: Metrics::default(),
            descriptors,
            sessions: Mutex::new(Sessions::new(
                options.fetch_session_slots,
                options.request_memory_bytes_max / SESSIONS_SHARE,
            )),
            disk,
            dirs: Mutex::new(dirs),
            bound_to_messages: AtomicBool::new(false),
            runtime: Mutex::default(),
            background: Background::default(),
            checkpointing: Mutex::default(),
            heals: tokio::sync::Semaphore::new(1),
            hosted: RwLock::default(),
            seeds: RandomState::new(),
            draws: AtomicU64::new(0),
            held: Mutex::default(),
            turn: Mutex::default(),
            next_token: AtomicU64::new(1),
            connections: Mutex::default(),
            connection_gone: Condvar::new(),
            connection_freed: tokio::sync::Notify::new(),
            life: AtomicU8::new(Life::Running as u8),
            poisoned: AtomicBool::new(false),
            poison_text: OnceLock::new(),
            options,
        })
    }

    /// Python is done with what it took: what it did not answer is parked, for as long as others may choose,
    /// and keeps nobody waiting for memory.
    pub fn end_turn(&self) {
        let mut turn = lock(&self.turn);
        if turn.is_empty() {
            return;
        }
        let mut held = lock(&self.held);
        for token in turn.drain(..) {
            if let Some(parked) = held.get_mut(&token) {
                parked.charge = None;
            }
        }
    }

    /// Python takes these.
    pub fn begin_turn(&self, items: &[Item]) {
        let tokens = items.iter().filter_map(|item| match item {
            Item::Asked(asked) => Some(asked.token),
            Item::Event(_) => None,
        });
        lock(&self.turn).extend(tokens);
    }

    pub fn hosted(&self) -> RwLockReadGuard<'_, Hosted> {
        self.hosted.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hosted_mut(&self) -> RwLockWriteGuard<'_, Hosted> {
        self.hosted.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// All partitions of now; whoever works through them keeps nobody from changing which there are.
    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.hosted().cells()
    }

    pub fn serves_hot_requests(&self) -> bool {
        let apis = self.apis.read().unwrap_or_else(PoisonError::into_inner);
        [PRODUCE, FETCH]
            .iter()
            .any(|key| apis.get(*key, false).is_some())
    }

    /// A number that nobody can guess from earlier ones: the standard library's keyed hash of a counter.
    pub fn random(&self) -> u64 {
        self.seeds
            .hash_one(self.draws.fetch_add(1, Ordering::Relaxed))
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

    /// Milliseconds of real time since the node was made, for idle times.
    pub fn uptime_ms(&self) -> u64 {
        self.uptime_ms_at(Instant::now())
    }

    pub fn uptime_ms_at(&self, now: Instant) -> u64 {
        let uptime = now.duration_since(self.started).as_millis();
        u64::try_from(uptime).unwrap_or(u64::MAX)
    }

    /// Refuse to go on: nothing is served or written after a broken invariant.
    pub fn poison(&self, text: &str) {
        let _ = self.poison_text.set(text.to_owned());
        if !self.poisoned.swap(true, Ordering::AcqRel) {
            self.queue.tell("poisoned", text);
            self.close_listeners();
            self.close_all(Ending::Reset);
        }
    }

    /// Work that nobody waits for; a panic in it poisons the node.
    pub fn guard(&self, work: impl FnOnce()) {
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            self.poison(&crate::listener::panic_text(&*panic));
        }
    }

    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Err if the node cannot do anything any more.
    pub fn check_usable(&self) -> Result<(), NodeError> {
        if self.is_poisoned() {
            let text = self
                .poison_text
                .get()
                .map_or("a broken invariant", String::as_str);
            return Err(NodeError::new("poisoned", text));
        }
        match self.life() {
            Life::Running | Life::Stopping => Ok(()),
            Life::Ended => Err(NodeError::new("stopped", "this node was stopped")),
            Life::Forked => Err(NodeError::new(
                "forked",
                "this node lives in the parent process",
            )),
        }
    }

    /// Let nobody in any more: the ports are free when this returns, whatever the threads are doing.
    pub fn close_listeners(&self) {
        for listening in lock(&self.listening).drain(..) {
            listening.close();
        }
    }

    pub fn close_all(&self, ending: Ending) {
        for connection in lock(&self.connections).values() {
            connection.end(ending);
        }
    }
}
