//! Counters that the hot path adds to and Python reads; names are assembled only when asked.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::histogram::{Histogram, Marks, Spread};
use crate::lock::lock;

const APIS: usize = 128;
/// Versions from here on share a counter.
const VERSIONS: usize = 32;
/// Error codes from -1 on; those from here on share a counter.
const ERRORS: usize = 160;
/// As jmx_exporter's rules write them.
const QUANTILES: [(&str, f64); 6] = [
    ("0.50", 0.5),
    ("0.75", 0.75),
    ("0.95", 0.95),
    ("0.98", 0.98),
    ("0.99", 0.99),
    ("0.999", 0.999),
];

/// Bounds of a histogram of durations, as powers of two of a microsecond: 0.128 ms to 34 s.
const DURATIONS: RangeInclusive<u32> = 7..=25;

/// How long requests of one API took, how large they were, and what they were told.
///
/// Nearly all are answered by who took them up, at once: these are in `prompt`, whose time is the whole and the local
/// one, and in no other. The rest is in `total`, `local`, and whichever applies.
pub struct Spreads {
    prompt: Histogram,
    total: Histogram,
    /// From when it was taken up until it was answered or parked.
    local: Histogram,
    /// While it was parked.
    remote: Histogram,
    /// Until whoever decides took it up; others wait for nobody.
    queue: Histogram,
    /// What clients were told to wait, in microseconds.
    throttle: Histogram,
    size: Histogram,
    errors: [AtomicU64; ERRORS],
    marks: [Marks; 6],
}

impl Default for Spreads {
    fn default() -> Self {
        Self {
            prompt: Histogram::default(),
            total: Histogram::default(),
            local: Histogram::default(),
            remote: Histogram::default(),
            queue: Histogram::default(),
            throttle: Histogram::default(),
            size: Histogram::default(),
            errors: [const { AtomicU64::new(0) }; ERRORS],
            marks: Default::default(),
        }
    }
}

/// When what happened to a request that Python answered.
#[derive(Clone, Copy)]
pub struct Course {
    pub began: Instant,
    /// Python took it.
    pub taken: Option<Instant>,
    /// The turn that took it ended without an answer.
    pub parked: Option<Instant>,
}

#[derive(Default)]
pub struct ApiCounters {
    requests: [AtomicU64; VERSIONS],
    pub request_bytes: AtomicU64,
    pub response_bytes: AtomicU64,
    pub errors: AtomicU64,
    pub total_ns: AtomicU64,
    /// About the largest reply of Python's lately: what the next one may become.
    reply_bytes: AtomicUsize,
    spreads: OnceLock<Box<Spreads>>,
}

impl ApiCounters {
    /// One more request, of this version and size.
    pub fn asked(&self, version: i16, size: usize) {
        let version = usize::try_from(version).map_or(VERSIONS - 1, |v| v.min(VERSIONS - 1));
        add(&self.requests[version], 1);
        add(&self.request_bytes, size);
        self.spreads().size.add(size as u64);
    }

    fn spreads(&self) -> &Spreads {
        self.spreads.get_or_init(Box::default)
    }

    pub fn reply_bytes_expected(&self) -> usize {
        self.reply_bytes.load(Ordering::Relaxed)
    }

    /// Learn from a reply; a large one is forgotten over a few small ones.
    pub fn replied(&self, bytes: usize) {
        let before = self.reply_bytes_expected();
        self.reply_bytes
            .store(bytes.max(before - before / 4), Ordering::Relaxed);
    }

    /// Count what a response says, error by error; whether any is one.
    pub fn tell(&self, codes: impl Iterator<Item = i16>) -> bool {
        let (mut fine, mut refused) = (0, false);
        for code in codes {
            if code == 0 {
                fine += 1;
            } else {
                refused = true;
                self.told(code, 1);
            }
        }
        if fine > 0 {
            self.told(0, fine);
        }
        refused
    }

    pub fn told(&self, code: i16, count: usize) {
        let place = usize::try_from(i32::from(code) + 1).map_or(0, |at| at.min(ERRORS - 1));
        add(&self.spreads().errors[place], count);
    }

    /// A client was told to wait for so long.
    pub fn throttled(&self, time: Duration) {
        if !time.is_zero() {
            self.spreads().throttle.add_time(time);
        }
    }

    fn total(&self, began: Instant, now: Instant) -> Duration {
        let took = now.duration_since(began);
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
        took
    }

    /// Add the time since a request was taken up, of which it was parked for so long; now.
    pub fn took(&self, began: Instant, parked: Duration) -> Instant {
        let now = Instant::now();
        let took = self.total(began, now);
        let spreads = self.spreads();
        if parked.is_zero() {
            spreads.prompt.add_time(took);
        } else {
            spreads.total.add_time(took);
            spreads.local.add_time(took.saturating_sub(parked));
            spreads.remote.add_time(parked);
        }
        now
    }

    /// The same of one that Python answered.
    pub fn decided(&self, course: &Course) {
        let now = Instant::now();
        let spreads = self.spreads();
        spreads.total.add_time(self.total(course.began, now));
        let taken = course.taken.unwrap_or(course.began);
        let until = course.parked.unwrap_or(now);
        spreads.queue.add_time(taken.duration_since(course.began));
        spreads.local.add_time(until.duration_since(taken));
        if course.parked.is_some() {
            spreads.remote.add_time(now.duration_since(until));
        }
    }
}

impl Spreads {
    /// Each spread by its name, complete: what has no part of its own took no time in it.
    fn shown(&self) -> [(&'static str, f64, Spread); 6] {
        let prompt = self.prompt.read();
        let total = self.total.read().with(&prompt);
        let all = total.count();
        let filled = |part: &Histogram| {
            let part = part.read();
            let rest = all.saturating_sub(part.count());
            part.with_zeros(rest)
        };
        let (remote, queue) = (filled(&self.remote), filled(&self.queue));
        let throttle = filled(&self.throttle);
        [
            ("total_time", 1e3, total),
            ("local_time", 1e3, self.local.read().with(&prompt)),
            ("remote_time", 1e3, remote),
            ("queue_time", 1e3, queue),
            ("throttle_time", 1e3, throttle),
            ("size", 1.0, self.size.read()),
        ]
    }

    fn read(&self, key: usize, now: Instant, out: &mut Vec<(String, f64)>) {
        for ((name, unit, all), marks) in self.shown().into_iter().zip(&self.marks) {
            quantiles(
                &format!("request.{name}"),
                &format!("{key}/"),
                unit,
                (&all, marks, now),
                out,
            );
            out.push((format!("request.{name}_count.{key}"), all.count() as f64));
            if name == "total_time" {
                durations(key, &all, out);
            }
        }
        for (place, count) in self.errors.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let code = i32::try_from(place).unwrap_or(0) - 1;
                out.push((format!("request.error.{key}/{code}"), count as f64));
            }
        }
    }
}

/// How many requests of all there were took at most so many seconds.
fn durations(key: usize, all: &Spread, out: &mut Vec<(String, f64)>) {
    for (bound, below) in all.below(DURATIONS) {
        let seconds = bound as f64 / 1e6;
        out.push((format!("request.duration.{key}/{seconds}"), below as f64));
    }
    out.push((format!("request.duration.{key}/+Inf"), all.count() as f64));
}

fn quantiles(
    name: &str,
    of: &str,
    unit: f64,
    (all, marks, now): (&Spread, &Marks, Instant),
    out: &mut Vec<(String, f64)>,
) {
    let lately = marks.lately(all, now);
    for (shown, part) in QUANTILES {
        out.push((format!("{name}.{of}{shown}"), lately.quantile(part) / unit));
    }
}

/// How long flushes of logs took.
#[derive(Default)]
pub struct Flushes {
    times: Histogram,
    marks: Marks,
}

impl Flushes {
    pub fn took(&self, time: Duration) {
        self.times.add_time(time);
    }

    pub fn read(&self, out: &mut Vec<(String, f64)>) {
        let all = self.times.read();
        quantiles(
            "log.flush_time",
            "",
            1e3,
            (&all, &self.marks, Instant::now()),
            out,
        );
        out.push(("log.flushes".into(), all.count() as f64));
    }
}

pub struct Metrics {
    apis: Box<[ApiCounters]>,
    pub connections_accepted: AtomicU64,
    accepted: Mutex<BTreeMap<String, u64>>,
    pub connections_closed: AtomicU64,
    pub connections_refused: AtomicU64,
    pub connections_shed: AtomicU64,
    pub connections_stalled: AtomicU64,
    pub requests_malformed: AtomicU64,
    pub parked_fetch: AtomicU64,
    pub parked_produce: AtomicU64,
    pub expired_fetch: AtomicU64,
    pub expired_produce: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            apis: (0..APIS).map(|_| ApiCounters::default()).collect(),
            connections_accepted: AtomicU64::new(0),
            accepted: Mutex::default(),
            connections_closed: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_shed: AtomicU64::new(0),
            connections_stalled: AtomicU64::new(0),
            requests_malformed: AtomicU64::new(0),
            parked_fetch: AtomicU64::new(0),
            parked_produce: AtomicU64::new(0),
            expired_fetch: AtomicU64::new(0),
            expired_produce: AtomicU64::new(0),
        }
    }
}

/// Add to a counter.
pub fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl Metrics {
    /// The counters of one API; keys beyond the table share its last row.
    pub fn api(&self, key: i16) -> &ApiCounters {
        let place = usize::try_from(key).unwrap_or(APIS - 1).min(APIS - 1);
        &self.apis[place]
    }

    /// A listener accepted one more connection.
    pub fn accepted_by(&self, listener: &str) {
        let mut accepted = lock(&self.accepted);
        if let Some(count) = accepted.get_mut(listener) {
            *count += 1;
        } else {
            accepted.insert(listener.to_owned(), 1);
        }
    }

    /// Those that accepted a connection, ever.
    pub fn listeners(&self) -> Vec<String> {
        lock(&self.accepted).keys().cloned().collect()
    }

    /// Everything, by name. Names with a key end in `.KEY`, the API's number, and what of it.
    #[allow(clippy::cast_precision_loss)]
    pub fn read(&self, out: &mut Vec<(String, f64)>) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let now = Instant::now();
        for (key, api) in self.apis.iter().enumerate() {
            let Some(spreads) = api.spreads.get() else {
                continue;
            };
            for (version, count) in api.requests.iter().enumerate() {
                if count.load(Ordering::Relaxed) > 0 {
                    out.push((format!("request.count.{key}/{version}"), read(count)));
                }
            }
            out.push((format!("request.bytes.{key}"), read(&api.request_bytes)));
            out.push((format!("response.bytes.{key}"), read(&api.response_bytes)));
            out.push((format!("request.errors.{key}"), read(&api.errors)));
            out.push((format!("request.total_ms.{key}"), read(&api.total_ns) / 1e6));
            spreads.read(key, now, out);
        }
        for (listener, count) in &*lock(&self.accepted) {
            out.push((format!("listener.accepted.{listener}"), *count as f64));
        }
        let rows = [
            ("connection.accepted", &self.connections_accepted),
            ("connection.closed", &self.connections_closed),
            ("connection.refused", &self.connections_refused),
            ("connection.shed", &self.connections_shed),
            ("connection.stalled", &self.connections_stalled),
            ("fetch.parked", &self.parked_fetch),
            ("fetch.expired", &self.expired_fetch),
            ("produce.parked", &self.parked_produce),
            ("produce.expired", &self.expired_produce),
            ("request.malformed", &self.requests_malformed),
        ];
        out.extend(rows.map(|(name, counter)| (name.into(), read(counter))));
    }
}
