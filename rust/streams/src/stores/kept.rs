//! What a store keeps of a value: native where it never changes, else the bytes that its serde wrote.
//!
//! What is read back is always what the serde would read from the bytes: only kinds of values that come
//! back as they were are kept as they are.

use bytes::Bytes;

use crate::application::Application;
use crate::host::{Fault, Headers};
use crate::operators::columns::{self, Cell};
use crate::packed::{Packed, copied_headers};
use crate::plan::store::Store as Row;
use crate::serde::{Kind, Serde};
use crate::value::{Text, Value};

#[derive(Clone, Debug)]
pub enum Kept {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Packed),
    Bytes(Packed),
    /// An object or array of JSON.
    Json(Packed),
    /// As the serde wrote it.
    Encoded(Packed),
    /// A record of native aggregates, and how it is written.
    Cells(Box<[Cell]>),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub kept: Kept,
    pub timestamp: i64,
    pub headers: Option<Box<Headers>>,
}

impl Entry {
    pub fn headers(&self) -> Headers {
        self.headers.as_deref().cloned().unwrap_or_default()
    }
}

/// Headers as an entry keeps them: nothing for none.
pub fn boxed(headers: &Headers) -> Option<Box<Headers>> {
    (!headers.is_empty()).then(|| Box::new(copied_headers(headers)))
}

impl Kept {
    /// What is kept of `value`, which the store's serde wrote as `bytes`.
    pub fn new<O>(serde: Option<&Serde>, value: &Value<O>, bytes: &[u8]) -> Self {
        let Some(Serde::Native { kind, .. }) = serde else {
            return Self::Encoded(bytes.into());
        };
        match (kind, value) {
            (Kind::Long | Kind::Integer | Kind::Short | Kind::Json, Value::Int(number)) => {
                Self::Int(*number)
            }
            (Kind::Double, Value::Float(number)) => Self::Float(*number),
            (Kind::Boolean | Kind::Json, Value::Bool(truth)) => Self::Bool(*truth),
            (Kind::String | Kind::Json, Value::Text(text)) => {
                Self::Text(Packed::new(text.as_bytes()))
            }
            (Kind::Bytes, Value::Bytes(bytes)) => Self::Bytes(Packed::new(bytes)),
            (Kind::Json, Value::Json(_)) if matches!(bytes.first(), Some(b'{' | b'[')) => {
                Self::Json(bytes.into())
            }
            _ => Self::Encoded(bytes.into()),
        }
    }

    /// The value; `row` says how bytes are read.
    pub fn value<H: Application>(
        &self,
        row: &Row,
        host: &mut H,
    ) -> Result<Value<H::Object>, Fault<H::Error>> {
        Ok(match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(Text::trusted(shared(text))),
            Self::Bytes(bytes) => Value::Bytes(shared(bytes)),
            Self::Json(document) => Value::Json(shared(document)),
            Self::Encoded(bytes) => {
                return read(row.value.as_ref(), &row.serde_topic, host, bytes.as_slice());
            }
            Self::Cells(cells) => {
                let mut document = Vec::with_capacity(64);
                let names = row.columns.iter().map(|name| &**name);
                columns::write(names, cells, &mut document);
                Value::Json(document.into())
            }
        })
    }
}

/// The value of bytes that the store's serde wrote.
pub fn read<H: Application>(
    serde: Option<&Serde>,
    topic: &str,
    host: &mut H,
    bytes: &[u8],
) -> Result<Value<H::Object>, Fault<H::Error>> {
    match (serde, bytes.first()) {
        (None, _) => Ok(Value::Bytes(Bytes::copy_from_slice(bytes))),
        // The serde itself wrote it, so it is well formed and printed as it should be.
        (
            Some(Serde::Native {
                kind: Kind::Json, ..
            }),
            Some(b'{' | b'['),
        ) => Ok(Value::Json(Bytes::copy_from_slice(bytes))),
        (Some(serde), _) => {
            let bytes = Bytes::copy_from_slice(bytes);
            serde.deserialize(host, topic, &Headers::new(), Some(&bytes))
        }
    }
}

fn shared(bytes: &Packed) -> Bytes {
    Bytes::copy_from_slice(bytes.as_slice())
}
