//! Aggregations in time windows: tumbling, hopping, unlimited; and the clock of what windows emit.
//!
//! A record counts for every window that holds its time, but those that ended `grace` or more before the
//! operator's stream time: the highest time of a record with a key that it has seen.

use std::sync::Arc;

use bytes::Bytes;

use crate::application::Application;
use crate::context::UNKNOWN;
use crate::engine::Run;
use crate::host::Headers;
use crate::json::WRITTEN_DEPTH_MAX;
use crate::operators::columns::{self, Cell};
use crate::operators::joins::NO_HEADERS;
use crate::operators::{State, aggregations};
use crate::output::Stamp;
use crate::packed::Packed;
use crate::plan::aggregation::{Aggregation, Column};
use crate::plan::operator::Windowed as Row;
use crate::plan::window::Windows;
use crate::plan::{Node, NodeId};
use crate::record::{Change, Record};
use crate::stop::{Outcome, refused};
use crate::stores::Put;
use crate::stores::kept::{Entry, Kept};
use crate::value::{Value, Windowed};

pub(super) const NULL_KEY: &str = "the key is null";
pub(super) const CLOSED: &str = "its window is closed";

/// Stream time, and when windows that closed are emitted: at most once an interval of the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct EmitClock {
    /// The highest time of a record with a key.
    pub stream_time: i64,
    next: i64,
    /// The close time up to which all was emitted.
    pub closed: i64,
}

impl Default for EmitClock {
    fn default() -> Self {
        Self {
            stream_time: UNKNOWN,
            next: 0,
            closed: UNKNOWN,
        }
    }
}

impl EmitClock {
    fn is_due(&mut self, now: i64, interval: i64, close_time: i64) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now.saturating_add(interval);
        self.closed == UNKNOWN || self.closed < close_time
    }
}

impl<H: Application> Run<'_, H> {
    pub(super) fn emit_clock(&mut self, id: NodeId) -> &mut EmitClock {
        let state = &mut self.engine.states[id];
        if !matches!(state, State::Emit(_)) {
            *state = State::Emit(EmitClock::default());
        }
        match state {
            State::Emit(clock) => clock,
            _ => unreachable!("it was set just now"),
        }
    }

    /// Moves the operator's stream time on, and gives it.
    pub(super) fn seen(&mut self, id: NodeId, timestamp: i64) -> i64 {
        let clock = self.emit_clock(id);
        clock.stream_time = clock.stream_time.max(timestamp);
        clock.stream_time
    }

    /// Whether windows that closed may be emitted now; the close time up to which they were.
    pub(super) fn due(&mut self, id: NodeId, close_time: i64) -> Option<i64> {
        let now = self.engine.context.now;
        let interval = self.plan.settings.emit_interval;
        let clock = self.emit_clock(id);
        clock
            .is_due(now, interval, close_time)
            .then_some(clock.closed)
    }
}

#[inline(never)]
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
    let close_time = run
        .seen(id, record.timestamp)
        .saturating_sub(row.windows.grace());
    if row.windows.overflow(record.timestamp) {
        return Err(refused(
            format!(
                "the window of the time {} would end after the last time there is",
                record.timestamp
            ),
            "look at the record's time: it is in ms since the epoch",
        ));
    }
    let raw = run.needed_key(row.store, &record.key)?;
    for (start, end) in row.windows.of(record.timestamp) {
        if end <= close_time {
            run.skip(&node.name, CLOSED);
            continue;
        }
        update(run, node, row, record, (&raw, start, end))?;
    }
    if row.on_close {
        emit_closed(run, node, id, row, close_time, &record.headers)?;
    }
    Ok(())
}

/// Take the record into one window.
fn update<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<Windows>,
    record: &Record<H::Object>,
    (raw, start, end): (&Packed, i64, i64),
) -> Outcome<H> {
    if let Aggregation::Columns(columns) = &row.aggregation
        && !run.store_row(row.store).columns.is_empty()
    {
        return update_cells(run, node, (row, columns), record, (raw, start, end));
    }
    let (old, time) = match run.window_get_raw(row.store, raw, start)? {
        Some(held) => (held.value, held.timestamp.max(record.timestamp)),
        None => (
            aggregations::initial(run, &row.aggregation)?,
            record.timestamp,
        ),
    };
    let new = aggregations::add(run, &row.aggregation, record, &old)?;
    let put = Put {
        value: &new,
        timestamp: time,
        headers: &NO_HEADERS,
    };
    run.window_put_raw(row.store, raw, start, put)?;
    if row.on_close {
        return Ok(());
    }
    let key = windowed(record.key.clone(), start, end);
    let old = if row.send_old { old } else { Value::Null };
    let place = (time, &record.headers);
    aggregations::forward_change(run, node, key, Change::new(new, old), place)
}

/// As `update`, where the store keeps cells: numbers are added in place, and written once.
fn update_cells<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    (row, columns): (&'a Row<Windows>, &'a [Column]),
    record: &Record<H::Object>,
    (raw, start, end): (&Packed, i64, i64),
) -> Outcome<H> {
    let mut given = aggregations::given(run, columns, record)?;
    let kept = run.store_row(row.store);
    let keeps_times = kept.timestamped || kept.with_headers;
    let mut old = Value::Null;
    let mut json = std::mem::take(&mut run.engine.value_scratch);
    json.clear();
    let mut time = record.timestamp;
    let held = run.window(row.store).get_mut(raw.as_slice(), start);
    let is_held = held.is_some();
    if let Some(entry) = held
        && let Kept::Cells(cells) = &mut entry.kept
    {
        if row.send_old {
            old = aggregations::document(columns, cells);
        }
        aggregations::take_in(columns, cells, &mut given)?;
        time = time.max(entry.timestamp);
        entry.timestamp = if keeps_times { time } else { UNKNOWN };
        entry.headers = None;
        write(columns, cells, &mut json);
    } else {
        let mut cells = columns::initial(columns);
        if is_held && let Some(held) = run.window_get_raw(row.store, raw, start)? {
            cells = aggregations::cells(run, columns, &held.value)?;
            time = time.max(held.timestamp);
        }
        if row.send_old {
            old = aggregations::document(columns, &cells);
        }
        aggregations::take_in(columns, &mut cells, &mut given)?;
        write(columns, &mut cells, &mut json);
        let entry = Entry {
            kept: Kept::Cells(cells),
            timestamp: if keeps_times { time } else { UNKNOWN },
            headers: None,
        };
        run.window_keep(row.store, raw, start, Some(entry), false);
    }
    run.engine.given = given;
    run.window_log(row.store, raw, start, (Some(&json), time), &NO_HEADERS);
    if row.on_close || written_straight(run, node, record, (raw, start, time), &json) {
        run.give_back(json);
        return Ok(());
    }
    let new = Value::Json(Bytes::copy_from_slice(&json));
    run.give_back(json);
    let key = windowed(record.key.clone(), start, end);
    let place = (time, &record.headers);
    aggregations::forward_change(run, node, key, Change::new(new, old), place)
}

/// Whether the window's record was written where it ends, because no operator and no function of the host
/// stands between: what the sink would write is the key's own bytes and this document.
fn written_straight<H: Application>(
    run: &mut Run<'_, H>,
    node: &Node,
    record: &Record<H::Object>,
    (raw, start, timestamp): (&Packed, i64, i64),
    json: &[u8],
) -> bool {
    // What is so short cannot nest too deep to be written.
    let is_sure = json.len() <= 2 * WRITTEN_DEPTH_MAX && !matches!(record.key, Value::Object(_));
    let Some(topic) = node.straight.filter(|_| is_sure) else {
        return false;
    };
    let context = &mut run.engine.context;
    if !run.plan.settings.keeps_raw {
        context.raw_key = None;
        context.raw_value = None;
    }
    let stamp = Stamp {
        cause: context.cause,
        topic,
        timestamp,
        headers: &record.headers,
        partition: -1,
    };
    let key = (raw.as_slice(), &start.to_be_bytes()[..]);
    run.engine.output.push_parts(key, Some(json), stamp);
    true
}

/// Appends cells as JSON. What JSON has no number for is written as null, and so it is read again.
fn write(columns: &[Column], cells: &mut [Cell], out: &mut Vec<u8>) {
    columns::write(columns.iter().map(|column| &*column.prefix), cells, out);
    for cell in cells {
        if matches!(cell, Cell::Float(number) if !number.is_finite()) {
            *cell = Cell::Null;
        }
    }
}

pub(super) fn windowed<O>(key: Value<O>, start: i64, end: i64) -> Value<O> {
    Value::Windowed(Arc::new(Windowed { key, start, end }))
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<Windows>,
    close_time: i64,
    headers: &Headers,
) -> Outcome<H> {
    let Some(closed) = run.due(id, close_time) else {
        return Ok(());
    };
    let size = row.windows.size();
    let last = close_time.saturating_sub(size);
    if last < 0 {
        return Ok(());
    }
    let mut first = 0;
    if closed != UNKNOWN {
        first = closed.saturating_sub(size).max(0) + 1;
        if row.windows.of(last).eq(row.windows.of(first - 1)) {
            return Ok(());
        }
    }
    emit(run, node, row, (first, last), size, headers)?;
    run.emit_clock(id).closed = close_time;
    Ok(())
}

/// The final results of windows that start from `first` to `last`, both in.
pub(super) fn emit<'a, W, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a Row<W>,
    (first, last): (i64, i64),
    size: i64,
    headers: &Headers,
) -> Outcome<H> {
    for (key, start, held) in run.windows_by_time(row.store, first, last)? {
        let key = windowed(key, start, start.saturating_add(size));
        let change = Change::new(held.value, Value::Null);
        aggregations::forward_change(run, node, key, change, (held.timestamp, headers))?;
    }
    Ok(())
}

impl Windows {
    fn grace(&self) -> i64 {
        match self {
            Self::Time { grace, .. } => *grace,
            Self::Unlimited { .. } => 0,
        }
    }

    fn size(&self) -> i64 {
        match self {
            Self::Time { size, .. } => *size,
            Self::Unlimited { .. } => i64::MAX,
        }
    }

    /// Whether the last window of a time ends after all times, as no window of Kafka's can.
    fn overflow(&self, timestamp: i64) -> bool {
        match self {
            Self::Time { size, advance, .. } => {
                (timestamp / advance * advance).checked_add(*size).is_none()
            }
            Self::Unlimited { .. } => false,
        }
    }

    /// The start and end of all windows of a time, in order.
    fn of(&self, timestamp: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let (first, last, step, size) = match *self {
            Self::Unlimited { start } => (start, start.min(timestamp), i64::MAX, i64::MAX),
            Self::Time { size, advance, .. } => {
                let first = timestamp
                    .saturating_sub(size)
                    .saturating_add(advance)
                    .max(0);
                (first / advance * advance, timestamp, advance, size)
            }
        };
        let mut next = (first <= last).then_some(first);
        std::iter::from_fn(move || {
            let start = next?;
            next = start.checked_add(step).filter(|next| *next <= last);
            Some((start, start.saturating_add(size)))
        })
    }
}
