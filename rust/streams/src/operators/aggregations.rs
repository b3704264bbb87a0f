//! Aggregations of streams: what starts an aggregate, what takes a value in, what joins two sessions.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::columns::{self, Cell};
use crate::operators::functions::Offer;
use crate::operators::tables::Keeping;
use crate::operators::waiting::refused;
use crate::plan::aggregation::{Aggregate, Aggregation, Column};
use crate::plan::{Node, StoreId};
use crate::record::{Change, Record};
use crate::stop::Outcome;
use crate::value::Value;

const NULL_KEY_OR_VALUE: &str = "the key or the value is null";

/// Names of columns, quoted and with their colons, as `columns::write` takes them.
fn prefixes(columns: &[Column]) -> Vec<Box<[u8]>> {
    columns.iter().map(|column| column.prefix.clone()).collect()
}

fn document<O>(columns: &[Column], cells: &[Cell]) -> Value<O> {
    let mut document = Vec::with_capacity(64);
    columns::write(&prefixes(columns), cells, &mut document);
    Value::Json(document.into())
}

fn cells<O>(columns: &[Column], held: &Value<O>) -> Box<[Cell]> {
    match held {
        Value::Json(document) => columns::read(columns, document),
        _ => columns::initial(columns),
    }
}

impl<H: Application> Run<'_, H> {
    /// How an aggregate begins; null where the first value stands alone.
    pub(super) fn initial(&mut self, row: &Aggregation) -> Outcome<H, Value<H::Object>> {
        match row {
            Aggregation::Count => Ok(Value::Int(0)),
            Aggregation::Reduce(_) => Ok(Value::Null),
            Aggregation::Fold { initializer, .. } => {
                self.call(initializer, &Offer::new(&Value::Null))
            }
            Aggregation::Columns(columns) => Ok(document(columns, &columns::initial(columns))),
        }
    }

    /// The aggregate with one record more.
    pub(super) fn added(
        &mut self,
        row: &Aggregation,
        record: &Record<H::Object>,
        held: &Value<H::Object>,
    ) -> Outcome<H, Value<H::Object>> {
        match row {
            Aggregation::Count => match held {
                Value::Int(count) => Ok(Value::Int(count + 1)),
                _ => Ok(Value::Int(1)),
            },
            Aggregation::Reduce(reducer) => {
                if held.is_null() {
                    return Ok(record.value().clone());
                }
                let offer = Offer::record(record).aggregate(held);
                self.call(reducer, &offer)
            }
            Aggregation::Fold { adder, .. } => {
                let offer = Offer::record(record).aggregate(held);
                self.call(adder, &offer)
            }
            Aggregation::Columns(columns) => {
                let mut cells = cells(columns, held);
                self.add_cells(columns, record, &mut cells)?;
                Ok(document(columns, &cells))
            }
        }
    }

    fn add_cells(
        &mut self,
        columns: &[Column],
        record: &Record<H::Object>,
        cells: &mut [Cell],
    ) -> Outcome<H> {
        for (column, cell) in columns.iter().zip(cells) {
            let mut given = Cell::Int(1);
            if let Some(of) = &column.of {
                let value = self.call(of, &Offer::record(record))?;
                if value.is_null() {
                    continue;
                }
                if column.aggregate != Aggregate::Count {
                    given = self.cell(column, &value)?;
                }
            }
            let combined = columns::combine(column.aggregate, cell, given);
            *cell = combined.map_err(unfit)?;
        }
        Ok(())
    }

    fn cell(&mut self, column: &Column, value: &Value<H::Object>) -> Outcome<H, Cell> {
        if let Some(cell) = columns::cell(value) {
            return Ok(cell);
        }
        if let Value::Object(object) = value {
            let native = self.host.native(object).map_err(crate::stop::raised)?;
            if let Some(cell) = columns::cell(&native) {
                return Ok(cell);
            }
        }
        let name = &column.name;
        Err(refused(
            format!("the column {name} cannot keep such a value"),
            "aggregate numbers, texts, or what JSON has",
        ))
    }

    /// Two sessions' aggregates as one: the one so far, and the next session's.
    pub(super) fn merged(
        &mut self,
        row: &Aggregation,
        key: &Value<H::Object>,
        one: &Value<H::Object>,
        other: &Value<H::Object>,
    ) -> Outcome<H, Value<H::Object>> {
        match row {
            Aggregation::Count => match (one, other) {
                (Value::Int(one), Value::Int(other)) => Ok(Value::Int(one + other)),
                _ => Ok(other.clone()),
            },
            Aggregation::Reduce(reducer) => {
                if one.is_null() {
                    return Ok(other.clone());
                }
                let offer = Offer::new(key).aggregate(one).value(other);
                self.call(reducer, &offer)
            }
            Aggregation::Fold { merger, .. } => match merger {
                Some(merger) => self.call(merger, &Offer::new(key).sides(one, other)),
                None => Err(refused(
                    "an aggregation of sessions has no function that joins two sessions",
                    "give the aggregation a merger",
                )),
            },
            Aggregation::Columns(columns) => {
                let mut cells_of_one = cells(columns, one);
                let given = cells(columns, other);
                for ((column, cell), given) in columns.iter().zip(&mut cells_of_one).zip(given) {
                    if given != Cell::Null {
                        let combined = columns::combine(column.aggregate, cell, given);
                        *cell = combined.map_err(unfit)?;
                    }
                }
                Ok(document(columns, &cells_of_one))
            }
        }
    }
}

fn unfit<E>(why: String) -> crate::stop::Stop<E> {
    refused(
        format!("an aggregation cannot {why}"),
        "give its column an expression of one kind of value",
    )
}

/// One aggregate a key. Records with a null key or a null value are left out.
pub(super) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    (store, send_old): (StoreId, bool),
    aggregation: &Aggregation,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() || record.value().is_null() {
        run.skip(&node.name, NULL_KEY_OR_VALUE);
        return Ok(());
    }
    let (old, time) = match run.get(store, &record.key, None)? {
        Some(held) => (held.value, record.timestamp.max(held.timestamp)),
        None => (run.initial(aggregation)?, record.timestamp),
    };
    let new = run.added(aggregation, record, &old)?;
    let told = Change {
        new,
        old,
        is_latest: true,
    };
    Keeping::new(Some(store), send_old).keep_and_forward(run, node, record, told, time)
}
