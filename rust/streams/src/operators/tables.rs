//! Operators on tables: what takes a stream in, filters, maps, regroups, aggregates, and gives one back.
//!
//! Old values travel only where an operator below asked for them (`send_old`): one that is materialized
//! reads them in its store, another one computes them anew.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::operators::joins::{NO_HEADERS, NULL_KEY};
use crate::plan::function::Function;
use crate::plan::operator::{Keeping, TableAggregate, TableFilter, TableReduce};
use crate::plan::{Node, NodeId, ProcessorId};
use crate::record::{Change, Payload, Record};
use crate::stop::{Outcome, raised, refused};
use crate::stores::Put;
use crate::value::Value;

impl Keeping {
    /// The value that the operator's own store holds; null where it has none.
    fn stored<H: Application>(
        self,
        run: &mut Run<'_, H>,
        key: &Value<H::Object>,
    ) -> Outcome<H, Value<H::Object>> {
        let Some(store) = self.store else {
            return Ok(Value::Null);
        };
        let held = run.get(store, key, None)?;
        Ok(held.map_or(Value::Null, |held| held.value))
    }

    /// The end of most table operators: keep the new value where materialized, then tell the children.
    fn keep_and_forward<'a, H: Application>(
        self,
        run: &mut Run<'a, H>,
        node: &'a Node,
        record: &Record<H::Object>,
        change: Change<H::Object>,
        timestamp: i64,
    ) -> Outcome<H> {
        let mut change = change;
        if let Some(store) = self.store {
            let put = Put {
                value: &change.new,
                timestamp,
                headers: &NO_HEADERS,
            };
            match run.put_versioned(store, &record.key, put)? {
                Some(is_latest) => change.is_latest = is_latest,
                None => return Ok(()),
            }
        }
        if !self.send_old {
            change.old = Value::Null;
        }
        let told = Record {
            key: record.key.clone(),
            payload: Payload::Change(change),
            timestamp,
            headers: record.headers.clone(),
        };
        run.forward(node, &told)
    }
}

fn change<O>(new: Value<O>, old: Value<O>, is_latest: bool) -> Change<O> {
    Change {
        new,
        old,
        is_latest,
    }
}

#[inline(never)]
pub(super) fn source<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    keeping: Keeping,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() {
        run.skip(&node.name, NULL_KEY);
        return Ok(());
    }
    let old = keeping.stored(run, &record.key)?;
    let told = change(record.value().clone(), old, true);
    keeping.keep_and_forward(run, node, record, told, record.timestamp)
}

/// What does not hold is removed; of a key that was not there and is not, nothing is said.
#[inline(never)]
pub(super) fn filter<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &TableFilter,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let (predicate, negate, keeping) = (&row.predicate, row.negate, row.keeping);
    let given = record.change();
    let new = passed(run, predicate, negate, &record.key, &given.new)?;
    let mut old = Value::Null;
    if keeping.send_old {
        old = match keeping.store {
            Some(_) => keeping.stored(run, &record.key)?,
            None => passed(run, predicate, negate, &record.key, &given.old)?,
        };
        if old.is_null() && new.is_null() && !row.versioned {
            return Ok(());
        }
    }
    let told = change(new, old, given.is_latest);
    keeping.keep_and_forward(run, node, record, told, record.timestamp)
}

fn passed<H: Application>(
    run: &mut Run<'_, H>,
    predicate: &Function,
    negate: bool,
    key: &Value<H::Object>,
    value: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    if value.is_null() || run.test(predicate, &Offer::new(key).value(value))? == negate {
        return Ok(Value::Null);
    }
    Ok(value.clone())
}

#[inline(never)]
pub(super) fn map_values<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    keeping: Keeping,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let given = record.change();
    let new = mapped(run, mapper, &record.key, &given.new)?;
    let old = match (keeping.send_old, keeping.store) {
        (false, _) => Value::Null,
        (true, Some(_)) => keeping.stored(run, &record.key)?,
        (true, None) => mapped(run, mapper, &record.key, &given.old)?,
    };
    let told = change(new, old, given.is_latest);
    keeping.keep_and_forward(run, node, record, told, record.timestamp)
}

fn mapped<H: Application>(
    run: &mut Run<'_, H>,
    mapper: &Function,
    key: &Value<H::Object>,
    value: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    run.call(mapper, &Offer::new(key).value(value))
}

/// Unlike a map of values, the transformer is asked about null too.
#[inline(never)]
pub(super) fn transform_values<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    processor: ProcessorId,
    keeping: Keeping,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let given = record.change();
    let key = &record.key;
    let new = run
        .host
        .transform(run.engine, processor, id, key, &given.new)
        .map_err(raised)?;
    let old = match (keeping.send_old, keeping.store) {
        (false, _) => Value::Null,
        (true, Some(_)) => keeping.stored(run, key)?,
        (true, None) => run
            .host
            .transform(run.engine, processor, id, key, &given.old)
            .map_err(raised)?,
    };
    let told = change(new, old, given.is_latest);
    keeping.keep_and_forward(run, node, record, told, record.timestamp)
}

#[inline(never)]
pub(super) fn to_stream<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    record: &Record<H::Object>,
) -> Outcome<H> {
    // A record's value is its change's new value to whoever takes a stream's record.
    run.forward(node, record)
}

/// A change under a new key: the old pair is taken away, the new one added, in this order.
///
/// Where both have one key it stays one change. Pairs with a null key or value count as none.
#[inline(never)]
pub(super) fn repartition_map<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    versioned: bool,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() {
        return Err(refused(
            "a table that is grouped anew has a record without a key",
            "mend the table above",
        ));
    }
    let given = record.change();
    let latest = given.is_latest;
    if versioned && !latest {
        return Ok(());
    }
    let new = mapped_pair(run, mapper, &record.key, &given.new)?;
    let old = mapped_pair(run, mapper, &record.key, &given.old)?;
    match (old, new) {
        (Some(old), Some(new)) if run.same_key(&old.0, &new.0)? => {
            regrouped(run, node, record, old.0, change(new.1, old.1, latest))
        }
        (old, new) => {
            if let Some((key, value)) = old {
                regrouped(run, node, record, key, change(Value::Null, value, latest))?;
            }
            if let Some((key, value)) = new {
                regrouped(run, node, record, key, change(value, Value::Null, latest))?;
            }
            Ok(())
        }
    }
}

type Pair<O> = Option<(Value<O>, Value<O>)>;

fn mapped_pair<H: Application>(
    run: &mut Run<'_, H>,
    mapper: &Function,
    key: &Value<H::Object>,
    value: &Value<H::Object>,
) -> Outcome<H, Pair<H::Object>> {
    if value.is_null() {
        return Ok(None);
    }
    let given = run.call(mapper, &Offer::new(key).value(value))?;
    if given.is_null() {
        return Ok(None);
    }
    let (key, value) = run.host.pair(&given).map_err(raised)?;
    Ok(Some((key, value)).filter(|(key, value)| !key.is_null() && !value.is_null()))
}

fn regrouped<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    record: &Record<H::Object>,
    key: Value<H::Object>,
    change: Change<H::Object>,
) -> Outcome<H> {
    let told = Record {
        key,
        payload: Payload::Change(change),
        timestamp: record.timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &told)
}

impl<H: Application> Run<'_, H> {
    /// Equal, and of one type: 1, 1.0 and true are three keys.
    fn same_key(&mut self, one: &Value<H::Object>, other: &Value<H::Object>) -> Outcome<H, bool> {
        Ok(match (one, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Int(one), Value::Int(other)) => one == other,
            (Value::Float(one), Value::Float(other)) => one == other,
            (Value::Text(one), Value::Text(other)) => one == other,
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            (Value::Json(one), Value::Json(other)) => one == other,
            (Value::Windowed(one), Value::Windowed(other)) => {
                one.start == other.start
                    && one.end == other.end
                    && self.same_key(&one.key, &other.key)?
            }
            (Value::Object(_), _) | (_, Value::Object(_)) => {
                self.host.equal(one, other).map_err(raised)?
            }
            _ => false,
        })
    }
}

/// Takes the old value away, then adds the new one, each where there is one.
#[inline(never)]
pub(super) fn aggregate<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &TableAggregate,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let keeping = row.keeping;
    let key = &record.key;
    let given = record.change();
    let (old, held_at) = held(run, keeping, record)?;
    let (mut new, mut time) = (old.clone(), record.timestamp);
    if !given.old.is_null() && !old.is_null() {
        let offer = Offer::new(key).value(&given.old).aggregate(&old);
        new = run.call(&row.subtractor, &offer)?;
        time = time.max(held_at.unwrap_or(time));
    }
    if !given.new.is_null() {
        if new.is_null() {
            new = run.call(&row.initializer, &Offer::new(key))?;
        }
        let offer = Offer::new(key).value(&given.new).aggregate(&new);
        new = run.call(&row.adder, &offer)?;
        time = time.max(held_at.unwrap_or(time));
    }
    keeping.keep_and_forward(run, node, record, change(new, old, true), time)
}

/// As `aggregate`; the first value stands as it is.
#[inline(never)]
pub(super) fn reduce<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &TableReduce,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let keeping = row.keeping;
    let key = &record.key;
    let given = record.change();
    let (old, held_at) = held(run, keeping, record)?;
    let (mut new, mut time) = (old.clone(), record.timestamp);
    if !given.old.is_null() && !old.is_null() {
        let offer = Offer::new(key).value(&given.old).aggregate(&old);
        new = run.call(&row.subtractor, &offer)?;
        time = time.max(held_at.unwrap_or(time));
    }
    if !given.new.is_null() {
        if new.is_null() {
            new = given.new.clone();
        } else {
            let offer = Offer::new(key).value(&given.new).aggregate(&new);
            new = run.call(&row.adder, &offer)?;
            time = time.max(held_at.unwrap_or(time));
        }
    }
    keeping.keep_and_forward(run, node, record, change(new, old, true), time)
}

fn held<H: Application>(
    run: &mut Run<'_, H>,
    keeping: Keeping,
    record: &Record<H::Object>,
) -> Outcome<H, (Value<H::Object>, Option<i64>)> {
    if record.key.is_null() {
        return Err(refused(
            "an aggregation of a table has a record without a key",
            "mend the table above",
        ));
    }
    let Some(store) = keeping.store else {
        return Ok((Value::Null, None));
    };
    Ok(match run.get(store, &record.key, None)? {
        Some(held) => (held.value, Some(held.timestamp)),
        None => (Value::Null, None),
    })
}
