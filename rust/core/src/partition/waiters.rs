//! Who waits for a partition. They are held weakly: a connection that has gone is forgotten by itself.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

/// What a parked request waits for, counted down by those who add it.
#[derive(Debug, Default)]
pub struct Wants(AtomicI64);

impl Wants {
    /// Wait for so many bytes from now on.
    pub fn begin(&self, bytes: i64) {
        self.0.store(bytes, Ordering::Release);
    }

    /// Count what was found already. Whether there is enough, with what was added since `begin`.
    pub fn found(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.fetch_sub(bytes, Ordering::AcqRel) <= bytes
    }

    /// How many bytes are missing.
    pub fn left(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    pub fn has_enough(&self) -> bool {
        self.left() <= 0
    }

    /// Whatever there is, it is enough: the request has to look again.
    pub fn end(&self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Who asks, and parks a request.
pub trait Waiter: Send + Sync + 'static {
    /// Who it is, as Kafka writes it: a type and a name. Borrowed: a verdict on each request allocates nothing.
    fn principal(&self) -> &str;

    fn wants(&self) -> &Wants;

    /// There is enough, or something has changed.
    fn ring(&self);
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
            let Some(waiter) = parked.waiter.upgrade() else {
                return false;
            };
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let enough = waiter.wants().found(bytes);
            if enough {
                waiter.ring();
            }
            !enough
        });
    }

    pub fn changed(&mut self) {
        for parked in self.parked.drain(..) {
            if let Some(waiter) = parked.waiter.upgrade() {
                waiter.wants().end();
                waiter.ring();
            }
        }
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.parked
            .iter()
            .filter(|parked| parked.waiter.strong_count() > 0)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Reader(Wants);

    impl Reader {
        fn of(bytes: i64) -> Arc<Self> {
            let reader = Self::default();
            reader.0.begin(bytes);
            Arc::new(reader)
        }
    }

    impl Waiter for Reader {
        fn principal(&self) -> &str {
            "User:reader"
        }

        fn wants(&self) -> &Wants {
            &self.0
        }

        fn ring(&self) {}
    }

    #[test]
    fn a_waiter_is_told_until_it_has_enough_and_forgotten_when_gone() {
        let mut waiters = Waiters::default();
        let one = Reader::of(100);
        let committed = Reader::of(1);
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
        committed.0.begin(1);
        waiters.park(&committed, true);
        waiters.changed();
        assert!(committed.0.has_enough());
    }
}
