//! By how much this node's clock is ahead of its clients', whom no test moves with it: the *skew*.
//!
//! Clients stamp records with their own clocks. After a test has moved the node's by a week, a record of now is a
//! week old to it, and would go with the next look at retention. So a log asks for the skew as it appends, and a
//! segment and a producer's state keep, in memory alone, what it was then. What is stored and served stays as it was
//! written; after a restart records are as old as they say. Nobody moves a server's clock like that: its skew is 0,
//! which costs an append one relaxed load.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// One number for all logs of a node. Whose clock it is moves it, and nobody else; below 0 where the clock stood still.
#[derive(Debug, Clone, Default)]
pub struct Skew(Arc<AtomicI64>);

impl Skew {
    pub fn of(skew_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(skew_ms)))
    }

    pub fn set(&self, skew_ms: i64) {
        self.0.store(skew_ms, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// For one append, which asks once.
    pub(super) fn at(&self, now_ms: i64) -> SkewAt {
        let skew_ms = self.get().max(0);
        SkewAt { skew_ms, now_ms }
    }
}

/// The skew at one moment of the node's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct SkewAt {
    skew_ms: i64,
    pub now_ms: i64,
}

impl SkewAt {
    /// How much later a record of this timestamp is written by the node's clock. One that was stamped by that clock
    /// already, as with LogAppendTime, is not moved beyond it.
    pub fn of(self, timestamp_ms: i64) -> i64 {
        if self.skew_ms == 0 || timestamp_ms < 0 {
            return 0;
        }
        let left_ms = self.now_ms.saturating_sub(timestamp_ms);
        self.skew_ms.min(left_ms).max(0)
    }
}

/// What a segment remembers of it, from its first batch on until it is empty: its indexes know nothing of that, and may
/// be built anew meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub struct SegmentSkew {
    /// Of its first batch.
    pub first_ms: i64,
    /// When the newest of its batches that had any was written by the node's clock, though that may have been cut since.
    pub written_ms: Option<i64>,
}

impl SegmentSkew {
    /// Batches are written at the end of the segment, the first of all if it `is_empty`.
    pub(super) fn note(&mut self, is_empty: bool, at: SkewAt, first_ms: i64, newest_ms: i64) {
        if is_empty {
            self.first_ms = at.of(first_ms);
        }
        let skew_ms = at.of(newest_ms);
        if skew_ms > 0 {
            let written_ms = newest_ms.saturating_add(skew_ms);
            self.written_ms = self.written_ms.max(Some(written_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_client_stamped_is_moved() {
        let skew = Skew::default();
        assert_eq!(skew.at(10).of(5), 0, "nobody moved the clock");
        skew.set(100);
        assert_eq!(skew.at(105).of(5), 100, "a client's own clock");
        assert_eq!(skew.at(105).of(105), 0, "the node's clock");
        assert_eq!(skew.at(105).of(50), 55, "between the two");
        assert_eq!(skew.at(105).of(500), 0, "the future");
        assert_eq!(skew.at(105).of(-1), 0, "no timestamp");
        skew.set(i64::MAX);
        assert_eq!(skew.at(i64::MAX).of(i64::MAX), 0);
        assert_eq!(skew.at(i64::MAX).of(0), i64::MAX);
        assert_eq!(skew.at(i64::MIN).of(i64::MAX), 0);
        skew.set(i64::MIN);
        assert_eq!(skew.at(i64::MAX).of(0), 0, "behind");
    }
}
