//! Records of native aggregates: how they are kept, how a value goes in, how they are written.
//!
//! A null input changes nothing: `count` counts records whose input is not null (all where it has none),
//! `sum` adds, `min` and `max` compare, `first` keeps the first that came, `last` the last. Whole numbers
//! stay whole.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::json;
use crate::packed::Packed;
use crate::plan::aggregation::{Aggregate, Column};
use crate::value::{Text, Value};

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Packed),
    /// JSON that no aggregate looks into.
    Json(Packed),
}

/// What cannot be put together; the text follows "an aggregation cannot …".
pub type Unfit = String;

/// The record before anything came in.
pub fn initial(columns: &[Column]) -> Box<[Cell]> {
    let cells = columns.iter().map(|column| match column.aggregate {
        Aggregate::Count => Cell::Int(0),
        _ => Cell::Null,
    });
    cells.collect()
}

/// Appends the record as JSON; `names` are quoted and end with their colon.
pub fn write<'n>(names: impl Iterator<Item = &'n [u8]>, cells: &[Cell], out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, (name, cell)) in names.zip(cells).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        match cell {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Bool(true) => out.extend_from_slice(b"true"),
            Cell::Bool(false) => out.extend_from_slice(b"false"),
            Cell::Int(number) => json::write_int(*number, out),
            Cell::Float(number) => json::write_float(*number, out),
            Cell::Text(text) => json::write_text(text.as_slice(), out),
            Cell::Json(document) => out.extend_from_slice(document.as_slice()),
        }
    }
    out.push(b'}');
}

/// The record that a JSON document holds; fields that it lacks are null.
pub fn read(columns: &[Column], document: &Bytes) -> Box<[Cell]> {
    let cells = columns.iter().map(|column| {
        let segment = json::Segment::field(&column.name);
        cell(&json::find::<()>(document, &segment)).unwrap_or(Cell::Null)
    });
    cells.collect()
}

/// The cell of a value; `None` for what no cell holds.
pub fn cell<O>(value: &Value<O>) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::Bool(truth) => Cell::Bool(*truth),
        Value::Int(number) => Cell::Int(*number),
        Value::Float(number) => Cell::Float(*number),
        Value::Text(text) => Cell::Text(Packed::new(text.as_bytes())),
        Value::Json(document) => Cell::Json(Packed::new(document)),
        Value::Bytes(_) | Value::Windowed(_) | Value::Object(_) => return None,
    })
}

pub fn value<O>(cell: &Cell) -> Value<O> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(truth) => Value::Bool(*truth),
        Cell::Int(number) => Value::Int(*number),
        Cell::Float(number) => Value::Float(*number),
        Cell::Text(text) => Value::Text(Text::trusted(Bytes::copy_from_slice(text.as_slice()))),
        Cell::Json(document) => Value::Json(Bytes::copy_from_slice(document.as_slice())),
    }
}

/// Whether an aggregate can take it in at all.
pub fn takes(aggregate: Aggregate, given: &Cell) -> Result<(), Unfit> {
    match (aggregate, given) {
        (Aggregate::Sum, Cell::Int(_) | Cell::Float(_)) => Ok(()),
        (Aggregate::Sum, other) => Err(format!("add {}", kind(other))),
        (Aggregate::Min | Aggregate::Max, Cell::Json(_)) => Err(format!("compare {}", kind(given))),
        _ => Ok(()),
    }
}

/// The field after one more input that is not null (for a count: after so many more records).
pub fn combine(aggregate: Aggregate, held: &Cell, given: Cell) -> Result<Cell, Unfit> {
    if *held == Cell::Null {
        return Ok(given);
    }
    Ok(match aggregate {
        Aggregate::Count | Aggregate::Sum => add(held, &given)?,
        Aggregate::Min => match compare(&given, held)? {
            Some(Ordering::Less) => given,
            _ => held.clone(),
        },
        Aggregate::Max => match compare(&given, held)? {
            Some(Ordering::Greater) => given,
            _ => held.clone(),
        },
        Aggregate::First => held.clone(),
        Aggregate::Last => given,
    })
}

fn add(one: &Cell, other: &Cell) -> Result<Cell, Unfit> {
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        let sum = one.checked_add(other);
        return sum
            .map(Cell::Int)
            .ok_or_else(|| "add numbers beyond 64 bits".to_owned());
    }
    if let (Some(one), Some(other)) = (float(one), float(other)) {
        return Ok(Cell::Float(one + other));
    }
    Err(format!("add {} and {}", kind(one), kind(other)))
}

fn compare(one: &Cell, other: &Cell) -> Result<Option<Ordering>, Unfit> {
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Ok(Some(one.cmp(&other)));
    }
    if let (Some(one), Some(other)) = (float(one), float(other)) {
        return Ok(one.partial_cmp(&other));
    }
    if let (Cell::Text(one), Cell::Text(other)) = (one, other) {
        return Ok(Some(one.cmp(other)));
    }
    Err(format!("compare {} and {}", kind(one), kind(other)))
}

fn whole(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        Cell::Bool(truth) => Some(i64::from(*truth)),
        _ => None,
    }
}

fn float(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Float(number) => Some(*number),
        other => whole(other).map(|number| number as f64),
    }
}

fn kind(cell: &Cell) -> &'static str {
    match cell {
        Cell::Null => "None",
        Cell::Bool(_) => "bool",
        Cell::Int(_) => "int",
        Cell::Float(_) => "float",
        Cell::Text(_) => "str",
        Cell::Json(document) if document.as_slice().starts_with(b"[") => "list",
        Cell::Json(_) => "dict",
    }
}
