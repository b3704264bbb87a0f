//! The subscriptions of a foreign-key join: in the order of their keys, so that one foreign key's stand together.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::packed::Packed;

#[derive(Default)]
pub struct Subscriptions(BTreeMap<Packed, (i64, Bytes)>);

impl Subscriptions {
    pub fn put(&mut self, key: &[u8], subscription: Vec<u8>, timestamp: i64) {
        self.0
            .insert(Packed::new(key), (timestamp, subscription.into()));
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }

    /// Subscriptions whose keys begin so, in the order of their keys.
    pub fn starting_with(&self, prefix: &[u8]) -> Vec<Bytes> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let all = self.0.range::<[u8], _>(from);
        let ours = all.take_while(|(key, _)| key.as_slice().starts_with(prefix));
        ours.map(|(_, (_, subscription))| subscription.clone())
            .collect()
    }

    /// All keys, times and subscriptions.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], i64, &Bytes)> {
        self.0
            .iter()
            .map(|(key, (timestamp, subscription))| (key.as_slice(), *timestamp, subscription))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
