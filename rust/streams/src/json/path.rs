//! Fields of tidy documents, found without parsing the rest.

use bytes::Bytes;

use super::check::plain_length;
use super::value_of;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// The name of a field, in quotes and with a colon, as a tidy document has it.
    Field(Box<[u8]>),
    /// A place in an array; from its end where negative.
    Place(i64),
}

impl Segment {
    pub fn field(name: &str) -> Self {
        let mut quoted = Vec::with_capacity(name.len() + 3);
        super::write_text(name.as_bytes(), &mut quoted);
        quoted.push(b':');
        Self::Field(quoted.into())
    }

    /// The name as it stands in quotes, or the place.
    pub fn shown(&self) -> String {
        match self {
            Self::Field(quoted) => {
                String::from_utf8_lossy(&quoted[..quoted.len() - 1]).into_owned()
            }
            Self::Place(place) => place.to_string(),
        }
    }

    /// Where the part stands in the value that begins at `start`; `None` where it has no such part.
    /// The value must be an object for a field, an array for a place.
    pub fn find(&self, document: &[u8], start: usize) -> Option<(usize, usize)> {
        match self {
            Self::Field(quoted) => field(document, start, quoted),
            Self::Place(place) => {
                let place = match usize::try_from(*place) {
                    Ok(place) => place,
                    Err(_) => {
                        let count = entries(document, start).count();
                        let back = usize::try_from(place.unsigned_abs()).ok()?;
                        count.checked_sub(back)?
                    }
                };
                entries(document, start).nth(place)
            }
        }
    }
}

pub type Path = Box<[Segment]>;

fn field(document: &[u8], start: usize, quoted: &[u8]) -> Option<(usize, usize)> {
    let mut at = start + 1;
    while document.get(at) == Some(&b'"') {
        let value = at + quoted.len();
        // Most keys are told apart by where they end.
        if document.get(value - 1) == Some(&b':') && document[at..].starts_with(quoted) {
            return Some((value, span_end(document, value)));
        }
        let value = string_end(document, at) + 1;
        at = span_end(document, value) + 1;
    }
    None
}

/// The entries of the array that begins at `start`.
pub(crate) fn entries(document: &[u8], start: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = start + 1;
    std::iter::from_fn(move || {
        if document.get(at).is_none_or(|byte| *byte == b']') {
            return None;
        }
        let begin = at;
        let end = span_end(document, begin);
        at = if document.get(end) == Some(&b',') {
            end + 1
        } else {
            end
        };
        Some((begin, end))
    })
}

/// Where the value that begins at `start` ends.
pub(crate) fn span_end(document: &[u8], start: usize) -> usize {
    match document.get(start) {
        Some(b'"') => string_end(document, start),
        Some(b'{' | b'[') => container_end(document, start),
        _ => {
            let rest = &document[start..];
            let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}');
            start + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

/// Behind the closing quote of the string that begins at `start`.
pub(super) fn string_end(document: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        at += plain_length(document.get(at..).unwrap_or_default());
        match document.get(at) {
            Some(b'"') => return at + 1,
            Some(_) => at += 2, // a backslash and what it escapes
            None => return document.len(),
        }
    }
}

fn container_end(document: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while let Some(byte) = document.get(at) {
        match byte {
            b'"' => {
                at = string_end(document, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    document.len()
}

/// What a document has at this segment; null where it has nothing there.
pub fn find<O>(document: &Bytes, segment: &Segment) -> Value<O> {
    let fits = match segment {
        Segment::Field(_) => document.starts_with(b"{"),
        Segment::Place(_) => document.starts_with(b"["),
    };
    match fits.then(|| segment.find(document, 0)).flatten() {
        Some((start, end)) => value_of(document, start, end),
        None => Value::Null,
    }
}
