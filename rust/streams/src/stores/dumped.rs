//! Everything that a store holds which only operators write, as bytes: for tests and for those who look.

use bytes::Bytes;

use crate::host::Headers;
use crate::stores::Store;
use crate::stores::grace_buffer::record_key;

/// One entry; -1 where its kind keeps no times.
pub struct Dumped {
    pub key: Vec<u8>,
    pub value: Option<Bytes>,
    pub timestamp: i64,
    pub headers: Headers,
}

impl Dumped {
    fn new(key: &[u8], value: Option<Bytes>) -> Self {
        Self {
            key: key.to_vec(),
            value,
            timestamp: -1,
            headers: Headers::new(),
        }
    }
}

impl Store {
    /// Entries in the store's order: the latest versions of keys, what buffers would emit, what joins have
    /// not joined, subscriptions. Nothing for kinds that have reads of their own.
    pub fn dump(&self) -> Vec<Dumped> {
        match self {
            Self::Versioned(store) => {
                let mut found: Vec<_> = store
                    .latest()
                    .map(|(key, value, timestamp)| Dumped {
                        timestamp,
                        ..Dumped::new(key, Some(value.clone()))
                    })
                    .collect();
                found.sort_unstable_by(|one, other| one.key.cmp(&other.key));
                found
            }
            Self::Suppressed(store) => store
                .all()
                .map(|(key, held)| Dumped::new(key, held.new.clone()))
                .collect(),
            Self::Grace(store) => store
                .all()
                .map(|(stored, held)| Dumped::new(record_key(stored), held.new.clone()))
                .collect(),
            Self::Outer(store) => {
                let mut found = Vec::with_capacity(store.len());
                for (at, values) in store.all() {
                    let mut key = Vec::new();
                    at.write(&mut key);
                    found.extend(values.iter().map(|value| {
                        let mut marked = vec![at.side.byte()];
                        marked.extend_from_slice(value);
                        Dumped::new(&key, Some(marked.into()))
                    }));
                }
                found
            }
            Self::Subscriptions(store) => store
                .all()
                .map(|(key, kept)| Dumped {
                    timestamp: kept.timestamp,
                    headers: kept.headers.clone(),
                    ..Dumped::new(key, Some(kept.subscription.clone()))
                })
                .collect(),
            Self::KeyValue(_) | Self::Lru(_) | Self::Window(_) | Self::Session(_) => Vec::new(),
        }
    }
}
