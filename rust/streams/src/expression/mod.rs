//! Expressions over a record, evaluated natively: the twin of `ottla.streams.expressions`.
//!
//! What an operation means is written there, in `evaluation`; results, refusals and their words are the same
//! here. A document is not parsed: a field is found in its bytes, and most operations allocate nothing.

mod arithmetic;
mod comparisons;
mod context;
mod display;
mod hints;
mod node;
mod texts;
mod times;

#[cfg(test)]
mod tests;

use crate::host::{Fault, Headers, Host};
use crate::json::Noted;
use crate::row::Row;
use crate::value::Value;
use context::Context;
use node::Node;

/// An expression, read from the rows that Python's `rows()` gives.
#[derive(Clone, Debug)]
pub struct Expression {
    root: Node,
}

impl Expression {
    /// Why rows are none is said in English; it is a fault of ours, not of the user.
    pub fn parse(row: &Row) -> Result<Self, String> {
        Ok(Self {
            root: Node::parse(row, 0)?,
        })
    }

    /// What it is for one record; `noted` may know where fields of its value stand. The whole key or value by itself is given as it is.
    pub fn evaluate<H: Host>(
        &self,
        host: &mut H,
        noted: &mut Noted,
        key: &Value<H::Object>,
        value: &Value<H::Object>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<Value<H::Object>, Fault<H::Error>> {
        match &self.root {
            Node::Key => Ok(key.clone()),
            Node::Column(path) if path.is_empty() => Ok(value.clone()),
            root => Context::new((host, noted), key, value, timestamp, headers).evaluate(root),
        }
    }
}

/// As it would be typed.
impl std::fmt::Display for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&display::shown(&self.root))
    }
}
