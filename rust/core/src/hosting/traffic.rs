//! What a topic's clients moved, counted by those who serve them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::log::Flaw;

#[derive(Default)]
pub struct Traffic {
    pub messages_in: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub produce_requests: AtomicU64,
    pub fetch_requests: AtomicU64,
    pub produce_failed: AtomicU64,
    pub fetch_failed: AtomicU64,
    /// Records that were not kept in the codec that they came in.
    pub produce_converted: AtomicU64,
    bytes_rejected: AtomicU64,
    invalid_magic: AtomicU64,
    invalid_checksum: AtomicU64,
    invalid_order: AtomicU64,
    missing_key: AtomicU64,
}

/// Add to a counter.
pub fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl Traffic {
    /// A batch of this size was refused.
    pub fn refused(&self, flaw: Flaw, size: usize) {
        match flaw {
            Flaw::None => {}
            Flaw::TooLarge => add(&self.bytes_rejected, size),
            Flaw::Magic => add(&self.invalid_magic, 1),
            Flaw::Checksum => add(&self.invalid_checksum, 1),
            Flaw::OffsetOrSequence => add(&self.invalid_order, 1),
            Flaw::NoKey => add(&self.missing_key, 1),
        }
    }

    fn rows(&self) -> [(&'static str, &AtomicU64); 13] {
        [
            ("messages_in", &self.messages_in),
            ("bytes_in", &self.bytes_in),
            ("bytes_out", &self.bytes_out),
            ("produce_requests", &self.produce_requests),
            ("fetch_requests", &self.fetch_requests),
            ("produce_failed", &self.produce_failed),
            ("fetch_failed", &self.fetch_failed),
            ("produce_converted", &self.produce_converted),
            ("bytes_rejected", &self.bytes_rejected),
            ("invalid_magic", &self.invalid_magic),
            ("invalid_checksum", &self.invalid_checksum),
            ("invalid_order", &self.invalid_order),
            ("missing_key", &self.missing_key),
        ]
    }

    /// Add all of another one, whose topic is gone: sums over all topics never fall.
    pub fn take_in(&self, gone: &Self) {
        for ((_, ours), (_, theirs)) in self.rows().into_iter().zip(gone.rows()) {
            ours.fetch_add(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Everything, by name; names end in the topic's.
    #[allow(clippy::cast_precision_loss)]
    pub fn read(&self, topic: &str, out: &mut Vec<(String, f64)>) {
        for (name, counter) in self.rows() {
            let count = counter.load(Ordering::Relaxed) as f64;
            out.push((format!("topic.{name}.{topic}"), count));
        }
    }

    /// Everything, by name, as what all topics had.
    #[allow(clippy::cast_precision_loss)]
    pub fn read_sums(&self, out: &mut Vec<(String, f64)>) {
        for (name, counter) in self.rows() {
            let count = counter.load(Ordering::Relaxed) as f64;
            out.push((format!("topics.{name}"), count));
        }
    }
}
