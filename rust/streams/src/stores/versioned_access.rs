//! A versioned store as operators ask and write it: with values, and every write in its changelog.

use bytes::Bytes;

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::joins::NO_HEADERS;
use crate::operators::waiting::BYTES;
use crate::plan::StoreId;
use crate::record::Stamped;
use crate::stop::Outcome;
use crate::stores::Put;
use crate::stores::versioned::{Put as Code, Version};
use crate::value::Value;

const TOO_LATE: &str = "it came too late for the store";

impl<H: Application> Run<'_, H> {
    /// The latest value of a key, or the one that held at a time.
    pub(crate) fn versioned_get(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        as_of: Option<i64>,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let Some(key) = self.versioned_key(id, key)? else {
            return Ok(None);
        };
        let store = self.engine.stores[id].versioned();
        let found = match as_of {
            None => store.get(&key),
            Some(time) => store.get_as_of(&key, time),
        };
        found.map(|version| self.version(id, &version)).transpose()
    }

    /// Put a version; a null value is a removal.
    ///
    /// True: it is the latest of its key. False: a later one is known. None: it came too late.
    pub(crate) fn versioned_put(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        put: &Put<'_, H::Object>,
    ) -> Outcome<H, Option<bool>> {
        let code = self.put_version(id, key, put.value, put.timestamp)?;
        Ok(match code {
            Code::Expired => None,
            Code::Latest => Some(true),
            Code::ValidTo(_) => Some(false),
        })
    }

    /// As `versioned_put`; says until when the version is valid.
    pub fn put_version(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        value: &Value<H::Object>,
        timestamp: i64,
    ) -> Outcome<H, Code> {
        let key = self.versioned_key(id, key)?.unwrap_or_default();
        let row = &self.plan.stores[id];
        let mut headers = self.engine.context.headers.clone();
        let serde = row.value.as_ref().unwrap_or(&BYTES);
        let value = serde.serialize(self.host, &row.serde_topic, &mut headers, value)?;
        let code = self.engine.stores[id]
            .versioned()
            .put(&key, value.clone(), timestamp);
        if code == Code::Expired {
            self.skip(&row.name, TOO_LATE);
        }
        // What is refused is in the changelog all the same.
        self.engine.log(
            row.changelog,
            Some(&key),
            value.as_deref(),
            timestamp,
            &NO_HEADERS,
        );
        Ok(code)
    }

    /// Put a removal; gives what was valid then.
    pub fn delete_version(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
        timestamp: i64,
    ) -> Outcome<H, Option<Stamped<H::Object>>> {
        let raw = self.versioned_key(id, key)?.unwrap_or_default();
        let store = self.engine.stores[id].versioned();
        let held = if store.takes(timestamp) {
            store.get_as_of(&raw, timestamp)
        } else {
            None
        };
        self.put_version(id, key, &Value::Null, timestamp)?;
        held.map(|version| self.version(id, &version)).transpose()
    }

    fn versioned_key(&mut self, id: StoreId, key: &Value<H::Object>) -> Outcome<H, Option<Bytes>> {
        let row = &self.plan.stores[id];
        let mut headers = self.engine.context.headers.clone();
        let serde = row.key.as_ref().unwrap_or(&BYTES);
        Ok(serde.serialize(self.host, &row.serde_topic, &mut headers, key)?)
    }

    fn version(&mut self, id: StoreId, version: &Version) -> Outcome<H, Stamped<H::Object>> {
        let row = &self.plan.stores[id];
        let headers: &Headers = &NO_HEADERS;
        let serde = row.value.as_ref().unwrap_or(&BYTES);
        let value =
            serde.deserialize(self.host, &row.serde_topic, headers, Some(&version.value))?;
        Ok(Stamped {
            value,
            timestamp: version.timestamp,
            headers: Vec::new(),
        })
    }
}
