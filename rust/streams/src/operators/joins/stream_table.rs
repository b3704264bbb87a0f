//! Joins of a stream with a table or a global table: inner and left.
//!
//! A versioned table is asked what it held at the record's time; with a grace the record waits until the
//! table has probably come so far. A record that waits goes on with its own time, place and headers.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::operators::joins::{NO_HEADERS, NO_JOIN, forward_joined};
use crate::operators::waiting::BYTES;
use crate::plan::join::{StreamGlobalJoin, StreamTableJoin};
use crate::plan::sides::JoinKind;
use crate::plan::{Node, NodeId, StoreId, TopicId};
use crate::record::Record;
use crate::serde::Serde;
use crate::stop::{Outcome, refused};
use crate::stores::buffered::Buffered;
use crate::stores::grace_buffer::{changelog_value, record_key};
use crate::value::Value;

#[inline(never)]
pub(in crate::operators) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a StreamTableJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let is_left = row.kind == JoinKind::Left;
    if record.value().is_null() || (record.key.is_null() && !is_left) {
        run.skip(&node.name, NO_JOIN);
        return Ok(());
    }
    let Some(buffer) = row.buffer else {
        return join(run, node, id, row, record);
    };
    if !run.engine.stores[buffer].grace().takes(record.timestamp) {
        return join(run, node, id, row, record);
    }
    hold(run, buffer, record)?;
    while let Some((stored, held)) = run.engine.stores[buffer].grace().due() {
        let (stored, held) = (stored.clone(), held.clone());
        let released = release(run, buffer, record_key(stored.as_slice()), &held)?;
        run.within(held.origin, |run| join(run, node, id, row, &released))?;
        run.engine.stores[buffer].grace().remove(&stored);
        log(run, buffer, stored.as_slice(), None);
    }
    Ok(())
}

fn join<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a StreamTableJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let found = if record.key.is_null() {
        None
    } else {
        run.view(
            &row.table,
            &record.key,
            row.versioned.then_some(record.timestamp),
            id,
        )?
    };
    let right = found.map_or(Value::Null, |found| found.value);
    if right.is_null() && row.kind != JoinKind::Left {
        return Ok(());
    }
    let sides = (record.value(), &right);
    forward_joined(run, node, &row.joiner, record, sides, record.timestamp)
}

#[inline(never)]
pub(in crate::operators) fn global<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a StreamGlobalJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let is_left = row.kind == JoinKind::Left;
    let key = run.call(&row.selector, &Offer::record(record))?;
    if record.value().is_null() || (key.is_null() && !is_left) {
        run.skip(&node.name, NO_JOIN);
        return Ok(());
    }
    let found = if key.is_null() {
        None
    } else {
        run.view(&row.table, &key, None, id)?
    };
    let right = found.map_or(Value::Null, |found| found.value);
    if right.is_null() && !is_left {
        return Ok(());
    }
    let sides = (record.value(), &right);
    forward_joined(run, node, &row.joiner, record, sides, record.timestamp)
}

/// Put a record into the buffer, and into its changelog.
fn hold<H: Application>(
    run: &mut Run<'_, H>,
    buffer: StoreId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let kept = &run.plan.stores[buffer];
    let topic = &kept.serde_topic;
    let mut headers = record.headers.clone();
    let (keys, values) = (serde(&kept.key), serde(&kept.value));
    let Some(key) = keys.serialize(run.host, topic, &mut headers, &record.key)? else {
        return Err(refused(
            "a join with grace cannot hold a record whose key is null",
            "give the stream's records keys, or leave such records out",
        ));
    };
    let new = values.serialize(run.host, topic, &mut headers, record.value())?;
    let value = Buffered {
        prior: None,
        old: None,
        new,
        origin: run.origin(),
    };
    let name = run.topic_name(value.origin.topic);
    let logged = kept.changelog.map(|_| changelog_value(&value, name));
    let stored = run.engine.stores[buffer].grace().put(&key, value);
    if let Some(logged) = logged {
        log(run, buffer, stored.as_slice(), Some(&logged));
    }
    Ok(())
}

fn release<H: Application>(
    run: &mut Run<'_, H>,
    buffer: StoreId,
    key: &[u8],
    held: &Buffered<Option<TopicId>>,
) -> Outcome<H, Record<H::Object>> {
    let kept = &run.plan.stores[buffer];
    let topic = &kept.serde_topic;
    let headers = run.engine.context.headers.clone();
    let key = bytes::Bytes::copy_from_slice(key);
    let key = serde(&kept.key).deserialize(run.host, topic, &headers, Some(&key))?;
    let value = serde(&kept.value).deserialize(run.host, topic, &headers, held.new.as_ref())?;
    Ok(Record::plain(
        key,
        value,
        held.origin.timestamp,
        held.origin.headers.clone(),
    ))
}

/// The changelogs of buffers have no times of their own.
fn log<H: Application>(run: &mut Run<'_, H>, buffer: StoreId, key: &[u8], value: Option<&[u8]>) {
    let topic = run.plan.stores[buffer].changelog;
    run.engine.log(topic, Some(key), value, -1, &NO_HEADERS);
}

fn serde(given: &Option<Serde>) -> &Serde {
    given.as_ref().unwrap_or(&BYTES)
}
