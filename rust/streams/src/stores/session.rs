//! The session store: one value a key and session, found by the session's end.
//!
//! What ended longer ago than the retention, by the highest end that was ever put, cannot be read; segments
//! of it are dropped whole.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use super::hash::hash;
use super::kept::Entry;
use crate::packed::Packed;
use crate::plan::store::Store as Row;

#[derive(Debug)]
pub struct SessionStore {
    pub observed: i64,
    retention: i64,
    interval: i64,
    persistent: bool,
    seed: u64,
    /// By the end of sessions.
    segments: BTreeMap<i64, HashTable<Slot>>,
    /// Keys and starts by end, where sessions are emitted on close.
    by_end: Option<BTreeMap<i64, Vec<(Packed, i64)>>>,
    /// What ended before was dropped.
    floor: i64,
}

#[derive(Debug)]
struct Slot {
    key: Packed,
    /// Sorted by end, then start.
    sessions: Vec<(i64, i64, Entry)>,
}

/// A session that was found.
pub struct Found<'s> {
    pub start: i64,
    pub end: i64,
    pub entry: &'s Entry,
}

impl SessionStore {
    pub fn new(row: &Row, seed: u64) -> Self {
        let interval = if row.segment_interval > 0 {
            row.segment_interval
        } else {
            (row.retention / 2).max(60_000)
        };
        Self {
            observed: -1,
            retention: row.retention,
            interval,
            persistent: row.persistent,
            seed,
            segments: BTreeMap::new(),
            by_end: None,
            floor: 0,
        }
    }

    pub fn emit_on_close(&mut self) {
        self.by_end = Some(BTreeMap::new());
    }

    /// The first end that can be read.
    fn oldest(&self) -> i64 {
        self.observed
            .saturating_sub(self.retention)
            .saturating_add(1)
    }

    /// The key's sessions that end at `first_end` or later and start by `last_start`, in order.
    pub fn find(&self, key: &[u8], first_end: i64, last_start: i64) -> Vec<Found<'_>> {
        let first = first_end.max(self.oldest()).max(0);
        let hash = hash(self.seed, key);
        let mut found = Vec::new();
        for segment in self
            .segments
            .range(first / self.interval..)
            .map(|(_, segment)| segment)
        {
            let Some(slot) = segment.find(hash, |slot| slot.key.as_slice() == key) else {
                continue;
            };
            let low = slot.sessions.partition_point(|(end, _, _)| *end < first);
            let rest = slot.sessions[low..]
                .iter()
                .filter(|(_, start, _)| *start <= last_start);
            found.extend(rest.map(|(end, start, entry)| Found {
                start: *start,
                end: *end,
                entry,
            }));
        }
        found
    }

    pub fn get(&self, key: &[u8], start: i64, end: i64) -> Option<&Entry> {
        if end < self.oldest() {
            return None;
        }
        self.peek(key, start, end)
    }

    /// As `get`, past the retention too where it is not dropped yet.
    pub fn peek(&self, key: &[u8], start: i64, end: i64) -> Option<&Entry> {
        let segment = self.segments.get(&(end / self.interval))?;
        let slot = segment.find(hash(self.seed, key), |slot| slot.key.as_slice() == key)?;
        let place = slot.place(end, start).ok()?;
        Some(&slot.sessions[place].2)
    }

    /// Sessions that end from `first` to `last`: by end and start and then key on disk, by end and key and
    /// then from the last start in memory.
    pub fn ended(&self, first: i64, last: i64) -> Vec<(Packed, i64, i64)> {
        let first = first.max(self.floor);
        let mut found = Vec::new();
        if last < first {
            return found;
        }
        match &self.by_end {
            Some(index) => {
                for (end, sessions) in index.range(first..=last) {
                    found.extend(
                        sessions
                            .iter()
                            .map(|(key, start)| (key.clone(), *start, *end)),
                    );
                }
            }
            None => found.extend(self.all(first, last)),
        }
        if self.persistent {
            found.sort_by(|one, other| (one.2, one.1, &one.0).cmp(&(other.2, other.1, &other.0)));
        } else {
            found.sort_by(|one, other| (one.2, &one.0, other.1).cmp(&(other.2, &other.0, one.1)));
        }
        found
    }

    /// Everything that can be read, by the bytes of key, end and start.
    pub fn dump(&self) -> Vec<(Packed, i64, i64)> {
        let mut found = self.all(self.oldest().max(0), i64::MAX);
        found.sort_by_cached_key(|(key, start, end)| {
            let mut bytes = key.as_slice().to_vec();
            bytes.extend_from_slice(&end.to_be_bytes());
            bytes.extend_from_slice(&start.to_be_bytes());
            bytes
        });
        found
    }

    fn all(&self, first: i64, last: i64) -> Vec<(Packed, i64, i64)> {
        let segments = self
            .segments
            .range(first / self.interval..=last / self.interval);
        let slots = segments.flat_map(|(_, segment)| segment.iter());
        let mut found = Vec::new();
        for slot in slots {
            let sessions = slot.sessions.iter();
            let sessions = sessions.filter(|(end, _, _)| (first..=last).contains(end));
            found.extend(sessions.map(|(end, start, _)| (slot.key.clone(), *start, *end)));
        }
        found
    }

    /// Moves the store's time on; whether a session of this end is still taken.
    pub fn admit(&mut self, end: i64) -> bool {
        self.observed = self.observed.max(end);
        let limit = self.observed.saturating_sub(self.retention);
        if !self.persistent {
            return end > limit;
        }
        limit < 0 || end / self.interval >= limit / self.interval
    }

    pub fn put(&mut self, key: &[u8], start: i64, end: i64, entry: Entry) {
        let seed = self.seed;
        let segment = self.segments.entry(end / self.interval).or_default();
        let place = segment.entry(
            hash(seed, key),
            |slot| slot.key.as_slice() == key,
            |slot| hash(seed, slot.key.as_slice()),
        );
        let is_new = match place {
            Place::Occupied(mut held) => held.get_mut().put(start, end, entry),
            Place::Vacant(place) => {
                place.insert(Slot {
                    key: Packed::new(key),
                    sessions: vec![(end, start, entry)],
                });
                true
            }
        };
        if let Some(index) = self.by_end.as_mut().filter(|_| is_new) {
            index
                .entry(end)
                .or_default()
                .push((Packed::new(key), start));
        }
    }

    pub fn remove(&mut self, key: &[u8], start: i64, end: i64) {
        let Some(segment) = self.segments.get_mut(&(end / self.interval)) else {
            return;
        };
        let found = segment.find_entry(hash(self.seed, key), |slot| slot.key.as_slice() == key);
        let Ok(mut slot) = found else {
            return;
        };
        let Ok(place) = slot.get().place(end, start) else {
            return;
        };
        slot.get_mut().sessions.remove(place);
        if slot.get().sessions.is_empty() {
            slot.remove();
        }
        if let Some(sessions) = self.by_end.as_mut().and_then(|index| index.get_mut(&end)) {
            sessions.retain(|(known, at)| *at != start || known.as_slice() != key);
        }
    }

    /// A removal moves the time of a store on disk too.
    pub fn observe_removal(&mut self, end: i64) {
        if self.persistent {
            self.observed = self.observed.max(end);
        }
    }

    /// Drops what no read can reach any more: whole segments on disk, sessions in memory.
    pub fn expire(&mut self) {
        let limit = self.observed.saturating_sub(self.retention);
        let segment = limit.max(0) / self.interval;
        self.floor = if self.persistent {
            segment.saturating_mul(self.interval)
        } else {
            limit.saturating_add(1).max(0)
        };
        if self
            .segments
            .first_key_value()
            .is_some_and(|(id, _)| *id < segment)
        {
            self.segments = self.segments.split_off(&segment);
            if let Some(index) = &mut self.by_end {
                *index = index.split_off(&self.floor);
            }
        }
    }

    pub fn len(&self) -> usize {
        let slots = self.segments.values().flat_map(|segment| segment.iter());
        slots.map(|slot| slot.sessions.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.segments.values().all(HashTable::is_empty)
    }
}

impl Slot {
    fn place(&self, end: i64, start: i64) -> Result<usize, usize> {
        self.sessions
            .binary_search_by(|(known_end, known_start, _)| {
                (*known_end, *known_start).cmp(&(end, start))
            })
    }

    /// Whether the session was not there before.
    fn put(&mut self, start: i64, end: i64, entry: Entry) -> bool {
        match self.place(end, start) {
            Ok(place) => {
                self.sessions[place].2 = entry;
                false
            }
            Err(place) => {
                self.sessions.insert(place, (end, start, entry));
                true
            }
        }
    }
}
