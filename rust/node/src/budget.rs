//! The bytes that all connections together may hold: frames being received, requests and replies under way.
//!
//! What is asked for beyond the budget waits in line, first come first served, and nothing grows meanwhile. So
//! that half-received frames cannot wait for each other for ever, the first in line may go over the budget, one
//! at a time and for a short time. Small things never wait: a connection's first small buffer lies beside the
//! budget and is bounded by the number of connections; so whoever asks little is heard while others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify, Semaphore, SemaphorePermit};

use ottla_core::connection::patience::{Memory, awaited};

pub struct Budget {
    used: AtomicUsize,
    beside: AtomicUsize,
    bytes_max: usize,
    freed: Notify,
    waiting: AtomicUsize,
    /// Tokio's lock is a fair queue: whoever holds it is the first in line.
    line: Mutex<()>,
    overdraft: Semaphore,
}

/// The right to be over the budget.
pub struct Overdraft<'a>(#[allow(dead_code)] SemaphorePermit<'a>);

/// What was taken of a budget; given back when this is dropped.
pub struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Charge {
    /// Take without asking: for what is already there, or too small to ask for.
    pub fn anyway(budget: &Arc<Budget>, bytes: usize) -> Self {
        budget.take_anyway(bytes);
        Self::taken(budget, bytes)
    }

    /// Take if it is there and nobody waits for it.
    pub fn if_there(budget: &Arc<Budget>, bytes: usize) -> Option<Self> {
        budget.try_take(bytes).then(|| Self::taken(budget, bytes))
    }

    /// Take anyway, of the same budget, for what is made of this.
    pub fn instead(&self, bytes: usize) -> Self {
        Self::anyway(&self.budget, bytes)
    }

    /// Wait in line for it.
    pub async fn in_line(budget: &Arc<Budget>, bytes: usize) -> Self {
        Self::taken(budget, budget.take(bytes).await)
    }

    fn taken(budget: &Arc<Budget>, bytes: usize) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes,
        }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

/// A place in line; gone with the wait, however that ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    pub fn new(bytes_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            beside: AtomicUsize::new(0),
            bytes_max,
            freed: Notify::new(),
            waiting: AtomicUsize::new(0),
            line: Mutex::new(()),
            overdraft: Semaphore::new(1),
        }
    }

    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// All that is held, beside the budget too.
    pub fn used(&self) -> usize {
        let beside = self.beside.load(Ordering::Relaxed);
        self.used.load(Ordering::Relaxed).saturating_add(beside)
    }

    /// Whether others may soon have to wait.
    pub fn is_tight(&self) -> bool {
        self.memory() != Memory::Enough
    }

    pub fn memory(&self) -> Memory {
        let used = self.used.load(Ordering::Relaxed);
        let is_awaited = self.waiting.load(Ordering::Relaxed) > 0;
        Memory::of(used, self.bytes_max, is_awaited)
    }

    /// Take if it is there and nobody waits for it.
    pub fn try_take(&self, bytes: usize) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0 && self.take_if_there(bytes)
    }

    fn take_if_there(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max)
            })
            .is_ok()
    }

    /// Take without asking: for what is already there, such as a reply.
    pub fn take_anyway(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn give(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            // Only the first in line listens.
            self.freed.notify_one();
        }
    }

    /// Note a small buffer that lies beside the budget.
    pub fn take_beside(&self, bytes: usize) {
        self.beside.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn give_beside(&self, bytes: usize) {
        self.beside.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Wait in line until the bytes are there; what would never fit waits for a budget that is almost free.
    /// Returns what was taken.
    pub async fn take(&self, bytes: usize) -> usize {
        let bytes = awaited(bytes, self.bytes_max);
        if self.try_take(bytes) {
            return bytes;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let _first = self.line.lock().await;
        while !self.take_if_there(bytes) {
            self.freed.notified().await;
        }
        bytes
    }

    /// Wait in line until the bytes are there, or until it is this connection's turn to go over the budget.
    pub async fn take_or_overdraw(&self, bytes: usize) -> Option<Overdraft<'_>> {
        if self.try_take(bytes) {
            return None;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        let _first = self.line.lock().await;
        loop {
            if self.take_if_there(bytes) {
                return None;
            }
            tokio::select! {
                () = self.freed.notified() => {}
                permit = self.overdraft.acquire() => {
                    if let Ok(permit) = permit {
                        self.take_anyway(bytes);
                        return Some(Overdraft(permit));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn whoever_waits_is_served_in_order() {
        let budget = Budget::new(1000);
        assert!(budget.try_take(900));
        let (mut first, mut second) = (pin!(budget.take(500)), pin!(budget.take(50)));
        assert!(poll(first.as_mut()).is_pending());
        assert!(
            poll(second.as_mut()).is_pending(),
            "it would fit, but others came before"
        );
        assert!(!budget.try_take(1));
        assert_eq!(budget.memory(), Memory::Missing);
        budget.give(900);
        assert_eq!(poll(first.as_mut()), Poll::Ready(500));
        assert_eq!(poll(second.as_mut()), Poll::Ready(50));
        assert_eq!((budget.used(), budget.memory()), (550, Memory::Short));
    }

    #[test]
    fn what_was_taken_is_given_back_once() {
        let budget = Arc::new(Budget::new(1000));
        let first = Charge::if_there(&budget, 900).expect("it is there");
        assert!(Charge::if_there(&budget, 101).is_none());
        let reply = first.instead(5000);
        assert_eq!(budget.used(), 5900);
        drop(first);
        assert_eq!((budget.used(), reply.bytes()), (5000, 5000));
        drop(reply);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_first_in_line_goes_over_the_budget() {
        let budget = Budget::new(1000);
        assert!(budget.try_take(1000));
        let mut first = pin!(budget.take_or_overdraw(500));
        let Poll::Ready(Some(overdraft)) = poll(first.as_mut()) else {
            panic!("it has to be let through");
        };
        let mut second = pin!(budget.take_or_overdraw(500));
        assert!(poll(second.as_mut()).is_pending());
        drop(overdraft);
        assert!(matches!(poll(second.as_mut()), Poll::Ready(Some(_))));
        assert_eq!(budget.used(), 2000);
    }

    #[test]
    fn who_leaves_the_line_keeps_nobody_waiting() {
        let budget = Budget::new(100);
        assert!(budget.try_take(100));
        {
            let mut leaves = pin!(budget.take(50));
            assert!(poll(leaves.as_mut()).is_pending());
        }
        budget.give(50);
        assert!(budget.try_take(50));
    }

    #[test]
    fn what_never_fits_is_taken_alone() {
        let budget = Budget::new(100);
        let mut huge = pin!(budget.take(1 << 40));
        assert_eq!(poll(huge.as_mut()), Poll::Ready(75));
        let mut other = pin!(budget.take(1 << 40));
        assert!(poll(other.as_mut()).is_pending());
        budget.give(75);
        assert_eq!(poll(other.as_mut()), Poll::Ready(75));
    }
}
