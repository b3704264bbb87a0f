//! What waits for Python: requests to decide and events to know, taken by one thread, all at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ottla_core::hosting::{Event, Subject};
use ottla_core::serving;

use crate::lock::lock;
use crate::peer::Connection;

/// What waits with its connection.
pub type Asked = serving::Asked<Arc<Connection>>;
pub type Item = serving::Item<Arc<Connection>>;

/// Beyond this many unread ones the rest of what peers cause is dropped; of other events none ever is.
const REFUSED_MAX: usize = 1000;

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    /// None where a newer event took the place of an older one.
    items: VecDeque<Option<Item>>,
    /// Where the latest event of a subject stands.
    latest: HashMap<Subject, usize>,
    refused: usize,
    woken: bool,
}

impl Queue {
    pub fn ask(&self, asked: Asked) {
        lock(&self.state).items.push_back(Some(Item::Asked(asked)));
        self.filled.notify_one();
    }

    pub fn tell(&self, event: Event) {
        {
            let mut state = lock(&self.state);
            if matches!(event, Event::Refused { .. }) {
                if state.refused >= REFUSED_MAX {
                    return;
                }
                state.refused += 1;
            }
            if let Some(subject) = event.subject() {
                let place = state.items.len();
                if let Some(older) = state.latest.insert(subject, place) {
                    state.items[older] = None;
                }
            }
            state.items.push_back(Some(Item::Event(event)));
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
        state.latest.clear();
        state.items.drain(..).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use ottla_core::hosting::Place;

    use super::*;

    fn place(partition: i32) -> Place {
        Place {
            topic: "t".into(),
            topic_id: [1; 16],
            partition,
        }
    }

    fn read(queue: &Queue) -> Vec<Event> {
        let items = queue.next(Some(Duration::ZERO)).into_iter();
        items
            .map(|item| match item {
                Item::Event(event) => event,
                Item::Asked(asked) => panic!("{asked:?}"),
            })
            .collect()
    }

    #[test]
    fn only_what_peers_cause_is_dropped() {
        let queue = Queue::default();
        let refused = || Event::Refused {
            text: "a peer".into(),
        };
        for _ in 0..REFUSED_MAX + 10 {
            queue.tell(refused());
        }
        for mark in 0..5000 {
            queue.tell(Event::Applied { mark });
        }
        assert_eq!(read(&queue).len(), REFUSED_MAX + 5000);
        queue.tell(refused());
        assert_eq!(read(&queue).len(), 1, "heard again after they were read");
    }

    /// A disk that fails and mends a thousand times between two turns would fill the queue with what is over.
    #[test]
    fn of_one_partitions_news_the_latest_counts() {
        let queue = Queue::default();
        let failed = |partition, text: &str| Event::LogFailed {
            place: place(partition),
            text: text.into(),
        };
        let healed = || Event::LogHealed { place: place(1) };
        for _ in 0..1000 {
            queue.tell(failed(1, "first"));
            queue.tell(healed());
        }
        queue.tell(failed(2, "another"));
        queue.tell(failed(1, "last"));
        let expected = [healed(), failed(2, "another"), failed(1, "last")];
        assert_eq!(read(&queue), expected);
        queue.tell(healed());
        assert_eq!(read(&queue), [healed()]);
    }
}
