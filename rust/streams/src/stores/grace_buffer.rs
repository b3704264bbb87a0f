//! The buffer of a stream-table join with grace: records by time, a key as often as it comes.
//!
//! A key of the store is a zero byte, the record's time, the record's key and a number that makes it
//! unique; records leave in the order of those bytes once stream time less the grace has reached them.

use std::collections::BTreeMap;

use crate::packed::Packed;
use crate::stores::buffered::Buffered;

pub struct GraceBuffer<T> {
    grace_ms: i64,
    /// The highest time that was put.
    observed: i64,
    sequence: u32,
    records: BTreeMap<Packed, Buffered<T>>,
}

const PREFIX: u8 = 0;
const KEY_AT: usize = 9;
const SEQUENCE_SIZE: usize = 4;

impl<T> GraceBuffer<T> {
    pub fn new(grace_ms: i64) -> Self {
        Self {
            grace_ms,
            observed: -1,
            sequence: 0,
            records: BTreeMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether a record of this time waits; else it is late and goes on at once.
    pub fn takes(&self, timestamp: i64) -> bool {
        self.observed.saturating_sub(self.grace_ms) <= timestamp
    }

    /// Put a record that the buffer takes; gives the key that it has in the store.
    pub fn put(&mut self, key: &[u8], value: Buffered<T>) -> Packed {
        let timestamp = value.origin.timestamp;
        self.sequence = (self.sequence + 1) & 0x7fff_ffff;
        let mut bytes = Vec::with_capacity(KEY_AT + key.len() + SEQUENCE_SIZE);
        bytes.push(PREFIX);
        bytes.extend_from_slice(&timestamp.to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        let stored = Packed::new(&bytes);
        self.records.insert(stored.clone(), value.copied());
        self.observed = self.observed.max(timestamp);
        stored
    }

    /// The first record that has waited long enough.
    pub fn due(&self) -> Option<(&Packed, &Buffered<T>)> {
        let (stored, value) = self.records.first_key_value()?;
        let until = self.observed.saturating_sub(self.grace_ms);
        (value.origin.timestamp <= until).then_some((stored, value))
    }

    /// All records by their keys in the store, in order.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &Buffered<T>)> {
        let records = self.records.iter();
        records.map(|(stored, value)| (stored.as_slice(), value))
    }

    pub fn remove(&mut self, stored: &Packed) {
        self.records.remove(stored);
    }
}

/// The record's own key within a key of the store.
pub fn record_key(stored: &[u8]) -> &[u8] {
    &stored[KEY_AT..stored.len() - SEQUENCE_SIZE]
}

/// What the changelog tells of a record: the record, and a time that is always 0.
pub fn changelog_value<T>(value: &Buffered<T>, topic: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(topic, &mut bytes);
    bytes.extend_from_slice(&0_i64.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stores::buffered::Origin;

    fn record(timestamp: i64) -> Buffered<()> {
        let origin = Origin {
            topic: (),
            partition: 0,
            offset: 0,
            timestamp,
            headers: Vec::new(),
            raw: (None, None),
        };
        Buffered {
            prior: None,
            old: None,
            new: Some(Bytes::from_static(b"v")),
            origin,
        }
    }

    /// Records would join with a table that is not yet, or no longer, what it was at their time.
    #[test]
    fn records_leave_by_time_once_the_grace_has_passed() {
        let mut buffer = GraceBuffer::new(10);
        assert_eq!(
            buffer.put(b"k", record(20)).as_slice(),
            b"\0\0\0\0\0\0\0\0\x14k\0\0\0\x01"
        );
        buffer.put(b"j", record(15));
        buffer.put(b"k", record(20));
        assert!(buffer.due().is_none());
        buffer.put(b"x", record(30));
        let mut left = Vec::new();
        while let Some(stored) = buffer.due().map(|(stored, _)| stored.clone()) {
            left.push(record_key(stored.as_slice()).to_vec());
            buffer.remove(&stored);
        }
        assert_eq!(left, [b"j", b"k", b"k"]);
        assert!(buffer.takes(20) && !buffer.takes(19));
        assert_eq!(buffer.len(), 1);
        assert_eq!(
            changelog_value(&record(1), "topic").len(),
            20 + 4 + 5 + 4 + 3 * 4 + 1 + 8
        );
    }
}
