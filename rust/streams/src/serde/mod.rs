//! Values to bytes and back as Kafka's serializers do it, natively where Python's serde has a `native` row.
//!
//! What stays true: the bytes and the texts of refusals are those of `ottla.streams.serdes`. An object of
//! the host is written by the host's own side of the serde, so a native serde knows its number too.

mod kafka;
mod text;

pub use kafka::Kind;
pub use text::java_text;

use bytes::Bytes;

use crate::host::{Fault, Headers, Host, SerdeId};
use crate::json::Noted;
use crate::row::Row;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Serde {
    /// Known here; `id` is its number at the host, for objects.
    Native {
        kind: Kind,
        id: SerdeId,
    },
    Host(SerdeId),
}

impl Serde {
    /// The serde of this number, native where `row` (Python's `native`) names one that is known.
    pub fn new(row: &Row, id: SerdeId) -> Self {
        match Kind::parse(row) {
            Some(kind) => Self::Native { kind, id },
            None => Self::Host(id),
        }
    }

    /// The bytes of a value; `None` for null.
    pub fn serialize<H: Host>(
        &self,
        host: &mut H,
        topic: &str,
        headers: &mut Headers,
        value: &Value<H::Object>,
    ) -> Result<Option<Bytes>, Fault<H::Error>> {
        match (self, value) {
            (Self::Host(id), _) | (Self::Native { id, .. }, Value::Object(_)) => host
                .serialize(*id, topic, headers, value)
                .map_err(Fault::Host),
            (_, Value::Null) => Ok(None),
            // These bytes are there already.
            (
                Self::Native {
                    kind: Kind::String, ..
                },
                Value::Text(text),
            ) => Ok(Some(text.as_bytes().clone())),
            (
                Self::Native {
                    kind: Kind::Bytes, ..
                },
                Value::Bytes(bytes),
            ) => Ok(Some(bytes.clone())),
            _ => {
                let mut out = Vec::new();
                let is_there = self.serialize_into(host, topic, headers, value, &mut out)?;
                Ok(is_there.then(|| Bytes::from(out)))
            }
        }
    }

    /// Appends the bytes of a value to `out`; false, and nothing appended, for null.
    pub fn serialize_into<H: Host>(
        &self,
        host: &mut H,
        topic: &str,
        headers: &mut Headers,
        value: &Value<H::Object>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault<H::Error>> {
        match (self, value) {
            (Self::Host(id), _) | (Self::Native { id, .. }, Value::Object(_)) => {
                let bytes = host
                    .serialize(*id, topic, headers, value)
                    .map_err(Fault::Host)?;
                Ok(bytes.map(|bytes| out.extend_from_slice(&bytes)).is_some())
            }
            (_, Value::Null) => Ok(false),
            (Self::Native { kind, id }, _) => {
                let start = out.len();
                kind.write(*id, host, topic, headers, value, out)
                    .inspect_err(|_| out.truncate(start))?;
                Ok(true)
            }
        }
    }

    /// As `deserialize`; where the fields of a document stand is noted.
    pub fn deserialize_noted<H: Host>(
        &self,
        host: &mut H,
        noted: &mut Noted,
        topic: &str,
        headers: &Headers,
        bytes: Option<&Bytes>,
    ) -> Result<Value<H::Object>, Fault<H::Error>> {
        if let (
            Self::Native {
                kind: Kind::Json, ..
            },
            Some(bytes),
        ) = (self, bytes)
            && let Some(value) = noted.parse(bytes)
        {
            return Ok(value);
        }
        self.deserialize(host, topic, headers, bytes)
    }

    /// The value of bytes; null for `None`.
    pub fn deserialize<H: Host>(
        &self,
        host: &mut H,
        topic: &str,
        headers: &Headers,
        bytes: Option<&Bytes>,
    ) -> Result<Value<H::Object>, Fault<H::Error>> {
        match (self, bytes) {
            (_, None) => Ok(Value::Null),
            (Self::Host(id), Some(bytes)) => host
                .deserialize(*id, topic, headers, bytes)
                .map_err(Fault::Host),
            (Self::Native { kind, .. }, Some(bytes)) => Ok(kind.read(topic, bytes)?),
        }
    }
}
