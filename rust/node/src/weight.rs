//! What a Fetch of many partitions holds, counted: all that is made of it while it is read, and what is left of
//! that while it is parked. One of few partitions is not counted: it holds less than its connection does.
//!
//! To be read it waits in line, with nothing in its hands that others wait for; whoever reads is done without its
//! peer. To be parked nobody waits: a Fetch may be answered early, so where there is no room the new one is, and
//! the one that was parked longest makes room for the next.

use std::sync::Arc;

use ottla_core::hot::TopicRef;
use ottla_core::session::Wanted;

use crate::budget::{Budget, Charge};

/// A Fetch of no more partitions, in no more bytes, is not counted.
pub const PARTITIONS_FEW: usize = 64;
pub const FRAME_BYTES_FEW: usize = 2 * 1024;
/// What is made of each byte of a request at most, until its reply stands in the outbox, about.
const COST_OF_BYTE: usize = 16;
/// The same for each partition that a session remembers.
const COST_OF_PARTITION: usize = 256;
/// What takes no more than this does not wait.
const COST_SMALL: usize = 64 * 1024;
/// What fetches that are read may take together is this part of the request memory, beside it, and so is what may
/// stay of those that are parked.
const SHARE: usize = 8;

/// The memory that all fetches of many partitions share.
pub struct Weights {
    reading: Arc<Budget>,
    parked: Arc<Budget>,
    /// Who is parked hears here, one at a time and the longest first, that others have no room.
    crowded: tokio::sync::Notify,
}

/// What one Fetch has of it.
#[derive(Default)]
pub struct Weight {
    reading: Option<Charge>,
    parked: Option<Charge>,
}

impl Weights {
    pub fn new(request_memory_bytes_max: usize) -> Self {
        let budget = || Arc::new(Budget::new(request_memory_bytes_max / SHARE));
        Self {
            reading: budget(),
            parked: budget(),
            crowded: tokio::sync::Notify::new(),
        }
    }

    /// What fetches of many partitions hold now.
    pub fn used(&self) -> usize {
        self.reading.used() + self.parked.used()
    }

    /// Wait in line for so much.
    pub async fn in_line(&self, cost: usize) -> Charge {
        Charge::in_line(&self.reading, cost).await
    }

    /// Wait until others, who find no room, need that of the one who was parked longest.
    pub async fn crowded(&self) {
        self.crowded.notified().await;
    }
}

impl Weight {
    /// Whether it counts for something while it is parked.
    pub fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// What is made of so many bytes of a request, and of so many partitions of a session, if it does not have to
    /// wait for that; else how much it has to wait for.
    pub fn take(
        &mut self,
        weights: &Weights,
        frame_bytes: usize,
        partitions: usize,
    ) -> Result<(), usize> {
        let reading = &weights.reading;
        let of_session = partitions.saturating_mul(COST_OF_PARTITION);
        let cost = frame_bytes
            .saturating_mul(COST_OF_BYTE)
            .saturating_add(of_session);
        let taken = if cost <= COST_SMALL {
            Some(Charge::anyway(reading, cost))
        } else {
            Charge::if_there(reading, cost)
        };
        self.reading = Some(taken.ok_or(cost)?);
        Ok(())
    }

    /// It waited for this.
    pub fn taken(&mut self, charge: Charge) {
        self.reading = Some(charge);
    }

    /// What was made to be read is gone.
    pub fn is_read(&mut self) {
        self.reading = None;
    }

    /// Whether what is left of it may stay while it waits.
    pub fn may_park(&mut self, weights: &Weights, wanted: &[Wanted]) -> bool {
        if wanted.len() <= PARTITIONS_FEW || self.is_parked() {
            return true;
        }
        self.parked = Charge::if_there(&weights.parked, parked_bytes(wanted));
        if !self.is_parked() && weights.parked.used() > 0 {
            weights.crowded.notify_one();
        }
        self.is_parked()
    }
}

/// What is kept of a request that is parked; the partitions of a topic share its name.
fn parked_bytes(wanted: &[Wanted]) -> usize {
    let name = |part: &Wanted| match &part.topic {
        TopicRef::Name(name) => Some(Arc::clone(name)),
        TopicRef::Id(_) => None,
    };
    let same = |a: &Wanted, b: &Wanted| match (&a.topic, &b.topic) {
        (TopicRef::Name(a), TopicRef::Name(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    let names = wanted.chunk_by(same).filter_map(|topic| name(&topic[0]));
    std::mem::size_of_val(wanted) + names.map(|name| name.len() + 32).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_core::hot::FetchPart;

    fn wanted(count: usize) -> Vec<Wanted> {
        let part = FetchPart {
            index: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            bytes_max: 1,
        };
        let topic = TopicRef::Name("t".into());
        vec![Wanted { topic, part }; count]
    }

    #[test]
    fn few_partitions_are_not_counted() {
        let weights = Weights::new(0);
        let mut weight = Weight::default();
        assert!(weight.may_park(&weights, &wanted(PARTITIONS_FEW)));
        assert_eq!(weights.used(), 0);
    }

    #[test]
    fn who_finds_no_room_is_not_parked_and_the_longest_makes_some() {
        let many = wanted(1000);
        let weights = Weights::new(parked_bytes(&many) * SHARE * 3 / 2);
        let (mut first, mut second) = (Weight::default(), Weight::default());
        assert!(first.may_park(&weights, &many));
        let mut crowded = std::pin::pin!(weights.crowded());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(crowded.as_mut().poll(&mut context).is_pending());
        assert!(!second.may_park(&weights, &many));
        assert!(crowded.as_mut().poll(&mut context).is_ready());
        drop(first);
        assert!(second.may_park(&weights, &many));
        assert_eq!(weights.used(), parked_bytes(&many));
    }
}
