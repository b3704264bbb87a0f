//! What a Fetch of many partitions holds, and what that decides: whether it waits to be read, and whether it may be
//! parked or is answered early. One of few partitions is not counted: it holds less than its connection does.
//!
//! Here is counted and decided; who waits in which line, and who is rung, is the driver's.

use std::sync::Arc;

use crate::hot::TopicRef;
use crate::session::Wanted;

/// A Fetch of no more partitions, in no more bytes, is not counted.
pub const PARTITIONS_FEW: usize = 64;
pub const FRAME_BYTES_FEW: usize = 2 * 1024;
/// What is made of each byte of a request at most, until its reply stands in the outbox, about.
const COST_OF_BYTE: usize = 16;
/// The same for each partition that a session remembers.
const COST_OF_PARTITION: usize = 256;
/// What takes no more than this does not wait.
const COST_SMALL: usize = 64 * 1024;

/// What it takes to read a request of so many bytes, whose session remembers so many partitions.
pub fn cost_to_read(frame_bytes: usize, partitions: usize) -> usize {
    let of_session = partitions.saturating_mul(COST_OF_PARTITION);
    frame_bytes
        .saturating_mul(COST_OF_BYTE)
        .saturating_add(of_session)
}

/// Whether one that takes so much has to wait for its turn to be read, where there is no room.
pub fn waits_to_be_read(cost: usize) -> bool {
    cost > COST_SMALL
}

/// What becomes of a Fetch that found too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// It may wait, and counts for nothing.
    Uncounted,
    /// It may wait, and counts for so many bytes until it leaves.
    Counted(usize),
    /// It is answered early: there is no room for it. The one that was parked longest is to make some for the next, if
    /// there is one.
    Early { longest_leaves: bool },
}

/// The room that all parked Fetches of many partitions share.
#[derive(Debug)]
pub struct Crowd {
    bytes_max: usize,
    used: usize,
}

impl Crowd {
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, used: 0 }
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// One that wants all this would wait. What it counts for is to be given back by `leave`.
    pub fn park(&mut self, wanted: &[Wanted]) -> Parking {
        if wanted.len() <= PARTITIONS_FEW {
            return Parking::Uncounted;
        }
        let bytes = parked_bytes(wanted);
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.bytes_max => {
                self.used = used;
                Parking::Counted(bytes)
            }
            _ => Parking::Early {
                longest_leaves: self.used > 0,
            },
        }
    }

    /// One that counted for so much waits no more.
    pub fn leave(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
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
    use crate::hot::FetchPart;

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

    /// Ordinary consumers would be answered early because of a few large ones.
    #[test]
    fn few_partitions_are_not_counted() {
        let mut crowd = Crowd::new(0);
        assert_eq!(crowd.park(&wanted(PARTITIONS_FEW)), Parking::Uncounted);
        assert_eq!(crowd.used(), 0);
    }

    /// Parked requests would hold memory without end, or whoever came first would keep all others out for ever.
    #[test]
    fn who_finds_no_room_is_not_parked_and_the_longest_makes_some() {
        let many = wanted(1000);
        let bytes = parked_bytes(&many);
        let mut crowd = Crowd::new(bytes * 3 / 2);
        assert_eq!(crowd.park(&many), Parking::Counted(bytes));
        let early = |longest_leaves| Parking::Early { longest_leaves };
        assert_eq!(crowd.park(&many), early(true));
        crowd.leave(bytes);
        assert_eq!(crowd.park(&many), Parking::Counted(bytes));
        assert_eq!(crowd.used(), bytes);
        // There is nobody to leave.
        assert_eq!(Crowd::new(bytes - 1).park(&many), early(false));
    }

    /// A request would be read beside others that need more than there is, or a small one would wait for large ones.
    #[test]
    fn what_is_large_waits_to_be_read() {
        assert!(!waits_to_be_read(cost_to_read(
            FRAME_BYTES_FEW,
            PARTITIONS_FEW
        )));
        assert!(waits_to_be_read(cost_to_read(1 << 20, 0)));
        assert!(waits_to_be_read(cost_to_read(0, 1000)));
        assert_eq!(cost_to_read(usize::MAX, usize::MAX), usize::MAX);
    }
}
