//! Joins of two streams within a window: inner, left, outer.
//!
//! Each side first looks what the other side has kept, and is kept itself after that. A record that finds
//! nothing waits in the outer store until its window is closed, unless it is too late for that.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::joins::{NULL_KEY_OR_VALUE, forward_joined, outer};
use crate::plan::join::StreamStreamJoin;
use crate::plan::sides::{JoinKind, Side};
use crate::plan::{Node, StoreId};
use crate::record::Record;
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::Value;

/// Pass a record on, then keep it for the other side.
#[inline(never)]
pub(in crate::operators) fn keep<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    store: StoreId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    run.forward(node, record)?;
    if record.key.is_null() {
        return Ok(());
    }
    let put = Put {
        value: record.value(),
        timestamp: record.timestamp,
        headers: &record.headers,
    };
    run.window_put(store, &record.key, record.timestamp, put)
}

#[inline(never)]
pub(in crate::operators) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a StreamStreamJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let timestamp = record.timestamp;
    let shared = &mut run.engine.shared[row.shared];
    shared.stream_time = shared.stream_time.max(timestamp);
    let is_newest = shared.stream_time == timestamp;
    let may_stand_alone = row.stands_alone();
    if record.value().is_null() || record.key.is_null() {
        if may_stand_alone && !record.value().is_null() {
            return alone(run, node, row, record);
        }
        run.skip(&node.name, NULL_KEY_OR_VALUE);
        return Ok(());
    }
    let outer_store = row.outer_store.filter(|_| row.windows.spurious_results_fix);
    if let Some(store) = outer_store.filter(|_| is_newest) {
        outer::emit_closed(run, node, row, store, record)?;
    }
    let (before, after) = row.reach();
    // A sum beyond all time wraps to a negative one, as Java's does.
    let from = timestamp.wrapping_sub(before).max(0);
    let to = timestamp.wrapping_add(after).max(0);
    let found = run.window_fetch(row.other_store, &record.key, from, to)?;
    for (other_time, other) in &found {
        if let Some(store) = outer_store {
            outer::joined(run, row, store, record, *other_time)?;
        }
        let sides = row.sides(record.value(), &other.value);
        forward_joined(
            run,
            node,
            &row.joiner,
            record,
            sides,
            timestamp.max(*other_time),
        )?;
    }
    if !found.is_empty() || !may_stand_alone {
        return Ok(());
    }
    let shared = &mut run.engine.shared[row.shared];
    match outer_store {
        Some(store) if to >= shared.stream_time => {
            shared.min_time = shared.min_time.min(timestamp);
            outer::wait(run, row, store, record)
        }
        _ => alone(run, node, row, record),
    }
}

fn alone<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a StreamStreamJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let sides = row.sides(record.value(), &Value::Null);
    forward_joined(run, node, &row.joiner, record, sides, record.timestamp)
}

impl StreamStreamJoin {
    /// Whether records of this side that find nothing are results.
    fn stands_alone(&self) -> bool {
        match self.kind {
            JoinKind::Inner => false,
            JoinKind::Left => self.side == Side::Left,
            JoinKind::Outer => true,
        }
    }

    /// How far before and after a record of this side the other side's are joined.
    pub(in crate::operators) fn reach(&self) -> (i64, i64) {
        match self.side {
            Side::Left => (self.windows.before, self.windows.after),
            Side::Right => (self.windows.after, self.windows.before),
        }
    }

    /// This side's and the other side's value as left and right.
    pub(in crate::operators) fn sides<'v, V>(&self, this: &'v V, other: &'v V) -> (&'v V, &'v V) {
        match self.side {
            Side::Left => (this, other),
            Side::Right => (other, this),
        }
    }
}
