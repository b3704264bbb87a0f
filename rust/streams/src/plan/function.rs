//! A function of the user, as the plan knows it: the host's, or an expression evaluated here.

use super::reading::{Fields, Read};
use crate::expression::Expression;
use crate::host::FunctionId;

/// What functions are called with, by the plan's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Key,
    Value,
    Aggregate,
    Left,
    Right,
    Timestamp,
    Headers,
    Context,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub call: FunctionId,
    pub arguments: Box<[Argument]>,
    pub expression: Option<Expression>,
    /// As `call`, for the values of many records (`crate::ahead`).
    pub batch: Option<FunctionId>,
}

impl Function {
    pub fn read(fields: &Fields<'_>, name: &str) -> Read<Self> {
        Self::read_row(&Fields::new(fields.of, fields.need(name)?)?, name)
    }

    pub fn read_or_none(fields: &Fields<'_>, name: &str) -> Read<Option<Self>> {
        match fields.get(name) {
            None => Ok(None),
            Some(_) => Self::read(fields, name).map(Some),
        }
    }

    /// All functions of a list.
    pub fn read_list(fields: &Fields<'_>, name: &str) -> Read<Vec<Self>> {
        let rows = fields.list(name)?.iter();
        rows.map(|row| Self::read_row(&Fields::new(fields.of, row)?, name))
            .collect()
    }

    fn read_row(fields: &Fields<'_>, name: &str) -> Read<Self> {
        let arguments = fields.texts("arguments")?;
        let arguments = arguments.iter().map(|word| Argument::read(word));
        let arguments = arguments.collect::<Option<_>>();
        let expression = match fields.get("expression") {
            None => None,
            Some(row) => Some(Expression::parse(row).map_err(|why| fields.wrong(name, &why))?),
        };
        Ok(Self {
            call: fields.number("call")?,
            arguments: arguments.ok_or_else(|| fields.wrong(name, "has unknown arguments"))?,
            expression,
            batch: match fields.get("batch") {
                None => None,
                Some(_) => Some(fields.number("batch")?),
            },
        })
    }
}

impl Argument {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "key" => Self::Key,
            "value" => Self::Value,
            "aggregate" => Self::Aggregate,
            "left" => Self::Left,
            "right" => Self::Right,
            "timestamp" => Self::Timestamp,
            "headers" => Self::Headers,
            "context" | "record_context" => Self::Context,
            _ => return None,
        })
    }
}
