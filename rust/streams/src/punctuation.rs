//! Calls that are due at a time and every so often after, by stream time or by the wall clock.

use crate::application::{Application, CallbackId};
use crate::context::UNKNOWN;
use crate::engine::{Clock, Engine, Run};
use crate::heap::Timed;
use crate::host::Headers;
use crate::plan::NodeId;
use crate::stop::{Outcome, Stage};

#[derive(Debug)]
pub struct Punctuation {
    time: i64,
    interval: i64,
    node: NodeId,
    callback: CallbackId,
    number: u64,
}

impl Timed for Punctuation {
    fn time(&self) -> i64 {
        self.time
    }
}

impl Punctuation {
    /// The next time by whole intervals after `now`; whether there is one before the end of time.
    fn advance(&mut self, now: i64) -> bool {
        let (time, interval) = (i128::from(self.time), i128::from(self.interval));
        let missed = (i128::from(now) - time).max(0) / interval;
        let next = i64::try_from(time + (missed + 1) * interval);
        self.time = next.unwrap_or(i64::MAX);
        next.is_ok()
    }
}

impl<H: Application> Engine<H> {
    /// Ask for `callback` to be called every `interval` ms; the first time at `start` where it is given,
    /// else by stream time with the first record, by the wall clock after an interval. The number is for
    /// `cancel`.
    pub fn schedule(
        &mut self,
        node: NodeId,
        clock: Clock,
        start: Option<i64>,
        interval: i64,
        callback: CallbackId,
    ) -> u64 {
        self.schedules += 1;
        let now = match clock {
            Clock::WallClock => self.context.now,
            Clock::StreamTime => self.context.stream_time,
        };
        let first = start.or(match clock {
            Clock::WallClock => now.checked_add(interval),
            Clock::StreamTime => Some(0),
        });
        let Some(first) = first else {
            return self.schedules; // It is never due.
        };
        let mut punctuation = Punctuation {
            time: first,
            interval: interval.max(1),
            node,
            callback,
            number: self.schedules,
        };
        let is_late = start.is_some_and(|start| start < now);
        if !is_late || punctuation.advance(now) {
            self.punctuations[clock as usize].push(punctuation);
        }
        self.schedules
    }

    pub fn cancel(&mut self, schedule: u64) {
        self.cancelled.insert(schedule);
    }
}

impl<H: Application> Run<'_, H> {
    pub(crate) fn punctuate(&mut self, clock: Clock, time: i64) -> Outcome<H> {
        let due = clock as usize;
        while time != UNKNOWN
            && self.engine.punctuations[due]
                .peek()
                .is_some_and(|next| next.time <= time)
        {
            let Some(mut next) = self.engine.punctuations[due].pop() else {
                break;
            };
            if self.engine.cancelled.remove(&next.number) {
                continue;
            }
            self.stand_at(time);
            let (callback, node) = (next.callback, next.node);
            let outcome = self.host.punctuate(self.engine, callback, node, time);
            if let Err(stop) = outcome {
                if stop.decided {
                    return Err(stop);
                }
                self.failed(Stage::Processing, node, stop)?;
            }
            if !self.engine.cancelled.remove(&next.number) && next.advance(time) {
                self.engine.punctuations[due].push(next);
            }
        }
        Ok(())
    }

    /// No record is at work; time is.
    pub(crate) fn stand_at(&mut self, time: i64) {
        let context = &mut self.engine.context;
        context.timestamp = time;
        context.headers = Headers::new();
        context.topic = None;
        context.partition = -1;
        context.offset = UNKNOWN;
        context.raw_key = None;
        context.raw_value = None;
    }
}
