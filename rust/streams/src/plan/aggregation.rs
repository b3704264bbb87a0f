//! What an aggregation does with values.

use super::function::Function;
use super::reading::{Fields, Read};

/// One is made for each node of a plan, so its size does not count.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Aggregation {
    Count,
    Reduce(Function),
    Fold {
        initializer: Function,
        adder: Function,
        merger: Option<Function>,
    },
    Columns(Box<[Column]>),
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// The name as JSON, with the colon behind it.
    pub prefix: Box<[u8]>,
    pub aggregate: Aggregate,
    pub of: Option<Function>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Sum,
    Min,
    Max,
    First,
    Last,
}

impl Aggregation {
    pub fn read(row: &Fields<'_>) -> Read<Self> {
        let (kind, of) = row.object("aggregation")?;
        Ok(match kind {
            "Count" => Self::Count,
            "Reduce" => Self::Reduce(Function::read(&of, "reducer")?),
            "Fold" => Self::Fold {
                initializer: Function::read(&of, "initializer")?,
                adder: Function::read(&of, "adder")?,
                merger: Function::read_or_none(&of, "merger")?,
            },
            "Columns" => {
                let columns = of.list("columns")?.iter();
                let columns = columns.map(|row| Column::read(&Fields::new(of.of, row)?));
                Self::Columns(columns.collect::<Read<_>>()?)
            }
            other => return Err(row.wrong("aggregation", &format!("is unknown: {other}"))),
        })
    }
}

impl Column {
    fn read(row: &Fields<'_>) -> Read<Self> {
        let name = row.text("name")?;
        let mut prefix = Vec::new();
        crate::json::write_text(name.as_bytes(), &mut prefix);
        prefix.push(b':');
        Ok(Self {
            name: name.to_owned(),
            prefix: prefix.into(),
            aggregate: match row.text("aggregate")? {
                "count" => Aggregate::Count,
                "sum" => Aggregate::Sum,
                "min" => Aggregate::Min,
                "max" => Aggregate::Max,
                "first" => Aggregate::First,
                "last" => Aggregate::Last,
                other => return Err(row.wrong("aggregate", &format!("is unknown: {other}"))),
            },
            of: Function::read_or_none(row, "of")?,
        })
    }
}
