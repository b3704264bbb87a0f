//! Aggregations in time windows: tumbling, hopping, unlimited; and the clock of what windows emit.
//!
//! A record counts for every window that holds its time, but those that ended `grace` or more before the
//! operator's stream time: the highest time of a record with a key that it has seen. Records with a null
//! value count too; only the key is asked for.

use std::sync::Arc;

use crate::application::Application;
use crate::context::UNKNOWN;
use crate::engine::Run;
use crate::operators::State;
use crate::plan::operator::Windowed as Row;
use crate::plan::window::Windows;
use crate::plan::{Node, NodeId, StoreId};
use crate::record::{Change, Payload, Record};
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::{Value, Windowed};

const NULL_KEY: &str = "the key is null";
pub(super) const CLOSED: &str = "its window is closed";

/// When windows that closed are emitted: at most once an interval of the wall clock.
#[derive(Debug)]
pub struct EmitClock {
    next: i64,
    /// The close time up to which all was emitted.
    pub closed: i64,
    pub stream_time: i64,
}

impl Default for EmitClock {
    fn default() -> Self {
        Self {
            next: 0,
            closed: UNKNOWN,
            stream_time: UNKNOWN,
        }
    }
}

impl<H: Application> Run<'_, H> {
    pub(super) fn clock(&mut self, id: NodeId) -> &mut EmitClock {
        let state = &mut self.engine.states[id];
        if !matches!(state, State::Emit(_)) {
            *state = State::Emit(EmitClock::default());
        }
        match state {
            State::Emit(clock) => clock,
            _ => unreachable!("it was made just now"),
        }
    }

    /// Whether what has closed is to be emitted now.
    pub(super) fn emits(&mut self, id: NodeId, close_time: i64) -> bool {
        let now = self.engine.context.now;
        let interval = self.plan.settings.emit_interval;
        let clock = self.clock(id);
        if now < clock.next {
            return false;
        }
        clock.next = now + interval;
        clock.closed == UNKNOWN || clock.closed < close_time
    }
}

/// The first start of a window that holds a time, and how far apart they are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Starts {
    first: i64,
    last: i64,
    step: i64,
    size: i64,
}

fn starts(windows: Windows, timestamp: i64) -> Option<Starts> {
    match windows {
        Windows::Time { size, advance, .. } => {
            let first = (timestamp - size + advance).max(0) / advance * advance;
            Some(Starts {
                first,
                last: timestamp,
                step: advance,
                size,
            })
        }
        Windows::Unlimited { start } => (timestamp >= start).then_some(Starts {
            first: start,
            last: start,
            step: i64::MAX,
            size: i64::MAX,
        }),
    }
}

impl Starts {
    fn end(&self, start: i64) -> i64 {
        if self.size == i64::MAX {
            return i64::MAX;
        }
        start + self.size
    }

    /// The starts themselves, to see whether two times have the same windows.
    fn count(&self) -> (i64, i64) {
        (self.first, (self.last - self.first) / self.step)
    }
}

pub(super) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<Windows>,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() {
        run.skip(&node.name, NULL_KEY);
        return Ok(());
    }
    let clock = run.clock(id);
    clock.stream_time = clock.stream_time.max(record.timestamp);
    let grace = match row.windows {
        Windows::Time { grace, .. } => grace,
        Windows::Unlimited { .. } => 0,
    };
    let close_time = clock.stream_time - grace;
    let raw = run.needed_key(row.store, &record.key)?;
    let Some(starts) = starts(row.windows, record.timestamp) else {
        return Ok(());
    };
    let mut start = starts.first;
    while start <= starts.last {
        let end = starts.end(start);
        if end <= close_time {
            run.skip(&node.name, CLOSED);
        } else {
            update(run, node, row, record, &raw, (start, end))?;
        }
        let Some(next) = start.checked_add(starts.step) else {
            break;
        };
        start = next;
    }
    if row.on_close {
        emit_closed(run, node, id, row, record, close_time)?;
    }
    Ok(())
}

fn update<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<Windows>,
    record: &Record<H::Object>,
    raw: &crate::packed::Packed,
    (start, end): (i64, i64),
) -> Outcome<H> {
    let (old, time) = match run.window_get_raw(row.store, raw, start)? {
        Some(held) => (held.value, record.timestamp.max(held.timestamp)),
        None => (run.initial(&row.aggregation)?, record.timestamp),
    };
    let new = run.added(&row.aggregation, record, &old)?;
    let put = Put {
        value: &new,
        timestamp: time,
        headers: &crate::operators::joins::NO_HEADERS,
    };
    run.window_put_raw(row.store, raw, start, put)?;
    if row.on_close {
        return Ok(());
    }
    let change = Change::new(new, if row.send_old { old } else { Value::Null });
    let told = Record {
        key: windowed(&record.key, start, end),
        payload: Payload::Change(change),
        timestamp: time,
        headers: record.headers.clone(),
    };
    run.forward(node, &told)
}

pub(super) fn windowed<O: Clone>(key: &Value<O>, start: i64, end: i64) -> Value<O> {
    Value::Windowed(Arc::new(Windowed {
        key: key.clone(),
        start,
        end,
    }))
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<Windows>,
    record: &Record<H::Object>,
    close_time: i64,
) -> Outcome<H> {
    if !run.emits(id, close_time) {
        return Ok(());
    }
    let size = match row.windows {
        Windows::Time { size, .. } => size,
        Windows::Unlimited { .. } => i64::MAX,
    };
    let (last, closed) = (close_time.saturating_sub(size), run.clock(id).closed);
    if last < 0 {
        return Ok(());
    }
    let mut first = 0;
    if closed != UNKNOWN {
        first = closed.saturating_sub(size).max(0) + 1;
        let same = |time: i64| starts(row.windows, time).map(|starts| starts.count());
        if same(last) == same(first - 1) {
            return Ok(());
        }
    }
    emit(run, node, id, (row.store, size), (first, last), record, close_time)
}

/// The final results of windows that start from `first` to `last`.
pub(super) fn emit<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    (store, size): (StoreId, i64),
    (first, last): (i64, i64),
    record: &Record<H::Object>,
    close_time: i64,
) -> Outcome<H> {
    for (key, start, held) in run.windows_by_time(store, first, last)? {
        let told = Record {
            key: windowed(&key, start, start.saturating_add(size)),
            payload: Payload::Change(Change::new(held.value, Value::Null)),
            timestamp: held.timestamp,
            headers: record.headers.clone(),
        };
        run.forward(node, &told)?;
    }
    run.clock(id).closed = close_time;
    Ok(())
}
