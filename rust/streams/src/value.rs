//! A value as operators see it: native where the plan lets it be, an object of the host where not.

use bytes::Bytes;

/// UTF-8 text; a slice of the batch it came in, or its own bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Bytes);

impl Text {
    pub fn new(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// `None` where the bytes are no UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        // Checked when it was made; a second check is cheap beside what reads it, and needs no `unsafe`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// `O` is an object of the host: a Python object in the product, nothing in Rust's own tests.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<O> {
    Null,
    Bool(bool),
    /// 64 bits, signed. What does not fit is an object of the host.
    Int(i64),
    Float(f64),
    Text(Text),
    Bytes(Bytes),
    /// A JSON document, known to be well formed; parsed as far as it is asked.
    Json(Bytes),
    /// The key of a window: its key, its start and its end in ms.
    Windowed(std::sync::Arc<Windowed<O>>),
    Object(O),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Windowed<O> {
    pub key: Value<O>,
    pub start: i64,
    pub end: i64,
}

impl<O> Value<O> {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
