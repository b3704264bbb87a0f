//! What left and outer joins of streams have not joined: put aside, taken back, emitted when it is time.

use bytes::Bytes;

use crate::application::Application;
use crate::engine::Run;
use crate::operators::joins::{NO_HEADERS, forward_joined};
use crate::operators::waiting::BYTES;
use crate::plan::join::StreamStreamJoin;
use crate::plan::operator::Operator;
use crate::plan::sides;
use crate::plan::{Node, Plan, StoreId};
use crate::record::{Payload, Record};
use crate::serde::Serde;
use crate::stop::Outcome;
use crate::stores::outer_join::{Side, Waiting};
use crate::value::Value;

/// Emit what no record can join any more, with its own time; not more often than the emit interval.
pub(super) fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a StreamStreamJoin,
    store: StoreId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let (_, after) = row.reach();
    let grace = row.windows.grace;
    let interval = run.plan.settings.emit_interval;
    let now = run.engine.context.now;
    let shared = &mut run.engine.shared[row.shared];
    // Where nothing waits the sum wraps to a negative time, as Java's does, and the interval begins anew.
    let closes = shared.min_time.wrapping_add(after).wrapping_add(grace);
    if closes >= shared.stream_time || now < shared.next_emit {
        return Ok(());
    }
    shared.next_emit = now.saturating_add(interval);
    let open = |reach: i64| {
        shared
            .stream_time
            .saturating_sub(reach)
            .saturating_sub(grace)
    };
    let (left_open, right_open) = (open(row.windows.after), open(row.windows.before));
    let due = run.engine.stores[store].outer().due(left_open, right_open);
    let mut emitted: Option<Waiting> = None;
    for (waiting, values) in due.records {
        // Where a joiner fails, this one is still the first that waits.
        run.engine.shared[row.shared].min_time = waiting.timestamp;
        let key = read_key(run, store, &waiting, record)?;
        let serde = value_serde(run.plan, row, waiting.side);
        for bytes in values {
            let value = read_value(run, store, serde, &bytes, record)?;
            let alone = Record {
                key: key.clone(),
                payload: Payload::Plain(Value::Null),
                timestamp: waiting.timestamp,
                headers: record.headers.clone(),
            };
            let sides = match waiting.side {
                Side::Left => (&value, &Value::Null),
                Side::Right => (&Value::Null, &value),
            };
            forward_joined(run, node, &row.joiner, &alone, sides, waiting.timestamp)?;
            // Kafka takes a key away when it has come to the next one.
            if let Some(last) = emitted.take() {
                remove(run, store, &last);
            }
        }
        emitted = Some(waiting);
    }
    run.engine.shared[row.shared].min_time = due.min_time;
    if let Some(last) = emitted {
        remove(run, store, &last);
    }
    Ok(())
}

/// A record of the other side has joined: it is not to be emitted alone.
pub(super) fn joined<H: Application>(
    run: &mut Run<'_, H>,
    row: &StreamStreamJoin,
    store: StoreId,
    record: &Record<H::Object>,
    other_time: i64,
) -> Outcome<H> {
    if run.engine.stores[store].outer().is_empty() {
        return Ok(());
    }
    let key = write_key(run, store, record)?;
    let waiting = Waiting::new(other_time, side(row.side).other(), &key);
    if run.engine.stores[store].outer().contains(&waiting) {
        remove(run, store, &waiting);
    }
    Ok(())
}

/// Put a record aside that has found nothing.
pub(super) fn wait<H: Application>(
    run: &mut Run<'_, H>,
    row: &StreamStreamJoin,
    store: StoreId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let key = write_key(run, store, record)?;
    let this = side(row.side);
    let waiting = Waiting::new(record.timestamp, this, &key);
    let serde = value_serde(run.plan, row, this);
    let topic = &run.plan.stores[store].serde_topic;
    let mut headers = record.headers.clone();
    let value = serde.serialize(run.host, topic, &mut headers, record.value())?;
    let Some(value) = value else {
        remove(run, store, &waiting);
        return Ok(());
    };
    let list = run.engine.stores[store].outer().put(&waiting, value);
    log(run, store, &waiting, Some(&list));
    Ok(())
}

fn remove<H: Application>(run: &mut Run<'_, H>, store: StoreId, waiting: &Waiting) {
    run.engine.stores[store].outer().remove(waiting);
    log(run, store, waiting, None);
}

fn log<H: Application>(run: &mut Run<'_, H>, store: StoreId, at: &Waiting, value: Option<&[u8]>) {
    let Some(topic) = run.plan.stores[store].changelog else {
        return;
    };
    let mut key = Vec::new();
    at.write(&mut key);
    let timestamp = run.engine.context.timestamp;
    run.engine
        .log(Some(topic), Some(&key), value, timestamp, &NO_HEADERS);
}

fn write_key<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    record: &Record<H::Object>,
) -> Outcome<H, Bytes> {
    let kept = &run.plan.stores[store];
    let mut headers = record.headers.clone();
    let serde = kept.key.as_ref().unwrap_or(&BYTES);
    let key = serde.serialize(run.host, &kept.serde_topic, &mut headers, &record.key)?;
    Ok(key.unwrap_or_default())
}

fn read_key<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    waiting: &Waiting,
    record: &Record<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    let kept = &run.plan.stores[store];
    let bytes = Bytes::copy_from_slice(waiting.key.as_slice());
    let serde = kept.key.as_ref().unwrap_or(&BYTES);
    Ok(serde.deserialize(run.host, &kept.serde_topic, &record.headers, Some(&bytes))?)
}

fn read_value<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    serde: &Serde,
    bytes: &Bytes,
    record: &Record<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    let topic = &run.plan.stores[store].serde_topic;
    Ok(serde.deserialize(run.host, topic, &record.headers, Some(bytes))?)
}

/// The serde of a side's values: that of the window store in which the side is kept.
fn value_serde<'a>(plan: &'a Plan, row: &StreamStreamJoin, of: Side) -> &'a Serde {
    let kept_by = |join: &StreamStreamJoin| {
        (side(join.side) != of)
            .then(|| plan.stores[join.other_store].value.as_ref())
            .flatten()
    };
    let found = kept_by(row).or_else(|| {
        plan.nodes.iter().find_map(|node| match &node.operator {
            Operator::StreamStreamJoin(join) if join.shared == row.shared => kept_by(join),
            _ => None,
        })
    });
    found.unwrap_or(&BYTES)
}

fn side(side: sides::Side) -> Side {
    match side {
        sides::Side::Left => Side::Left,
        sides::Side::Right => Side::Right,
    }
}
