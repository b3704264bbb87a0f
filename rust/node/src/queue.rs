//! What waits for Python, taken by one thread, all at once: the core's queue, and who waits for it to fill.
//! How long it looks out for more before it sleeps is the core's to say (`serving/lookout.rs`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ottla_core::hosting::Event;
use ottla_core::serving;

use crate::lock::lock;
use crate::peer::Connection;

/// What waits with its connection.
pub type Asked = serving::Asked<Arc<Connection>>;
pub type Item = serving::Item<Arc<Connection>>;

/// How often the flag is read between two looks at the clock.
const READS: u32 = 32;

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// Something was put in since the last look.
    is_filled: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: serving::Queue<Arc<Connection>>,
    woken: bool,
    lookout: serving::Lookout,
    idle: Duration,
    idle_since: Option<Instant>,
    /// Somebody sleeps and was not rung since. To ring is a system call, even if nobody sleeps, and mostly it is the one
    /// thread that takes, or another one while that is busy, who would.
    sleeps: bool,
}

impl Queue {
    /// How long whoever takes had nothing to do.
    pub fn idle(&self) -> Duration {
        let state = lock(&self.state);
        state.idle
            + state
                .idle_since
                .map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How many wait to be taken.
    pub fn count(&self) -> usize {
        lock(&self.state).waiting.count()
    }

    pub fn ask(&self, asked: Asked) {
        let mut state = lock(&self.state);
        state.waiting.ask(asked);
        self.ring(state);
    }

    pub fn tell(&self, event: Event) {
        let mut state = lock(&self.state);
        if state.waiting.tell(event) {
            self.ring(state);
        }
    }

    /// Make the next (or present) `next` return, even if nothing waits.
    pub fn wake(&self) {
        let mut state = lock(&self.state);
        state.woken = true;
        self.ring(state);
    }

    fn ring(&self, mut state: MutexGuard<'_, State>) {
        self.is_filled.store(true, Ordering::Release);
        let sleeps = std::mem::take(&mut state.sleeps);
        drop(state);
        if sleeps {
            self.filled.notify_all();
        }
    }

    /// All that waits, or nothing at the timeout or a wake.
    pub fn next(&self, timeout: Option<Duration>) -> Vec<Item> {
        let began = Instant::now();
        let deadline = timeout.and_then(|timeout| began.checked_add(timeout));
        let patience = {
            let mut state = lock(&self.state);
            state.idle_since = Some(began);
            state.lookout.patience()
        };
        self.look_out(began + timeout.map_or(patience, |timeout| timeout.min(patience)));
        let mut state = self.await_filled(deadline);
        state.woken = false;
        self.is_filled.store(false, Ordering::Relaxed);
        let items = state.waiting.take();
        let waited = began.elapsed();
        state.idle += waited;
        state.idle_since = None;
        state.lookout.waited(waited, !items.is_empty());
        items
    }

    /// Wait without sleeping until something is there, and let others have the processor who want it.
    fn look_out(&self, until: Instant) {
        while Instant::now() < until {
            for _ in 0..READS {
                if self.is_filled.load(Ordering::Acquire) {
                    return;
                }
                std::hint::spin_loop();
            }
            std::thread::yield_now();
        }
    }

    fn await_filled(&self, deadline: Option<Instant>) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.woken {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            state.sleeps = true;
            state = match left {
                None => self
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.filled
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring that is left out although somebody sleeps, or is about to, would leave the node deciding nothing.
    #[test]
    fn whoever_sleeps_is_rung() {
        const TELLERS: usize = 4;
        const EACH: usize = 5_000;

        let queue = Queue::default();
        let mut heard = 0;
        std::thread::scope(|scope| {
            for _ in 0..TELLERS {
                scope.spawn(|| {
                    for at in 0..EACH {
                        queue.tell(Event::Done {
                            text: String::new(),
                        });
                        if at % 7 == 0 {
                            queue.wake();
                            std::thread::yield_now();
                        }
                    }
                });
            }
            while heard < TELLERS * EACH {
                heard += queue.next(None).len();
            }
        });
        assert_eq!(heard, TELLERS * EACH);
        queue.wake();
        assert!(queue.next(None).is_empty(), "a wake from before it slept");
        assert!(queue.next(Some(Duration::from_millis(1))).is_empty());
    }
}
