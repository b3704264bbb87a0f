//! What is asked of transactions and not answered yet: who waits, and for how many partitions.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Weak};

use super::lock::lock;
use crate::code::Code;

/// What the producer of a partition is told: to go on (`Code::None`), or what is wrong, in words if the code's own do not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub code: Code,
    pub text: Option<String>,
}

/// A request that waits for an answer.
pub struct Waiting<W> {
    pub waiter: Weak<W>,
    pub partitions: usize,
    pub told: Option<Vec<Told>>,
}

/// All that is asked, by number.
pub struct Unanswered<W> {
    pub jobs: Mutex<BTreeMap<i64, Waiting<W>>>,
    /// How often something was asked.
    pub asked: AtomicU64,
}

/// A request's hold on what it asked: without it nobody waits for the answer.
pub struct Awaited<W> {
    pub of: Arc<Unanswered<W>>,
    pub job: i64,
}

impl<W> Default for Unanswered<W> {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }
}

impl<W> Awaited<W> {
    /// What each partition's producer is told, once it is there.
    pub fn take(&self) -> Option<Vec<Told>> {
        let mut jobs = lock(&self.of.jobs);
        jobs.get_mut(&self.job)?.told.take()
    }
}

impl<W> Drop for Awaited<W> {
    fn drop(&mut self) {
        lock(&self.of.jobs).remove(&self.job);
    }
}
