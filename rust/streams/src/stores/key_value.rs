//! The key-value store: a hash of keys, and their order as soon as somebody asks for it.
//!
//! The order is made at the first read of a range and kept up from then on, so a store that is never read
//! in order pays nothing for it, and no read costs more than the logarithm of the keys.

use std::collections::BTreeSet;
use std::ops::Bound;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use super::hash::hash;
use super::kept::Entry;
use crate::packed::Packed;

#[derive(Debug)]
pub struct KeyValueStore {
    table: HashTable<(Packed, Entry)>,
    order: Option<BTreeSet<Packed>>,
    seed: u64,
    /// Writes less removals, as Kafka estimates how many keys a store on disk has.
    pub writes: i64,
}

impl KeyValueStore {
    pub fn new(seed: u64) -> Self {
        Self {
            table: HashTable::new(),
            order: None,
            seed,
            writes: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn get(&self, key: &[u8]) -> Option<&Entry> {
        let found = self
            .table
            .find(hash(self.seed, key), |(known, _)| known.as_slice() == key);
        found.map(|(_, entry)| entry)
    }

    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let hash = hash(self.seed, key);
        let found = self
            .table
            .find_mut(hash, |(known, _)| known.as_slice() == key);
        found.map(|(_, entry)| entry)
    }

    pub fn put(&mut self, key: &[u8], entry: Entry) {
        let seed = self.seed;
        let place = self.table.entry(
            hash(seed, key),
            |(known, _)| known.as_slice() == key,
            |(known, _)| hash(seed, known.as_slice()),
        );
        match place {
            Place::Occupied(mut held) => held.get_mut().1 = entry,
            Place::Vacant(place) => {
                let key = Packed::new(key);
                if let Some(order) = &mut self.order {
                    order.insert(key.clone());
                }
                place.insert((key, entry));
            }
        }
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let hash = hash(self.seed, key);
        let found = self
            .table
            .find_entry(hash, |(known, _)| known.as_slice() == key);
        let ((_, entry), _) = found.ok()?.remove();
        if let Some(order) = &mut self.order {
            order.remove(key);
        }
        Some(entry)
    }

    /// Keys between two bounds, in the order of their bytes.
    pub fn keys(&mut self, first: Bound<&[u8]>, last: Bound<&[u8]>) -> Vec<Packed> {
        if is_empty_range(first, last) {
            return Vec::new();
        }
        let table = &self.table;
        let order = self
            .order
            .get_or_insert_with(|| table.iter().map(|(key, _)| key.clone()).collect());
        order.range::<[u8], _>((first, last)).cloned().collect()
    }
}

/// A range whose end lies before its start; a map would panic.
pub fn is_empty_range(first: Bound<&[u8]>, last: Bound<&[u8]>) -> bool {
    match (first, last) {
        (Bound::Included(first), Bound::Included(last)) => first > last,
        (
            Bound::Included(first) | Bound::Excluded(first),
            Bound::Included(last) | Bound::Excluded(last),
        ) => first >= last,
        _ => false,
    }
}

/// The first key behind all that begin with the prefix; `None` where there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}
