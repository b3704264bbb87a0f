//! What left and outer joins of two streams have not joined yet: by time, side and key, lists of values.
//!
//! Kafka has one store in the order (time, side, key) and walks it from its begin. Here each side has a
//! tree of its own, so that what is due is found without walking over what is not.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::packed::{Packed, copied};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The right side stands first where times are the same: its byte is 0.
    Right,
    Left,
}

/// A key of the store. Its order is that of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    pub timestamp: i64,
    pub side: Side,
    pub key: Packed,
}

impl Waiting {
    pub fn new(timestamp: i64, side: Side, key: &[u8]) -> Self {
        Self {
            timestamp,
            side,
            key: Packed::new(key),
        }
    }

    /// The key as Kafka's TimestampedKeyAndJoinSide is written.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.push(self.side.byte());
        out.extend_from_slice(self.key.as_slice());
    }
}

impl Side {
    pub fn byte(self) -> u8 {
        u8::from(self == Self::Left)
    }

    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

type Tree = BTreeMap<(i64, Packed), Vec<Bytes>>;

#[derive(Default)]
pub struct OuterStore {
    left: Tree,
    right: Tree,
}

/// What is due at a time, and where Kafka's walk over the store would have ended.
pub struct Due {
    pub records: Vec<(Waiting, Vec<Bytes>)>,
    /// The time of the last key that the walk saw; the highest time there is where it saw none.
    pub min_time: i64,
}

impl OuterStore {
    fn tree(&self, side: Side) -> &Tree {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    fn tree_mut(&mut self, side: Side) -> &mut Tree {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    /// Add a value to the list of its key, and give the list as Kafka's ListValueStore writes it.
    pub fn put(&mut self, at: &Waiting, value: Bytes) -> Vec<u8> {
        let values = self
            .tree_mut(at.side)
            .entry((at.timestamp, at.key.clone()))
            .or_default();
        values.push(copied(&value));
        list(at.side, values)
    }

    pub fn contains(&self, at: &Waiting) -> bool {
        self.tree(at.side)
            .contains_key(&(at.timestamp, at.key.clone()))
    }

    /// Take a key away with all its values; false where it was not there.
    pub fn remove(&mut self, at: &Waiting) -> bool {
        // A pair owns its key; short keys are copied without an allocation.
        self.tree_mut(at.side)
            .remove(&(at.timestamp, at.key.clone()))
            .is_some()
    }

    pub fn len(&self) -> usize {
        self.left.len() + self.right.len()
    }

    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && self.right.is_empty()
    }

    /// All keys with their values, in the store's order.
    pub fn all(&self) -> Vec<(Waiting, Vec<Bytes>)> {
        let mut all = self.before(Side::Left, i64::MAX);
        all.extend(self.before(Side::Right, i64::MAX));
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// What is before `left_open` on the left or before `right_open` on the right: its windows are closed.
    pub fn due(&self, left_open: i64, right_open: i64) -> Due {
        let mut records = self.before(Side::Left, left_open);
        let rights = self.before(Side::Right, right_open);
        if !rights.is_empty() {
            records.extend(rights);
            records.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        }
        Due {
            records,
            min_time: self.walk_end(left_open, right_open),
        }
    }

    fn before(&self, side: Side, open: i64) -> Vec<(Waiting, Vec<Bytes>)> {
        let closed = |((timestamp, _), _): &(&(i64, Packed), &Vec<Bytes>)| *timestamp < open;
        let waiting = |((timestamp, key), values): (&(i64, Packed), &Vec<Bytes>)| {
            (
                Waiting {
                    timestamp: *timestamp,
                    side,
                    key: key.clone(),
                },
                values.clone(),
            )
        };
        self.tree(side)
            .iter()
            .take_while(closed)
            .map(waiting)
            .collect()
    }

    /// The walk ends on the value after it has seen an open key of each side, or at the end of the store.
    fn walk_end(&self, left_open: i64, right_open: i64) -> i64 {
        let last = [&self.left, &self.right]
            .into_iter()
            .filter_map(|tree| tree.last_key_value());
        let last = last
            .map(|((timestamp, _), _)| *timestamp)
            .max()
            .unwrap_or(i64::MAX);
        let first_open = |side, open: i64| {
            let from = Bound::Included((open, Packed::new(b"")));
            let ((timestamp, key), _) = self.tree(side).range((from, Bound::Unbounded)).next()?;
            Some(Waiting {
                timestamp: *timestamp,
                side,
                key: key.clone(),
            })
        };
        let left = first_open(Side::Left, left_open);
        let right = first_open(Side::Right, right_open);
        let (Some(left), Some(right)) = (left, right) else {
            return last;
        };
        let seen = left.max(right);
        let at = (seen.timestamp, seen.key.clone());
        if self
            .tree(seen.side)
            .get(&at)
            .is_some_and(|values| values.len() > 1)
        {
            return seen.timestamp;
        }
        self.after(&seen).unwrap_or(last)
    }

    /// The time of the key that follows in the store's order.
    fn after(&self, at: &Waiting) -> Option<i64> {
        let next = |side: Side| {
            let tree = self.tree(side);
            let from = match at.side.cmp(&side) {
                std::cmp::Ordering::Equal => Bound::Excluded((at.timestamp, at.key.clone())),
                // All of the right stand before all of the left at one time.
                std::cmp::Ordering::Less => Bound::Included((at.timestamp, Packed::new(b""))),
                std::cmp::Ordering::Greater => {
                    Bound::Included((at.timestamp.checked_add(1)?, Packed::new(b"")))
                }
            };
            tree.range((from, Bound::Unbounded))
                .next()
                .map(|((timestamp, _), _)| *timestamp)
        };
        [next(Side::Left), next(Side::Right)]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A list of values, each marked by its side: a byte for the strategy, their number, each with its length.
fn list(side: Side, values: &[Bytes]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&(values.len() as i32).to_be_bytes());
    for value in values {
        out.extend_from_slice(&(value.len() as i32 + 1).to_be_bytes());
        out.push(side.byte());
        out.extend_from_slice(value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kafka's walk, step by step over all keys, as the oracle of `due`.
    fn walk(store: &OuterStore, left_open: i64, right_open: i64) -> (Vec<Waiting>, i64) {
        let (mut due, mut min_time) = (Vec::new(), i64::MAX);
        let (mut left, mut right) = (false, false);
        'walk: for (at, values) in store.all() {
            for _ in values {
                min_time = at.timestamp;
                if left && right {
                    break 'walk;
                }
                match at.side {
                    Side::Left if at.timestamp >= left_open => left = true,
                    Side::Right if at.timestamp >= right_open => right = true,
                    _ => due.push(at.clone()),
                }
            }
        }
        due.dedup();
        (due, min_time)
    }

    /// When not-joined results come out depends on where Kafka's walk ends.
    #[test]
    fn what_is_due_is_what_a_walk_finds() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..2_000 {
            let mut store = OuterStore::default();
            for _ in 0..random(12) {
                let side = if random(2) == 0 {
                    Side::Left
                } else {
                    Side::Right
                };
                let at = Waiting::new(random(8) as i64, side, &[random(3) as u8]);
                store.put(&at, Bytes::from_static(b"v"));
            }
            let (left_open, right_open) = (random(9) as i64, random(9) as i64);
            let due = store.due(left_open, right_open);
            let keys: Vec<_> = due.records.into_iter().map(|(at, _)| at).collect();
            assert_eq!((keys, due.min_time), walk(&store, left_open, right_open));
        }
    }

    /// A Java task that takes the changelog over reads exactly this.
    #[test]
    fn keys_and_lists_have_kafka_s_bytes() {
        let mut store = OuterStore::default();
        let at = Waiting::new(2, Side::Left, b"key");
        store.put(&at, Bytes::from_static(b"a"));
        let listed = store.put(&at, Bytes::from_static(b""));
        assert_eq!(listed, b"\x01\0\0\0\x02\0\0\0\x02\x01a\0\0\0\x01\x01");
        let mut key = Vec::new();
        at.write(&mut key);
        assert_eq!(key, b"\0\0\0\0\0\0\0\x02\x01key");
        assert!(store.remove(&at) && !store.remove(&at) && store.is_empty());
    }
}
