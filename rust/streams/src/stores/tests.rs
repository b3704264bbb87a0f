//! Stores in memory against the plainest thing that does the same: a sorted map and a filter.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;

use super::buffered::{Buffered, Origin};
use super::grace_buffer::GraceBuffer;
use super::kept::{Entry, Kept, boxed};
use super::key_value::KeyValueStore;
use super::lru::LruStore;
use super::outer_join::{OuterStore, Side, Waiting};
use super::session::SessionStore;
use super::subscriptions::Subscriptions;
use super::suppress_buffer::SuppressBuffer;
use super::versioned::VersionedStore;
use super::window::WindowStore;
use crate::plan::store::{Store as Row, StoreKind};
use crate::value::Value;

fn entry(number: i64) -> Entry {
    Entry {
        kept: Kept::Int(number),
        timestamp: 0,
        headers: None,
    }
}

fn number(entry: &Entry) -> i64 {
    match entry.kept {
        Kept::Int(number) => number,
        _ => panic!("the tests keep numbers"),
    }
}

fn row(kind: StoreKind, retention: i64, persistent: bool) -> Row {
    Row {
        name: "store".to_owned(),
        kind,
        key: None,
        value: None,
        timestamped: true,
        with_headers: false,
        logs_headers: false,
        persistent,
        serde_topic: String::new(),
        changelog: None,
        is_global: false,
        retention,
        window_size: 10,
        segment_interval: 50,
        retain_duplicates: false,
        history_retention: 0,
        entries_max: 0,
        grace: 0,
        times_lost: false,
        columns: Box::default(),
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..30)
}

proptest! {
    /// A range would miss keys that came or went after the order was first made.
    #[test]
    fn keys_stay_in_order(steps in proptest::collection::vec((key(), 0..4u8), 0..80)) {
        let mut store = KeyValueStore::new(7);
        let mut model: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for (place, (key, what)) in steps.into_iter().enumerate() {
            let place = place as i64;
            match what {
                0 => {
                    let gone = store.remove(&key).map(|entry| number(&entry));
                    prop_assert_eq!(gone, model.remove(&key));
                }
                1 => {
                    let keys = store.keys(Bound::Included(&key), Bound::Unbounded);
                    let keys: Vec<_> = keys.iter().map(|key| key.as_slice().to_vec()).collect();
                    let expected: Vec<_> = model.range(key..).map(|(key, _)| key.clone()).collect();
                    prop_assert_eq!(keys, expected);
                }
                _ => {
                    store.put(&key, entry(place));
                    model.insert(key.clone(), place);
                    prop_assert_eq!(store.get(&key).map(number), Some(place));
                }
            }
            prop_assert_eq!(store.len(), model.len());
        }
    }

    /// A window would be found after its time, or lost before, or in another order.
    #[test]
    fn windows_are_found_while_they_are_kept(
        steps in proptest::collection::vec((0..3u8, 0..400i64, any::<bool>()), 1..120),
        persistent in any::<bool>(),
    ) {
        let retention = 100;
        let mut store = WindowStore::new(&row(StoreKind::Window, retention, persistent), 7);
        let mut model: BTreeMap<(u8, i64), i64> = BTreeMap::new();
        let mut observed = -1;
        for (place, (key, start, removes)) in steps.into_iter().enumerate() {
            observed = observed.max(start);
            let limit = observed - retention;
            let lives = if persistent { limit < 0 || start / 50 >= limit / 50 } else { start > limit };
            prop_assert_eq!(store.admit(start), lives);
            if lives && removes {
                store.remove(&[key], start);
                model.remove(&(key, start));
            } else if lives {
                store.put(&[key], start, entry(place as i64));
                model.insert((key, start), place as i64);
            }
            model.retain(|(_, start), _| *start > limit - 100);
            let expected: Vec<(i64, i64)> = model
                .iter()
                .filter(|((known, start), _)| *known == key && *start > limit)
                .map(|((_, start), number)| (*start, *number))
                .collect();
            let found = store.between(&[key], 0, i64::MAX).into_iter();
            let found: Vec<(i64, i64)> = found.map(|(start, entry)| (start, number(entry))).collect();
            prop_assert_eq!(&found, &expected);
            let short: Vec<i64> = store.between(&[key], start - 15, start + 15).iter().map(|(start, _)| *start).collect();
            let near = expected.iter().map(|(at, _)| *at).filter(|at| (start - 15..=start + 15).contains(at));
            prop_assert_eq!(short, near.collect::<Vec<_>>());
            let one = store.get(&[key], start).map(number);
            prop_assert_eq!(one, expected.iter().find(|(at, _)| *at == start).map(|(_, number)| *number));
        }
    }

    /// A session would be joined that has been forgotten, or one that lives would not.
    #[test]
    fn sessions_are_found_by_their_ends(
        steps in proptest::collection::vec((0..3u8, 0..400i64, 0..40i64, 0..4u8), 1..100),
        persistent in any::<bool>(),
        on_close in any::<bool>(),
    ) {
        let retention = 100;
        let mut store = SessionStore::new(&row(StoreKind::Session, retention, persistent), 7);
        if on_close {
            store.emit_on_close();
        }
        let mut model: BTreeMap<(u8, i64, i64), i64> = BTreeMap::new();
        let mut observed = -1;
        for (place, (key, start, length, what)) in steps.into_iter().enumerate() {
            let end = start + length;
            if what == 0 {
                store.remove(&[key], start, end);
                model.remove(&(key, end, start));
                continue;
            }
            observed = observed.max(end);
            if store.admit(end) {
                store.put(&[key], start, end, entry(place as i64));
                model.insert((key, end, start), place as i64);
                store.expire();
            }
            let oldest = observed - retention + 1;
            let expected: Vec<_> = model
                .iter()
                .filter(|((known, at, from), _)| *known == key && *at >= oldest.max(start - 20) && *from <= end + 20)
                .map(|((_, end, start), number)| (*start, *end, *number))
                .collect();
            let found = store.find(&[key], start - 20, end + 20).into_iter();
            let found: Vec<_> = found.map(|found| (found.start, found.end, number(found.entry))).collect();
            prop_assert_eq!(found, expected);
            let ended = store.ended(oldest.max(0), i64::MAX);
            let all = model.keys().filter(|(_, end, _)| *end >= oldest.max(0)).count();
            prop_assert_eq!(ended.len(), all);
            prop_assert!(ended.windows(2).all(|pair| pair[0].2 <= pair[1].2));
        }
    }
}

/// The key that was used last would go, not the one that was not used for longest.
#[test]
fn the_key_that_was_not_used_for_longest_goes() {
    let mut store = LruStore::new(7, 2);
    assert!(store.put(b"a", entry(1)).is_none());
    assert!(store.put(b"b", entry(2)).is_none());
    assert_eq!(store.get(b"a").map(number), Some(1));
    let gone = store.put(b"c", entry(3)).expect("there is room for two");
    assert_eq!(gone.as_slice(), b"b");
    assert!(store.get(b"b").is_none());
    assert_eq!(store.len(), 2);
}

/// A store would hold the whole fetch that a small value came in, as long as it holds the value.
#[test]
fn stores_hold_no_slice_of_what_values_came_in() {
    let whole = Bytes::from(vec![b'x'; 1 << 10]);
    let value = || whole.slice(..3);
    let headers = vec![("h".to_owned(), Some(value()))];
    let held = Buffered {
        prior: Some(value()),
        old: Some(value()),
        new: Some(value()),
        origin: Origin {
            topic: (),
            partition: 0,
            offset: 0,
            timestamp: 1,
            headers: headers.clone(),
            raw: (Some(value()), Some(value())),
        },
    };
    let mut suppressed = SuppressBuffer::new(true);
    suppressed.put(1, b"k", held.clone(), "t");
    suppressed.put(1, b"k", held.clone(), "t");
    let mut grace = GraceBuffer::new(1_000);
    grace.put(b"k", held);
    let mut versioned = VersionedStore::new(1_000, 0);
    versioned.put(b"k", Some(value()), 1);
    let mut outer = OuterStore::default();
    outer.put(&Waiting::new(1, Side::Left, b"k"), value());
    let mut subscriptions = Subscriptions::default();
    subscriptions.put(b"k", Vec::new(), 1, &headers);
    let kept = Kept::new::<()>(None, &Value::Bytes(value()), &value());
    let entry = (kept, boxed(&headers));
    drop(headers);
    assert!(whole.is_unique());
    drop((suppressed, grace, versioned, outer, subscriptions, entry));
}
