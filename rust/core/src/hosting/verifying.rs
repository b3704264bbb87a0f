//! What whoever decides is asked of producers' transactions (KIP-890): each request that begins to write to partitions asks
//! once, of all of them, and waits. What nobody waits for any more is forgotten, and its answer with it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::event::Event;
use super::host::Host;
use super::lock::lock;
use crate::code::Code;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::Waiter;

struct Waiting<W> {
    waiter: Weak<W>,
    partitions: usize,
    codes: Option<Vec<Code>>,
}

/// All that is asked, by number.
pub struct Verifications<W> {
    jobs: Mutex<BTreeMap<i64, Waiting<W>>>,
    /// How often something was asked.
    asked: AtomicU64,
}

/// A request's hold on what it asked: without it nobody waits for the answer.
pub struct Verification<W> {
    of: Arc<Verifications<W>>,
    job: i64,
}

impl<W> Default for Verifications<W> {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }
}

impl<W> Verification<W> {
    /// What each partition's producer is told, once it is there.
    pub fn take(&self) -> Option<Vec<Code>> {
        let mut jobs = lock(&self.of.jobs);
        jobs.get_mut(&self.job)?.codes.take()
    }
}

impl<W> Drop for Verification<W> {
    fn drop(&mut self) {
        lock(&self.of.jobs).remove(&self.job);
    }
}

/// What is asked of a transaction: may its producer write to these partitions? None is left out, even if it is named twice.
#[derive(Debug)]
pub struct Unverified {
    pub transactional_id: String,
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Of Produce: with it came what the client can be told.
    pub version: i16,
    pub partitions: Vec<(Arc<str>, i32)>,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Ask; the waiter is rung when the answer is there.
    pub fn ask_of_transaction(&self, asks: Unverified, waiter: &Arc<W>) -> Verification<W> {
        let of = Arc::clone(&self.verifications);
        let asked = of.asked.fetch_add(1, Ordering::Relaxed);
        let job = i64::try_from(asked).unwrap_or(i64::MAX);
        let waiting = Waiting {
            waiter: Arc::downgrade(waiter),
            partitions: asks.partitions.len(),
            codes: None,
        };
        waiter.wants().begin(i64::MAX); // whatever can be read meanwhile is nothing to it
        lock(&of.jobs).insert(job, waiting);
        self.around.tell(Event::Unverified {
            job,
            transactional_id: asks.transactional_id,
            producer_id: asks.producer_id,
            producer_epoch: asks.producer_epoch,
            version: asks.version,
            partitions: asks.partitions,
        });
        Verification { of, job }
    }

    /// The answer: for each partition the error code that its producer is told, or 0 to go on. One that nobody waits for
    /// any more is no fault.
    ///
    /// # Errors
    /// "invalid" if there are not as many as partitions.
    pub fn verified(&self, job: i64, codes: &[i16]) -> Result<(), CoreError> {
        let waiter = {
            let mut jobs = lock(&self.verifications.jobs);
            let Some(waiting) = jobs.get_mut(&job) else {
                return Ok(());
            };
            if waiting.partitions != codes.len() {
                let (asked, told) = (waiting.partitions, codes.len());
                let text = format!("{told} codes for {asked} partitions");
                return Err(CoreError::new("invalid", text));
            }
            let codes = codes.iter().copied();
            waiting.codes = Some(codes.map(Code::of_transaction).collect());
            waiting.waiter.upgrade()
        };
        if let Some(waiter) = waiter {
            waiter.wants().end();
            waiter.ring();
        }
        Ok(())
    }

    /// How often something was asked of transactions so far.
    pub fn verifications_asked(&self) -> u64 {
        self.verifications.asked.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn verifications_waiting(&self) -> usize {
        lock(&self.verifications.jobs).len()
    }
}
