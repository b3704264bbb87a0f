//! The window store: one value a key and window start, or every record of them (`retain_duplicates`).
//!
//! What is older than the retention, by the highest start that was ever put, cannot be read; a store on disk
//! still takes what falls into a segment that is not dropped yet, one in memory does not. Segments are
//! dropped whole. Within one, a key's windows lie in small sorted lists, one for each `width` of time, so
//! that neither a single window nor a short range searches far.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use super::hash::hash_with;
use super::kept::Entry;
use crate::packed::Packed;
use crate::plan::store::Store as Row;

pub const SEQUENCE_MASK: u32 = 0x7FFF_FFFF;

#[derive(Debug)]
pub struct WindowStore {
    pub observed: i64,
    pub sequence: u32,
    /// Of numbered duplicates: where the record that was put last stands.
    pub newest: Option<(Packed, i64)>,
    /// Kafka orders the store of windows that are emitted on close by time first: it keeps what is exactly
    /// as old as the retention.
    pub time_ordered: bool,
    retention: i64,
    interval: i64,
    width: i64,
    persistent: bool,
    retain_duplicates: bool,
    seed: u64,
    segments: BTreeMap<i64, HashTable<Slot>>,
    /// Keys by the start of their windows, where windows are emitted on close.
    by_start: Option<BTreeMap<i64, Vec<Packed>>>,
}

#[derive(Debug)]
struct Slot {
    key: Packed,
    /// Which `width` of time.
    bucket: i64,
    windows: Windows,
}

/// Sorted by start, then in the order in which they came.
#[derive(Debug)]
enum Windows {
    One(i64, Entry),
    Many(Vec<(i64, Entry)>),
}

impl WindowStore {
    pub fn new(row: &Row, seed: u64) -> Self {
        let interval = if row.segment_interval > 0 {
            row.segment_interval
        } else {
            (row.retention / 2).max(60_000)
        };
        Self {
            observed: -1,
            sequence: 0,
            newest: None,
            time_ordered: false,
            retention: row.retention,
            interval,
            width: row.window_size.clamp(1, interval),
            persistent: row.persistent,
            retain_duplicates: row.retain_duplicates,
            seed,
            segments: BTreeMap::new(),
            by_start: None,
        }
    }

    /// Its windows are emitted when they close, in the order of time.
    pub fn emit_on_close(&mut self) {
        self.time_ordered = self.persistent;
        self.by_start = Some(BTreeMap::new());
    }

    /// The first start that can be read.
    pub fn oldest(&self) -> i64 {
        let limit = self.observed.saturating_sub(self.retention);
        if self.time_ordered {
            limit
        } else {
            limit.saturating_add(1)
        }
    }

    pub fn is_time_first(&self) -> bool {
        self.time_ordered || !self.persistent
    }

    pub fn interval(&self) -> i64 {
        self.interval
    }

    pub fn get(&self, key: &[u8], start: i64) -> Option<&Entry> {
        if start < self.oldest() {
            return None;
        }
        let slot = self.slot(key, start)?;
        match &slot.windows {
            Windows::One(known, entry) => (*known == start).then_some(entry),
            Windows::Many(windows) => {
                let place = windows.partition_point(|(known, _)| *known < start);
                windows
                    .get(place)
                    .filter(|(known, _)| *known == start)
                    .map(|(_, entry)| entry)
            }
        }
    }

    /// As `get`; what is changed through it is not written anywhere else.
    pub fn get_mut(&mut self, key: &[u8], start: i64) -> Option<&mut Entry> {
        if start < self.oldest() {
            return None;
        }
        let (segment, bucket) = (start / self.interval, start / self.width);
        let hash = hash_with(self.seed, key, bucket);
        let slot = self
            .segments
            .get_mut(&segment)?
            .find_mut(hash, |slot| slot.is(key, bucket))?;
        match &mut slot.windows {
            Windows::One(known, entry) => (*known == start).then_some(entry),
            Windows::Many(windows) => {
                let place = windows.partition_point(|(known, _)| *known < start);
                windows
                    .get_mut(place)
                    .filter(|(known, _)| *known == start)
                    .map(|(_, entry)| entry)
            }
        }
    }

    fn slot(&self, key: &[u8], start: i64) -> Option<&Slot> {
        let bucket = start / self.width;
        let hash = hash_with(self.seed, key, bucket);
        let segment = self.segments.get(&(start / self.interval))?;
        segment.find(hash, |slot| slot.is(key, bucket))
    }

    /// A key's windows that start from `first` to `last`, both in, in order.
    pub fn between(&self, key: &[u8], first: i64, last: i64) -> Vec<(i64, &Entry)> {
        let first = first.max(self.oldest()).max(0);
        let mut found = Vec::new();
        if last < first {
            return found;
        }
        for (id, segment) in self
            .segments
            .range(first / self.interval..=last / self.interval)
        {
            let start = id.saturating_mul(self.interval);
            let low = first.max(start) / self.width;
            let high = last.min(start.saturating_add(self.interval - 1)) / self.width;
            let is_far = high.saturating_sub(low) > segment.len() as i64;
            let before = found.len();
            if is_far {
                let slots = segment.iter().filter(|slot| slot.key.as_slice() == key);
                slots.for_each(|slot| slot.windows.between(first, last, &mut found));
                found[before..].sort_by_key(|(start, _)| *start);
            } else {
                for bucket in low..=high {
                    let hash = hash_with(self.seed, key, bucket);
                    if let Some(slot) = segment.find(hash, |slot| slot.is(key, bucket)) {
                        slot.windows.between(first, last, &mut found);
                    }
                }
            }
        }
        found
    }

    /// All windows that start from `first` to `last`, in no order.
    pub fn all(&self, first: i64, last: i64) -> Vec<(&Packed, i64, &Entry)> {
        let first = first.max(self.oldest()).max(0);
        let mut found = Vec::new();
        if last < first {
            return found;
        }
        for (_, segment) in self
            .segments
            .range(first / self.interval..=last / self.interval)
        {
            for slot in segment {
                let mut windows = Vec::new();
                slot.windows.between(first, last, &mut windows);
                found.extend(
                    windows
                        .into_iter()
                        .map(|(start, entry)| (&slot.key, start, entry)),
                );
            }
        }
        found
    }

    /// Keys and starts of windows that start from `first` to `last`, by start and then by the key's bytes.
    pub fn by_time(&self, first: i64, last: i64) -> Vec<(Packed, i64)> {
        let first = first.max(self.oldest()).max(0);
        let mut found = Vec::new();
        if last < first {
            return found;
        }
        match &self.by_start {
            Some(index) => {
                for (start, keys) in index.range(first..=last) {
                    let before = found.len();
                    found.extend(keys.iter().map(|key| (key.clone(), *start)));
                    found[before..].sort();
                }
            }
            None => {
                let all = self.all(first, last);
                found.extend(all.into_iter().map(|(key, start, _)| (key.clone(), start)));
                found.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
            }
        }
        found
    }

    /// Moves the store's time on; whether a window of this start is still taken.
    pub fn admit(&mut self, start: i64) -> bool {
        self.observed = self.observed.max(start);
        let limit = self.observed.saturating_sub(self.retention);
        if !self.persistent {
            return start > limit;
        }
        limit < 0 || start / self.interval >= limit / self.interval
    }

    pub fn put(&mut self, key: &[u8], start: i64, entry: Entry) {
        let (seed, bucket) = (self.seed, start / self.width);
        let retains = self.retain_duplicates;
        let segment = self.segments.entry(start / self.interval).or_default();
        let place = segment.entry(
            hash_with(seed, key, bucket),
            |slot| slot.is(key, bucket),
            |slot| hash_with(seed, slot.key.as_slice(), slot.bucket),
        );
        let is_new = match place {
            Place::Occupied(mut held) => held.get_mut().windows.put(start, entry, retains),
            Place::Vacant(place) => {
                place.insert(Slot {
                    key: Packed::new(key),
                    bucket,
                    windows: Windows::One(start, entry),
                });
                true
            }
        };
        if let Some(index) = self.by_start.as_mut().filter(|_| is_new) {
            index.entry(start).or_default().push(Packed::new(key));
        }
        self.expire();
    }

    pub fn remove(&mut self, key: &[u8], start: i64) {
        if self.retain_duplicates {
            return;
        }
        let bucket = start / self.width;
        let hash = hash_with(self.seed, key, bucket);
        let Some(segment) = self.segments.get_mut(&(start / self.interval)) else {
            return;
        };
        let Ok(mut slot) = segment.find_entry(hash, |slot| slot.is(key, bucket)) else {
            return;
        };
        let (is_gone, is_empty) = slot.get_mut().windows.remove(start);
        if is_empty {
            slot.remove();
        }
        if let Some(index) = self.by_start.as_mut().filter(|_| is_gone)
            && let Some(keys) = index.get_mut(&start)
        {
            keys.retain(|known| known.as_slice() != key);
        }
    }

    /// Drops segments that no read can reach any more.
    fn expire(&mut self) {
        let first = self.oldest().max(0) / self.interval;
        let first = first.min(self.observed.saturating_sub(self.retention).max(0) / self.interval);
        if self
            .segments
            .first_key_value()
            .is_some_and(|(id, _)| *id < first)
        {
            self.segments = self.segments.split_off(&first);
            if let Some(index) = &mut self.by_start {
                *index = index.split_off(&first.saturating_mul(self.interval));
            }
        }
    }

    /// How many windows it holds.
    pub fn len(&self) -> usize {
        let slots = self.segments.values().flat_map(|segment| segment.iter());
        slots.map(|slot| slot.windows.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.segments.values().all(HashTable::is_empty)
    }
}

impl Slot {
    fn is(&self, key: &[u8], bucket: i64) -> bool {
        self.bucket == bucket && self.key.as_slice() == key
    }
}

impl Windows {
    fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Many(windows) => windows.len(),
        }
    }

    fn between<'s>(&'s self, first: i64, last: i64, found: &mut Vec<(i64, &'s Entry)>) {
        match self {
            Self::One(start, entry) => {
                if (first..=last).contains(start) {
                    found.push((*start, entry));
                }
            }
            Self::Many(windows) => {
                let low = windows.partition_point(|(start, _)| *start < first);
                let rest = windows[low..]
                    .iter()
                    .take_while(|(start, _)| *start <= last);
                found.extend(rest.map(|(start, entry)| (*start, entry)));
            }
        }
    }

    /// Whether the window was not there before.
    fn put(&mut self, start: i64, entry: Entry, retains: bool) -> bool {
        if let Self::One(known, held) = self {
            if *known == start && !retains {
                *held = entry;
                return false;
            }
            let one = Self::Many(Vec::with_capacity(4));
            if let Self::One(known, held) = std::mem::replace(self, one)
                && let Self::Many(windows) = self
            {
                windows.push((known, held));
            }
        }
        let Self::Many(windows) = self else {
            return false;
        };
        let place = windows.partition_point(|(known, _)| *known <= start);
        if !retains
            && let Some((known, held)) = place.checked_sub(1).and_then(|last| windows.get_mut(last))
            && *known == start
        {
            *held = entry;
            return false;
        }
        windows.insert(place, (start, entry));
        true
    }

    /// Whether the window was there, and whether nothing is left.
    fn remove(&mut self, start: i64) -> (bool, bool) {
        match self {
            Self::One(known, _) => (*known == start, *known == start),
            Self::Many(windows) => {
                let before = windows.len();
                windows.retain(|(known, _)| *known != start);
                (windows.len() < before, windows.is_empty())
            }
        }
    }
}
