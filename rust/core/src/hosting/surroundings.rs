//! What is around a host, and what it leaves to it: time, chance, waiting, disk work, and who may do what.
//!
//! Each driver has its own: threads, a clock and a pool in `rust/node`, a seed in `rust/sim`, scripts in tests.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, Guard, Lock};
use super::event::Event;
use super::moves::Move;
use super::round::Round;
use crate::disk::Disk;
use crate::partition::Waiter;

/// What a Produce or a Fetch does, in the words of Kafka's ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Of a topic.
    Read,
    /// Of a topic.
    Write,
    /// WRITE of a transactional id.
    Transact,
    /// Of the cluster: a replica reads whatever topic.
    ClusterAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied,
    /// It is not known yet, and whoever was asked sees that it will be: to be asked again soon.
    Ask,
}

/// Disk work that nobody who serves or decides may wait for.
pub enum Chore<D: Disk, W: Waiter> {
    /// Make what waits in this log directory as it is wanted.
    Places(usize),
    /// Make safe what this partition has appended so far.
    Flush(Arc<Cell<D, W>>),
    /// Try to open this partition again; after that pause, if it fails, once more.
    Mend(Arc<Cell<D, W>>, Duration),
    /// Answer what waits with this partition.
    Answer(Arc<Cell<D, W>>),
    /// Look at what ended transactions in this partition, and waits for the high watermark.
    Ended(Arc<Cell<D, W>>),
    /// Ask how much room the volume of this log directory has.
    Measure(usize),
    /// Look whether this log directory is still there.
    Presence(usize),
    /// Carry on with this move.
    Move(Arc<Move<D, W>>),
    /// Make names and ids of new folders safe.
    SyncVolumes,
    /// Go on cleaning a log.
    Clean(Box<Round<D, W>>),
}

/// Everything around a host that is no decision of its own.
pub trait Surroundings<D: Disk, W: Waiter>: Send + Sync + 'static {
    /// What records are stamped with; it may jump.
    fn now_ms(&self) -> i64;
    /// What durations are measured on.
    fn steady_ms(&self) -> i64;
    /// A number that nobody can guess from earlier ones.
    fn random(&self) -> u64;
    fn tell(&self, event: Event);
    /// Carry this out (`Host::carry_out`) after that time, where one may block.
    fn owe(&self, chore: Chore<D, W>, after: Duration);
    /// Wait for a partition that somebody holds, where one may wait at all, and no longer than so: an append takes
    /// microseconds, and who holds it for longer waits for a slow disk. The core itself knows no time to wait by.
    fn hold_within<'a>(
        &self,
        partition: &'a Lock<D, W>,
        patience: Duration,
    ) -> Option<Guard<'a, D, W>>;
    /// Nothing is wanted any more that is not so.
    fn is_as_wanted(&self) {}
    /// Whether this principal may do that with the topic, or the transactional id, of this name. What is known is said at once: it is asked for
    /// each partition of each Produce and Fetch, on threads that serve others.
    fn verdict(&self, _principal: &str, _operation: Operation, _name: &str) -> Verdict {
        Verdict::Allowed
    }
    /// Flush a log: whoever knows a clock may take the time.
    fn flushing(&self, flush: &mut dyn FnMut()) {
        flush();
    }
    /// A high watermark moved that a coordinator may wait for.
    fn wake(&self);
    /// Whether the node lives: one that ends opens nothing any more.
    fn is_running(&self) -> bool;
}
