//! Suppress's buffer: for each key its latest change, in the order of the time at which it first came.
//!
//! A key that is there already keeps its time and what stood before its first change. Kafka holds the same
//! in memory and writes what changed to the changelog when the task commits, which its test driver does
//! after each record.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::packed::Packed;
use crate::stores::buffered::Buffered;
use crate::stores::java_order::JavaOrder;

pub struct SuppressBuffer<T> {
    /// The buffer's time of each key.
    times: HashMap<Packed, i64, RandomState>,
    sorted: BTreeMap<(i64, Packed), Entry<T>>,
    bytes: u64,
    changed: JavaOrder,
    logged: bool,
}

struct Entry<T> {
    value: Buffered<T>,
    /// Bytes as Kafka counts them, the key's too.
    size: u64,
}

impl<T> SuppressBuffer<T> {
    pub fn new(logged: bool) -> Self {
        Self {
            times: HashMap::default(),
            sorted: BTreeMap::new(),
            bytes: 0,
            changed: JavaOrder::default(),
            logged,
        }
    }

    /// Put a change; `prior` of the value is set to what stood before the key's first change.
    pub fn put(&mut self, time: i64, key: &[u8], value: Buffered<T>, topic: &str) {
        let mut value = value.copied();
        let packed = Packed::new(key);
        let time = *self.times.entry_ref(key).or_insert(time);
        let size = |value: &Buffered<T>| 8 + key.len() as u64 + value.size(topic);
        match self.sorted.get_mut(&(time, packed.clone())) {
            Some(entry) => {
                value.prior = entry.value.prior.take();
                let size = size(&value);
                self.bytes = self.bytes - entry.size + size;
                *entry = Entry { value, size };
            }
            None => {
                value.prior = value.old.clone();
                let size = size(&value);
                self.bytes += size;
                self.sorted.insert((time, packed), Entry { value, size });
            }
        }
        if self.logged {
            self.changed.insert(key);
        }
    }

    /// The time of what will go first.
    pub fn first_time(&self) -> Option<i64> {
        self.sorted.first_key_value().map(|((time, _), _)| *time)
    }

    pub fn first(&self) -> Option<(&[u8], &Buffered<T>)> {
        let ((_, key), entry) = self.sorted.first_key_value()?;
        Some((key.as_slice(), &entry.value))
    }

    /// Let go of what is first.
    pub fn remove_first(&mut self) {
        if let Some(((_, key), entry)) = self.sorted.pop_first() {
            self.times.remove(key.as_slice());
            self.bytes -= entry.size;
            if self.logged {
                self.changed.insert(key.as_slice());
            }
        }
    }

    /// What stood before the first change of a key that is held; `None` where it is not held.
    pub fn prior(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let time = *self.times.get(key)?;
        let entry = self.sorted.get(&(time, Packed::new(key)))?;
        Some(entry.value.prior.clone())
    }

    pub fn records(&self) -> u64 {
        self.times.len() as u64
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All keys with their changes, in the order in which they would leave.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &Buffered<T>)> {
        let sorted = self.sorted.iter();
        sorted.map(|((_, key), entry)| (key.as_slice(), &entry.value))
    }

    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Give all changes since the last time to the changelog: key, then value or a tombstone.
    ///
    /// `topic` gives the name of an origin's topic. Values carry the header `v` = 3.
    pub fn commit<'a>(
        &'a mut self,
        topic: impl Fn(&T) -> &'a str,
        mut write: impl FnMut(&[u8], Option<&[u8]>),
    ) {
        let mut bytes = Vec::new();
        for key in self.changed.take() {
            let held = self.times.get(key.as_slice()).and_then(|time| {
                let entry = self.sorted.get(&(*time, key.clone()))?;
                Some((*time, &entry.value))
            });
            let Some((time, value)) = held else {
                write(key.as_slice(), None);
                continue;
            };
            bytes.clear();
            value.write(topic(&value.origin.topic), &mut bytes);
            bytes.extend_from_slice(&time.to_be_bytes());
            write(key.as_slice(), Some(&bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::buffered::Origin;

    fn change(old: Option<&'static str>, new: &'static str) -> Buffered<&'static str> {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let origin = Origin {
            topic: "t",
            partition: 0,
            offset: 0,
            timestamp: 5,
            headers: Vec::new(),
            raw: (None, None),
        };
        Buffered {
            prior: None,
            old: old.map(bytes),
            new: Some(bytes(new)),
            origin,
        }
    }

    fn commit(buffer: &mut SuppressBuffer<&'static str>) -> Vec<(String, Option<usize>)> {
        let mut written = Vec::new();
        buffer.commit(
            |topic| topic,
            |key, value| {
                written.push((
                    String::from_utf8_lossy(key).into_owned(),
                    value.map(<[u8]>::len),
                ));
            },
        );
        written
    }

    /// A key would jump its queue, or a view would show a value that nobody was told.
    #[test]
    fn a_key_keeps_its_time_and_what_stood_before() {
        let mut buffer = SuppressBuffer::new(true);
        buffer.put(20, b"a", change(Some("0"), "1"), "t");
        buffer.put(10, b"b", change(None, "2"), "t");
        buffer.put(30, b"a", change(Some("1"), "333"), "t");
        assert_eq!(buffer.records(), 2);
        let context = 8 + 8 + 4 + 1;
        assert_eq!(
            buffer.bytes(),
            (8 + 1 + 1 + context) + (8 + 1 + 1 + 1 + 3 + context)
        );
        assert_eq!(buffer.prior(b"a"), Some(Some(Bytes::from_static(b"0"))));
        assert_eq!(buffer.prior(b"b"), Some(None));
        assert_eq!(buffer.prior(b"c"), None);
        assert_eq!(buffer.first().map(|(key, _)| key), Some(&b"b"[..]));
        buffer.remove_first();
        assert_eq!(buffer.first_time(), Some(20));
        let value = 20 + 1 + 4 + 4 + 3 * 4 + 1 + 1 + 3 + 8;
        assert_eq!(
            commit(&mut buffer),
            [("a".to_owned(), Some(value)), ("b".to_owned(), None)]
        );
        assert!(!buffer.has_changes());
        buffer.remove_first();
        assert_eq!((buffer.records(), buffer.bytes()), (0, 0));
    }
}
