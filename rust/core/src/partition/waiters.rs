//! Who waits for a partition. They are held weakly: a connection that has gone is forgotten by itself.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use super::awaited::Awaited;

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

/// What somebody is parked for. Every change of the partition itself is told to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    Readable,
    /// It reads committed records only, so what is not stable yet is nothing to it.
    Committed,
    /// What came of an append.
    Append(Awaited),
}

struct Parked<W> {
    waiter: Weak<W>,
    what: For,
}

/// Those who are to be rung when nobody holds the partition any more: each of them will ask for it at once.
#[must_use = "whoever waits is rung when this is dropped"]
pub struct Bells<W: Waiter>(Vec<Arc<W>>);

impl<W: Waiter> Drop for Bells<W> {
    fn drop(&mut self) {
        for waiter in self.0.drain(..) {
            waiter.ring();
        }
    }
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
    pub fn park(&mut self, waiter: &Arc<W>, what: For) {
        let mut known = false;
        self.parked.retain_mut(|parked| {
            if parked.waiter.as_ptr() == Arc::as_ptr(waiter) {
                parked.what = what;
                known = true;
            }
            parked.waiter.strong_count() > 0
        });
        if !known {
            self.parked.push(Parked {
                waiter: Arc::downgrade(waiter),
                what,
            });
        }
    }

    pub fn readable(&mut self, bytes: u64, stable_moved: bool) {
        self.parked.retain(|parked| {
            if parked.what == For::Committed && !stable_moved {
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

    /// The high watermark moved, or what may be told of: all look again, but those whose append `waits` on.
    pub fn reached(&mut self, waits: impl Fn(&Awaited) -> bool) -> Bells<W> {
        let mut bells = Vec::new();
        self.parked.retain(|parked| {
            let stays = matches!(&parked.what, For::Append(awaited) if waits(awaited));
            if !stays && let Some(waiter) = parked.waiter.upgrade() {
                waiter.wants().end();
                bells.push(waiter);
            }
            stays
        });
        Bells(bells)
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
        waiters.park(&one, For::Readable);
        waiters.park(&one, For::Readable);
        waiters.park(&committed, For::Committed);
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
        waiters.park(&one, For::Readable);
        drop(one);
        assert_eq!(waiters.count(), 0);
        committed.0.begin(1);
        waiters.park(&committed, For::Committed);
        waiters.changed();
        assert!(committed.0.has_enough());
    }
}
