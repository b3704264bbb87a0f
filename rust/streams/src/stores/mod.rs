//! The state of a task: stores that keep bytes, or values that never change, in memory.
//!
//! A store is asked with values and answers with values; each write of one that is logged is a record of
//! its changelog, whose value is the plain one: the time and the headers are the record's own.

pub mod buffered;
pub mod grace_buffer;
mod java_order;
mod kinds;
pub mod outer_join;
pub mod subscriptions;
pub mod suppress_buffer;
pub mod versioned;
mod versioned_access;

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::plan::StoreId;
use crate::plan::{self, Settings};
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::value::Value;
pub use kinds::{Grace, Suppressed};

pub enum Store<O> {
    KeyValue(std::marker::PhantomData<O>),
    Versioned(versioned::VersionedStore),
    Suppressed(Suppressed),
    Grace(Grace),
    Outer(outer_join::OuterStore),
    Subscriptions(subscriptions::Subscriptions),
}

impl<O> Store<O> {
    pub fn new(store: &plan::store::Store, _settings: &Settings) -> Self {
        if let Some(own) = Self::of_joins(store) {
            return own;
        }
        Self::KeyValue(std::marker::PhantomData)
    }
}

/// What is written: a value with the time and headers that the store keeps beside it.
pub struct Put<'r, O> {
    pub value: &'r Value<O>,
    pub timestamp: i64,
    pub headers: &'r Headers,
}

impl<H: Application> Run<'_, H> {
    pub fn put_versioned(
        &mut self,
        store: StoreId,
        key: &Value<H::Object>,
        put: Put<'_, H::Object>,
    ) -> Outcome<H, Option<bool>> {
        self.put(store, key, put).map(Some)
    }
}

/// What is asked and written by operators. A null value removes.
impl<H: Application> Run<'_, H> {
    /// Key-value stores of all kinds (versioned ones: the latest, or what held at `as_of`).
    pub fn get(
        &mut self,
        _store: StoreId,
        _key: &Value<H::Object>,
        _as_of: Option<i64>,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        Ok(None)
    }

    /// True: it is the latest of its key, as it always is but in versioned stores.
    pub fn put(
        &mut self,
        _store: StoreId,
        _key: &Value<H::Object>,
        _put: Put<'_, H::Object>,
    ) -> Outcome<H, bool> {
        Ok(true)
    }

    /// The value of a key's window that starts at `start`.
    pub fn window_get(
        &mut self,
        _store: StoreId,
        _key: &Value<H::Object>,
        _start: i64,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        Ok(None)
    }

    pub fn window_put(
        &mut self,
        _store: StoreId,
        _key: &Value<H::Object>,
        _start: i64,
        _put: Put<'_, H::Object>,
    ) -> Outcome<H> {
        Ok(())
    }

    /// A key's windows that start from `from` to `to`, both in, in the order of their starts.
    pub fn window_fetch(
        &mut self,
        _store: StoreId,
        _key: &Value<H::Object>,
        _from: i64,
        _to: i64,
    ) -> Outcome<H, Vec<(i64, Stamped<H::Object>)>> {
        Ok(Vec::new())
    }
}
