//! Where the fields that a plan asks for stand in a document: found once, in the pass that checks it.
//!
//! The document that was read last is held, so that it is known again by where its bytes lie; whatever else
//! is asked about is looked through as if nothing were noted.

use bytes::Bytes;

use super::path::{span_end, string_end};
use super::shape::Shape;
use super::{Segment, flat, parse};
use crate::row::Row;
use crate::value::Value;

/// How many fields are noted; what else a plan asks for is searched for each time.
const FIELDS_MAX: usize = 16;
/// No field stands there: every document begins with its brace.
const NOWHERE: (u32, u32) = (0, 0);

#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Names in quotes and with a colon.
    names: Box<[Box<[u8]>]>,
    spans: [(u32, u32); FIELDS_MAX],
    shape: Shape,
    document: Bytes,
    /// The document was looked through.
    is_noted: bool,
}

impl Noted {
    /// For documents whose fields of these names are asked for.
    pub fn new(names: &[Box<[u8]>]) -> Self {
        let names = names.iter().take(FIELDS_MAX);
        Self {
            names: names.cloned().collect(),
            ..Self::default()
        }
    }

    /// As `parse`; a flat document's fields are noted on the way.
    pub fn parse<O>(&mut self, document: &Bytes) -> Option<Value<O>> {
        if self.names.is_empty() {
            return parse(document);
        }
        let is_flat = self.fits(document) || self.walk(document);
        let value = if is_flat {
            Value::Json(document.clone())
        } else {
            parse(document)?
        };
        if let Value::Json(document) = &value {
            self.document = document.clone();
            self.is_noted = is_flat;
        }
        Some(value)
    }

    fn fits(&mut self, document: &[u8]) -> bool {
        self.spans = [NOWHERE; FIELDS_MAX];
        let spans = &mut self.spans;
        (self.shape).fits(document, |field, start, end| {
            spans[field] = (start as u32, end as u32);
        })
    }

    fn walk(&mut self, document: &[u8]) -> bool {
        self.spans = [NOWHERE; FIELDS_MAX];
        let (names, spans, shape) = (&self.names, &mut self.spans, &mut self.shape);
        let learns = shape.begins();
        flat::walk(document, |key, start, end| {
            let quoted = &document[start - key.len() - 3..start];
            let field = names.iter().position(|name| **name == *quoted);
            if let Some(field) = field {
                spans[field] = (start as u32, end as u32);
            }
            if learns {
                shape.learn(quoted, field);
            }
        })
    }

    /// Where a field of the document that was read last stands, `Some(None)` where it has none; `None` says
    /// nothing about another document or another field.
    #[inline]
    pub fn find(&mut self, document: &Bytes, field: &[u8]) -> Option<Option<(usize, usize)>> {
        let is_known = self.document.as_ptr() == document.as_ptr()
            && self.document.len() == document.len()
            && document.first() == Some(&b'{');
        if !is_known {
            return None;
        }
        let place = self.names.iter().position(|name| **name == *field)?;
        if !self.is_noted {
            self.note();
        }
        let (start, end) = self.spans[place];
        Some((start > 0).then_some((start as usize, end as usize)))
    }

    /// Looks through a tidy document that is not flat.
    fn note(&mut self) {
        self.is_noted = true;
        self.spans = [NOWHERE; FIELDS_MAX];
        let document = &self.document[..];
        let mut at = 1;
        while document.get(at) == Some(&b'"') {
            let value = string_end(document, at) + 1;
            let end = span_end(document, value);
            let name = &document[at..value.min(document.len())];
            if let Some(place) = self.names.iter().position(|known| **known == *name) {
                self.spans[place] = (value as u32, end as u32);
            }
            at = end + 1;
        }
    }
}

/// The first fields of all columns that expressions in these rows ask for, in the order in which they come.
pub fn asked_for(row: &Row, names: &mut Vec<Box<[u8]>>) {
    match row {
        Row::List(rows) => {
            if let [Row::Text(word), Row::List(path)] = &rows[..]
                && word == "col"
                && let Some(Row::Text(name)) = path.first()
                && let Segment::Field(name) = Segment::field(name)
                && !names.contains(&name)
            {
                names.push(name);
            }
            rows.iter().for_each(|row| asked_for(row, names));
        }
        Row::Map(fields) => fields.iter().for_each(|(_, row)| asked_for(row, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{find, value_of};

    fn noted(names: &[&str]) -> Noted {
        let names = names.iter().map(|name| match Segment::field(name) {
            Segment::Field(name) => name,
            Segment::Place(_) => unreachable!("a name is a field"),
        });
        Noted::new(&names.collect::<Vec<_>>())
    }

    /// An expression would see another value than the document has at the field.
    #[test]
    fn what_is_noted_is_what_is_found() {
        for text in [
            r#"{"a":1,"b":"x","é":2}"#,
            r#"{"b":"x","c":[1,{"a":2}],"a":{"b":3}}"#,
            r#" {"a": 1, "a": 2, "b\u0062": 3} "#,
            r#"{"c":1}"#,
            r#"{}"#,
            r#"[{"a":1}]"#,
            r#""a""#,
        ] {
            let mut noted = noted(&["a", "b", "é", "bb"]);
            let document = Bytes::copy_from_slice(text.as_bytes());
            let read = noted.parse::<()>(&document);
            assert_eq!(read, parse(&document), "{text}");
            let Some(Value::Json(tidy)) = read else {
                continue;
            };
            for name in ["a", "b", "é", "bb"] {
                let segment = Segment::field(name);
                let Segment::Field(quoted) = &segment else {
                    continue;
                };
                let Some(found) = noted.find(&tidy, quoted) else {
                    assert!(tidy.starts_with(b"["), "{text} {name}");
                    continue;
                };
                let value = found.map_or(Value::Null, |(start, end)| value_of(&tidy, start, end));
                assert_eq!(value, find::<()>(&tidy, &segment), "{text} {name}");
            }
        }
    }

    /// A document would be read as the one before it, whose keys it has in part.
    #[test]
    fn what_was_read_before_changes_nothing() {
        let texts = [
            r#"{"a":1,"b":"x"}"#,
            r#"{"a":1}"#,
            r#"{"b":"y","a":22}"#,
            r#"{"a":1,"b":"x","c":3}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":[1],"b":2}"#,
            r#"{"a":1,"b":2"#,
            r#"{"a":1,"b":2}x"#,
            r#"{"a":01,"b":2}"#,
            r#"{"a":1,"bb":2}"#,
            r#"{"a_key_of_sixteen":1,"b":2}"#,
            r#"{"a_key_of_sixteen_and_more":1,"a":2}"#,
            r#"{"a_key_of_sixteen_and_many":1,"a":2}"#,
            r#"{"a":1 ,"b":2}"#,
            "{}",
            "{",
            "",
        ];
        let mut noted = noted(&["a", "b", "a_key_of_sixteen_and_more"]);
        for (first, second) in texts
            .iter()
            .flat_map(|one| texts.map(|other| (*one, other)))
        {
            for text in [first, first, second] {
                let document = Bytes::copy_from_slice(text.as_bytes());
                let read = noted.parse::<()>(&document);
                assert_eq!(read, parse(&document), "{first} {second}");
                let Some(Value::Json(tidy)) = read else {
                    continue;
                };
                for name in ["a", "b", "a_key_of_sixteen_and_more"] {
                    let segment = Segment::field(name);
                    let Segment::Field(quoted) = &segment else {
                        continue;
                    };
                    let span = noted.find(&tidy, quoted).expect("it was read last");
                    let value =
                        span.map_or(Value::Null, |(start, end)| value_of(&tidy, start, end));
                    assert_eq!(
                        value,
                        find::<()>(&tidy, &segment),
                        "{first} {second} {name}"
                    );
                }
            }
        }
    }

    /// What was noted of one document would be taken for another's.
    #[test]
    fn other_documents_and_fields_are_not_known() {
        let mut noted = noted(&["a"]);
        let first = Bytes::from_static(br#"{"a":1,"b":2}"#);
        let other = Bytes::copy_from_slice(&first);
        noted.parse::<()>(&first);
        assert_eq!(noted.find(&first, br#""a":"#), Some(Some((5, 6))));
        assert_eq!(noted.find(&first, br#""b":"#), None);
        assert_eq!(noted.find(&other, br#""a":"#), None);
        noted.parse::<()>(&other);
        assert_eq!(noted.find(&first, br#""a":"#), None);
    }
}
