//! Requests that fare as a test says: rows of whom, when and what. Nothing else ever arms it; until then every
//! request pays one relaxed load.
//!
//! Rows are looked at in their order, and each counts the requests that it is about; the first that fires decides.
//! Chance is drawn by that count and the row's seed, never by time: the same requests fare the same. What it did is
//! a line for whoever asks, the latest kept. Requests on a
//! controller's listener are left alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::NodeError;
use crate::lock::lock;

/// Lines kept for who does not ask.
const LINES_MAX: usize = 100_000;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The connection is closed before it is handled.
    Cut,
    /// It is handled, and the connection closed instead of the reply.
    DropReply,
    /// It is handled after that time.
    Slow(Duration),
    /// It is never handled, and its connection stays.
    Hold,
    /// It is handled twice, and answered once.
    Repeat,
    /// It is answered with this error, and not handled.
    Answer(i16),
    /// Once the topic has so many records it is not answered, and whoever waits is told.
    Stop(i64),
}

/// A row as a test says it.
#[derive(Debug, Clone, Default)]
pub struct RequestFaultRow {
    pub deed: String,
    /// Milliseconds of `slow`, the error of `answer`, the records of `stop`.
    pub number: i64,
    pub client_id: Option<String>,
    pub api_key: Option<i16>,
    /// Forms of a topic's name or id, one of which is in the request.
    pub forms: Vec<Vec<u8>>,
    /// The topic of `stop`.
    pub topic: String,
    /// How many requests pass first.
    pub after: u64,
    /// How many it comes over; None for all.
    pub times: Option<u64>,
    /// How likely it comes over one.
    pub rate: f64,
    pub seed: u64,
    /// Requests that it was about, and came over, under a node before this one.
    pub seen: u64,
    pub done: u64,
}

/// The same, made sure of.
#[derive(Debug, Clone)]
pub struct RequestFault {
    row: RequestFaultRow,
    deed: Deed,
    id: u64,
    /// Requests that it was about, and those that it came over.
    seen: u64,
    done: u64,
}

/// One line: the row, the number of the request among those that it is about, API key and client id.
pub type Line = (u64, u64, i16, String);

#[derive(Default)]
pub struct RequestFaults {
    armed: AtomicBool,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    rows: Vec<RequestFault>,
    lines: VecDeque<Line>,
    stopped: Option<u64>,
    /// Rows there ever were.
    made: u64,
}

/// What comes over one request.
pub struct Hit {
    pub id: u64,
    pub deed: Deed,
    pub topic: String,
}

impl RequestFault {
    /// # Errors
    /// "invalid" if there is no such deed.
    pub fn new(row: RequestFaultRow) -> Result<Self, NodeError> {
        let number = u64::try_from(row.number).unwrap_or(0);
        let deed = match row.deed.as_str() {
            "cut" => Deed::Cut,
            "drop_reply" => Deed::DropReply,
            "slow" => Deed::Slow(Duration::from_millis(number)),
            "hold" => Deed::Hold,
            "repeat" => Deed::Repeat,
            "answer" => Deed::Answer(i16::try_from(row.number).unwrap_or(-1)),
            "stop" => Deed::Stop(row.number),
            other => {
                let text = format!("{other:?} is nothing that happens to a request");
                return Err(NodeError::new("invalid", text));
            }
        };
        let (seen, done) = (row.seen, row.done);
        Ok(Self {
            row,
            deed,
            id: 0,
            seen,
            done,
        })
    }

    fn is_about(&self, key: i16, client_id: &str, frame: &[u8]) -> bool {
        let row = &self.row;
        row.api_key.is_none_or(|asked| asked == key)
            && row.client_id.as_deref().is_none_or(|id| id == client_id)
            && (row.forms.is_empty() || row.forms.iter().any(|form| contains(frame, form)))
    }

    /// Note one more request that it is about; whether it would come over it.
    fn comes(&mut self) -> bool {
        let number = self.seen;
        self.seen = self.seen.saturating_add(1);
        number >= self.row.after
            && self.row.times.is_none_or(|times| self.done < times)
            && chance(self.row.seed, number) < self.row.rate
    }
}

/// A number from 0 to 1 for each pair: splitmix64.
fn chance(seed: u64, number: u64) -> f64 {
    let mut mixed = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn contains(frame: &[u8], form: &[u8]) -> bool {
    !form.is_empty() && frame.windows(form.len()).any(|window| window == form)
}

impl RequestFaults {
    /// From now on this holds as well; its number, which no other row gets.
    pub fn add(&self, mut row: RequestFault) -> u64 {
        let mut state = lock(&self.state);
        row.id = state.made;
        state.made = state.made.saturating_add(1);
        state.rows.push(row);
        self.armed.store(true, Ordering::Relaxed);
        state.made - 1
    }

    /// Nothing holds any more.
    pub fn clear(&self) {
        let mut state = lock(&self.state);
        state.rows.clear();
        state.stopped = None;
        self.armed.store(false, Ordering::Relaxed);
    }

    /// Of each row, its number, the requests that it was about, and those that it came over.
    pub fn counts(&self) -> Vec<(u64, u64, u64)> {
        let state = lock(&self.state);
        (state.rows.iter().map(|row| (row.id, row.seen, row.done))).collect()
    }

    /// What was done since this was asked last, in order.
    pub fn take_lines(&self) -> Vec<Line> {
        lock(&self.state).lines.drain(..).collect()
    }

    /// The row whose `stop` came over a request, once; None at the timeout.
    pub fn stopped(&self, timeout: Duration) -> Option<u64> {
        let state = lock(&self.state);
        let waited = (self.told).wait_timeout_while(state, timeout, |it| it.stopped.is_none());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stopped.take()
    }

    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    pub fn hit(&self, key: i16, client_id: &str, frame: &[u8]) -> Option<Hit> {
        let mut state = lock(&self.state);
        let mut found = None;
        for fault in &mut state.rows {
            if fault.is_about(key, client_id, frame) && fault.comes() && found.is_none() {
                let is_stop = matches!(fault.deed, Deed::Stop(_));
                fault.done = fault.done.saturating_add(u64::from(!is_stop));
                found = Some((fault.id, fault.seen, fault.deed, fault.row.topic.clone()));
            }
        }
        let (id, number, deed, topic) = found?;
        if !matches!(deed, Deed::Stop(_)) {
            state.note((id, number, key, client_id.to_owned()));
        }
        Some(Hit { id, deed, topic })
    }

    /// The topic has its records: let whoever waits stop the node, once.
    pub fn stop(&self, id: u64, key: i16) {
        let mut state = lock(&self.state);
        let mut rows = state.rows.iter_mut();
        let Some(fault) = rows.find(|fault| fault.id == id && fault.done == 0) else {
            return;
        };
        fault.done = 1;
        let number = fault.seen;
        state.note((id, number, key, String::new()));
        state.stopped = Some(id);
        self.told.notify_all();
    }
}

impl State {
    fn note(&mut self, line: Line) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(row: RequestFaultRow) -> RequestFault {
        RequestFault::new(RequestFaultRow {
            deed: "cut".into(),
            ..row
        })
        .unwrap()
    }

    /// A rule would come over the wrong request, or over other ones in the next run.
    #[test]
    fn rows_count_what_they_are_about() {
        let faults = RequestFaults::default();
        assert!(!faults.is_armed());
        let rows = RequestFaultRow {
            client_id: Some("a".into()),
            after: 1,
            times: Some(1),
            rate: 1.0,
            ..RequestFaultRow::default()
        };
        faults.add(fault(rows));
        let hits: Vec<_> = ["a", "b", "a", "a"]
            .iter()
            .map(|id| faults.hit(0, id, b"").is_some())
            .collect();
        assert_eq!(hits, [false, false, true, false]);
        assert_eq!(faults.take_lines(), [(0, 2, 0, "a".to_owned())]);
        assert_eq!(faults.counts(), [(0, 3, 1)]);
        faults.clear();
        assert!(!faults.is_armed());
    }

    #[test]
    fn chance_follows_seed_and_number() {
        let drawn: Vec<_> = (0..1000).map(|number| chance(7, number)).collect();
        assert_eq!(drawn, (0..1000).map(|n| chance(7, n)).collect::<Vec<_>>());
        let few = drawn.iter().filter(|one| **one < 0.1).count();
        assert!((50..200).contains(&few), "{few}");
        assert_ne!(chance(7, 1).to_bits(), chance(8, 1).to_bits());
    }
}
