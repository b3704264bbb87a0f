//! Aggregations in sessions: windows that grow as long as records come within the gap.
//!
//! A record joins all sessions of its key that lie within the gap, and they become one: each that was
//! joined is removed (a tombstone for who listens), then the joined one is put. Its time is its end.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::aggregations;
use crate::operators::joins::NO_HEADERS;
use crate::operators::windows::{NULL_KEY, windowed};
use crate::plan::operator::Windowed as Row;
use crate::plan::window::SessionWindows;
use crate::plan::{Node, NodeId};
use crate::record::{Change, Record};
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::Value;

const CLOSED: &str = "its session is closed";

#[inline(never)]
pub(super) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SessionWindows>,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() {
        run.skip(&node.name, NULL_KEY);
        return Ok(());
    }
    let seen = run.seen(id, record.timestamp);
    let close_time = seen
        .saturating_sub(row.windows.grace)
        .saturating_sub(row.windows.gap);
    join(run, node, row, record, close_time)?;
    if row.on_close {
        emit_closed(run, node, id, row, close_time, &record.headers)?;
    }
    Ok(())
}

/// Make one session of the record and of those that it reaches.
fn join<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<SessionWindows>,
    record: &Record<H::Object>,
    close_time: i64,
) -> Outcome<H> {
    let (key, timestamp, gap) = (&record.key, record.timestamp, row.windows.gap);
    let mut aggregate = aggregations::initial(run, &row.aggregation)?;
    let (mut start, mut end) = (timestamp, timestamp);
    let (first, last) = (timestamp.saturating_sub(gap), timestamp.saturating_add(gap));
    let joined = run.session_find(row.store, key, first, last)?;
    for (from, to, held) in &joined {
        aggregate = aggregations::merge(run, &row.aggregation, key, &aggregate, &held.value)?;
        (start, end) = (start.min(*from), end.max(*to));
    }
    if end < close_time {
        run.skip(&node.name, CLOSED);
        return Ok(());
    }
    if (start, end) != (timestamp, timestamp) {
        for (from, to, held) in joined {
            run.session_remove(row.store, key, from, to)?;
            let change = Change::new(Value::Null, held.value);
            update(run, node, row, key, (from, to), change)?;
        }
    }
    let aggregate = aggregations::add(run, &row.aggregation, record, &aggregate)?;
    let put = Put {
        value: &aggregate,
        timestamp: end,
        headers: &NO_HEADERS,
    };
    run.session_put(row.store, key, (start, end), put)?;
    let change = Change::new(aggregate, Value::Null);
    update(run, node, row, key, (start, end), change)
}

fn update<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<SessionWindows>,
    key: &Value<H::Object>,
    (start, end): (i64, i64),
    mut change: Change<H::Object>,
) -> Outcome<H> {
    if row.on_close {
        return Ok(());
    }
    if !row.send_old {
        change.old = Value::Null;
    }
    let session = windowed(key.clone(), start, end);
    aggregations::forward_change(run, node, session, change, (end, &NO_HEADERS))
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SessionWindows>,
    close_time: i64,
    headers: &Headers,
) -> Outcome<H> {
    let Some(closed) = run.due(id, close_time) else {
        return Ok(());
    };
    let (first, last) = (closed.max(0), close_time.saturating_sub(1));
    if last < 0 || last < first {
        return Ok(());
    }
    for (key, (start, end, held)) in run.sessions_ended(row.store, first, last)? {
        let session = windowed(key, start, end);
        let change = Change::new(held.value, Value::Null);
        aggregations::forward_change(run, node, session, change, (end, headers))?;
    }
    run.emit_clock(id).closed = close_time;
    Ok(())
}
