//! What a task has produced: one row a record, and all keys and values one after another in one arena.

use crate::host::Headers;
use crate::plan::TopicId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The place in the batch of the record that caused it; -1 where time alone did.
    pub cause: i32,
    pub topic: TopicId,
    pub timestamp: i64,
    /// Where the key begins in the arena; the value follows it.
    start: usize,
    key: Length,
    value: Length,
    /// One more than the place in `headers`; 0 is none.
    headers: u32,
    /// -1 is none.
    pub partition: i32,
}

impl Row {
    /// Of key and value together.
    pub fn bytes(&self) -> usize {
        self.key.bytes() + self.value.bytes()
    }
}

/// Bytes counted, or nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Length(u32);

impl Length {
    const NULL: Self = Self(u32::MAX);

    fn bytes(self) -> usize {
        if self == Self::NULL {
            0
        } else {
            self.0 as usize
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Output {
    arena: Vec<u8>,
    rows: Vec<Row>,
    headers: Vec<Headers>,
    /// Where the record that is being written begins.
    start: usize,
    key: Option<Length>,
}

/// What is written of one record beside its key and value.
pub struct Stamp<'a> {
    pub cause: i32,
    pub topic: TopicId,
    pub timestamp: i64,
    pub headers: &'a Headers,
    pub partition: i32,
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn key(&self, row: &Row) -> Option<&[u8]> {
        let end = row.start + row.key.bytes();
        (row.key != Length::NULL).then(|| &self.arena[row.start..end])
    }

    pub fn value(&self, row: &Row) -> Option<&[u8]> {
        let start = row.start + row.key.bytes();
        let end = start + row.value.bytes();
        (row.value != Length::NULL).then(|| &self.arena[start..end])
    }

    pub fn headers(&self, row: &Row) -> &[(String, Option<bytes::Bytes>)] {
        match (row.headers as usize).checked_sub(1) {
            Some(place) => &self.headers[place],
            None => &[],
        }
    }

    /// Forget all records; what they took stays allocated.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.rows.clear();
        self.headers.clear();
        self.abandon();
    }

    /// A record of bytes that are there already.
    pub fn push(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, stamp: Stamp<'_>) {
        self.abandon();
        let arena = self.begin();
        arena.extend_from_slice(key.unwrap_or_default());
        self.end_key(key.is_some());
        let arena = self.arena();
        arena.extend_from_slice(value.unwrap_or_default());
        self.end(value.is_some(), stamp);
    }

    /// A record whose key is there in two parts.
    pub fn push_parts(&mut self, key: (&[u8], &[u8]), value: Option<&[u8]>, stamp: Stamp<'_>) {
        let arena = self.begin();
        arena.extend_from_slice(key.0);
        arena.extend_from_slice(key.1);
        self.end_key(true);
        let arena = self.arena();
        arena.extend_from_slice(value.unwrap_or_default());
        self.end(value.is_some(), stamp);
    }

    /// Begin a record: its key is appended to what this gives, then `end_key`, `arena`, `end`.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.abandon();
        self.start = self.arena.len();
        &mut self.arena
    }

    pub fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    pub fn end_key(&mut self, is_there: bool) {
        self.key = Some(length(self.arena.len() - self.start, is_there));
    }

    pub fn end(&mut self, value_is_there: bool, stamp: Stamp<'_>) {
        let key = self.key.take().unwrap_or(Length::NULL);
        let value = length(self.arena.len() - self.start - key.bytes(), value_is_there);
        let headers = if stamp.headers.is_empty() {
            0
        } else {
            self.headers.push(stamp.headers.clone());
            self.headers.len() as u32
        };
        self.rows.push(Row {
            cause: stamp.cause,
            topic: stamp.topic,
            timestamp: stamp.timestamp,
            start: self.start,
            key,
            value,
            headers,
            partition: stamp.partition,
        });
        self.start = self.arena.len();
    }

    /// Forget what was written of a record that was not ended, because its serde failed.
    pub fn abandon(&mut self) {
        let end = self
            .rows
            .last()
            .map_or(0, |row| row.start + row.key.bytes() + row.value.bytes());
        self.arena.truncate(end);
        self.start = end;
        self.key = None;
    }
}

fn length(bytes: usize, is_there: bool) -> Length {
    if is_there {
        Length(bytes as u32)
    } else {
        Length::NULL
    }
}
