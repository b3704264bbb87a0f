//! Rows: what the host says about serdes and expressions, as plain nested values.
//!
//! Python's tuples and lists become `List`, everything else is itself; the skin needs no more than that to
//! hand over a serde's `native` row or an expression's `rows()`.

#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Row>),
    /// A dataclass or a dict, by the names of its fields.
    Map(Vec<(String, Row)>),
}

impl Row {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Row]> {
        match self {
            Self::List(rows) => Some(rows),
            _ => None,
        }
    }

    /// The word that a row begins with, and what follows it.
    pub fn split(&self) -> Option<(&str, &[Row])> {
        let (first, rest) = self.as_list()?.split_first()?;
        Some((first.as_text()?, rest))
    }
}
