//! Who waits for a partition. They are held weakly: a connection that has gone is forgotten by itself.

use std::sync::{Arc, Weak};

/// A parked request.
pub trait Waiter: Send + Sync + 'static {
    /// So many bytes more can be read. True if that woke it, so that it need not be told again.
    fn readable(&self, bytes: u64) -> bool;

    /// Something else changed: it has to look again.
    fn changed(&self);
}

struct Parked<W> {
    waiter: Weak<W>,
    /// It reads committed records only, so what is not stable yet is nothing to it.
    committed: bool,
}

pub struct Waiters<W> {
    parked: Vec<Parked<W>>,
}

impl<W> Default for Waiters<W> {
    fn default() -> Self {
        Self { parked: Vec::new() }
    }
}

impl<W: Waiter> Waiters<W> {
    pub fn park(&mut self, waiter: &Arc<W>, committed: bool) {
        let mut known = false;
        self.parked.retain_mut(|parked| {
            if parked.waiter.as_ptr() == Arc::as_ptr(waiter) {
                parked.committed = committed;
                known = true;
            }
            parked.waiter.strong_count() > 0
        });
        if !known {
            self.parked.push(Parked {
                waiter: Arc::downgrade(waiter),
                committed,
            });
        }
    }

    pub fn readable(&mut self, bytes: u64, stable_moved: bool) {
        self.parked.retain(|parked| {
            if parked.committed && !stable_moved {
                return true;
            }
            parked
                .waiter
                .upgrade()
                .is_some_and(|waiter| !waiter.readable(bytes))
        });
    }

    pub fn changed(&mut self) {
        for parked in self.parked.drain(..) {
            if let Some(waiter) = parked.waiter.upgrade() {
                waiter.changed();
            }
        }
    }

    pub fn count(&self) -> usize {
        self.parked
            .iter()
            .filter(|parked| parked.waiter.strong_count() > 0)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Wants(AtomicI64);

    impl Waiter for Wants {
        fn readable(&self, bytes: u64) -> bool {
            self.0.fetch_sub(bytes.cast_signed(), Ordering::Relaxed) <= bytes.cast_signed()
        }

        fn changed(&self) {
            self.0.store(i64::MIN, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waiter_is_told_until_it_has_enough_and_forgotten_when_gone() {
        let mut waiters = Waiters::default();
        let one = Arc::new(Wants(AtomicI64::new(100)));
        let committed = Arc::new(Wants(AtomicI64::new(1)));
        waiters.park(&one, false);
        waiters.park(&one, false);
        waiters.park(&committed, true);
        waiters.readable(60, false);
        assert_eq!(waiters.count(), 2);
        waiters.readable(60, false);
        assert_eq!(waiters.count(), 1, "the first one had enough");
        waiters.readable(1, true);
        assert_eq!(
            waiters.count(),
            0,
            "stable bytes wake readers of committed records"
        );
        waiters.park(&one, false);
        drop(one);
        assert_eq!(waiters.count(), 0);
        waiters.park(&committed, true);
        waiters.changed();
        assert_eq!(committed.0.load(Ordering::Relaxed), i64::MIN);
    }
}
