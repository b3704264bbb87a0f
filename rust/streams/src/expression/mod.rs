//! Expressions over a record, evaluated natively: the twin of `ottla.streams.expressions`.

use crate::host::{Fault, Headers, Host};
use crate::row::Row;
use crate::value::Value;

/// An expression, read from the rows that Python's `rows()` gives.
#[derive(Clone, Debug)]
pub struct Expression {}

impl Expression {
    /// Why rows are none is said in English; it is a fault of ours, not of the user.
    pub fn parse(_row: &Row) -> Result<Self, String> {
        Ok(Self {})
    }

    pub fn evaluate<H: Host>(
        &self,
        _host: &mut H,
        _key: &Value<H::Object>,
        _value: &Value<H::Object>,
        _timestamp: i64,
        _headers: &Headers,
    ) -> Result<Value<H::Object>, Fault<H::Error>> {
        Ok(Value::Null)
    }
}
