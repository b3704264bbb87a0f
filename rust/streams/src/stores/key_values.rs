//! Key-value stores as operators and processors ask and write them.

use std::ops::Bound;

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::joins::NO_HEADERS;
use crate::packed::Packed;
use crate::plan::StoreId;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::stores::kept::{Entry, Kept, boxed};
use crate::stores::key_value::after_prefix;
use crate::stores::{Put, Store};
use crate::value::Value;

impl<H: Application> Run<'_, H> {
    /// Any store that tables are kept in; windowed ones are asked with windowed keys.
    pub fn get(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        as_of: Option<i64>,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        match (&self.engine.stores[id], key) {
            (Store::Versioned(_), _) => return self.versioned_get(id, key, as_of),
            (Store::Window(_), Value::Windowed(windowed)) => {
                return self.window_get(id, &windowed.key, windowed.start);
            }
            (Store::Session(_), Value::Windowed(windowed)) => {
                return self.session_get(id, &windowed.key, windowed.start, windowed.end);
            }
            _ => {}
        }
        let Some(raw) = self.raw_key(id, key)? else {
            return Ok(None);
        };
        self.get_raw(id, raw.as_slice())
    }

    fn get_raw(&mut self, id: StoreId, raw: &[u8]) -> Outcome<H, Option<Stamped<H::Object>>> {
        let row = self.store_row(id);
        let entry = match &mut self.engine.stores[id] {
            Store::KeyValue(store) => store.get(raw),
            Store::Lru(store) => store.get(raw),
            _ => None,
        };
        let Some(entry) = entry else {
            return Ok(None);
        };
        let (timestamp, headers) = (entry.timestamp, entry.headers());
        let value = entry.kept.value(row, self.host)?;
        Ok(Some(Stamped {
            value,
            timestamp,
            headers,
        }))
    }

    /// True: it is the latest of its key, as it always is but in versioned stores.
    pub fn put(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        put: Put<'_, H::Object>,
    ) -> Outcome<H, bool> {
        Ok(self.put_versioned(id, key, put)?.unwrap_or(true))
    }

    /// As `put`; none where a versioned store has forgotten that time. A null value removes.
    pub fn put_versioned(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        put: Put<'_, H::Object>,
    ) -> Outcome<H, Option<bool>> {
        if let Store::Versioned(_) = self.engine.stores[id] {
            return self.versioned_put(id, key, &put);
        }
        let row = self.store_row(id);
        let raw = self.needed_key(id, key)?;
        let Some(bytes) = self.raw_value(id, put.value)? else {
            self.remove_raw(id, raw.as_slice());
            return Ok(Some(true));
        };
        let headers: &Headers = if row.with_headers {
            put.headers
        } else {
            &NO_HEADERS
        };
        let keeps_times = (row.timestamped || row.with_headers) && !row.times_lost;
        let entry = Entry {
            kept: Kept::new(row.value.as_ref(), put.value, &bytes),
            timestamp: if keeps_times { put.timestamp } else { -1 },
            headers: boxed(headers),
        };
        self.keep(id, raw.as_slice(), entry);
        let topic = row.changelog;
        let stamp = put.timestamp;
        self.engine
            .log(topic, Some(raw.as_slice()), Some(&bytes), stamp, headers);
        self.give_back(bytes);
        Ok(Some(true))
    }

    fn keep(&mut self, id: StoreId, raw: &[u8], entry: Entry) {
        let row = self.store_row(id);
        let eldest = match &mut self.engine.stores[id] {
            Store::KeyValue(store) => {
                store.writes += 1;
                store.put(raw, entry);
                None
            }
            Store::Lru(store) => {
                store.entries.writes += 1;
                store.put(raw, entry)
            }
            _ => None,
        };
        if let Some(eldest) = eldest.filter(|_| !row.timestamped) {
            let time = self.engine.context.timestamp;
            let key = Some(eldest.as_slice());
            self.engine.log(row.changelog, key, None, time, &NO_HEADERS);
        }
    }

    fn remove_raw(&mut self, id: StoreId, raw: &[u8]) {
        let row = self.store_row(id);
        match &mut self.engine.stores[id] {
            Store::KeyValue(store) => {
                store.remove(raw);
                store.writes -= 1;
            }
            Store::Lru(store) => {
                store.remove(raw);
                store.entries.writes -= 1;
            }
            _ => {}
        }
        let headers = if row.with_headers {
            self.engine.context.headers.clone()
        } else {
            Headers::new()
        };
        let time = self.engine.context.timestamp;
        let topic = row.changelog;
        self.engine.log(topic, Some(raw), None, time, &headers);
    }

    /// Everything between two keys by their bytes, both in; none is open.
    pub fn range(
        &mut self,
        id: StoreId,
        first: Option<&Value<H::Object>>,
        last: Option<&Value<H::Object>>,
    ) -> Outcome<H, Vec<(Value<H::Object>, Stamped<H::Object>)>> {
        let first = self.bound(id, first)?;
        let last = self.bound(id, last)?;
        let included = |key: &'_ Option<Packed>| key.clone();
        let (first, last) = (included(&first), included(&last));
        self.between(
            id,
            first
                .as_ref()
                .map_or(Bound::Unbounded, |k| Bound::Included(k.as_slice())),
            last.as_ref()
                .map_or(Bound::Unbounded, |k| Bound::Included(k.as_slice())),
        )
    }

    fn bound(&mut self, id: StoreId, key: Option<&Value<H::Object>>) -> Outcome<H, Option<Packed>> {
        match key {
            None => Ok(None),
            Some(key) => self.raw_key(id, key),
        }
    }

    /// Everything whose key's bytes begin with these.
    pub fn prefixed(
        &mut self,
        id: StoreId,
        prefix: &[u8],
    ) -> Outcome<H, Vec<(Value<H::Object>, Stamped<H::Object>)>> {
        let after = after_prefix(prefix);
        let end = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.between(id, Bound::Included(prefix), end)
    }

    fn between(
        &mut self,
        id: StoreId,
        first: Bound<&[u8]>,
        last: Bound<&[u8]>,
    ) -> Outcome<H, Vec<(Value<H::Object>, Stamped<H::Object>)>> {
        let keys = match &mut self.engine.stores[id] {
            Store::KeyValue(store) => store.keys(first, last),
            Store::Lru(store) => store.keys(first, last),
            _ => Vec::new(),
        };
        let mut found = Vec::with_capacity(keys.len());
        for raw in keys {
            let entry = match &self.engine.stores[id] {
                Store::KeyValue(store) => store.get(raw.as_slice()).cloned(),
                Store::Lru(store) => store.peek(raw.as_slice()).cloned(),
                _ => None,
            };
            if let Some(entry) = entry {
                let key = self.key_of(id, raw.as_slice())?;
                found.push((key, self.opened(id, &entry)?));
            }
        }
        Ok(found)
    }

    /// How many keys there are; for one on disk Kafka's estimate.
    pub fn estimate(&self, id: StoreId) -> i64 {
        let persistent = self.plan.stores[id].persistent;
        match &self.engine.stores[id] {
            Store::KeyValue(store) if persistent => store.writes.max(0),
            Store::KeyValue(store) => store.len() as i64,
            Store::Lru(store) => store.len() as i64,
            _ => 0,
        }
    }
}
