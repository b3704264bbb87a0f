//! Aggregations in sessions: windows that grow as long as records come within the gap.
//!
//! A record joins all sessions of its key that lie within the gap, and they become one: each that was joined
//! is removed (a tombstone for who listens), then the joined one is put. Its time is its end.

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::joins::NO_HEADERS;
use crate::operators::windows::windowed;
use crate::plan::operator::Windowed as Row;
use crate::plan::window::SessionWindows;
use crate::plan::{Node, NodeId};
use crate::record::{Change, Payload, Record};
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::Value;

const NULL_KEY: &str = "the key is null";
const CLOSED: &str = "its session is closed";

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
    let (timestamp, gap) = (record.timestamp, row.windows.gap);
    let clock = run.clock(id);
    clock.stream_time = clock.stream_time.max(timestamp);
    let close_time = clock.stream_time - row.windows.grace - gap;
    let mut aggregate = run.initial(&row.aggregation)?;
    let (mut start, mut end) = (timestamp, timestamp);
    let (first_end, last_start) = (timestamp - gap, timestamp.saturating_add(gap));
    let joined = run.session_find(row.store, &record.key, first_end, last_start)?;
    for (from, to, held) in &joined {
        aggregate = run.merged(&row.aggregation, &record.key, &aggregate, &held.value)?;
        (start, end) = (start.min(*from), end.max(*to));
    }
    if end < close_time {
        run.skip(&node.name, CLOSED);
    } else {
        if (start, end) != (timestamp, timestamp) {
            for (from, to, held) in joined {
                run.session_remove(row.store, &record.key, from, to)?;
                tell(run, node, row, record, (from, to), Value::Null, held.value)?;
            }
        }
        let new = run.added(&row.aggregation, record, &aggregate)?;
        let put = Put {
            value: &new,
            timestamp: end,
            headers: &NO_HEADERS,
        };
        run.session_put(row.store, &record.key, (start, end), put)?;
        tell(run, node, row, record, (start, end), new, Value::Null)?;
    }
    if row.on_close {
        emit_closed(run, node, id, row, record, close_time)?;
    }
    Ok(())
}

fn tell<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<SessionWindows>,
    record: &Record<H::Object>,
    (start, end): (i64, i64),
    new: Value<H::Object>,
    old: Value<H::Object>,
) -> Outcome<H> {
    if row.on_close {
        return Ok(());
    }
    let old = if row.send_old { old } else { Value::Null };
    let told = Record {
        key: windowed(&record.key, start, end),
        payload: Payload::Change(Change::new(new, old)),
        timestamp: end,
        headers: Headers::new(),
    };
    run.forward(node, &told)
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SessionWindows>,
    record: &Record<H::Object>,
    close_time: i64,
) -> Outcome<H> {
    if !run.emits(id, close_time) {
        return Ok(());
    }
    let (first, last) = (run.clock(id).closed.max(0), close_time - 1);
    if last < 0 || last < first {
        return Ok(());
    }
    for (key, (start, end, held)) in run.sessions_ended(row.store, first, last)? {
        let told = Record {
            key: windowed(&key, start, end),
            payload: Payload::Change(Change::new(held.value, Value::Null)),
            timestamp: end,
            headers: record.headers.clone(),
        };
        run.forward(node, &told)?;
    }
    run.clock(id).closed = close_time;
    Ok(())
}
