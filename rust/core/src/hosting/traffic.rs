//! What a topic's clients moved, counted by those who serve them.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub struct Traffic {
    pub messages_in: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub produce_requests: AtomicU64,
    pub fetch_requests: AtomicU64,
    pub produce_failed: AtomicU64,
    pub fetch_failed: AtomicU64,
}

/// Add to a counter.
pub fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl Traffic {
    /// Everything, by name; names end in the topic's.
    #[allow(clippy::cast_precision_loss)]
    pub fn read(&self, topic: &str, out: &mut Vec<(String, f64)>) {
        let rows = [
            ("messages_in", &self.messages_in),
            ("bytes_in", &self.bytes_in),
            ("bytes_out", &self.bytes_out),
            ("produce_requests", &self.produce_requests),
            ("fetch_requests", &self.fetch_requests),
            ("produce_failed", &self.produce_failed),
            ("fetch_failed", &self.fetch_failed),
        ];
        for (name, counter) in rows {
            out.push((
                format!("topic.{name}.{topic}"),
                counter.load(Ordering::Relaxed) as f64,
            ));
        }
    }
}
