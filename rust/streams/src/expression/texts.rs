//! Text, counted in code points, and what becomes text or is read from it.

use bytes::Bytes;

use super::arithmetic::{TOO_LARGE, whole};
use super::context::{Context, Found};
use super::display::{float_shown, quoted_cut};
use super::hints;
use super::node::{Node, OfText, OfTexts, Type};
use crate::host::Host;
use crate::json;
use crate::value::{Text, Value};

/// Digits of a text that become an int at most.
const DIGITS_MAX: usize = 40;

/// A part of a text, without a copy.
fn part(text: &Text, part: &str) -> Text {
    Text::trusted(text.as_bytes().slice_ref(part.as_bytes()))
}

/// What Python takes for white space: Unicode's, and the four separators of ASCII.
fn is_white(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

fn substring(text: &str, start: usize, length: Option<usize>) -> &str {
    let at = |text: &str, place| {
        text.char_indices()
            .nth(place)
            .map_or(text.len(), |(at, _)| at)
    };
    let rest = &text[at(text, start)..];
    match length {
        Some(length) => &rest[..at(rest, length)],
        None => rest,
    }
}

fn split(text: &str, separator: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 8);
    out.push(b'[');
    for part in text.split(separator) {
        if out.len() > 1 {
            out.push(b',');
        }
        json::write_text(part.as_bytes(), &mut out);
    }
    out.push(b']');
    out.into()
}

impl<H: Host> Context<'_, H> {
    pub(super) fn text(&mut self, node: &Node, by: &OfText, of: &Node) -> Found<H> {
        let text = match self.evaluate(of)? {
            Value::Null => return Ok(Value::Null),
            Value::Text(text) => text,
            other => return self.no_text(node, by.name(), &other),
        };
        let letters = text.as_str();
        Ok(match by {
            OfText::Upper => Value::Text(letters.to_uppercase().into()),
            OfText::Lower => Value::Text(letters.to_lowercase().into()),
            OfText::Strip => Value::Text(part(&text, letters.trim_matches(is_white))),
            OfText::Substring(start, length) => {
                Value::Text(part(&text, substring(letters, *start, *length)))
            }
            OfText::Replace(old, new) => Value::Text(letters.replace(old.as_str(), new).into()),
            OfText::Split(separator) => Value::Json(split(letters, separator)),
        })
    }

    fn no_text(&mut self, node: &Node, name: &str, found: &Value<H::Object>) -> Found<H> {
        let kind = self.type_name(found);
        self.refuse(node, &format!("{name} takes str, not {kind}"), hints::TEXT)
    }

    pub(super) fn length(&mut self, node: &Node, of: &Node) -> Found<H> {
        let count = match self.evaluate(of)? {
            Value::Null => return Ok(Value::Null),
            Value::Text(text) => text.as_str().chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Json(document) if document.first() == Some(&b'[') => {
                json::entries(&document, 0).count()
            }
            other => return self.no_text(node, "length()", &other),
        };
        Ok(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    pub(super) fn texts(&mut self, node: &Node, by: OfTexts, of: &[Node; 2]) -> Found<H> {
        let left = self.evaluate(&of[0])?;
        let right = self.evaluate(&of[1])?;
        match (&left, &right) {
            (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
            (Value::Text(left), Value::Text(right)) => {
                let (left, right) = (left.as_str(), right.as_str());
                Ok(Value::Bool(match by {
                    OfTexts::StartsWith => left.starts_with(right),
                    OfTexts::EndsWith => left.ends_with(right),
                    OfTexts::Contains => left.contains(right),
                }))
            }
            (Value::Text(_), other) | (other, _) => self.no_text(node, by.name(), other),
        }
    }

    pub(super) fn concat(&mut self, node: &Node, parts: &[Node]) -> Found<H> {
        let mut found = Vec::with_capacity(parts.len());
        for part in parts {
            found.push(self.evaluate(part)?);
        }
        if found.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        let mut joined = String::new();
        for value in &found {
            match value {
                Value::Text(text) => joined.push_str(text.as_str()),
                other => return self.no_text(node, "concat()", other),
            }
        }
        Ok(Value::Text(joined.into()))
    }

    pub(super) fn cast(&mut self, node: &Node, kind: Type, of: &Node) -> Found<H> {
        let found = self.evaluate(of)?;
        if found.is_null() {
            return Ok(found);
        }
        let cast = match kind {
            Type::Int => match to_int(&found) {
                Some(Some(number)) => Some(Value::Int(number)),
                Some(None) => return self.refuse(node, TOO_LARGE, hints::SIZE),
                None => None,
            },
            Type::Float => to_float(&found).map(Value::Float),
            Type::Bool => to_bool(&found).map(Value::Bool),
            Type::Str => to_text(&found).map(Value::Text),
        };
        match (cast, &found) {
            (Some(value), _) => Ok(value),
            (None, Value::Text(text)) => {
                let what = format!(
                    "the text {} is no {}",
                    quoted_cut(text.as_str()),
                    kind.name()
                );
                self.refuse(node, &what, hints::CAST)
            }
            (None, found) => {
                let what = format!(
                    "type {} does not become {}",
                    self.type_name(found),
                    kind.name()
                );
                self.refuse(node, &what, hints::CAST)
            }
        }
    }
}

/// `None` where it is no int, `Some(None)` where it is one that does not fit.
fn to_int<O>(value: &Value<O>) -> Option<Option<i64>> {
    match value {
        Value::Int(number) => Some(Some(*number)),
        Value::Bool(truth) => Some(Some(i64::from(*truth))),
        Value::Float(number) => Some(whole(number.trunc())),
        Value::Text(text) => {
            let text = text.as_str();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let is_int = (1..=DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_int.then(|| text.parse().ok())
        }
        _ => None,
    }
}

fn to_float<O>(value: &Value<O>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::Text(text) => {
            // Rust reads words too (`inf`); what has only these letters is a decimal or refused.
            let is_decimal =
                |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
            let text = text.as_str();
            if text.bytes().all(is_decimal) {
                text.parse().ok()
            } else {
                None
            }
        }
        _ => None,
    }
}

fn to_bool<O>(value: &Value<O>) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Int(number) => Some(*number != 0),
        Value::Float(number) => Some(*number != 0.0),
        Value::Text(text) => match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Numbers as Python prints them, truth and documents as JSON does.
fn to_text<O>(value: &Value<O>) -> Option<Text> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(truth) => Some(Text::new(if *truth { "true" } else { "false" })),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Float(number) => Some(float_shown(*number).into()),
        Value::Json(document) => {
            let is_printed = json::depth(document) <= json::WRITTEN_DEPTH_MAX;
            is_printed.then(|| Text::trusted(document.clone()))
        }
        _ => None,
    }
}
