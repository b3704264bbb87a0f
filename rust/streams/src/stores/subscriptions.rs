//! The subscriptions of a foreign-key join: in the order of their keys, so that one foreign key's stand together.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::host::Headers;
use crate::packed::{Packed, copied_headers};

#[derive(Default)]
pub struct Subscriptions(BTreeMap<Packed, Kept>);

/// A subscription's bytes, and the time and headers of the record that brought it.
pub struct Kept {
    pub subscription: Bytes,
    pub timestamp: i64,
    pub headers: Headers,
}

impl Subscriptions {
    pub fn put(&mut self, key: &[u8], subscription: Vec<u8>, timestamp: i64, headers: &Headers) {
        self.0.insert(
            Packed::new(key),
            Kept {
                subscription: subscription.into(),
                timestamp,
                headers: copied_headers(headers),
            },
        );
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }

    /// Subscriptions whose keys begin so, in the order of their keys.
    pub fn starting_with(&self, prefix: &[u8]) -> Vec<Bytes> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let all = self.0.range::<[u8], _>(from);
        let ours = all.take_while(|(key, _)| key.as_slice().starts_with(prefix));
        ours.map(|(_, kept)| kept.subscription.clone()).collect()
    }

    /// All keys with what is kept of them, in order.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &Kept)> {
        self.0.iter().map(|(key, kept)| (key.as_slice(), kept))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
