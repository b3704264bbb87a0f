//! JSON as `orjson` reads and prints it.
//!
//! `parse` takes what `orjson.loads` takes and nothing else, and keeps an object or array as the bytes that
//! `orjson.dumps` would print for it: mostly those it came in. So a document that passes through is copied,
//! and `path` finds a field without regard to spaces, escapes or keys that come twice.

mod check;
mod flat;
mod noted;
mod path;
mod print;
mod shape;
mod tidy;

use bytes::Bytes;

pub use noted::{Noted, asked_for};
pub(crate) use path::entries;
pub use path::{Path, Segment, find};
pub use print::{Unwritable, write, write_float, write_int, write_text};

use crate::value::{Text, Value};

/// How deep objects and arrays nest in what is read, and in what is written.
pub const READ_DEPTH_MAX: usize = 1024;
pub const WRITTEN_DEPTH_MAX: usize = 254;

/// The value of a document; `None` where `orjson.loads` refuses it.
pub fn parse<O>(document: &Bytes) -> Option<Value<O>> {
    let start = document.iter().position(|byte| !is_space(*byte))?;
    let end = document.iter().rposition(|byte| !is_space(*byte))? + 1;
    let whole = &document[start..end];
    let is_tidy = flat::is_flat(whole) || check::check(whole)?;
    let tidy = if is_tidy {
        document.slice(start..end)
    } else {
        Bytes::from(tidy::tidy(&document[start..end]))
    };
    Some(value_of(&tidy, 0, tidy.len()))
}

/// The value that stands from `start` to `end` in a tidy document.
pub fn value_of<O>(document: &Bytes, start: usize, end: usize) -> Value<O> {
    let span = &document[start..end];
    match span.first() {
        Some(b'"') => Value::Text(text_of(document, start, end)),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => Value::Null,
        Some(b'{' | b'[') => Value::Json(document.slice(start..end)),
        Some(_) => number_of(document, start, end),
    }
}

fn number_of<O>(document: &Bytes, start: usize, end: usize) -> Value<O> {
    let span = &document[start..end];
    if let Some(number) = small_int(span) {
        return Value::Int(number);
    }
    if let Some(number) = small_decimal(span) {
        return Value::Float(number);
    }
    let text = std::str::from_utf8(span).unwrap_or_default();
    match text.parse::<i64>() {
        Ok(number) => Value::Int(number),
        // The highest half of the unsigned: it is printed as it is, and no operation takes it.
        Err(_) if !is_float(span) => Value::Json(document.slice(start..end)),
        Err(_) => Value::Float(text.parse().unwrap_or_default()),
    }
}

/// A whole number of at most 18 digits.
#[inline]
pub(crate) fn small_int(span: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match span {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 18 {
        return None;
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if is_negative { -number } else { number })
}

/// A decimal of at most 15 digits: its digits and its power of ten are exact as floats, and so the quotient
/// is the nearest float, as every reader of numbers gives it.
fn small_decimal(span: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (is_negative, digits) = match span {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut number, mut places) = (0u64, None);
    for (at, digit) in digits.iter().enumerate() {
        match digit.wrapping_sub(b'0') {
            digit @ 0..=9 => number = number * 10 + u64::from(digit),
            _ if *digit == b'.' && places.is_none() => places = Some(digits.len() - at - 1),
            _ => return None,
        }
    }
    let number = number as f64 / POWERS[places?];
    Some(if is_negative { -number } else { number })
}

pub(crate) fn is_float(span: &[u8]) -> bool {
    span.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// The text of a string that stands, quotes and all, from `start` to `end`.
fn text_of(document: &Bytes, start: usize, end: usize) -> Text {
    let inner = &document[start + 1..end - 1];
    if inner.contains(&b'\\') {
        let mut plain = Vec::with_capacity(inner.len());
        unescape(inner, &mut plain);
        Text::trusted(Bytes::from(plain))
    } else {
        Text::trusted(document.slice(start + 1..end - 1))
    }
}

/// Appends the text of what stands between quotes, known to be well formed.
pub(crate) fn unescape(mut inner: &[u8], plain: &mut Vec<u8>) {
    while let Some(at) = inner.iter().position(|byte| *byte == b'\\') {
        plain.extend_from_slice(&inner[..at]);
        let Some(kind) = inner.get(at + 1) else {
            return;
        };
        let mut taken = at + 2;
        match kind {
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let (letter, count) = code_point(&inner[at..]).unwrap_or(('\u{FFFD}', 6));
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                taken = at + count;
            }
            other => plain.push(*other),
        }
        inner = &inner[taken.min(inner.len())..];
    }
    plain.extend_from_slice(inner);
}

/// The letter of `\uXXXX`, or of two of them that are one pair, and how many bytes that is.
pub(crate) fn code_point(escape: &[u8]) -> Option<(char, usize)> {
    let high = hex(escape.get(2..6)?)?;
    if !(0xD800..0xE000).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    if escape.get(6..8)? != b"\\u" || high >= 0xDC00 {
        return None;
    }
    let low = hex(escape.get(8..12)?)?;
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    Some((
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))?,
        12,
    ))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | (*digit as char).to_digit(16)?)
    })
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// How many objects and arrays are open at most.
pub(crate) fn depth(document: &[u8]) -> usize {
    let (mut at, mut depth, mut most) = (0, 0usize, 0);
    while let Some(byte) = document.get(at) {
        match byte {
            b'"' => at = path::string_end(document, at) - 1,
            b'{' | b'[' => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    most
}

#[cfg(test)]
mod tests;
