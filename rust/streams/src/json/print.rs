//! Values as `orjson.dumps` prints them.

use super::{WRITTEN_DEPTH_MAX, depth};
use crate::value::Value;

/// Why a value cannot be written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    Type(&'static str),
    Depth,
}

/// Appends a value as `orjson.dumps` prints it; `out` may have a part of it where it cannot be written.
pub fn write<O>(value: &Value<O>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => write_int(*number, out),
        Value::Float(number) => write_float(*number, out),
        Value::Text(text) => write_text(text.as_bytes(), out),
        Value::Json(document) => {
            // What is shorter cannot open and close so many.
            if document.len() > 2 * WRITTEN_DEPTH_MAX && depth(document) > WRITTEN_DEPTH_MAX {
                return Err(Unwritable::Depth);
            }
            out.extend_from_slice(document);
        }
        Value::Bytes(_) | Value::Windowed(_) | Value::Object(_) => {
            return Err(Unwritable::Type(value.type_name().unwrap_or("object")));
        }
    }
    Ok(())
}

/// Appends a whole number.
pub fn write_int(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends the shortest decimal of a float; `null` for what JSON does not have.
pub fn write_float(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends text in quotes.
pub fn write_text(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
    {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            8 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
