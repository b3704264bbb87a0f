//! What whoever decides is asked of producers' transactions (KIP-890): each request that begins to write to partitions asks
//! once, of all of them, and waits. What nobody waits for any more is forgotten, and its answer with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::unanswered::{Awaited, Told, Waiting};
use crate::code::Code;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::Waiter;

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
    pub fn ask_of_transaction(&self, asks: Unverified, waiter: &Arc<W>) -> Awaited<W> {
        let of = Arc::clone(&self.unanswered);
        let asked = of.asked.fetch_add(1, Ordering::Relaxed);
        let job = i64::try_from(asked).unwrap_or(i64::MAX);
        let waiting = Waiting {
            waiter: Arc::downgrade(waiter),
            partitions: asks.partitions.len(),
            told: None,
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
        Awaited { of, job }
    }

    /// The answer: for each partition the error code that its producer is told, or 0 to go on, and what is wrong in words
    /// if the code says too little. One that nobody waits for any more is no fault.
    ///
    /// # Errors
    /// "invalid" if there are not as many as partitions.
    pub fn verified(&self, job: i64, told: Vec<(i16, Option<String>)>) -> Result<(), CoreError> {
        let waiter = {
            let mut jobs = lock(&self.unanswered.jobs);
            let Some(waiting) = jobs.get_mut(&job) else {
                return Ok(());
            };
            if waiting.partitions != told.len() {
                let (asked, told) = (waiting.partitions, told.len());
                let text = format!("{told} answers for {asked} partitions");
                return Err(CoreError::new("invalid", text));
            }
            let told = told.into_iter().map(|(code, text)| Told {
                code: Code::of_transaction(code),
                text,
            });
            waiting.told = Some(told.collect());
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
        self.unanswered.asked.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub fn verifications_waiting(&self) -> usize {
        lock(&self.unanswered.jobs).len()
    }
}
