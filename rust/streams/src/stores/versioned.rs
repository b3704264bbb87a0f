//! A versioned store: for each key its versions by time, and what was valid when.
//!
//! Kafka keeps the latest version apart and older ones in segments by the time at which their validity
//! ended; here a key has one sorted list, and the segments are only a calendar of what may be dropped.
//! What stays true: a version is valid from its time to the next version's; what ended before stream time
//! less the history retention is never seen again; the latest version of a key never expires.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;

use bytes::Bytes;
use hashbrown::HashMap;

use crate::packed::{Packed, copied};

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Older than the history retention: nothing was changed.
    Expired,
    /// The version is the latest.
    Latest,
    /// The version is valid until this time, when a later one begins.
    ValidTo(i64),
}

/// A value, from when it is valid, and until when (`None`: it is the latest).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub value: Bytes,
    pub timestamp: i64,
    pub valid_to: Option<i64>,
}

struct Entry {
    timestamp: i64,
    /// `None` is a tombstone.
    value: Option<Bytes>,
    /// Whether a segment of Kafka's would tell that something ended here.
    marked: bool,
}

/// In order of time.
type Versions = Vec<Entry>;

pub struct VersionedStore {
    history_retention_ms: i64,
    segment_interval_ms: i64,
    observed: i64,
    keys: HashMap<Packed, Versions, RandomState>,
    /// By the number of the segment: keys some version of which ended within it.
    ended: BTreeMap<i64, Vec<Packed>>,
}

impl VersionedStore {
    /// Kafka's own segment interval stands in where `segment_interval_ms` is 0.
    pub fn new(history_retention_ms: i64, segment_interval_ms: i64) -> Self {
        let segment_interval_ms = if segment_interval_ms > 0 {
            segment_interval_ms
        } else {
            default_interval(history_retention_ms)
        };
        Self {
            history_retention_ms,
            segment_interval_ms,
            observed: -1,
            keys: HashMap::default(),
            ended: BTreeMap::new(),
        }
    }

    /// Put a version, or with `None` a tombstone, at a time that may lie before what is there.
    pub fn put(&mut self, key: &[u8], value: Option<Bytes>, timestamp: i64) -> Put {
        if !self.takes(timestamp) {
            return Put::Expired;
        }
        let value = value.as_ref().map(copied);
        self.observed = self.observed.max(timestamp);
        self.drop_expired();
        let versions = self.keys.entry_ref(key).or_default();
        let place = versions.partition_point(|entry| entry.timestamp < timestamp);
        let replaces = versions
            .get(place)
            .is_some_and(|entry| entry.timestamp == timestamp);
        if replaces && place + 1 == versions.len() {
            self.replace_latest(key, value);
            return Put::Latest;
        }
        if replaces {
            versions[place].value = value;
        } else {
            let marked = value.is_none()
                || place
                    .checked_sub(1)
                    .is_some_and(|at| versions[at].value.is_some());
            versions.insert(
                place,
                Entry {
                    timestamp,
                    value,
                    marked,
                },
            );
        }
        let next = versions.get_mut(place + 1).map(|next| {
            next.marked = true;
            next.timestamp
        });
        if !replaces && versions[place].marked {
            self.note_end(key, timestamp);
        }
        let Some(next) = next else { return Put::Latest };
        self.note_end(key, next);
        Put::ValidTo(next)
    }

    /// Whether a version of this time is still put.
    pub fn takes(&self, timestamp: i64) -> bool {
        timestamp >= self.horizon()
    }

    /// The latest version, however old it is.
    pub fn get(&self, key: &[u8]) -> Option<Version> {
        let latest = self.keys.get(key)?.last()?;
        Some(Version {
            value: latest.value.clone()?,
            timestamp: latest.timestamp,
            valid_to: None,
        })
    }

    /// The version that was valid at a time; what ended before the retention is not known any more.
    pub fn get_as_of(&self, key: &[u8], timestamp: i64) -> Option<Version> {
        let versions = self.keys.get(key)?;
        let after = versions.partition_point(|entry| entry.timestamp <= timestamp);
        if timestamp < self.horizon() && after < versions.len() {
            return None;
        }
        let found = versions.get(after.checked_sub(1)?)?;
        let valid_to = versions.get(after).map(|entry| entry.timestamp);
        Some(Version {
            value: found.value.clone()?,
            timestamp: found.timestamp,
            valid_to,
        })
    }

    /// Versions that are still known of a key and were valid within these times, oldest first.
    pub fn versions(&self, key: &[u8], from: i64, to: i64) -> Vec<Version> {
        let Some(versions) = self.keys.get(key) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (place, entry) in versions.iter().enumerate() {
            let valid_to = versions.get(place + 1).map(|next| next.timestamp);
            let outside =
                entry.timestamp > to || valid_to.is_some_and(|end| end <= from.max(self.horizon()));
            if let (false, Some(value)) = (outside, &entry.value) {
                found.push(Version {
                    value: value.clone(),
                    timestamp: entry.timestamp,
                    valid_to,
                });
            }
        }
        found
    }

    /// Keys that have a latest value, in no order.
    pub fn latest(&self) -> impl Iterator<Item = (&[u8], &Bytes, i64)> {
        self.keys.iter().filter_map(|(key, versions)| {
            let latest = versions.last()?;
            Some((key.as_slice(), latest.value.as_ref()?, latest.timestamp))
        })
    }

    fn horizon(&self) -> i64 {
        self.observed.saturating_sub(self.history_retention_ms)
    }

    /// Put at the latest version's own time.
    ///
    /// For a tombstone Kafka only takes the latest value away: its time stays known if a segment tells that
    /// something ended then. If none does, an older version that comes later is valid for ever.
    fn replace_latest(&mut self, key: &[u8], value: Option<Bytes>) {
        let Some(versions) = self.keys.get_mut(key) else {
            return;
        };
        let Some(latest) = versions.last_mut() else {
            return;
        };
        if value.is_some() || latest.marked {
            latest.value = value;
            return;
        }
        versions.pop();
        if versions.is_empty() {
            self.keys.remove(key);
        }
    }

    fn note_end(&mut self, key: &[u8], valid_to: i64) {
        let segment = valid_to / self.segment_interval_ms;
        self.ended
            .entry(segment)
            .or_default()
            .push(Packed::new(key));
    }

    fn drop_expired(&mut self) {
        let live = self.horizon() / self.segment_interval_ms;
        while let Some(entry) = self.ended.first_entry() {
            if *entry.key() >= live {
                return;
            }
            for key in entry.remove() {
                self.drop_before(key.as_slice(), live);
            }
        }
    }

    /// Drop what ended in a segment before `live`.
    fn drop_before(&mut self, key: &[u8], live: i64) {
        let Some(versions) = self.keys.get_mut(key) else {
            return;
        };
        let interval = self.segment_interval_ms;
        // A version ends where the next one begins.
        let begun = versions.partition_point(|entry| entry.timestamp / interval < live);
        // A tombstone goes when its time has gone: nothing that can still come lies before it.
        let gone = begun > 0 && versions[begun - 1].value.is_none();
        let dropped = if gone { begun } else { begun.saturating_sub(1) };
        versions.drain(..dropped);
        if versions.is_empty() {
            self.keys.remove(key);
        }
    }
}

/// Kafka's choice: shorter histories have fewer segments.
fn default_interval(history_retention_ms: i64) -> i64 {
    let (parts, least) = match history_retention_ms {
        ..=60_000 => (3, 2_000),
        60_001..=300_000 => (5, 20_000),
        300_001..=3_600_000 => (12, 60_000),
        _ => (24, 300_000),
    };
    (history_retention_ms / parts).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"k";

    fn put(store: &mut VersionedStore, value: Option<&str>, timestamp: i64) -> Put {
        store.put(
            KEY,
            value.map(|text| Bytes::copy_from_slice(text.as_bytes())),
            timestamp,
        )
    }

    fn at(store: &VersionedStore, timestamp: i64) -> Option<String> {
        let version = store.get_as_of(KEY, timestamp)?;
        Some(format!(
            "{}@{}",
            String::from_utf8_lossy(&version.value),
            version.timestamp
        ))
    }

    /// Without it a stream-table join would see today's table for yesterday's record.
    #[test]
    fn what_comes_late_is_valid_until_the_next() {
        let mut store = VersionedStore::new(60_000, 0);
        assert_eq!(put(&mut store, Some("a"), 10), Put::Latest);
        assert_eq!(put(&mut store, Some("c"), 30), Put::Latest);
        assert_eq!(put(&mut store, Some("b"), 20), Put::ValidTo(30));
        assert_eq!(put(&mut store, None, 25), Put::ValidTo(30));
        let seen: Vec<_> = [9, 10, 20, 25, 30]
            .into_iter()
            .map(|time| at(&store, time))
            .collect();
        let expected = [None, Some("a@10"), Some("b@20"), None, Some("c@30")];
        assert_eq!(seen, expected.map(|each| each.map(String::from)));
        assert_eq!(store.get(KEY).map(|latest| latest.timestamp), Some(30));
    }

    /// Kafka forgets a tombstone that takes the latest value away at its own time, if nothing ended then.
    #[test]
    fn a_tombstone_at_the_value_s_own_time_leaves_no_trace() {
        let mut store = VersionedStore::new(60_000, 0);
        put(&mut store, Some("a"), 10);
        assert_eq!(put(&mut store, None, 10), Put::Latest);
        assert_eq!(put(&mut store, Some("b"), 5), Put::Latest);
        assert_eq!(at(&store, 10), Some("b@5".to_owned()));
        assert_eq!(put(&mut store, Some("c"), 20), Put::Latest);
        assert_eq!(put(&mut store, None, 20), Put::Latest);
        assert_eq!(put(&mut store, Some("d"), 15), Put::ValidTo(20));
    }

    /// Without the retention a store would keep every version for ever.
    #[test]
    fn what_is_older_than_the_retention_is_refused_and_forgotten() {
        let mut store = VersionedStore::new(10_000, 2_000);
        for time in 0..100 {
            put(&mut store, Some("v"), time * 1_000);
        }
        assert_eq!(put(&mut store, Some("late"), 88_999), Put::Expired);
        assert_eq!(
            put(&mut store, Some("in time"), 89_500),
            Put::ValidTo(90_000)
        );
        assert_eq!(at(&store, 88_999), None);
        assert!(store.keys[KEY].len() < 20);
        assert!(store.ended.len() < 10);
        store.put(b"other", Some(Bytes::new()), 1_000_000);
        assert_eq!(store.keys[KEY].len(), 1, "the latest stays");
        assert_eq!(at(&store, 900_000), Some("v@99000".to_owned()));
    }

    /// A fixed stream of numbers, the same in Java.
    struct Numbers(i64);

    impl Numbers {
        fn below(&mut self, end: u32) -> usize {
            let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = next.wrapping_add(1_442_695_040_888_963_407);
            (((self.0 as u64) >> 33) % u64::from(end)) as usize
        }
    }

    /// 120 operations on two keys, as lines of what each gave.
    fn trace(seed: i64, lines: &mut Vec<String>) {
        let mut numbers = Numbers(seed);
        let retention = [30, 100, 6_000, 50_000][numbers.below(4)];
        let span = [20, 200, 9_000, 60_000][numbers.below(4)];
        let segment = [2, 30, 2_000, 20_000][numbers.below(4)];
        let mut store = VersionedStore::new(retention, segment);
        let text = |found: Option<Version>| {
            found.map_or("-".to_owned(), |version| {
                format!(
                    "{}@{}",
                    String::from_utf8_lossy(&version.value),
                    version.timestamp
                )
            })
        };
        for place in 0..120 {
            let key = format!("k{}", numbers.below(2));
            let timestamp = numbers.below(span) as i64;
            let choice = numbers.below(10);
            if choice < 8 {
                let value = (choice < 5).then(|| Bytes::from(format!("v{place}")));
                let code = match store.put(key.as_bytes(), value, timestamp) {
                    Put::Expired => i64::MIN,
                    Put::Latest => -1,
                    Put::ValidTo(time) => time,
                };
                lines.push(format!("{} {code}", if choice < 5 { "p" } else { "n" }));
            } else {
                lines.push(format!(
                    "g {}",
                    text(store.get_as_of(key.as_bytes(), timestamp))
                ));
                lines.push(format!("l {}", text(store.get(key.as_bytes()))));
            }
        }
    }

    /// Kafka's RocksDBVersionedStore gave the lines of this hash (FNV-1a) for the same 36,000 operations.
    #[test]
    fn gives_what_kafka_s_store_gives() {
        let mut lines = Vec::new();
        (0..300).for_each(|seed| trace(seed, &mut lines));
        let text = lines.join("\n") + "\n";
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        assert_eq!(hash, 0x305e_0f24_8685_6668);
    }
}
