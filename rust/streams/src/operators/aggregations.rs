//! Aggregations of streams: what starts an aggregate, what takes a value in, what joins two sessions.
//!
//! Aggregates are values that never change, native ones (`Columns`) JSON of their cells. What the host
//! refuses, or what cannot be put together, goes up before anything was kept.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::columns::{self, Cell};
use crate::operators::functions::Offer;
use crate::operators::joins::{NO_HEADERS, NULL_KEY_OR_VALUE};
use crate::plan::aggregation::{Aggregate, Aggregation, Column};
use crate::plan::{Node, StoreId};
use crate::record::{Change, Payload, Record};
use crate::stop::{Outcome, Stop, raised, refused};
use crate::stores::Put;
use crate::value::Value;

const ONE_TYPE: &str = "give each column inputs of one type";

/// What a record adds to each column; none where its input is null.
pub type Given = Vec<Option<Cell>>;

/// One aggregate a key. Records with a null key or a null value are left out.
#[inline(never)]
pub(super) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    (store, aggregation, send_old): (StoreId, &'a Aggregation, bool),
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() || record.value().is_null() {
        run.skip(&node.name, NULL_KEY_OR_VALUE);
        return Ok(());
    }
    let (old, time) = match run.get(store, &record.key, None)? {
        Some(held) => (held.value, held.timestamp.max(record.timestamp)),
        None => (initial(run, aggregation)?, record.timestamp),
    };
    let new = add(run, aggregation, record, &old)?;
    let put = Put {
        value: &new,
        timestamp: time,
        headers: &NO_HEADERS,
    };
    let Some(is_latest) = run.put_versioned(store, &record.key, put)? else {
        return Ok(());
    };
    let change = Change {
        new,
        old: if send_old { old } else { Value::Null },
        is_latest,
    };
    forward_change(
        run,
        node,
        record.key.clone(),
        change,
        (time, &record.headers),
    )
}

/// Pass a change on with a time and headers of its own.
pub(super) fn forward_change<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    key: Value<H::Object>,
    change: Change<H::Object>,
    (timestamp, headers): (i64, &Headers),
) -> Outcome<H> {
    let changed = Record {
        key,
        payload: Payload::Change(change),
        timestamp,
        headers: headers.clone(),
    };
    run.forward(node, &changed)
}

/// The aggregate of nothing; null means that the first value stands alone.
pub(super) fn initial<H: Application>(
    run: &mut Run<'_, H>,
    aggregation: &Aggregation,
) -> Outcome<H, Value<H::Object>> {
    match aggregation {
        Aggregation::Count => Ok(Value::Int(0)),
        Aggregation::Reduce(_) => Ok(Value::Null),
        Aggregation::Fold { initializer, .. } => run.call(initializer, &Offer::new(&Value::Null)),
        Aggregation::Columns(columns) => Ok(document(columns, &columns::initial(columns))),
    }
}

/// The aggregate after a record.
pub(super) fn add<H: Application>(
    run: &mut Run<'_, H>,
    aggregation: &Aggregation,
    record: &Record<H::Object>,
    aggregate: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    match aggregation {
        Aggregation::Count => sum(run, aggregate, &Value::Int(1)),
        Aggregation::Reduce(_) if aggregate.is_null() => Ok(record.value().clone()),
        Aggregation::Reduce(reducer) => {
            let offer = Offer::new(&Value::Null).value(record.value());
            run.call(reducer, &offer.aggregate(aggregate))
        }
        Aggregation::Fold { adder, .. } => {
            let offer = Offer::new(&record.key).value(record.value());
            run.call(adder, &offer.aggregate(aggregate))
        }
        Aggregation::Columns(columns) => {
            let mut cells = cells(run, columns, aggregate)?;
            let mut given = given(run, columns, record)?;
            take_in(columns, &mut cells, &mut given)?;
            Ok(document(columns, &cells))
        }
    }
}

/// The aggregate of two sessions, the earlier one first.
pub(super) fn merge<H: Application>(
    run: &mut Run<'_, H>,
    aggregation: &Aggregation,
    key: &Value<H::Object>,
    one: &Value<H::Object>,
    other: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    match aggregation {
        Aggregation::Count => sum(run, one, other),
        Aggregation::Reduce(_) if one.is_null() => Ok(other.clone()),
        Aggregation::Reduce(reducer) => {
            let offer = Offer::new(&Value::Null).value(other);
            run.call(reducer, &offer.aggregate(one))
        }
        Aggregation::Fold {
            merger: Some(merger),
            ..
        } => run.call(merger, &Offer::new(key).sides(one, other)),
        Aggregation::Fold { merger: None, .. } => Err(refused(
            "an aggregation of sessions has no function that joins two sessions",
            "give it a merger",
        )),
        Aggregation::Columns(columns) => {
            let mut held = cells(run, columns, one)?;
            let next = cells(run, columns, other)?.into_vec().into_iter();
            let mut given: Given = next
                .map(|cell| (cell != Cell::Null).then_some(cell))
                .collect();
            take_in(columns, &mut held, &mut given)?;
            Ok(document(columns, &held))
        }
    }
}

/// Counts added up, as Python adds what the store's serde gave back.
fn sum<H: Application>(
    run: &mut Run<'_, H>,
    one: &Value<H::Object>,
    other: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    if let (Value::Int(one), Value::Int(other)) = (one, other)
        && let Some(sum) = one.checked_add(*other)
    {
        return Ok(Value::Int(sum));
    }
    let (one, other) = (needed_cell(run, one)?, needed_cell(run, other)?);
    let sum = columns::combine(Aggregate::Count, &one, other).map_err(unfit)?;
    Ok(columns::value(&sum))
}

/// What the record adds to each column. Nothing of the engine changes here.
pub(super) fn given<H: Application>(
    run: &mut Run<'_, H>,
    columns: &[Column],
    record: &Record<H::Object>,
) -> Outcome<H, Given> {
    let mut given = std::mem::take(&mut run.engine.given);
    given.clear();
    for column in columns {
        let Some(of) = &column.of else {
            given.push(Some(Cell::Int(1)));
            continue;
        };
        let value = run.call(of, &Offer::record(record))?;
        given.push(match value {
            Value::Null => None,
            _ if column.aggregate == Aggregate::Count => Some(Cell::Int(1)),
            value => {
                let cell = needed_cell(run, &value)?;
                columns::takes(column.aggregate, &cell).map_err(unfit)?;
                Some(cell)
            }
        });
    }
    Ok(given)
}

/// Puts what is given into the cells; `given` then holds what stood there before. On an error the cells are
/// as they were.
pub(super) fn take_in<E>(
    columns: &[Column],
    cells: &mut [Cell],
    given: &mut Given,
) -> Result<(), Stop<E>> {
    for place in 0..columns.len().min(cells.len()) {
        let Some(value) = given[place].take() else {
            continue;
        };
        // As `combine`, in place: what most aggregates do.
        if let (Aggregate::Count | Aggregate::Sum, Cell::Int(held), Cell::Int(more)) =
            (columns[place].aggregate, &mut cells[place], &value)
            && let Some(sum) = held.checked_add(*more)
        {
            given[place] = Some(Cell::Int(std::mem::replace(held, sum)));
            continue;
        }
        match columns::combine(columns[place].aggregate, &cells[place], value) {
            Ok(new) => given[place] = Some(std::mem::replace(&mut cells[place], new)),
            Err(why) => {
                for (cell, before) in cells.iter_mut().zip(given.iter_mut()).take(place) {
                    if let Some(before) = before.take() {
                        *cell = before;
                    }
                }
                return Err(unfit(why));
            }
        }
    }
    Ok(())
}

#[cold]
fn unfit<E>(why: columns::Unfit) -> Stop<E> {
    refused(format!("an aggregation cannot {why}"), ONE_TYPE)
}

/// The record of an aggregate, as cells.
pub(super) fn cells<H: Application>(
    run: &mut Run<'_, H>,
    columns: &[Column],
    aggregate: &Value<H::Object>,
) -> Outcome<H, Box<[Cell]>> {
    match aggregate {
        Value::Json(document) => Ok(columns::read(columns, document)),
        Value::Object(object) => match run.host.native(object).map_err(raised)? {
            Value::Json(document) => Ok(columns::read(columns, &document)),
            _ => Err(refused(
                "an aggregate of columns is not a record",
                "give its store a serde that gives back what it was given",
            )),
        },
        _ => Ok(columns::initial(columns)),
    }
}

fn needed_cell<H: Application>(run: &mut Run<'_, H>, value: &Value<H::Object>) -> Outcome<H, Cell> {
    if let Some(cell) = columns::cell(value) {
        return Ok(cell);
    }
    let mut name = value.type_name().map(str::to_owned);
    if let Value::Object(object) = value {
        let native = run.host.native(object).map_err(raised)?;
        if let Some(cell) = columns::cell(&native) {
            return Ok(cell);
        }
        name = Some(run.host.type_name(object));
    }
    let name = name.unwrap_or_default();
    Err(unfit(format!("hold {name}")))
}

pub(super) fn document<O>(columns: &[Column], cells: &[Cell]) -> Value<O> {
    let mut document = Vec::with_capacity(64);
    columns::write(
        columns.iter().map(|column| &*column.prefix),
        cells,
        &mut document,
    );
    Value::Json(document.into())
}
