//! Window stores as operators and processors ask and write them.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::joins::NO_HEADERS;
use crate::output::Stamp;
use crate::packed::Packed;
use crate::plan::StoreId;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::stores::kept::{Entry, Kept, boxed};
use crate::stores::window::SEQUENCE_MASK;
use crate::stores::{Bounds, Put, Store, WindowStore};
use crate::value::Value;

const TOO_LATE: &str = "it came too late for the store";

/// A window that was found: its key, its start, what it holds.
pub type FoundWindow<O> = (Value<O>, i64, Stamped<O>);

/// A key's windows by their starts.
pub type Started<O> = Vec<(i64, Stamped<O>)>;

impl<H: Application> Run<'_, H> {
    pub(crate) fn window(&mut self, id: StoreId) -> &mut WindowStore {
        match &mut self.engine.stores[id] {
            Store::Window(store) => store,
            _ => unreachable!("the plan gives an operator a store of another kind"),
        }
    }

    /// The value of a key's window that starts at `start`.
    pub fn window_get(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        start: i64,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let Some(raw) = self.raw_key(id, key)? else {
            return Ok(None);
        };
        self.window_get_raw(id, &raw, start)
    }

    pub(crate) fn window_get_raw(
        &mut self,
        id: StoreId,
        raw: &Packed,
        start: i64,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let row = self.store_row(id);
        let Store::Window(store) = &self.engine.stores[id] else {
            return Ok(None);
        };
        // Of duplicates Kafka asks for the number of the record that was put last.
        if row.retain_duplicates {
            let newest = store.newest.as_ref();
            if newest.is_none_or(|(key, time)| key != raw || *time != start) {
                return Ok(None);
            }
        }
        let entry = if row.retain_duplicates {
            store
                .between(raw.as_slice(), start, start)
                .pop()
                .map(|(_, entry)| entry)
        } else {
            store.get(raw.as_slice(), start)
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

    pub fn window_put(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        start: i64,
        put: Put<'_, H::Object>,
    ) -> Outcome<H> {
        let raw = self.needed_key(id, key)?;
        self.window_put_raw(id, &raw, start, put)
    }

    /// A write that comes too late for the store is in the changelog all the same.
    pub(crate) fn window_put_raw(
        &mut self,
        id: StoreId,
        raw: &Packed,
        start: i64,
        put: Put<'_, H::Object>,
    ) -> Outcome<H> {
        let row = self.store_row(id);
        let bytes = self.raw_value(id, put.value)?;
        let removed;
        let headers: &Headers = match &bytes {
            _ if !row.logs_headers => &NO_HEADERS,
            Some(_) => put.headers,
            None => {
                removed = self.engine.context.headers.clone();
                &removed
            }
        };
        let numbered = row.retain_duplicates && row.persistent;
        if bytes.is_some() || !numbered {
            let entry = bytes.as_deref().map(|bytes| Entry {
                kept: Kept::new(row.value.as_ref(), put.value, bytes),
                timestamp: if row.timestamped || row.with_headers {
                    put.timestamp
                } else {
                    -1
                },
                headers: boxed(if row.with_headers {
                    headers
                } else {
                    &NO_HEADERS
                }),
            });
            self.window_keep(id, raw, start, entry, numbered);
        }
        let store = self.window(id);
        if row.retain_duplicates {
            store.sequence = store.sequence.wrapping_add(1) & SEQUENCE_MASK;
        }
        let time = match &bytes {
            Some(_) => put.timestamp,
            None => self.engine.context.timestamp,
        };
        self.window_log(id, raw, start, (bytes.as_deref(), time), headers);
        if let Some(bytes) = bytes {
            self.give_back(bytes);
        }
        Ok(())
    }

    /// The changelog's record of a write.
    pub(crate) fn window_log(
        &mut self,
        id: StoreId,
        raw: &Packed,
        start: i64,
        (value, time): (Option<&[u8]>, i64),
        headers: &Headers,
    ) {
        let Some(topic) = self.store_row(id).changelog else {
            return;
        };
        let sequence = self.window(id).sequence;
        let mut place = [0; 12];
        place[..8].copy_from_slice(&start.to_be_bytes());
        place[8..].copy_from_slice(&sequence.to_be_bytes());
        let stamp = Stamp {
            cause: self.engine.context.cause,
            topic,
            timestamp: time,
            headers,
            partition: -1,
        };
        let output = &mut self.engine.output;
        output.push_parts((raw.as_slice(), &place), value, stamp);
    }

    pub(crate) fn window_keep(
        &mut self,
        id: StoreId,
        raw: &Packed,
        start: i64,
        entry: Option<Entry>,
        numbered: bool,
    ) {
        let store = self.window(id);
        if !store.admit(start) {
            store.newest = None;
            let name = &self.store_row(id).name;
            self.skip(name, TOO_LATE);
            return;
        }
        match entry {
            Some(entry) => {
                store.put(raw.as_slice(), start, entry);
                if numbered {
                    store.newest = Some((raw.clone(), start));
                }
            }
            None => store.remove(raw.as_slice(), start),
        }
    }

    /// A key's windows that start from `from` to `to`, both in, in the order of their starts.
    pub fn window_fetch(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        from: i64,
        to: i64,
    ) -> Outcome<H, Started<H::Object>> {
        let Some(raw) = self.raw_key(id, key)? else {
            return Ok(Vec::new());
        };
        let row = self.store_row(id);
        let Store::Window(store) = &self.engine.stores[id] else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (start, entry) in store.between(raw.as_slice(), from, to) {
            found.push((
                start,
                Stamped {
                    value: entry.kept.value(row, self.host)?,
                    timestamp: entry.timestamp,
                    headers: entry.headers(),
                },
            ));
        }
        Ok(found)
    }

    /// Windows that start from `from` to `to`, of keys from and to, as Kafka's store gives them.
    pub fn window_range(
        &mut self,
        id: StoreId,
        keys: Bounds<'_, H::Object>,
        from: i64,
        to: i64,
    ) -> Outcome<H, Vec<FoundWindow<H::Object>>> {
        let first = keys
            .0
            .map(|key| self.raw_key(id, key))
            .transpose()?
            .flatten();
        let last = keys
            .1
            .map(|key| self.raw_key(id, key))
            .transpose()?
            .flatten();
        let store = self.window(id);
        let by_segment = (!store.is_time_first()).then(|| store.interval());
        let all = store.all(from, to).into_iter();
        let mut found: Vec<(Packed, i64, Entry)> = all
            .filter(|(key, _, _)| first.as_ref().is_none_or(|first| *key >= first))
            .filter(|(key, _, _)| last.as_ref().is_none_or(|last| *key <= last))
            .map(|(key, start, entry)| (key.clone(), start, entry.clone()))
            .collect();
        match by_segment {
            None => found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0))),
            Some(interval) => found.sort_by_cached_key(|(key, start, _)| {
                let mut place = key.as_slice().to_vec();
                place.extend_from_slice(&start.to_be_bytes());
                (start / interval, place)
            }),
        }
        let mut opened = Vec::with_capacity(found.len());
        for (raw, start, entry) in found {
            let key = self.key_of(id, raw.as_slice())?;
            opened.push((key, start, self.opened(id, &entry)?));
        }
        Ok(opened)
    }

    /// Windows that start from `from` to `to`, by start and then by the key's bytes.
    pub(crate) fn windows_by_time(
        &mut self,
        id: StoreId,
        from: i64,
        to: i64,
    ) -> Outcome<H, Vec<FoundWindow<H::Object>>> {
        let mut found = Vec::new();
        for (raw, start) in self.window(id).by_time(from, to) {
            let entry = self.window(id).get(raw.as_slice(), start).cloned();
            if let Some(entry) = entry {
                let key = self.key_of(id, raw.as_slice())?;
                found.push((key, start, self.opened(id, &entry)?));
            }
        }
        Ok(found)
    }
}
