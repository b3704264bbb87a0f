//! Records that wait to be sent, by topic and partition, in batches.
//!
//! A record is encoded once, when it is put in. A batch is closed when the next record does not fit, when it has lingered,
//! or by `close_all`; it is compressed and numbered when it is taken. Memory is counted from then on until its end is
//! told by `settled`. Records of one partition leave in the order in which they came.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;

use super::partitioner::{Choice, partition_of};
use super::queue::{Closed, Queue};
use crate::batch::{BatchSpec, HEADER_BYTES, RecordOut, first_header};
use crate::compression::{Codec, Levels};

/// What holds for all batches of a producer.
#[derive(Clone, Debug)]
pub struct Settings {
    pub batch_bytes: usize,
    /// What all records together may take until they are settled.
    pub buffer_bytes: usize,
    pub record_bytes_max: usize,
    pub linger_ms: i64,
    pub codec: Codec,
    pub levels: Levels,
}

/// Why a record was not taken.
#[derive(Debug)]
pub enum Refusal {
    UnknownTopic,
    /// The topic has so many partitions.
    NoPartition(i32),
    /// No partition of the topic has a leader, and the record has no key.
    NoLeader,
    Full,
    /// By whoever has it: nothing is taken any more.
    Stopped,
    TooLarge(usize),
    Invalid(io::Error),
}

/// Where a record came to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub partition: i32,
    pub batch: u64,
    pub index: i32,
    /// Its batch is new: nobody looks after it yet.
    pub is_first: bool,
    /// Something can be sent that could not be sent before.
    pub is_ready: bool,
}

/// A sealed batch on its way out.
pub struct Taken {
    pub id: u64,
    pub count: i32,
    pub bytes: Vec<u8>,
}

struct Topic {
    queues: Vec<Queue>,
    available: Vec<i32>,
    choice: Choice,
}

pub struct Outbox {
    settings: Settings,
    topics: HashMap<String, Topic>,
    /// Partitions with closed batches.
    ready: BTreeSet<(String, i32)>,
    /// Partitions with an open one.
    open: BTreeSet<(String, i32)>,
    next_id: u64,
    /// Bytes of every batch that is not settled.
    counted: BTreeMap<u64, usize>,
    buffered: usize,
    random: u64,
    is_stopped: bool,
}

impl Outbox {
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            topics: HashMap::new(),
            ready: BTreeSet::new(),
            open: BTreeSet::new(),
            next_id: 1,
            counted: BTreeMap::new(),
            buffered: 0,
            random: seed,
            is_stopped: false,
        }
    }

    /// Nothing is taken any more.
    pub fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// A topic has so many partitions, of which these have leaders. It never has fewer than before, unless it is another.
    pub fn learn(&mut self, topic: &str, partitions: i32, available: &[i32]) {
        let known = self
            .topics
            .entry(topic.to_owned())
            .or_insert_with(|| Topic {
                queues: Vec::new(),
                available: Vec::new(),
                choice: Choice::default(),
            });
        let wanted = usize::try_from(partitions).unwrap_or(0);
        if known.queues.len() != wanted {
            known.choice.forget();
        }
        // What waits for a partition that is gone stays, to fail when it is sent.
        while known.queues.len() < wanted {
            known.queues.push(Queue::default());
        }
        known.available = available.to_vec();
    }

    pub fn knows(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// The first of the batches that are not settled.
    pub fn oldest(&self) -> Option<u64> {
        self.counted.keys().next().copied()
    }

    /// The number that the next batch will have.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Put a record in; without a partition its key decides, or chance.
    pub fn append(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        record: &RecordOut<'_>,
    ) -> Result<Appended, Refusal> {
        if self.is_stopped {
            return Err(Refusal::Stopped);
        }
        let size = estimate(record);
        if size + HEADER_BYTES > self.settings.record_bytes_max {
            return Err(Refusal::TooLarge(size + HEADER_BYTES));
        }
        if self.buffered > 0 && self.buffered + size > self.settings.buffer_bytes {
            return Err(Refusal::Full);
        }
        let batch_bytes = self.settings.batch_bytes;
        let random = self.draw();
        let known = self.topics.get_mut(topic).ok_or(Refusal::UnknownTopic)?;
        let (number, chosen) = choose(known, partition, record.key, random)?;
        let queue = &mut known.queues[number as usize];
        let mut is_ready = false;
        if !queue.fits(size, batch_bytes) && queue.close() {
            self.ready.insert((topic.to_owned(), number));
            self.open.remove(&(topic.to_owned(), number));
            is_ready = true;
        }
        let before = queue.open.is_some();
        let found = queue.append(record, self.next_id);
        let (batch, index) = found.map_err(Refusal::Invalid)?;
        let is_open = queue.fits(1, batch_bytes);
        if chosen && known.choice.sent(size, batch_bytes, is_open) {
            known.choice.forget();
        }
        if !before {
            self.next_id += 1;
            self.open.insert((topic.to_owned(), number));
        }
        self.count(batch, size);
        Ok(Appended {
            partition: number,
            batch,
            index,
            is_first: !before,
            is_ready: is_ready || !before,
        })
    }

    /// Put a sealed batch in as it is, but for its producer and its first offset; its id and how many records it has.
    pub fn append_whole(
        &mut self,
        topic: &str,
        partition: i32,
        bytes: Vec<u8>,
    ) -> Result<(u64, i32), Refusal> {
        if self.is_stopped {
            return Err(Refusal::Stopped);
        }
        let header = first_header(&bytes).map_err(|cut| invalid(cut.to_string()))?;
        if header.size() != bytes.len() {
            return Err(invalid("these are several batches".to_owned()));
        }
        if bytes.len() > self.settings.record_bytes_max {
            return Err(Refusal::TooLarge(bytes.len()));
        }
        if self.buffered > 0 && self.buffered + bytes.len() > self.settings.buffer_bytes {
            return Err(Refusal::Full);
        }
        let known = self.topics.get_mut(topic).ok_or(Refusal::UnknownTopic)?;
        let (number, _) = choose(known, Some(partition), None, 0)?;
        let id = self.next_id;
        self.next_id += 1;
        let size = bytes.len();
        known.queues[number as usize].append_whole(id, bytes, header.record_count);
        self.open.remove(&(topic.to_owned(), number));
        self.ready.insert((topic.to_owned(), number));
        self.count(id, size);
        Ok((id, header.record_count))
    }

    /// Partitions with a batch to take, after those that have lingered are closed.
    pub fn ready(&mut self, now_ms: i64) -> Vec<(String, i32)> {
        let mut due = Vec::new();
        for place in &self.open {
            let Some(open) = of(&mut self.topics, place).and_then(|queue| queue.open.as_mut())
            else {
                continue;
            };
            let born_ms = *open.born_ms.get_or_insert(now_ms);
            if born_ms.saturating_add(self.settings.linger_ms) <= now_ms {
                due.push(place.clone());
            }
        }
        for place in due {
            self.close(&place);
        }
        for place in &self.ready {
            for closed in of(&mut self.topics, place)
                .iter_mut()
                .flat_map(|queue| &mut queue.closed)
            {
                closed.born_ms.get_or_insert(now_ms);
            }
        }
        self.ready.iter().cloned().collect()
    }

    /// When a batch that `ready` saw open has lingered.
    pub fn due_ms(&mut self) -> Option<i64> {
        let topics = &mut self.topics;
        let born = |place| of(topics, place)?.open.as_ref()?.born_ms;
        let first = self.open.iter().filter_map(born).min();
        first.map(|born_ms| born_ms.saturating_add(self.settings.linger_ms))
    }

    /// No batch waits for more records.
    pub fn close_all(&mut self) {
        for place in std::mem::take(&mut self.open) {
            self.close(&place);
        }
    }

    /// Of the next closed batch of a partition: how many records it has, and when `ready` first saw it.
    pub fn front(&mut self, topic: &str, partition: i32) -> Option<(i32, i64)> {
        let queue = of(&mut self.topics, &(topic.to_owned(), partition))?;
        let closed = queue.closed.front()?;
        Some((closed.count, closed.born_ms.unwrap_or(i64::MAX)))
    }

    /// The next closed batch of a partition, to be sealed with `spec`.
    pub fn take(&mut self, topic: &str, partition: i32) -> Option<Closed> {
        let place = (topic.to_owned(), partition);
        let queue = of(&mut self.topics, &place)?;
        let closed = queue.closed.pop_front();
        if queue.closed.is_empty() {
            self.ready.remove(&place);
        }
        closed
    }

    /// Codec and levels of this producer's batches, the rest as given.
    pub fn spec(&self, rest: BatchSpec) -> BatchSpec {
        BatchSpec {
            codec: self.settings.codec,
            levels: self.settings.levels,
            ..rest
        }
    }

    /// A batch was acknowledged or given up: its memory is free.
    pub fn settled(&mut self, batch: u64) {
        self.buffered -= self.counted.remove(&batch).unwrap_or(0);
    }

    /// Drop everything that was not taken; the ids of those batches, in order.
    pub fn clear(&mut self) -> Vec<u64> {
        let mut ids = Vec::new();
        for topic in self.topics.values_mut() {
            for queue in &mut topic.queues {
                queue.close();
                ids.extend(queue.closed.drain(..).map(|closed| closed.id));
            }
        }
        self.open.clear();
        self.ready.clear();
        ids.sort_unstable();
        ids
    }

    fn close(&mut self, place: &(String, i32)) {
        self.open.remove(place);
        if of(&mut self.topics, place).is_some_and(Queue::close) {
            self.ready.insert(place.clone());
        }
    }

    fn count(&mut self, batch: u64, bytes: usize) {
        *self.counted.entry(batch).or_insert(0) += bytes;
        self.buffered += bytes;
    }

    /// The next of a series that the seed began (splitmix64).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn invalid(text: String) -> Refusal {
    Refusal::Invalid(io::Error::new(io::ErrorKind::InvalidInput, text))
}

fn of<'a>(topics: &'a mut HashMap<String, Topic>, place: &(String, i32)) -> Option<&'a mut Queue> {
    let number = usize::try_from(place.1).ok()?;
    topics.get_mut(&place.0)?.queues.get_mut(number)
}

/// The partition of a record, and whether chance chose it.
fn choose(
    topic: &mut Topic,
    partition: Option<i32>,
    key: Option<&[u8]>,
    random: u64,
) -> Result<(i32, bool), Refusal> {
    let count = topic.queues.len() as i32;
    if let Some(number) = partition {
        if !(0..count).contains(&number) {
            return Err(Refusal::NoPartition(count));
        }
        return Ok((number, false));
    }
    if count == 0 {
        return Err(Refusal::NoLeader);
    }
    if let Some(key) = key {
        return Ok((partition_of(key, count), false));
    }
    if let Some(number) = topic.choice.partition() {
        return Ok((number, true));
    }
    let queues: Vec<_> = topic
        .available
        .iter()
        .filter_map(|number| Some((*number, topic.queues.get(*number as usize)?.len())))
        .collect();
    let drawn = topic.choice.draw(&queues, random);
    // While none has a leader any will do: its batch waits for one.
    Ok((
        drawn.unwrap_or((random % count.unsigned_abs() as u64) as i32),
        true,
    ))
}

/// No less than the bytes that a record takes in a batch.
fn estimate(record: &RecordOut<'_>) -> usize {
    let field = |bytes: Option<&[u8]>| 5 + bytes.map_or(0, <[u8]>::len);
    let headers: usize = record
        .headers
        .iter()
        .map(|(key, value)| field(Some(key)) + field(*value))
        .sum();
    // Length, attributes, the deltas of time and offset, and how many headers.
    21 + field(record.key) + field(record.value) + headers
}
