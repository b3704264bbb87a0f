//! What a Fetch of many partitions holds, charged as the core decides (`serving/crowd.rs`): all that is made of it while it
//! is read, and what is left of that while it is parked.
//!
//! To be read it waits in line, with nothing in its hands that others wait for; whoever reads is done without its
//! peer. To be parked nobody waits: a Fetch may be answered early, so where there is no room the new one is, and
//! the one that was parked longest makes room for the next.

use std::sync::{Arc, Mutex};

use ottla_core::serving::crowd::{Crowd, PARTITIONS_FEW, Parking, cost_to_read, waits_to_be_read};
use ottla_core::session::Wanted;

use crate::budget::{Budget, Charge};
use crate::lock::lock;

/// What fetches that are read may take together is this part of the request memory, beside it, and so is what may
/// stay of those that are parked.
const SHARE: usize = 8;

/// The memory that all fetches of many partitions share.
pub struct Weights {
    reading: Arc<Budget>,
    parked: Arc<Mutex<Crowd>>,
    /// Who is parked hears here, one at a time and the longest first, that others have no room.
    crowded: tokio::sync::Notify,
}

/// What one Fetch has of it.
#[derive(Default)]
pub struct Weight {
    reading: Option<Charge>,
    parked: Option<Parked>,
}

/// What one counts for while it is parked, given back when this is dropped.
struct Parked {
    crowd: Arc<Mutex<Crowd>>,
    bytes: usize,
}

impl Drop for Parked {
    fn drop(&mut self) {
        lock(&self.crowd).leave(self.bytes);
    }
}

impl Weights {
    pub fn new(request_memory_bytes_max: usize) -> Self {
        let bytes_max = request_memory_bytes_max / SHARE;
        Self {
            reading: Arc::new(Budget::new(bytes_max)),
            parked: Arc::new(Mutex::new(Crowd::new(bytes_max))),
            crowded: tokio::sync::Notify::new(),
        }
    }

    /// What fetches of many partitions hold now.
    pub fn used(&self) -> usize {
        self.reading.used() + lock(&self.parked).used()
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
        let cost = cost_to_read(frame_bytes, partitions);
        let taken = if waits_to_be_read(cost) {
            Charge::if_there(&weights.reading, cost)
        } else {
            Some(Charge::anyway(&weights.reading, cost))
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
        // The usual reader takes no lock for this.
        if wanted.len() <= PARTITIONS_FEW || self.is_parked() {
            return true;
        }
        match lock(&weights.parked).park(wanted) {
            Parking::Uncounted => true,
            Parking::Counted(bytes) => {
                let crowd = Arc::clone(&weights.parked);
                self.parked = Some(Parked { crowd, bytes });
                true
            }
            Parking::Early { longest_leaves } => {
                if longest_leaves {
                    weights.crowded.notify_one();
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_core::hot::{FetchPart, TopicRef};

    /// The one that was parked longest would not hear that its room is needed, or its room would never be given back.
    #[test]
    fn the_longest_parked_is_rung_and_what_it_held_is_given_back() {
        let part = FetchPart {
            index: 0,
            current_leader_epoch: -1,
            fetch_offset: 0,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            bytes_max: 1,
        };
        let topic = TopicRef::Id([1; 16]);
        let many = vec![Wanted { topic, part }; 1000];
        let weights = Weights::new(size_of_val(&*many) * SHARE * 3 / 2);
        let (mut first, mut second) = (Weight::default(), Weight::default());
        assert!(first.may_park(&weights, &many));
        let mut crowded = std::pin::pin!(weights.crowded());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(crowded.as_mut().poll(&mut context).is_pending());
        assert!(!second.may_park(&weights, &many));
        assert!(crowded.as_mut().poll(&mut context).is_ready());
        drop(first);
        assert!(second.may_park(&weights, &many));
        drop(second);
        assert_eq!(weights.used(), 0);
    }
}
