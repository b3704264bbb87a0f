//! The state of a task: stores that keep bytes, or values that never change, in memory.
//!
//! A store is asked with values and answers with values; each write of one that is logged is a record of
//! its changelog, whose value is the plain one: the time and the headers are the record's own.

pub mod buffered;
mod dumped;
pub mod grace_buffer;
mod hash;
mod java_order;
pub mod kept;
mod key_value;
mod key_values;
mod kinds;
mod lru;
pub mod outer_join;
mod raw;
mod session;
mod sessions;
pub mod subscriptions;
pub mod suppress_buffer;
pub mod versioned;
mod versioned_access;
mod window;
mod windows;

use crate::host::Headers;
use crate::plan::Settings;
use crate::plan::store::{Store as Row, StoreKind};
use crate::value::Value;
pub use dumped::Dumped;
pub use key_value::KeyValueStore;
pub use kinds::{Grace, Suppressed};
pub use lru::LruStore;
pub use session::SessionStore;
pub use window::WindowStore;

pub enum Store {
    KeyValue(KeyValueStore),
    Lru(LruStore),
    Window(WindowStore),
    Session(SessionStore),
    Versioned(versioned::VersionedStore),
    Suppressed(Suppressed),
    Grace(Grace),
    Outer(outer_join::OuterStore),
    Subscriptions(subscriptions::Subscriptions),
}

impl Store {
    pub fn new(row: &Row, settings: &Settings) -> Self {
        let seed = settings.seed;
        match row.kind {
            StoreKind::Lru => Self::Lru(LruStore::new(seed, row.entries_max)),
            StoreKind::Window => Self::Window(WindowStore::new(row, seed)),
            StoreKind::Session => Self::Session(SessionStore::new(row, seed)),
            StoreKind::KeyValue => Self::KeyValue(KeyValueStore::new(seed)),
            StoreKind::Versioned => {
                let (retention, interval) = (row.history_retention, row.segment_interval);
                Self::Versioned(versioned::VersionedStore::new(retention, interval))
            }
            StoreKind::SuppressBuffer => Self::Suppressed(Suppressed::new(row.changelog.is_some())),
            StoreKind::GraceBuffer => Self::Grace(Grace::new(row.grace)),
            StoreKind::OuterJoin => Self::Outer(outer_join::OuterStore::default()),
            StoreKind::Subscription => Self::Subscriptions(subscriptions::Subscriptions::default()),
        }
    }
}

/// The lowest and the highest key that is asked for, both in; none is open.
pub type Bounds<'k, O> = (Option<&'k Value<O>>, Option<&'k Value<O>>);

/// What is written: a value with the time and headers that the store keeps beside it.
pub struct Put<'r, O> {
    pub value: &'r Value<O>,
    pub timestamp: i64,
    pub headers: &'r Headers,
}

#[cfg(test)]
mod tests;
