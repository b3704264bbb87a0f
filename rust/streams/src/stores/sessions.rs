//! Session stores as operators and processors ask and write them. A value's time is its session's end.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::packed::Packed;
use crate::plan::StoreId;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::stores::kept::{Entry, Kept, boxed};
use crate::stores::{Put, SessionStore, Store};
use crate::value::Value;

const TOO_LATE: &str = "it came too late for the store";

/// A session that was found: its start, its end, what it holds.
pub type FoundSession<O> = (i64, i64, Stamped<O>);

impl<H: Application> Run<'_, H> {
    pub(crate) fn sessions(&mut self, id: StoreId) -> &mut SessionStore {
        match &mut self.engine.stores[id] {
            Store::Session(store) => store,
            _ => unreachable!("the plan gives an operator a store of another kind"),
        }
    }

    pub fn session_get(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        start: i64,
        end: i64,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let Some(raw) = self.raw_key(id, key)? else {
            return Ok(None);
        };
        let entry = self.sessions(id).get(raw.as_slice(), start, end).cloned();
        entry
            .map(|entry| self.session_opened(id, &entry, end))
            .transpose()
    }

    fn session_opened(
        &mut self,
        id: StoreId,
        entry: &Entry,
        end: i64,
    ) -> Outcome<H, Stamped<H::Object>> {
        let mut opened = self.opened(id, entry)?;
        opened.timestamp = end;
        Ok(opened)
    }

    /// The key's sessions that end at `first_end` or later and start by `last_start`, in order.
    pub fn session_find(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        first_end: i64,
        last_start: i64,
    ) -> Outcome<H, Vec<FoundSession<H::Object>>> {
        let Some(raw) = self.raw_key(id, key)? else {
            return Ok(Vec::new());
        };
        let found = self
            .sessions(id)
            .find(raw.as_slice(), first_end, last_start);
        let found: Vec<_> = found
            .into_iter()
            .map(|found| (found.start, found.end, found.entry.clone()))
            .collect();
        let mut opened = Vec::with_capacity(found.len());
        for (start, end, entry) in found {
            opened.push((start, end, self.session_opened(id, &entry, end)?));
        }
        Ok(opened)
    }

    /// A null value removes the session.
    pub fn session_put(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        (start, end): (i64, i64),
        put: Put<'_, H::Object>,
    ) -> Outcome<H> {
        let row = self.store_row(id);
        let raw = self.needed_key(id, key)?;
        let bytes = self.raw_value(id, put.value)?;
        let headers = match &bytes {
            _ if !row.with_headers => Headers::new(),
            Some(_) => put.headers.clone(),
            None => self.engine.context.headers.clone(),
        };
        if self.sessions(id).admit(end) {
            match bytes.as_deref() {
                Some(bytes) => {
                    let entry = Entry {
                        kept: Kept::new(row.value.as_ref(), put.value, bytes),
                        timestamp: end,
                        headers: boxed(&headers),
                    };
                    self.sessions(id).put(raw.as_slice(), start, end, entry);
                }
                None => self.sessions(id).remove(raw.as_slice(), start, end),
            }
            self.sessions(id).expire();
        } else {
            self.skip(&row.name, TOO_LATE);
        }
        self.log_session(id, &raw, (start, end), bytes.as_deref(), &headers);
        if let Some(bytes) = bytes {
            self.give_back(bytes);
        }
        Ok(())
    }

    pub fn session_remove(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        start: i64,
        end: i64,
    ) -> Outcome<H> {
        let row = self.store_row(id);
        let raw = self.needed_key(id, key)?;
        self.sessions(id).observe_removal(end);
        self.sessions(id).remove(raw.as_slice(), start, end);
        let headers = if row.with_headers {
            self.engine.context.headers.clone()
        } else {
            Headers::new()
        };
        self.log_session(id, &raw, (start, end), None, &headers);
        Ok(())
    }

    fn log_session(
        &mut self,
        id: StoreId,
        raw: &Packed,
        (start, end): (i64, i64),
        value: Option<&[u8]>,
        headers: &Headers,
    ) {
        let Some(topic) = self.store_row(id).changelog else {
            return;
        };
        let mut place = std::mem::take(&mut self.engine.scratch);
        place.clear();
        place.extend_from_slice(raw.as_slice());
        place.extend_from_slice(&end.to_be_bytes());
        place.extend_from_slice(&start.to_be_bytes());
        let time = self.engine.context.timestamp;
        self.engine
            .log(Some(topic), Some(&place), value, time, headers);
        self.engine.scratch = place;
    }

    /// Sessions that end from `first` to `last`, as Kafka's store gives them.
    pub(crate) fn sessions_ended(
        &mut self,
        id: StoreId,
        first: i64,
        last: i64,
    ) -> Outcome<H, Vec<(Value<H::Object>, FoundSession<H::Object>)>> {
        let ended = self.sessions(id).ended(first, last);
        self.sessions_opened(id, ended)
    }

    fn sessions_opened(
        &mut self,
        id: StoreId,
        places: Vec<(Packed, i64, i64)>,
    ) -> Outcome<H, Vec<(Value<H::Object>, FoundSession<H::Object>)>> {
        let mut found = Vec::with_capacity(places.len());
        for (raw, start, end) in places {
            let entry = self.sessions(id).peek(raw.as_slice(), start, end).cloned();
            if let Some(entry) = entry {
                let key = self.key_of(id, raw.as_slice())?;
                found.push((key, (start, end, self.session_opened(id, &entry, end)?)));
            }
        }
        Ok(found)
    }

    /// Sessions of keys from and to, as Kafka's store gives them.
    pub fn session_range(
        &mut self,
        id: StoreId,
        keys: (Option<&Value<H::Object>>, Option<&Value<H::Object>>),
        first_end: i64,
        last_start: i64,
    ) -> Outcome<H, Vec<(Value<H::Object>, FoundSession<H::Object>)>> {
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
        let row = self.store_row(id);
        let interval = row.segment_interval.max(1);
        let mut places = self.sessions(id).dump();
        places.retain(|(key, start, end)| {
            *end >= first_end
                && *start <= last_start
                && first.as_ref().is_none_or(|first| key >= first)
                && last.as_ref().is_none_or(|last| key <= last)
        });
        if row.persistent {
            places.sort_by_cached_key(|(key, start, end)| {
                let mut place = key.as_slice().to_vec();
                place.extend_from_slice(&end.to_be_bytes());
                place.extend_from_slice(&start.to_be_bytes());
                (end / interval, place)
            });
        } else {
            places.sort_by(|a, b| (a.2, &a.0, -a.1).cmp(&(b.2, &b.0, -b.1)));
        }
        self.sessions_opened(id, places)
    }
}
