//! A stream joined with itself: one window store, one pass over it for each side that a record is on.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::operators::joins::{NULL_KEY_OR_VALUE, forward_joined};
use crate::plan::join::StreamSelfJoin;
use crate::plan::{Node, NodeId};
use crate::record::{Payload, Record};
use crate::stop::Outcome;

pub(super) fn process<'a, H: Application>(
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
    let own = run.call(&row.joiner, &Offer::new(&record.key).sides(value, value))?;
    let own = Record {
        key: record.key.clone(),
        payload: Payload::Plain(own),
        timestamp,
        headers: record.headers.clone(),
    };
    let retention = before
        .saturating_add(after)
        .saturating_add(row.windows.grace);
    let observed = run.observe(id, timestamp);
    // A record that is too late to be kept does not join itself.
    let mut own = Some(own).filter(|_| timestamp > observed.saturating_sub(retention) + 1);

    let from = timestamp.wrapping_sub(before).max(0);
    let to = timestamp.wrapping_add(after).max(0);
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
    let from = timestamp.wrapping_sub(after).max(0);
    let to = timestamp.wrapping_add(before).max(0);
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
