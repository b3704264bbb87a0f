//! Aggregations in sliding windows: for a record at t the window [t - d, t], and one right after it.
//!
//! A window [s, s + d] stands for a set of records, not for a moment: with every record at t there is the
//! window that ends at t, and for every record at p the window that starts at p + 1, if something lies in
//! it. A record goes into all windows that hold its time, and makes those that are missing. Times below d
//! have one window more, [0, d], that stands for all windows that would start before 0.

use crate::application::Application;
use crate::context::UNKNOWN;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::aggregations;
use crate::operators::joins::{NO_HEADERS, NULL_KEY_OR_VALUE};
use crate::operators::windows::{CLOSED, emit, windowed};
use crate::plan::operator::Windowed as Row;
use crate::plan::window::SlidingWindows;
use crate::plan::{Node, NodeId};
use crate::record::{Change, Record};
use crate::stop::{Outcome, refused};
use crate::stores::Put;
use crate::value::Value;

/// A value and its time, as a window held it.
type Held<O> = (Value<O>, i64);

/// What goes into windows: the record, and the time by which windows are closed.
struct Incoming<'a, 'r, O> {
    node: &'a Node,
    row: &'a Row<SlidingWindows>,
    record: &'r Record<O>,
    close_time: i64,
}

#[inline(never)]
pub(super) fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SlidingWindows>,
    record: &Record<H::Object>,
) -> Outcome<H> {
    if record.key.is_null() || record.value().is_null() {
        run.skip(&node.name, NULL_KEY_OR_VALUE);
        return Ok(());
    }
    let difference = row.windows.difference;
    let seen = run.seen(id, record.timestamp);
    let close_time = seen.saturating_sub(row.windows.grace);
    // Kafka's sum of the two wraps around, so what ends after the last time there is, is closed.
    let end = record.timestamp.checked_add(difference);
    if end.is_none_or(|end| end < close_time) {
        run.skip(&node.name, CLOSED);
        return Ok(());
    }
    if difference == 0 {
        return Err(refused(
            "sliding windows of 0 ms hold nothing",
            "give them a difference of 1 ms or more",
        ));
    }
    let incoming = Incoming {
        node,
        row,
        record,
        close_time,
    };
    if record.timestamp < difference {
        return early(run, &incoming);
    }
    usual(run, &incoming)?;
    if row.on_close {
        emit_closed(run, node, id, row, close_time, &record.headers)?;
    }
    Ok(())
}

/// Latest windows first: those that hold the record, then the one before them.
fn usual<'a, H: Application>(
    run: &mut Run<'a, H>,
    incoming: &Incoming<'a, '_, H::Object>,
) -> Outcome<H> {
    let (timestamp, difference) = incoming.times();
    let mut starts = Vec::new();
    let mut left = None;
    let mut right = None;
    let (mut has_left, mut has_right) = (false, false);
    // The time of the last record before this one.
    let mut previous = None;
    let first = timestamp
        .saturating_sub(difference.saturating_mul(2))
        .max(0);
    for (start, held) in incoming.between(run, first)?.into_iter().rev() {
        starts.push(start);
        let end = start.saturating_add(difference);
        if timestamp.checked_add(1) == Some(start) {
            has_right = true;
        } else if end > timestamp {
            add(run, incoming, start, &held)?;
            right = right.or(Some(held));
        } else if end == timestamp {
            has_left = true;
            add(run, incoming, start, &held)?;
            if held.1 >= timestamp {
                return Ok(()); // a record of this very time was here: it made all windows
            }
            previous = Some(held.1);
        } else {
            previous = Some(held.1);
            left = Some(held);
            break;
        }
    }
    if let Some(after) = previous.map(|previous| previous + 1)
        && !starts.contains(&after)
        && after.saturating_add(difference) >= timestamp
    {
        let fresh = incoming.fresh(run)?;
        add(run, incoming, after, &fresh)?;
    }
    if !has_left {
        let start = timestamp - difference;
        let held = match left {
            Some(left) if previous.is_some_and(|previous| start <= previous) => (left.0, timestamp),
            _ => incoming.fresh(run)?,
        };
        add(run, incoming, start, &held)?;
    }
    if !has_right {
        make_right(run, incoming, right)?;
    }
    Ok(())
}

/// A time before the first whole window: earliest windows first.
fn early<'a, H: Application>(
    run: &mut Run<'a, H>,
    incoming: &Incoming<'a, '_, H::Object>,
) -> Outcome<H> {
    let (timestamp, _) = incoming.times();
    let mut starts = Vec::new();
    let mut combined = None;
    let mut right = None;
    let mut has_right = false;
    let mut previous = None;
    for (start, held) in incoming.between(run, 0)? {
        starts.push(start);
        if start == 0 {
            if held.1 < timestamp {
                previous = Some(held.1);
            }
            combined = Some(held);
        } else if start <= timestamp {
            add(run, incoming, start, &held)?;
            right = Some(held);
        } else {
            has_right = true;
        }
    }
    if right.is_none() {
        right = combined.clone().filter(|(_, time)| *time > timestamp);
    }
    if !has_right {
        make_right(run, incoming, right)?;
    }
    if let Some(after) = previous.map(|previous| previous + 1)
        && !starts.contains(&after)
    {
        let fresh = incoming.fresh(run)?;
        add(run, incoming, after, &fresh)?;
    }
    let held = match combined {
        Some(held) => held,
        None => incoming.fresh(run)?,
    };
    add(run, incoming, 0, &held)
}

/// The window right after the record holds what lies behind it, if anything does.
fn make_right<'a, H: Application>(
    run: &mut Run<'a, H>,
    incoming: &Incoming<'a, '_, H::Object>,
    right: Option<Held<H::Object>>,
) -> Outcome<H> {
    let (timestamp, _) = incoming.times();
    let Some((value, time)) = right.filter(|(_, time)| *time > timestamp) else {
        return Ok(());
    };
    keep(run, incoming, timestamp + 1, value, Value::Null, time)
}

/// Take the record into the window that starts at `start`.
fn add<'a, H: Application>(
    run: &mut Run<'a, H>,
    incoming: &Incoming<'a, '_, H::Object>,
    start: i64,
    held: &Held<H::Object>,
) -> Outcome<H> {
    let (timestamp, difference) = incoming.times();
    if start.saturating_add(difference) < incoming.close_time {
        run.skip(&incoming.node.name, CLOSED);
        return Ok(());
    }
    let (old, held_time) = held;
    let new = aggregations::add(run, &incoming.row.aggregation, incoming.record, old)?;
    let time = if old.is_null() {
        timestamp
    } else {
        timestamp.max(*held_time)
    };
    keep(run, incoming, start, new, old.clone(), time)
}

/// Put the value of a window, and tell the children.
fn keep<'a, H: Application>(
    run: &mut Run<'a, H>,
    incoming: &Incoming<'a, '_, H::Object>,
    start: i64,
    new: Value<H::Object>,
    old: Value<H::Object>,
    timestamp: i64,
) -> Outcome<H> {
    let (row, record) = (incoming.row, incoming.record);
    let put = Put {
        value: &new,
        timestamp,
        headers: &NO_HEADERS,
    };
    run.window_put(row.store, &record.key, start, put)?;
    if row.on_close {
        return Ok(());
    }
    let end = start.saturating_add(row.windows.difference);
    let key = windowed(record.key.clone(), start, end);
    let old = if row.send_old { old } else { Value::Null };
    let place = (timestamp, &record.headers);
    aggregations::forward_change(run, incoming.node, key, Change::new(new, old), place)
}

impl<O: Clone> Incoming<'_, '_, O> {
    /// The record's time, and how long windows are.
    fn times(&self) -> (i64, i64) {
        (self.record.timestamp, self.row.windows.difference)
    }

    fn fresh<H: Application<Object = O>>(&self, run: &mut Run<'_, H>) -> Outcome<H, Held<O>> {
        let initial = aggregations::initial(run, &self.row.aggregation)?;
        Ok((initial, self.record.timestamp))
    }

    /// The key's windows from `first` to the one right after the record, in order.
    fn between<H: Application<Object = O>>(
        &self,
        run: &mut Run<'_, H>,
        first: i64,
    ) -> Outcome<H, Vec<(i64, Held<O>)>> {
        let last = self.record.timestamp.saturating_add(1);
        let found = run.window_fetch(self.row.store, &self.record.key, first, last)?;
        let found = found.into_iter();
        Ok(found
            .map(|(start, held)| (start, (held.value, held.timestamp)))
            .collect())
    }
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SlidingWindows>,
    close_time: i64,
    headers: &Headers,
) -> Outcome<H> {
    let Some(closed) = run.due(id, close_time) else {
        return Ok(());
    };
    let difference = row.windows.difference;
    let last = close_time.saturating_sub(difference).saturating_sub(1);
    if last < 0 {
        return Ok(());
    }
    let first = match closed {
        UNKNOWN => 0,
        closed => closed.saturating_sub(difference).max(0),
    };
    emit(run, node, row, (first, last), difference, headers)?;
    run.emit_clock(id).closed = close_time;
    Ok(())
}
