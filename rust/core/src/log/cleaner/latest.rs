//! The latest offset of every key in the part of a log that is not cleaned yet.
//!
//! Keys are known by 128 bits of their hash, so that one takes 24 bytes however long it is: as in Apache Kafka, whose
//! `log.cleaner.dedupe.buffer.size` bounds how many keys one round takes. The table begins small and grows up to that.

/// What one key takes, here and in Apache Kafka.
pub const ENTRY_BYTES: usize = 24;

const SLOTS_FIRST: usize = 1 << 10;
const NO_OFFSET: i64 = -1;

#[derive(Clone, Copy)]
struct Entry {
    high: u64,
    low: u64,
    offset: i64,
}

const EMPTY: Entry = Entry {
    high: 0,
    low: 0,
    offset: NO_OFFSET,
};

pub struct Latest {
    entries: Vec<Entry>,
    count: usize,
    count_max: usize,
    slots_max: usize,
    /// All offsets up to here are in it; be that within a batch.
    pub reached: i64,
}

impl Latest {
    /// A table of at most so many bytes, filled up to that part.
    pub fn new(bytes_max: usize, load_factor: f64) -> Self {
        let slots_max = bytes_max / ENTRY_BYTES;
        Self {
            entries: vec![EMPTY; SLOTS_FIRST.min(slots_max)],
            count: 0,
            count_max: ((slots_max as f64 * load_factor) as usize).min(slots_max),
            slots_max,
            reached: NO_OFFSET,
        }
    }

    pub fn is_full(&self) -> bool {
        self.count >= self.count_max
    }

    /// How much of the room that it may take is in use, from 0 to 1.
    pub fn utilization(&self) -> f64 {
        self.count as f64 / self.slots_max.max(1) as f64
    }

    /// This is the latest offset of the key, and of all so far. Not when it is full.
    pub fn put(&mut self, hash: u128, offset: i64) {
        if self.count * 4 >= self.entries.len() * 3 && self.entries.len() < self.slots_max {
            self.grow();
        }
        if let Some(place) = self.place(hash) {
            let is_new = self.entries[place].offset == NO_OFFSET;
            self.count += usize::from(is_new);
            self.entries[place] = entry(hash, offset);
        }
        self.reached = offset;
    }

    pub fn get(&self, hash: u128) -> Option<i64> {
        let place = self.place(hash)?;
        let offset = self.entries[place].offset;
        (offset != NO_OFFSET).then_some(offset)
    }

    /// Where this hash is, or would be; None if it is nowhere and all places are taken.
    fn place(&self, hash: u128) -> Option<usize> {
        let wanted = entry(hash, 0);
        let len = self.entries.len();
        let first = ((u128::from(wanted.high) * len as u128) >> 64) as usize;
        let places = (first..len).chain(0..first);
        for place in places {
            let there = &self.entries[place];
            let same = there.high == wanted.high && there.low == wanted.low;
            if there.offset == NO_OFFSET || same {
                return Some(place);
            }
        }
        None
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).min(self.slots_max);
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; len]);
        for there in old.into_iter().filter(|there| there.offset != NO_OFFSET) {
            let hash = (u128::from(there.high) << 64) | u128::from(there.low);
            if let Some(place) = self.place(hash) {
                self.entries[place] = there;
            }
        }
    }
}

fn entry(hash: u128, offset: i64) -> Entry {
    Entry {
        high: (hash >> 64) as u64,
        low: hash as u64,
        offset,
    }
}

#[cfg(test)]
mod tests {
    use twox_hash::XxHash3_128;

    use super::*;

    fn hash(key: &[u8]) -> u128 {
        XxHash3_128::oneshot(key)
    }

    /// A key whose latest offset is wrong is removed where it must stay.
    #[test]
    fn each_key_has_its_latest_offset() {
        let mut latest = Latest::new(24 * 10_000, 0.9);
        for offset in 0..18_000_i64 {
            latest.put(hash(&(offset % 9_000).to_be_bytes()), offset);
        }
        assert!(latest.is_full());
        assert!((latest.utilization() - 0.9).abs() < 1e-9);
        for key in 0..9_000_i64 {
            assert_eq!(latest.get(hash(&key.to_be_bytes())), Some(key + 9_000));
        }
        assert_eq!(latest.get(hash(b"another")), None);
        latest.put(hash(&0_i64.to_be_bytes()), 20_000);
        assert_eq!(latest.get(hash(&0_i64.to_be_bytes())), Some(20_000));
    }

    /// With a load factor of 1 every place is taken: a search for what is not there would never end.
    #[test]
    fn a_table_without_a_free_place_answers() {
        let mut latest = Latest::new(24 * 3, 1.0);
        for key in [b"a", b"b", b"c"] {
            latest.put(hash(key), 1);
        }
        assert!(latest.is_full());
        assert_eq!(latest.get(hash(b"d")), None);
        assert_eq!(latest.get(hash(b"b")), Some(1));
        let none = Latest::new(23, 0.9);
        assert!(none.is_full() && none.get(hash(b"a")).is_none());
    }
}
