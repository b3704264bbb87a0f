//! Incremental fetch sessions (KIP-227): what a reader asked for is remembered, and it is told only changes.
//!
//! A session has a number and an epoch that counts its requests. The reader sends what it changes about the
//! list of partitions; the answer leaves out partitions that have nothing new. A partition that had data moves
//! to the end of the list, so that a large one does not starve the others.
//!
//! What all sessions remember is bounded in number and in bytes. A reader that finds no room gets no session, and
//! one whose session outgrows the room loses it: both ask for everything each time, as when the slots are taken.
//!
//! Nothing here reads a partition: `begin` says what to read, `finish` what to leave out of the answer.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::hot::{ENTRIES_MAX, FetchPart, FetchRequest, PartitionReply, TopicRef};

/// The epoch of a request that begins a session.
const EPOCH_INITIAL: i32 = 0;
/// The epoch of a request that wants no session, and ends the one it names.
const EPOCH_FINAL: i32 = -1;
/// A session younger than this is not given up for another one; one that rested as long is.
const EVICTION_MS: i64 = 120_000;

/// One partition to read, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub topic: TopicRef,
    pub part: FetchPart,
}

/// What a request turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Everything that was asked is answered; no session.
    Sessionless,
    /// Everything that was asked is answered, and a session begins if there is room for it.
    Full,
    /// Changes of this session are answered.
    Incremental(i32),
}

/// What one partition takes in both maps, whose nodes may be less than half full, beside its topic's name.
const PARTITION_BYTES: usize =
    9 * (size_of::<((TopicRef, i32), u64)>() + size_of::<(u64, Cached)>()) / 4;

/// What a session takes for a partition of this topic; each may have brought the name anew.
fn cost(topic: &TopicRef) -> usize {
    match topic {
        TopicRef::Name(name) => PARTITION_BYTES + 2 * size_of::<usize>() + name.len(),
        TopicRef::Id(_) => PARTITION_BYTES,
    }
}

struct Cached {
    wanted: Wanted,
    /// What the reader was told last; a high watermark of -1 makes the next answer name the partition.
    high_watermark: i64,
    log_start_offset: i64,
}

struct Session {
    epoch: i32,
    by_id: bool,
    created_ms: i64,
    used_ms: i64,
    places: BTreeMap<(TopicRef, i32), u64>,
    partitions: BTreeMap<u64, Cached>,
    next_place: u64,
    bytes: usize,
}

impl Cached {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            high_watermark: -1,
            log_start_offset: -1,
        }
    }

    fn key(&self) -> (TopicRef, i32) {
        (self.wanted.topic.clone(), self.wanted.part.index)
    }
}

impl Session {
    /// One for these partitions, of which a later one stands for an earlier one of the same name.
    fn new(wanted: Vec<Wanted>, by_id: bool, now_ms: i64) -> Self {
        let next_place = wanted.len() as u64;
        // Made at once, the maps are dense.
        let mut partitions: BTreeMap<u64, Cached> =
            (0..).zip(wanted.into_iter().map(Cached::new)).collect();
        let places: BTreeMap<(TopicRef, i32), u64> = partitions
            .iter()
            .map(|(place, cached)| (cached.key(), *place))
            .collect();
        if places.len() < partitions.len() {
            partitions.retain(|place, cached| places.get(&cached.key()) == Some(place));
        }
        Self {
            epoch: next_epoch(EPOCH_INITIAL),
            by_id,
            created_ms: now_ms,
            used_ms: now_ms,
            places,
            bytes: partitions
                .values()
                .map(|cached| cost(&cached.wanted.topic))
                .sum(),
            partitions,
            next_place,
        }
    }

    fn put(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.part.index);
        if let Some(place) = self.places.get(&key) {
            if let Some(cached) = self.partitions.get_mut(place) {
                // Its topic's name stays the one that is counted.
                cached.wanted.part = wanted.part;
            }
            return;
        }
        self.bytes = self.bytes.saturating_add(cost(&key.0));
        self.push(key, Cached::new(wanted));
    }

    fn push(&mut self, key: (TopicRef, i32), cached: Cached) {
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(key, place);
        self.partitions.insert(place, cached);
    }

    fn forget(&mut self, key: &(TopicRef, i32)) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.remove(&place);
            self.bytes = self.bytes.saturating_sub(cost(&key.0));
        }
    }

    /// Note what is answered; whether the answer has to name this partition.
    fn note(&mut self, reply: &PartitionReply, has_records: bool) -> bool {
        let key = (reply.topic.clone(), reply.index);
        let Some(place) = self.places.get(&key).copied() else {
            return true;
        };
        let Some(cached) = self.partitions.get_mut(&place) else {
            return true;
        };
        let mut named = has_records;
        if cached.high_watermark != reply.high_watermark {
            named = true;
            cached.high_watermark = reply.high_watermark;
        }
        if cached.log_start_offset != reply.log_start_offset {
            named = true;
            cached.log_start_offset = reply.log_start_offset;
        }
        named |= reply.diverging_epoch.is_some();
        if reply.error_code != Code::None {
            // When the error is over, the reader has to hear of it even if nothing else changed.
            cached.high_watermark = -1;
            named = true;
        }
        if has_records && let Some(cached) = self.partitions.remove(&place) {
            self.push(key, cached);
        }
        named
    }
}

/// All sessions of a node.
pub struct Sessions {
    slots: usize,
    bytes_max: usize,
    bytes: usize,
    sessions: BTreeMap<i32, Session>,
    evictions: u64,
}

impl Sessions {
    pub fn new(slots: usize, bytes_max: usize) -> Self {
        Self {
            slots,
            bytes_max,
            bytes: 0,
            sessions: BTreeMap::new(),
            evictions: 0,
        }
    }

    pub fn count(&self) -> usize {
        self.sessions.len()
    }

    /// How many partitions all sessions remember together.
    pub fn partition_count(&self) -> usize {
        self.sessions
            .values()
            .map(|session| session.partitions.len())
            .sum()
    }

    /// What they take for that at most.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many partitions this session remembers.
    pub fn size(&self, id: i32) -> usize {
        self.sessions
            .get(&id)
            .map_or(0, |session| session.partitions.len())
    }

    fn end(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.bytes = self.bytes.saturating_sub(session.bytes);
        }
    }

    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// What this request wants read; Err is an error code for the whole request.
    pub fn begin(
        &mut self,
        request: &FetchRequest,
        frame: &[u8],
        now_ms: i64,
    ) -> Result<(Kind, Vec<Wanted>), Code> {
        let (id, epoch) = (request.head.session_id, request.head.session_epoch);
        if epoch == EPOCH_FINAL || epoch == EPOCH_INITIAL {
            self.end(id);
            let kind = if epoch == EPOCH_FINAL {
                Kind::Sessionless
            } else {
                Kind::Full
            };
            return Ok((kind, asked(request, frame)));
        }
        let session = self
            .sessions
            .get_mut(&id)
            .ok_or(Code::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(Code::InvalidFetchSessionEpoch);
        }
        if session.by_id != request.head.by_id {
            return Err(Code::FetchSessionTopicIdError);
        }
        let before = session.bytes;
        for wanted in asked(request, frame) {
            session.put(wanted);
        }
        for (topic, index) in &request.forgotten {
            session.forget(&(topic.to_owned(frame), *index));
        }
        let (after, count) = (session.bytes, session.partitions.len());
        session.epoch = next_epoch(session.epoch);
        session.used_ms = now_ms;
        self.bytes = self.bytes.saturating_sub(before).saturating_add(after);
        if count == 0 {
            self.end(id);
            return Ok((Kind::Sessionless, Vec::new()));
        }
        if count > ENTRIES_MAX || after > before && !self.make_room_for_bytes(0, now_ms) {
            self.end(id);
            self.evictions += 1;
        }
        let session = self.sessions.get(&id).ok_or(Code::FetchSessionIdNotFound)?;
        let wanted = session
            .partitions
            .values()
            .map(|cached| cached.wanted.clone())
            .collect();
        Ok((Kind::Incremental(id), wanted))
    }

    /// Begin a session for what a full request asked, if there is room, and return its number or 0.
    ///
    /// `number` is a random one; it is changed until it is free.
    pub fn create(&mut self, wanted: Vec<Wanted>, by_id: bool, now_ms: i64, number: u32) -> i32 {
        let session = Session::new(wanted, by_id, now_ms);
        if session.partitions.is_empty()
            || !self.make_room_for_bytes(session.bytes, now_ms)
            || !self.make_room(session.partitions.len(), now_ms)
        {
            return 0;
        }
        let mut id = i32::try_from(number & 0x7fff_ffff).unwrap_or(1).max(1);
        while self.sessions.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(1);
        }
        self.bytes = self.bytes.saturating_add(session.bytes);
        self.sessions.insert(id, session);
        id
    }

    /// Note what session `id` is told; `keep[i]` becomes whether the i-th reply has to be in the answer.
    pub fn finish(
        &mut self,
        id: i32,
        replies: &[PartitionReply],
        has_records: impl Fn(usize) -> bool,
    ) -> Vec<bool> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return vec![true; replies.len()];
        };
        replies
            .iter()
            .enumerate()
            .map(|(place, reply)| session.note(reply, has_records(place)))
            .collect()
    }

    fn make_room(&mut self, size: usize, now_ms: i64) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        // First one that rests, then a smaller one that has been here for a while.
        let resting = self.longest_resting(now_ms);
        let smallest = self
            .sessions
            .iter()
            .filter(|(_, session)| {
                now_ms.saturating_sub(session.created_ms) > EVICTION_MS
                    && session.partitions.len() <= size
            })
            .min_by_key(|(_, session)| session.partitions.len())
            .map(|(id, _)| *id);
        let Some(id) = resting.or(smallest) else {
            return false;
        };
        self.end(id);
        self.evictions += 1;
        true
    }

    /// Give up sessions that rest until so many bytes more have room; one in use never makes way for a larger one.
    fn make_room_for_bytes(&mut self, bytes: usize, now_ms: i64) -> bool {
        if bytes > self.bytes_max {
            return false;
        }
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let Some(id) = self.longest_resting(now_ms) else {
                return false;
            };
            self.end(id);
            self.evictions += 1;
        }
        true
    }

    fn longest_resting(&self, now_ms: i64) -> Option<i32> {
        self.sessions
            .iter()
            .min_by_key(|(_, session)| session.used_ms)
            .filter(|(_, session)| now_ms.saturating_sub(session.used_ms) > EVICTION_MS)
            .map(|(id, _)| *id)
    }
}

/// What a request names, beyond the frame that it came in.
fn asked(request: &FetchRequest, frame: &[u8]) -> Vec<Wanted> {
    let topics: Vec<TopicRef> = request
        .topics
        .iter()
        .map(|topic| topic.to_owned(frame))
        .collect();
    let wanted = |(topic, part): &(usize, FetchPart)| Wanted {
        topic: topics[*topic].clone(),
        part: *part,
    };
    request.parts.iter().map(wanted).collect()
}

fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests;
