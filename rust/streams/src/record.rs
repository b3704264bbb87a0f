//! What flows between operators: a key, a value or what a table makes of it, a time and headers.

use bytes::Bytes;

use crate::host::Headers;
use crate::value::Value;

/// Operators are given records by reference, so that passing one on to several children copies nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<O> {
    pub key: Value<O>,
    pub payload: Payload<O>,
    /// ms since the epoch.
    pub timestamp: i64,
    pub headers: Headers,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Payload<O> {
    /// A stream's value.
    Plain(Value<O>),
    Change(Change<O>),
    /// Joins over a foreign key: from the left side to the right.
    Subscription(Box<Subscription>),
    /// And back.
    Response(Box<Response<O>>),
}

/// A table's record: the new value, the old one where the operator below asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<O> {
    pub new: Value<O>,
    pub old: Value<O>,
    /// False where a versioned store already holds a later version of the key.
    pub is_latest: bool,
}

/// What a foreign-key join sends to the right side; `primary_key` is as its serde wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    pub hash: Option<[u8; 16]>,
    pub instruction: u8,
    pub version: u8,
    pub primary_key: Bytes,
    /// The partition of the primary key, from version 1 on.
    pub primary_partition: Option<i32>,
}

/// What comes back, with the right side's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Response<O> {
    pub hash: Option<[u8; 16]>,
    pub version: u8,
    pub foreign_value: Foreign<O>,
    pub primary_partition: Option<i32>,
}

/// The right side's value: its serde writes it at the sink, and may write headers too.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreign<O> {
    Value(Value<O>),
    /// As it came from the topic.
    Bytes(Option<Bytes>),
}

/// What a store or a table's view holds for a key: never with a value of null.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped<O> {
    pub value: Value<O>,
    pub timestamp: i64,
    pub headers: Headers,
}

impl<O> Record<O> {
    pub fn plain(key: Value<O>, value: Value<O>, timestamp: i64, headers: Headers) -> Self {
        Self {
            key,
            payload: Payload::Plain(value),
            timestamp,
            headers,
        }
    }

    /// The stream's value; a table's new value where the payload is a change.
    pub fn value(&self) -> &Value<O> {
        match &self.payload {
            Payload::Plain(value) => value,
            Payload::Change(change) => &change.new,
            Payload::Subscription(_) | Payload::Response(_) => &Value::Null,
        }
    }

    /// The change; what is none reads as a change without new and old.
    pub fn change(&self) -> &Change<O> {
        match &self.payload {
            Payload::Change(change) => change,
            _ => &Change {
                new: Value::Null,
                old: Value::Null,
                is_latest: true,
            },
        }
    }
}

impl<O> Change<O> {
    pub fn new(new: Value<O>, old: Value<O>) -> Self {
        Self {
            new,
            old,
            is_latest: true,
        }
    }
}
