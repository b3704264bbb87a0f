//! Suppress: changes of a table are held back until their time has come, or until the buffer is full.

use bytes::Bytes;

use crate::application::Application;
use crate::engine::Run;
use crate::operators::joins::NO_HEADERS;
use crate::operators::waiting::BYTES;
use crate::plan::join::Suppress;
use crate::plan::{Node, NodeId, StoreId};
use crate::record::{Change, Payload, Record, Stamped};
use crate::stop::{Outcome, refused};
use crate::stores::buffered::Buffered;
use crate::value::Value;

#[inline(never)]
pub fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Suppress,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Change(change) = &record.payload else {
        return Ok(());
    };
    let observed = run.observe(id, record.timestamp);
    let time = match &record.key {
        Value::Windowed(key) if row.until_window_closes => key.end,
        _ => record.timestamp,
    };
    hold(run, row.store, time, record, change)?;
    let expiry = observed.saturating_sub(row.wait);
    while run.engine.stores[row.store]
        .suppressed()
        .first_time()
        .is_some_and(|time| time <= expiry)
    {
        emit_first(run, node, row)?;
    }
    while over_capacity(run, row) {
        if !row.emit_when_full {
            return Err(full(run, row));
        }
        if run.engine.stores[row.store].suppressed().records() == 0 {
            return Ok(());
        }
        emit_first(run, node, row)?;
    }
    Ok(())
}

fn hold<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    time: i64,
    record: &Record<H::Object>,
    change: &Change<H::Object>,
) -> Outcome<H> {
    let kept = &run.plan.stores[store];
    let topic = &kept.serde_topic;
    let (keys, values) = (
        kept.key.as_ref().unwrap_or(&BYTES),
        kept.value.as_ref().unwrap_or(&BYTES),
    );
    let mut headers = record.headers.clone();
    let key = keys
        .serialize(run.host, topic, &mut headers, &record.key)?
        .unwrap_or_default();
    let old = values.serialize(run.host, topic, &mut headers, &change.old)?;
    let new = values.serialize(run.host, topic, &mut headers, &change.new)?;
    let value = Buffered {
        prior: None,
        old,
        new,
        origin: run.origin(),
    };
    let name = run.topic_name(value.origin.topic);
    run.engine.stores[store]
        .suppressed()
        .put(time, &key, value, name);
    Ok(())
}

/// Pass the first change on as it was when it came, then let go of it.
fn emit_first<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Suppress,
) -> Outcome<H> {
    let Some((key, held)) = run.engine.stores[row.store].suppressed().first() else {
        return Ok(());
    };
    let (key, held) = (Bytes::copy_from_slice(key), held.clone());
    if held.new.is_some() || !row.safe_to_drop_tombstones {
        let kept = &run.plan.stores[row.store];
        let topic = &kept.serde_topic;
        let (keys, values) = (
            kept.key.as_ref().unwrap_or(&BYTES),
            kept.value.as_ref().unwrap_or(&BYTES),
        );
        let headers = run.engine.context.headers.clone();
        let key = keys.deserialize(run.host, topic, &headers, Some(&key))?;
        let old = values.deserialize(run.host, topic, &headers, held.old.as_ref())?;
        let new = values.deserialize(run.host, topic, &headers, held.new.as_ref())?;
        let record = Record {
            key,
            payload: Payload::Change(Change::new(new, old)),
            timestamp: held.origin.timestamp,
            headers: held.origin.headers.clone(),
        };
        run.within(held.origin, |run| run.forward(node, &record))?;
    }
    run.engine.stores[row.store].suppressed().remove_first();
    Ok(())
}

fn over_capacity<H: Application>(run: &mut Run<'_, H>, row: &Suppress) -> bool {
    let buffer = run.engine.stores[row.store].suppressed();
    let over = |count: u64, max: Option<i64>| max.is_some_and(|max| count > max.max(0) as u64);
    over(buffer.records(), row.records_max) || over(buffer.bytes(), row.bytes_max)
}

#[cold]
fn full<H: Application>(run: &mut Run<'_, H>, row: &Suppress) -> crate::stop::Stop<H::Error> {
    let buffer = run.engine.stores[row.store].suppressed();
    let name = &run.plan.stores[row.store].name;
    refused(
        format!(
            "the buffer {name} is too full: {} records and {} bytes",
            buffer.records(),
            buffer.bytes()
        ),
        "allow it more records or bytes, or let it emit early when it is full",
    )
}

/// What a suppressed table held before the changes that wait; `None` where none waits for the key.
pub fn held_before<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    key: &Value<H::Object>,
) -> Outcome<H, Option<Option<Stamped<H::Object>>>> {
    let kept = &run.plan.stores[store];
    let topic = &kept.serde_topic;
    let mut headers = run.engine.context.headers.clone();
    let keys = kept.key.as_ref().unwrap_or(&BYTES);
    let key = keys
        .serialize(run.host, topic, &mut headers, key)?
        .unwrap_or_default();
    let Some(prior) = run.engine.stores[store].suppressed().prior(&key) else {
        return Ok(None);
    };
    let values = kept.value.as_ref().unwrap_or(&BYTES);
    let value = values.deserialize(run.host, topic, &headers, prior.as_ref())?;
    let stamped = Stamped {
        value,
        timestamp: -1,
        headers: Vec::new(),
    };
    Ok(Some(
        Some(stamped).filter(|stamped| !stamped.value.is_null()),
    ))
}

impl<H: Application> crate::engine::Engine<H> {
    /// Tell the changelogs of suppress what has changed; the task commits after each record.
    pub fn commit_suppressed(&mut self) {
        for place in 0..self.stores.len() {
            let crate::stores::Store::Suppressed(buffer) = &mut self.stores[place] else {
                continue;
            };
            if !buffer.has_changes() {
                continue;
            }
            let mut changes = Vec::new();
            let plan = &self.plan;
            let name = |topic: &Option<u32>| topic.map_or("", |topic| plan.topic_name(topic));
            buffer.commit(name, |key, value| {
                changes.push((
                    Bytes::copy_from_slice(key),
                    value.map(Bytes::copy_from_slice),
                ));
            });
            let topic = self.plan.stores[place].changelog;
            let version = vec![("v".to_owned(), Some(Bytes::from_static(&[3])))];
            for (key, value) in changes {
                let headers = if value.is_some() {
                    &version
                } else {
                    &NO_HEADERS
                };
                self.log(topic, Some(&key), value.as_deref(), -1, headers);
            }
        }
    }
}
