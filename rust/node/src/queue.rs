//! What waits for Python, taken by one thread, all at once: the core's queue, and who waits for it to fill.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
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
}

impl Queue {
    pub fn ask(&self, asked: Asked) {
        lock(&self.state).waiting.ask(asked);
        self.filled.notify_one();
    }

    pub fn tell(&self, event: Event) {
        if lock(&self.state).waiting.tell(event) {
            self.filled.notify_one();
        }
    }

    /// Make the next (or present) `next` return, even if nothing waits.
    pub fn wake(&self) {
        lock(&self.state).woken = true;
        self.filled.notify_all();
    }

    /// All that waits, or nothing at the timeout or a wake.
    pub fn next(&self, timeout: Option<Duration>) -> Vec<Item> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.woken {
            state = match deadline {
                None => self
                    .filled
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
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
