//! What all tasks and callers of one node share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use ottla_core::connection::limits::Limits;
use ottla_core::hosting::{Event, Host, HostOptions};
use ottla_core::log::Skew;
use ottla_core::serving::{KeptReplies, Question};

use crate::apis::{Apis, FETCH, PRODUCE};
use crate::budget::{Budget, Charge};
use crate::clock::ClockSet;
use crate::descriptors::Descriptors;
use crate::disk::NodeDisk;
use crate::error::NodeError;
use crate::listening::Listening;
use crate::lock::lock;
use crate::metrics::{Course, Metrics};
use crate::outside::{Around, Life, NodeHost, Outside};
use crate::overflow::{Memory, Overflow};
use crate::passes::Passes;
use crate::peer::{Connection, Ending};
use crate::queue::Item;
use crate::request_faults::RequestFaults;
use crate::room::Room;
use crate::watch::Watch;
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
    pub clock: ClockSet,
    pub request_memory_bytes_max: usize,
    pub request_size_bytes_max: usize,
    pub connection_idle_ms_max: i64,
    pub socket_send_buffer_bytes: i32,
    pub socket_receive_buffer_bytes: i32,
    pub fetch_session_slots: usize,
    pub fetch_max_bytes: usize,
    /// Keep track of what was synced, so that `power_cut` can take the rest away.
    pub power_cuts: bool,
    /// The log directories lie in memory, which has so much room.
    pub overflow: Option<Overflow>,
    /// Carry syncs out; else they are only noted, for folders that go with the node.
    pub durable: bool,
    /// A fault for tests: panic where a request of this API key is handled.
    pub panic_on_api: Option<i16>,
    /// For tests of what quotas do: each Produce and Fetch is throttled for so long.
    pub hot_throttle_ms: i32,
}

/// A request that Python holds: where its answer goes.
pub struct Held {
    pub connection: Arc<Connection>,
    pub api_key: i16,
    pub correlation_id: i32,
    pub flexible: bool,
    pub course: Course,
    /// What it takes while Python works on it; nothing is left of it in one that is parked.
    pub charge: Option<Charge>,
    /// Set if the answer may be kept for others.
    pub question: Option<Question>,
}

pub struct Shared {
    pub options: Options,
    pub outside: Arc<Outside>,
    /// The partitions of this node.
    pub host: Arc<NodeHost>,
    pub passes: Arc<Passes>,
    pub watch: Arc<Watch>,
    pub started: Instant,
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
    pub kept: KeptReplies,
    /// What Python took in its present turn.
    turn: Mutex<Vec<u64>>,
    pub next_token: AtomicU64,
    pub connections: Mutex<HashMap<u64, Arc<Connection>>>,
    /// How many of them there may be; taken after `connections`, where both are.
    pub limits: Mutex<Limits>,
    pub connection_gone: Condvar,
    /// One has gone, or there may be more.
    pub connection_freed: tokio::sync::Notify,
    pub disk: NodeDisk,
    pub bound_to_messages: AtomicBool,
    poisoned: AtomicBool,
    poison_text: OnceLock<String>,
    /// Of a node in a test, once it has been given them.
    pub request_faults: OnceLock<Arc<RequestFaults>>,
}

impl Shared {
    pub fn new(options: Options) -> Result<Self, NodeError> {
        let descriptors: Arc<Descriptors> = Arc::default();
        let counted = |overflow| Memory::new(overflow, &options.log_dirs);
        let memory = options.overflow.clone().map(counted);
        let disk = NodeDisk::new(
            Arc::clone(&descriptors),
            options.power_cuts,
            options.durable,
            memory,
        );
        let decisions = options.request_memory_bytes_max / DECISIONS_SHARE;
        let skew = Skew::default();
        let outside = Arc::new(Outside::new(options.clock, skew.clone()));
        let host_options = HostOptions {
            node_id: options.node_id,
            log_dirs: options.log_dirs.clone(),
            fetch_session_slots: options.fetch_session_slots,
            fetch_sessions_bytes_max: options.request_memory_bytes_max / SESSIONS_SHARE,
            fetch_bytes_max: options.fetch_max_bytes,
            skew,
        };
        let host = Host::new(host_options, disk.clone(), |host| {
            let (outside, host) = (Arc::clone(&outside), host.clone());
            Arc::new(Around { outside, host })
        })?;
        Ok(Self {
            outside,
            host,
            passes: Arc::default(),
            watch: Arc::default(),
            started: Instant::now(),
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
            disk,
            bound_to_messages: AtomicBool::new(false),
            held: Mutex::default(),
            kept: KeptReplies::default(),
            turn: Mutex::default(),
            next_token: AtomicU64::new(1),
            connections: Mutex::default(),
            limits: Mutex::default(),
            connection_gone: Condvar::new(),
            connection_freed: tokio::sync::Notify::new(),
            poisoned: AtomicBool::new(false),
            poison_text: OnceLock::new(),
            request_faults: OnceLock::new(),
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
        let mut now = None;
        for token in turn.drain(..) {
            if let Some(parked) = held.get_mut(&token) {
                parked.charge = None;
                parked.course.parked = Some(*now.get_or_insert_with(Instant::now));
            }
        }
    }

    /// Python takes these.
    pub fn begin_turn(&self, items: &[Item]) {
        let tokens = items.iter().filter_map(|item| match item {
            Item::Asked(asked) => Some(asked.token),
            Item::Event(_) => None,
        });
        let mut turn = lock(&self.turn);
        turn.extend(tokens);
        if turn.is_empty() {
            return;
        }
        let (mut held, now) = (lock(&self.held), Instant::now());
        for token in turn.iter() {
            if let Some(taken) = held.get_mut(token) {
                taken.course.taken.get_or_insert(now);
            }
        }
    }

    pub fn serves_hot_requests(&self) -> bool {
        let apis = self.apis.read().unwrap_or_else(PoisonError::into_inner);
        [PRODUCE, FETCH]
            .iter()
            .any(|key| apis.get(*key, false).is_some())
    }

    pub fn life(&self) -> Life {
        self.outside.life()
    }

    /// Tell what a peer did that it was refused for.
    pub fn refuse(&self, text: String) {
        self.outside.queue.tell(Event::Refused { text });
    }

    /// Milliseconds of real time since the node was made, for idle times.
    pub fn uptime_ms(&self) -> u64 {
        self.uptime_ms_at(Instant::now())
    }

    /// The same in microseconds.
    pub fn uptime_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub fn uptime_ms_at(&self, now: Instant) -> u64 {
        let uptime = now.duration_since(self.started).as_millis();
        u64::try_from(uptime).unwrap_or(u64::MAX)
    }

    /// Refuse to go on: nothing is served or written after a broken invariant.
    pub fn poison(&self, text: &str) {
        let _ = self.poison_text.set(text.to_owned());
        if !self.poisoned.swap(true, Ordering::AcqRel) {
            let text = text.to_owned();
            self.outside.queue.tell(Event::Poisoned { text });
            self.close_listeners();
            self.close_all(Ending::Reset);
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

    /// Say who speaks on a connection. False if it said otherwise before; one that has gone says nothing.
    pub fn identify(&self, connection_id: u64, principal: &str) -> bool {
        let found = lock(&self.connections).get(&connection_id).map(Arc::clone);
        found.is_none_or(|connection| connection.identify(principal))
    }

    /// Whether the node still takes new connections.
    pub fn accepts(&self) -> bool {
        self.life() == Life::Running && !self.is_poisoned()
    }
}
