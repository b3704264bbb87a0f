//! A well-formed document, printed anew: no spaces, `orjson`'s escapes and numbers, the last of equal keys in
//! the place of the first.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use hashbrown::HashTable;

use super::check::is_plain_number;
use super::path::string_end;
use super::{is_space, unescape, write_float, write_text};

/// Objects of so many keys are looked through; larger ones get an index.
const SCANNED_MAX: usize = 16;

pub(super) fn tidy(document: &[u8]) -> Vec<u8> {
    let mut printer = Printer {
        document,
        at: 0,
        out: Vec::with_capacity(document.len()),
    };
    printer.value();
    printer.out
}

struct Printer<'a> {
    document: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Printer<'_> {
    fn skip_space(&mut self) -> u8 {
        while self
            .document
            .get(self.at)
            .is_some_and(|byte| is_space(*byte))
        {
            self.at += 1;
        }
        self.document.get(self.at).copied().unwrap_or(b']')
    }

    fn value(&mut self) {
        match self.skip_space() {
            b'"' => self.string(),
            b'{' => self.object(),
            b'[' => self.array(),
            _ => self.scalar(),
        }
    }

    fn string(&mut self) {
        let start = self.at;
        self.at = string_end(self.document, start);
        let inner = &self.document[start + 1..self.at - 1];
        if inner.contains(&b'\\') {
            let mut plain = Vec::with_capacity(inner.len());
            unescape(inner, &mut plain);
            write_text(&plain, &mut self.out);
        } else {
            self.out.extend_from_slice(&self.document[start..self.at]);
        }
    }

    fn scalar(&mut self) {
        let rest = &self.document[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}') || is_space(*byte))
            .unwrap_or(rest.len());
        let token = &rest[..length];
        self.at += length;
        let is_number = matches!(token.first(), Some(b'-' | b'0'..=b'9'));
        if !is_number || is_plain_number(token) {
            self.out.extend_from_slice(token);
        } else if token == b"-0" {
            self.out.push(b'0');
        } else {
            let text = std::str::from_utf8(token).unwrap_or_default();
            let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
            if fits {
                self.out.extend_from_slice(token);
            } else {
                write_float(text.parse().unwrap_or_default(), &mut self.out);
            }
        }
    }

    fn array(&mut self) {
        self.at += 1;
        self.out.push(b'[');
        let mut is_first = true;
        while self.skip_space() != b']' {
            if !is_first {
                self.at += 1; // the comma
                self.out.push(b',');
            }
            is_first = false;
            self.value();
        }
        self.at += 1;
        self.out.push(b']');
    }

    fn object(&mut self) {
        self.at += 1;
        self.out.push(b'{');
        let start = self.out.len();
        let mut fields = Fields::default();
        while self.skip_space() != b'}' {
            if self.document[self.at] == b',' {
                self.at += 1;
                self.skip_space();
            }
            if self.out.len() > start {
                self.out.push(b',');
            }
            let key = self.out.len();
            self.string();
            let key = key..self.out.len();
            self.skip_space();
            self.at += 1; // the colon
            self.out.push(b':');
            let value = self.out.len();
            self.value();
            fields.put(&self.out, key, value..self.out.len());
        }
        self.at += 1;
        if fields.has_double {
            let printed = self.out.split_off(start);
            for (place, (key, value)) in fields.rows.iter().enumerate() {
                if place > 0 {
                    self.out.push(b',');
                }
                self.out
                    .extend_from_slice(&printed[key.start - start..key.end - start]);
                self.out.push(b':');
                self.out
                    .extend_from_slice(&printed[value.start - start..value.end - start]);
            }
        }
        self.out.push(b'}');
    }
}

/// The fields of one object: where each key and its last value were printed.
#[derive(Default)]
struct Fields {
    rows: Vec<(Range<usize>, Range<usize>)>,
    index: HashTable<usize>,
    hasher: RandomState,
    has_double: bool,
}

impl Fields {
    fn put(&mut self, out: &[u8], key: Range<usize>, value: Range<usize>) {
        match self.find(out, &key) {
            Some(place) => {
                self.has_double = true;
                self.rows[place].1 = value;
            }
            None => {
                self.rows.push((key, value));
                if self.rows.len() > SCANNED_MAX {
                    self.index_rest(out);
                }
            }
        }
    }

    fn find(&self, out: &[u8], key: &Range<usize>) -> Option<usize> {
        let wanted = &out[key.clone()];
        if self.index.is_empty() {
            return self
                .rows
                .iter()
                .position(|(known, _)| out[known.clone()] == *wanted);
        }
        let hash = self.hash(wanted);
        self.index
            .find(hash, |place| out[self.rows[*place].0.clone()] == *wanted)
            .copied()
    }

    fn index_rest(&mut self, out: &[u8]) {
        for place in self.index.len()..self.rows.len() {
            let hash = self.hash(&out[self.rows[place].0.clone()]);
            let (rows, hasher) = (&self.rows, &self.hasher);
            self.index.insert_unique(hash, place, |other| {
                hash_of(hasher, &out[rows[*other].0.clone()])
            });
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash_of(&self.hasher, key)
    }
}

fn hash_of(hasher: &RandomState, key: &[u8]) -> u64 {
    hasher.hash_one(key)
}
