//! Counters that the hot path adds to and Python reads; names are assembled only when asked.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

const APIS: usize = 128;

#[derive(Default)]
pub struct ApiCounters {
    pub requests: AtomicU64,
    pub request_bytes: AtomicU64,
    pub response_bytes: AtomicU64,
    pub errors: AtomicU64,
    pub total_ns: AtomicU64,
    /// About the largest reply of Python's lately: what the next one may become.
    reply_bytes: AtomicUsize,
}

impl ApiCounters {
    pub fn reply_bytes_expected(&self) -> usize {
        self.reply_bytes.load(Ordering::Relaxed)
    }

    /// Learn from a reply; a large one is forgotten over a few small ones.
    pub fn replied(&self, bytes: usize) {
        let before = self.reply_bytes_expected();
        self.reply_bytes
            .store(bytes.max(before - before / 4), Ordering::Relaxed);
    }

    /// Add the time since a request was taken up; now.
    pub fn took(&self, began: Instant) -> Instant {
        let now = Instant::now();
        let took = now.duration_since(began).as_nanos();
        self.total_ns
            .fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
        now
    }
}

pub struct Metrics {
    apis: Box<[ApiCounters]>,
    pub connections_accepted: AtomicU64,
    pub connections_closed: AtomicU64,
    pub connections_refused: AtomicU64,
    pub connections_shed: AtomicU64,
    pub connections_stalled: AtomicU64,
    pub requests_malformed: AtomicU64,
    pub parked_fetch: AtomicU64,
    pub parked_produce: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            apis: (0..APIS).map(|_| ApiCounters::default()).collect(),
            connections_accepted: AtomicU64::new(0),
            connections_closed: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            connections_shed: AtomicU64::new(0),
            connections_stalled: AtomicU64::new(0),
            requests_malformed: AtomicU64::new(0),
            parked_fetch: AtomicU64::new(0),
            parked_produce: AtomicU64::new(0),
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

    /// Everything, by name. Names with a key end in `.KEY`, the API's number.
    #[allow(clippy::cast_precision_loss)]
    pub fn read(&self, out: &mut Vec<(String, f64)>) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        for (key, api) in self.apis.iter().enumerate() {
            if api.requests.load(Ordering::Relaxed) == 0 {
                continue;
            }
            out.push((format!("request.count.{key}"), read(&api.requests)));
            out.push((format!("request.bytes.{key}"), read(&api.request_bytes)));
            out.push((format!("response.bytes.{key}"), read(&api.response_bytes)));
            out.push((format!("request.errors.{key}"), read(&api.errors)));
            out.push((format!("request.total_ms.{key}"), read(&api.total_ns) / 1e6));
        }
        out.push((
            "connection.accepted".into(),
            read(&self.connections_accepted),
        ));
        out.push(("connection.closed".into(), read(&self.connections_closed)));
        out.push(("connection.refused".into(), read(&self.connections_refused)));
        out.push(("connection.shed".into(), read(&self.connections_shed)));
        out.push(("connection.stalled".into(), read(&self.connections_stalled)));
        out.push(("fetch.parked".into(), read(&self.parked_fetch)));
        out.push(("produce.parked".into(), read(&self.parked_produce)));
        out.push(("request.malformed".into(), read(&self.requests_malformed)));
    }
}
