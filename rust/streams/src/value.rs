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

    /// Text that is a part of something already known to be UTF-8.
    pub(crate) fn trusted(bytes: Bytes) -> Self {
        Self(bytes)
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
    /// An object or array of JSON, as `orjson` prints it (no spaces, no key twice); parsed as far as it is
    /// asked. What is a scalar is one of the kinds above, but for whole numbers beyond 64 bits signed.
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

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl<O> Value<O> {
    pub fn text(text: &str) -> Self {
        Self::Text(Text::new(text))
    }

    /// Python's name of the type, as errors tell it; `None` for an object of the host.
    pub fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::Json(document) => match document.first() {
                Some(b'{') => "dict",
                Some(b'[') => "list",
                _ => "int",
            },
            Self::Windowed(_) => "Windowed",
            Self::Object(_) => return None,
        })
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
