//! The partitions that this node hosts, found by topic name or topic id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla_core::hot::{
    KAFKA_STORAGE_ERROR, TopicRef, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION,
};
use ottla_core::log::LogConfig;
use ottla_core::partition::Partition;
use parking_lot::MutexGuard;

use crate::connection::Connection;
use crate::disk::NodeDisk;

pub type LedPartition = Partition<NodeDisk, Connection>;

/// How long a thread that serves waits for a partition's lock, and how long its task then rests: see `Cell::lock`.
const PATIENCE: Duration = Duration::from_millis(1);
const PAUSE: Duration = Duration::from_millis(1);

/// What a topic's clients moved.
#[derive(Default)]
pub struct Traffic {
    pub messages_in: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub produce_requests: AtomicU64,
    pub fetch_requests: AtomicU64,
    pub produce_failed: AtomicU64,
    pub fetch_failed: AtomicU64,
}

impl Traffic {
    /// Everything, by name; names end in the topic's.
    #[allow(clippy::cast_precision_loss)]
    pub fn read(&self, topic: &str, out: &mut Vec<(String, f64)>) {
        let rows = [
            ("messages_in", &self.messages_in),
            ("bytes_in", &self.bytes_in),
            ("bytes_out", &self.bytes_out),
            ("produce_requests", &self.produce_requests),
            ("fetch_requests", &self.fetch_requests),
            ("produce_failed", &self.produce_failed),
            ("fetch_failed", &self.fetch_failed),
        ];
        for (name, counter) in rows {
            out.push((
                format!("topic.{name}.{topic}"),
                counter.load(Ordering::Relaxed) as f64,
            ));
        }
    }
}

/// How much of a partition is served. It gets worse where a disk fails and better where it mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Standing {
    Serving,
    /// The last append failed: the next one tries again, and reads go on.
    Faltering,
    /// It could not be opened, or a sync in its log directory failed.
    Offline,
}

/// How a partition is to be led that is not open.
#[derive(Debug, Clone)]
pub struct Opening {
    pub leader_epoch: i32,
    pub config: LogConfig,
    pub min_insync_replicas: i32,
    /// What kept it from being opened, as it was told last.
    pub problem: String,
    /// There was something in the place of its folder: a new one must not take its place while it is mended.
    pub existed: bool,
}

/// One partition and the one lock around it. Empty while it is not open, once it is deleted, or when the node has
/// ended. Whoever serves asks `offline` first: an offline partition may be locked for long, by who tries to open it.
pub struct Cell {
    pub topic: Arc<str>,
    pub topic_id: [u8; 16],
    pub index: i32,
    pub log_dir: usize,
    pub internal: bool,
    pub traffic: Arc<Traffic>,
    pub partition: parking_lot::Mutex<Option<LedPartition>>,
    /// Set while the partition could not be opened.
    pub opening: Mutex<Option<Box<Opening>>>,
    /// Someone tries again by and by.
    pub retried: AtomicBool,
    /// See `flush.rs`.
    pub flushing: AtomicU8,
    /// That the disk refused something it can do later was told.
    pub strained: AtomicBool,
    standing: AtomicU8,
    /// How often it was looked at since it was in use.
    rested: AtomicU8,
}

impl Cell {
    pub fn new(topic: &Topic, index: i32, log_dir: usize) -> Self {
        Self {
            topic: Arc::clone(&topic.name),
            topic_id: topic.id,
            index,
            log_dir,
            internal: is_internal(&topic.name),
            traffic: Arc::clone(&topic.traffic),
            partition: parking_lot::Mutex::new(None),
            opening: Mutex::new(None),
            retried: AtomicBool::new(false),
            flushing: AtomicU8::new(0),
            strained: AtomicBool::new(false),
            standing: AtomicU8::new(Standing::Offline as u8),
            rested: AtomicU8::new(0),
        }
    }

    pub fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Serving,
            1 => Standing::Faltering,
            _ => Standing::Offline,
        }
    }

    /// Neither written nor read: KAFKA_STORAGE_ERROR.
    pub fn is_offline(&self) -> bool {
        self.standing.load(Ordering::Acquire) == Standing::Offline as u8
    }

    /// Why there is nothing behind the lock.
    pub fn absence(&self) -> i16 {
        if self.is_offline() {
            KAFKA_STORAGE_ERROR
        } else {
            UNKNOWN_TOPIC_OR_PARTITION
        }
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

    /// It is open and takes writes (again).
    pub fn serve(&self) {
        self.standing
            .store(Standing::Serving as u8, Ordering::Release);
    }

    /// Lock it on a thread that may block.
    pub fn hold(&self) -> MutexGuard<'_, Option<LedPartition>> {
        self.partition.lock()
    }

    /// Lock it if nobody holds it.
    pub fn try_hold(&self) -> Option<MutexGuard<'_, Option<LedPartition>>> {
        self.partition.try_lock()
    }

    /// Lock it on a thread that serves others too. An append takes microseconds; who holds it for longer waits for a
    /// slow disk, and then the task rests and not the thread.
    pub async fn lock(&self) -> MutexGuard<'_, Option<LedPartition>> {
        loop {
            if let Some(guard) = self.partition.try_lock_for(PATIENCE) {
                return guard;
            }
            tokio::time::sleep(PAUSE).await;
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

/// Topics that only brokers write to.
pub fn is_internal(topic: &str) -> bool {
    matches!(
        topic,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state"
    )
}

pub struct Topic {
    pub name: Arc<str>,
    pub id: [u8; 16],
    pub traffic: Arc<Traffic>,
    cells: Vec<Option<Arc<Cell>>>,
}

impl Topic {
    pub fn new(name: &str, id: [u8; 16]) -> Self {
        Self {
            name: name.into(),
            id,
            traffic: Arc::default(),
            cells: Vec::new(),
        }
    }

    pub fn cell(&self, index: i32) -> Option<&Arc<Cell>> {
        self.cells.get(usize::try_from(index).ok()?)?.as_ref()
    }

    pub fn cells(&self) -> impl Iterator<Item = &Arc<Cell>> {
        self.cells.iter().flatten()
    }
}

#[derive(Default)]
pub struct Hosted {
    topics: Vec<Option<Topic>>,
    by_name: HashMap<Arc<str>, usize>,
    by_id: HashMap<[u8; 16], usize>,
}

impl Hosted {
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics[*self.by_name.get(name)?].as_ref()
    }

    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter().flatten()
    }

    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.topics().flat_map(Topic::cells).cloned().collect()
    }

    pub fn find(&self, topic: &str, index: i32) -> Result<&Arc<Cell>, i16> {
        self.topic(topic)
            .and_then(|topic| topic.cell(index))
            .ok_or(UNKNOWN_TOPIC_OR_PARTITION)
    }

    pub fn find_by_id(&self, id: &[u8; 16], index: i32) -> Result<&Arc<Cell>, i16> {
        let place = self.by_id.get(id).ok_or(UNKNOWN_TOPIC_ID)?;
        let topic = self.topics[*place].as_ref().ok_or(UNKNOWN_TOPIC_ID)?;
        topic.cell(index).ok_or(UNKNOWN_TOPIC_OR_PARTITION)
    }

    pub fn find_ref(&self, topic: &TopicRef, index: i32) -> Result<&Arc<Cell>, i16> {
        match topic {
            TopicRef::Name(name) => self.find(name, index),
            TopicRef::Id(id) => self.find_by_id(id, index),
        }
    }

    /// The topic of this name and id, made if need be; a namesake with another id is let go.
    pub fn topic_or_new(&mut self, name: &str, id: [u8; 16]) -> &mut Topic {
        let known = self.by_name.get(name).copied();
        let known = known.filter(|place| {
            self.topics[*place]
                .as_ref()
                .is_some_and(|topic| topic.id == id)
        });
        let place = known.unwrap_or_else(|| {
            self.forget(name);
            let place = self
                .topics
                .iter()
                .position(Option::is_none)
                .unwrap_or_else(|| {
                    self.topics.push(None);
                    self.topics.len() - 1
                });
            self.by_name.insert(name.into(), place);
            self.by_id.insert(id, place);
            place
        });
        self.topics[place].get_or_insert_with(|| Topic::new(name, id))
    }

    pub fn put(&mut self, name: &str, id: [u8; 16], cell: Arc<Cell>) {
        let Ok(place) = usize::try_from(cell.index) else {
            return;
        };
        let topic = self.topic_or_new(name, id);
        if topic.cells.len() <= place {
            topic.cells.resize_with(place + 1, || None);
        }
        topic.cells[place] = Some(cell);
    }

    /// Take a partition out, and its topic with the last one.
    pub fn take(&mut self, name: &str, index: i32) -> Option<Arc<Cell>> {
        let topic = self.topics[*self.by_name.get(name)?].as_mut()?;
        let cell = topic.cells.get_mut(usize::try_from(index).ok()?)?.take();
        if topic.cells.iter().all(Option::is_none) {
            self.forget(name);
        }
        cell
    }

    fn forget(&mut self, name: &str) {
        if let Some(place) = self.by_name.remove(name)
            && let Some(topic) = self.topics[place].take()
        {
            self.by_id.remove(&topic.id);
        }
    }
}
