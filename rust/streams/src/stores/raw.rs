//! Keys and values of stores as bytes, by the serdes of their rows.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::waiting::BYTES;
use crate::packed::Packed;
use crate::plan::StoreId;
use crate::plan::store::Store as Row;
use crate::record::Stamped;
use crate::serde::{Kind, Serde};
use crate::stop::Outcome;
use crate::stores::kept::Entry;
use crate::value::Value;

impl<'a, H: Application> Run<'a, H> {
    pub(crate) fn store_row(&self, id: StoreId) -> &'a Row {
        let plan = self.plan;
        &plan.stores[id]
    }

    /// The bytes of a key; none for null.
    pub(crate) fn raw_key(
        &mut self,
        id: StoreId,
        key: &Value<H::Object>,
    ) -> Outcome<H, Option<Packed>> {
        let row = self.store_row(id);
        let serde = row.key.as_ref().unwrap_or(&BYTES);
        if let (
            Serde::Native {
                kind: Kind::String, ..
            },
            Value::Text(text),
        ) = (serde, key)
        {
            return Ok(Some(Packed::new(text.as_bytes())));
        }
        let mut out = std::mem::take(&mut self.engine.scratch);
        out.clear();
        let written = serde.serialize_into(
            self.host,
            &row.serde_topic,
            &mut Headers::new(),
            key,
            &mut out,
        );
        let packed = Packed::new(&out);
        self.engine.scratch = out;
        Ok(written?.then_some(packed))
    }

    /// The bytes of a key that must be there.
    pub(crate) fn needed_key(&mut self, id: StoreId, key: &Value<H::Object>) -> Outcome<H, Packed> {
        let row = self.store_row(id);
        self.raw_key(id, key)?.ok_or_else(|| {
            crate::stop::refused(
                format!("the store {} was given a null key", row.name),
                "leave records without a key out before",
            )
        })
    }

    /// The bytes of a value, appended to a buffer that is given back with `give_back`; none for null.
    pub(crate) fn raw_value(
        &mut self,
        id: StoreId,
        value: &Value<H::Object>,
    ) -> Outcome<H, Option<Vec<u8>>> {
        if value.is_null() {
            return Ok(None);
        }
        let row = self.store_row(id);
        let serde = row.value.as_ref().unwrap_or(&BYTES);
        let mut out = std::mem::take(&mut self.engine.value_scratch);
        out.clear();
        let topic = &row.serde_topic;
        match serde.serialize_into(self.host, topic, &mut Headers::new(), value, &mut out) {
            Ok(true) => Ok(Some(out)),
            Ok(false) => {
                self.engine.value_scratch = out;
                Ok(None)
            }
            Err(fault) => {
                self.engine.value_scratch = out;
                Err(fault.into())
            }
        }
    }

    pub(crate) fn give_back(&mut self, buffer: Vec<u8>) {
        self.engine.value_scratch = buffer;
    }

    /// The value of bytes that stand for a key.
    pub(crate) fn key_of(&mut self, id: StoreId, raw: &[u8]) -> Outcome<H, Value<H::Object>> {
        let row = self.store_row(id);
        let serde = row.key.as_ref().unwrap_or(&BYTES);
        let bytes = bytes::Bytes::copy_from_slice(raw);
        let topic = &row.serde_topic;
        Ok(serde.deserialize(self.host, topic, &Headers::new(), Some(&bytes))?)
    }

    /// What an entry holds, as values.
    pub(crate) fn opened(&mut self, id: StoreId, entry: &Entry) -> Outcome<H, Stamped<H::Object>> {
        let row = self.store_row(id);
        Ok(Stamped {
            value: entry.kept.value(row, self.host)?,
            timestamp: entry.timestamp,
            headers: entry.headers(),
        })
    }
}
