//! Aggregations in sliding windows: for a record at t the window [t - d, t], and one right after it.
//!
//! A window [s, s + d] stands for a set of records, not for a moment: with every record at t there is the
//! window that ends at t, and for every record at p the window that starts at p + 1, if something lies in
//! it. A record goes into all windows that hold its time, and makes those that are missing. Times below d
//! have one window more, [0, d], that stands for all windows that would start before 0.

use std::collections::HashSet;

use crate::application::Application;
use crate::context::UNKNOWN;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::joins::NO_HEADERS;
use crate::operators::waiting::refused;
use crate::operators::windows::{CLOSED, emit, windowed};
use crate::plan::operator::Windowed as Row;
use crate::plan::window::SlidingWindows;
use crate::plan::{Node, NodeId};
use crate::record::{Change, Payload, Record, Stamped};
use crate::stop::Outcome;
use crate::stores::Put;
use crate::value::Value;

const NULL_KEY_OR_VALUE: &str = "the key or the value is null";

/// One record on its way into the windows of its key.
struct Sliding<'a, 'r, H: Application> {
    node: &'a Node,
    row: &'a Row<SlidingWindows>,
    record: &'r Record<H::Object>,
    difference: i64,
    close_time: i64,
}

type Held<H> = Stamped<<H as crate::host::Host>::Object>;

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
    let clock = run.clock(id);
    clock.stream_time = clock.stream_time.max(record.timestamp);
    let close_time = clock.stream_time - row.windows.grace;
    let difference = row.windows.difference;
    if record.timestamp.saturating_add(difference) < close_time {
        run.skip(&node.name, CLOSED);
        return Ok(());
    }
    if difference == 0 {
        return Err(refused(
            "sliding windows of 0 ms hold nothing",
            "give them a difference of 1 ms or more",
        ));
    }
    let sliding = Sliding::<H> {
        node,
        row,
        record,
        difference,
        close_time,
    };
    if record.timestamp < difference {
        return sliding.early(run);
    }
    sliding.usual(run)?;
    if row.on_close {
        emit_closed(run, node, id, row, record, close_time)?;
    }
    Ok(())
}

impl<'a, H: Application> Sliding<'a, '_, H> {
    /// Latest windows first: those that hold the record, then the one before them.
    fn usual(&self, run: &mut Run<'a, H>) -> Outcome<H> {
        let timestamp = self.record.timestamp;
        let mut starts = HashSet::new();
        let (mut left, mut right): (Option<Held<H>>, Option<Held<H>>) = (None, None);
        let (mut has_left, mut has_right) = (false, false);
        // The time of the last record before this one.
        let mut previous: Option<i64> = None;
        let first = (timestamp - 2 * self.difference).max(0);
        let found = run.window_fetch(self.row.store, &self.record.key, first, timestamp + 1)?;
        for (start, held) in found.into_iter().rev() {
            starts.insert(start);
            let end = start + self.difference;
            if start == timestamp + 1 {
                has_right = true;
            } else if end > timestamp {
                self.add(run, start, &held)?;
                right.get_or_insert(held);
            } else if end == timestamp {
                has_left = true;
                self.add(run, start, &held)?;
                if held.timestamp >= timestamp {
                    // A record of this very time was here: it made all windows.
                    return Ok(());
                }
                previous = Some(held.timestamp);
            } else {
                previous = Some(held.timestamp);
                left = Some(held);
                break;
            }
        }
        if let Some(previous) = previous {
            let after = previous + 1;
            if !starts.contains(&after) && after + self.difference >= timestamp {
                let fresh = self.fresh(run)?;
                self.add(run, after, &fresh)?;
            }
        }
        if !has_left {
            let start = timestamp - self.difference;
            let held = match (previous, left) {
                (Some(previous), Some(left)) if start <= previous => Stamped {
                    value: left.value,
                    timestamp,
                    headers: Headers::new(),
                },
                _ => self.fresh(run)?,
            };
            self.add(run, start, &held)?;
        }
        if !has_right {
            self.make_right(run, right)?;
        }
        Ok(())
    }

    /// A time before the first whole window: earliest windows first.
    fn early(&self, run: &mut Run<'a, H>) -> Outcome<H> {
        let timestamp = self.record.timestamp;
        let mut starts = HashSet::new();
        let (mut combined, mut right): (Option<Held<H>>, Option<Held<H>>) = (None, None);
        let mut has_right = false;
        let mut previous: Option<i64> = None;
        for (start, held) in
            run.window_fetch(self.row.store, &self.record.key, 0, timestamp + 1)?
        {
            starts.insert(start);
            if start == 0 {
                if held.timestamp < timestamp {
                    previous = Some(held.timestamp);
                }
                combined = Some(held);
            } else if start <= timestamp {
                self.add(run, start, &held)?;
                right = Some(held);
            } else {
                has_right = true;
            }
        }
        if right.is_none() {
            right = combined.clone().filter(|combined| combined.timestamp > timestamp);
        }
        if !has_right {
            self.make_right(run, right)?;
        }
        if let Some(previous) = previous
            && !starts.contains(&(previous + 1))
        {
            let fresh = self.fresh(run)?;
            self.add(run, previous + 1, &fresh)?;
        }
        let held = match combined {
            Some(combined) => combined,
            None => self.fresh(run)?,
        };
        self.add(run, 0, &held)
    }

    /// The window right after the record holds what lies behind it, if anything does.
    fn make_right(&self, run: &mut Run<'a, H>, right: Option<Held<H>>) -> Outcome<H> {
        let timestamp = self.record.timestamp;
        let Some(right) = right.filter(|right| right.timestamp > timestamp) else {
            return Ok(());
        };
        let start = timestamp + 1;
        self.put(run, start, &right.value, right.timestamp)?;
        self.tell(run, start, right.value, Value::Null, right.timestamp)
    }

    fn add(&self, run: &mut Run<'a, H>, start: i64, held: &Held<H>) -> Outcome<H> {
        if start + self.difference < self.close_time {
            run.skip(&self.node.name, CLOSED);
            return Ok(());
        }
        let new = run.added(&self.row.aggregation, self.record, &held.value)?;
        let time = if held.value.is_null() {
            self.record.timestamp
        } else {
            self.record.timestamp.max(held.timestamp)
        };
        self.put(run, start, &new, time)?;
        self.tell(run, start, new, held.value.clone(), time)
    }

    fn put(
        &self,
        run: &mut Run<'a, H>,
        start: i64,
        value: &Value<H::Object>,
        timestamp: i64,
    ) -> Outcome<H> {
        let put = Put {
            value,
            timestamp,
            headers: &NO_HEADERS,
        };
        run.window_put(self.row.store, &self.record.key, start, put)
    }

    fn tell(
        &self,
        run: &mut Run<'a, H>,
        start: i64,
        new: Value<H::Object>,
        old: Value<H::Object>,
        timestamp: i64,
    ) -> Outcome<H> {
        if self.row.on_close {
            return Ok(());
        }
        let old = if self.row.send_old { old } else { Value::Null };
        let told = Record {
            key: windowed(&self.record.key, start, start + self.difference),
            payload: Payload::Change(Change::new(new, old)),
            timestamp,
            headers: self.record.headers.clone(),
        };
        run.forward(self.node, &told)
    }

    fn fresh(&self, run: &mut Run<'a, H>) -> Outcome<H, Held<H>> {
        Ok(Stamped {
            value: run.initial(&self.row.aggregation)?,
            timestamp: self.record.timestamp,
            headers: Headers::new(),
        })
    }
}

fn emit_closed<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a Row<SlidingWindows>,
    record: &Record<H::Object>,
    close_time: i64,
) -> Outcome<H> {
    if !run.emits(id, close_time) {
        return Ok(());
    }
    let difference = row.windows.difference;
    let (last, closed) = (close_time - difference - 1, run.clock(id).closed);
    if last < 0 {
        return Ok(());
    }
    let first = if closed == UNKNOWN {
        0
    } else {
        (closed - difference).max(0)
    };
    let store = (row.store, difference);
    emit(run, node, id, store, (first, last), record, close_time)
}
