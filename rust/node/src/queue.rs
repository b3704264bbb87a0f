//! What waits for Python, taken by one thread, all at once: the core's queue, and who waits for it to fill.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ottla_core::hosting::Event;
use ottla_core::serving;

use crate::lock::lock;
use crate::peer::Connection;

/// What waits with its connection.
pub type Asked = serving::Asked<Arc<Connection>>;
pub type Item = serving::Item<Arc<Connection>>;

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: serving::Queue<Arc<Connection>>,
    woken: bool,
    /// Somebody sleeps and was not rung since. To ring is a system call, even if nobody sleeps, and mostly it is the one
    /// thread that takes, or another one while that is busy, who would.
    sleeps: bool,
}

impl Queue {
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
        let sleeps = std::mem::take(&mut state.sleeps);
        drop(state);
        if sleeps {
            self.filled.notify_all();
        }
    }

    /// All that waits, or nothing at the timeout or a wake.
    pub fn next(&self, timeout: Option<Duration>) -> Vec<Item> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
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
        state.woken = false;
        state.waiting.take()
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
