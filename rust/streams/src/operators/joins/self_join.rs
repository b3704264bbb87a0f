//! A stream joined with itself: one window store, one pass over it for each side that a record is on.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::operators::joins::{NULL_KEY_OR_VALUE, forward_joined};
use crate::plan::join::StreamSelfJoin;
use crate::plan::{Node, NodeId};
use crate::record::{Payload, Record};
use crate::stop::Outcome;

#[inline(never)]
pub(in crate::operators) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a StreamSelfJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let (value, timestamp) = (record.value(), record.timestamp);
    if record.key.is_null() || value.is_null() {
        run.skip(&node.name, NULL_KEY_OR_VALUE);
        return Ok(());
    }
    let (before, after) = (row.windows.before, row.windows.after);
    let own = own_result(run, row, record)?;
    let retention = before
        .saturating_add(after)
        .saturating_add(row.windows.grace);
    let observed = run.observe(id, timestamp);
    // A record that is too late to be kept does not join itself.
    let mut own =
        Some(own).filter(|_| timestamp > observed.saturating_sub(retention).wrapping_add(1));

    let (from, to) = around(timestamp, before, after);
    for (other_time, other) in run.window_fetch(row.store, &record.key, from, to)? {
        let sides = (value, &other.value);
        forward_joined(
            run,
            node,
            &row.joiner,
            record,
            sides,
            timestamp.max(other_time),
        )?;
    }
    let (from, to) = around(timestamp, after, before);
    for (other_time, other) in run.window_fetch(row.store, &record.key, from, to)? {
        // The record's own result stands in the order of time.
        if let Some(own) = own.take_if(|_| other_time > timestamp) {
            run.forward(node, &own)?;
        }
        let sides = (&other.value, value);
        forward_joined(
            run,
            node,
            &row.joiner,
            record,
            sides,
            timestamp.max(other_time),
        )?;
    }
    match own {
        Some(own) => run.forward(node, &own),
        None => Ok(()),
    }
}

/// What the record makes with itself; Kafka asks for it before all others.
fn own_result<H: Application>(
    run: &mut Run<'_, H>,
    row: &StreamSelfJoin,
    record: &Record<H::Object>,
) -> Outcome<H, Record<H::Object>> {
    let value = record.value();
    let own = run.call(&row.joiner, &Offer::new(&record.key).sides(value, value))?;
    Ok(Record {
        key: record.key.clone(),
        payload: Payload::Plain(own),
        timestamp: record.timestamp,
        headers: record.headers.clone(),
    })
}

/// Times from `before` to `after` a time; a sum beyond all time wraps to a negative one, as Java's does.
fn around(timestamp: i64, before: i64, after: i64) -> (i64, i64) {
    (
        timestamp.wrapping_sub(before).max(0),
        timestamp.wrapping_add(after).max(0),
    )
}
