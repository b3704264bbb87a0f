//! What waits for Python: requests to decide and events to know, taken by one thread, all at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::shared::lock;

/// A request for Python. The body is what follows the header.
#[derive(Debug)]
pub struct Asked {
    pub token: u64,
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<String>,
    pub body: Vec<u8>,
    pub connection: std::sync::Arc<crate::connection::Connection>,
}

/// Something that the node found and Python must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub kind: &'static str,
    pub topic: String,
    pub partition: i32,
    pub text: String,
}

#[derive(Debug)]
pub enum Item {
    Asked(Asked),
    Event(Event),
}

/// The one kind of event that any peer may cause as often as it likes, and that nothing depends on.
pub const REFUSED: &str = "refused";
/// Beyond this many unread ones the rest of those are dropped; of other events none ever is.
const REFUSED_MAX: usize = 1000;

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    refused: usize,
    woken: bool,
}

impl Queue {
    pub fn ask(&self, asked: Asked) {
        lock(&self.state).items.push_back(Item::Asked(asked));
        self.filled.notify_one();
    }

    pub fn tell(&self, kind: &'static str, text: impl Into<String>) {
        self.tell_of(kind, "", -1, text);
    }

    pub fn tell_of(
        &self,
        kind: &'static str,
        topic: &str,
        partition: i32,
        text: impl Into<String>,
    ) {
        let event = Event {
            kind,
            topic: topic.to_owned(),
            partition,
            text: text.into(),
        };
        {
            let mut state = lock(&self.state);
            if kind == REFUSED {
                if state.refused >= REFUSED_MAX {
                    return;
                }
                state.refused += 1;
            }
            state.items.push_back(Item::Event(event));
        }
        self.filled.notify_one();
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
        while state.items.is_empty() && !state.woken {
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
        state.refused = 0;
        state.items.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_peers_cause_is_dropped() {
        let queue = Queue::default();
        for _ in 0..REFUSED_MAX + 10 {
            queue.tell(REFUSED, "a peer");
        }
        for partition in 0..5000 {
            queue.tell_of("log-failed", "t", partition, "a disk");
        }
        queue.tell("poisoned", "why");
        let items = queue.next(Some(Duration::ZERO));
        assert_eq!(items.len(), REFUSED_MAX + 5000 + 1);
        queue.tell(REFUSED, "heard again after they were read");
        assert_eq!(queue.next(Some(Duration::ZERO)).len(), 1);
    }
}
