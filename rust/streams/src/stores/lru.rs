//! A key-value store of so many keys at most: the one that was not used for longest goes.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::kept::Entry;
use super::key_value::KeyValueStore;
use crate::packed::Packed;

#[derive(Debug)]
pub struct LruStore {
    pub entries: KeyValueStore,
    /// When a key was used last, and the keys by it.
    used: BTreeMap<u64, Packed>,
    turns: std::collections::HashMap<Packed, u64>,
    turn: u64,
    entries_max: usize,
}

impl LruStore {
    pub fn new(seed: u64, entries_max: usize) -> Self {
        Self {
            entries: KeyValueStore::new(seed),
            used: BTreeMap::new(),
            turns: std::collections::HashMap::new(),
            turn: 0,
            entries_max,
        }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reading a key uses it.
    pub fn get(&mut self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)?;
        self.touch(key);
        self.entries.get(key)
    }

    /// The entry, without using it: as ranges read.
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Keeps an entry; the key that had to go for it.
    pub fn put(&mut self, key: &[u8], entry: Entry) -> Option<Packed> {
        self.entries.put(key, entry);
        self.touch(key);
        if self.entries.len() <= self.entries_max {
            return None;
        }
        let (_, eldest) = self.used.pop_first()?;
        self.turns.remove(eldest.as_slice());
        self.entries.remove(eldest.as_slice());
        Some(eldest)
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let turn = self.turns.remove(key)?;
        self.used.remove(&turn);
        self.entries.remove(key)
    }

    pub fn keys(&mut self, first: Bound<&[u8]>, last: Bound<&[u8]>) -> Vec<Packed> {
        self.entries.keys(first, last)
    }

    fn touch(&mut self, key: &[u8]) {
        self.turn += 1;
        let key = Packed::new(key);
        if let Some(before) = self.turns.insert(key.clone(), self.turn) {
            self.used.remove(&before);
        }
        self.used.insert(self.turn, key);
    }
}
