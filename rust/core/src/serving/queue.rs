//! What waits for Python, in the order in which it came: requests to decide, and news.
//!
//! What may be dropped, and what takes the place of what, is decided here; who waits for it, and how, is the driver's.

use std::collections::{HashMap, VecDeque};

use super::asked::{Asked, Item};
use crate::hosting::{Event, Subject};

/// Beyond this many unread ones the rest of what peers cause is dropped; of other events none ever is.
const REFUSED_MAX: usize = 1000;

#[derive(Debug)]
pub struct Queue<C> {
    /// None where a newer event took the place of an older one: the last one always stands.
    items: VecDeque<Option<Item<C>>>,
    /// Where the latest event of a subject stands.
    latest: HashMap<Subject, usize>,
    refused: usize,
}

impl<C> Default for Queue<C> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            latest: HashMap::new(),
            refused: 0,
        }
    }
}

impl<C> Queue<C> {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many requests wait.
    pub fn count(&self) -> usize {
        let asked = |item: &&Option<Item<C>>| matches!(item, Some(Item::Asked(_)));
        self.items.iter().filter(asked).count()
    }

    pub fn ask(&mut self, asked: Asked<C>) {
        self.items.push_back(Some(Item::Asked(asked)));
    }

    /// Of one partition's news of a kind the latest counts. False if it is dropped.
    pub fn tell(&mut self, event: Event) -> bool {
        if matches!(event, Event::Refused { .. }) {
            if self.refused >= REFUSED_MAX {
                return false;
            }
            self.refused += 1;
        }
        if let Some(subject) = event.subject() {
            let place = self.items.len();
            if let Some(older) = self.latest.insert(subject, place) {
                self.items[older] = None;
            }
        }
        self.items.push_back(Some(Item::Event(event)));
        true
    }

    /// All that waits.
    pub fn take(&mut self) -> Vec<Item<C>> {
        self.refused = 0;
        self.latest.clear();
        self.items.drain(..).flatten().collect()
    }

    /// Nobody waits for an answer any more.
    pub fn forget_asked(&mut self) {
        for item in self.take() {
            if let Item::Event(event) = item {
                self.tell(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosting::Place;

    fn asked(token: u64) -> Asked<()> {
        Asked {
            token,
            api_key: 3,
            api_version: 0,
            correlation_id: 0,
            client_id: None,
            body: Vec::new(),
            connection: (),
        }
    }

    fn refused() -> Event {
        Event::Refused {
            text: "a peer".into(),
        }
    }

    fn place(partition: i32) -> Place {
        Place {
            topic: "t".into(),
            topic_id: [1; 16],
            partition,
        }
    }

    fn failed(partition: i32, text: &str) -> Event {
        Event::LogFailed {
            place: place(partition),
            text: text.into(),
        }
    }

    fn healed() -> Event {
        Event::LogHealed { place: place(1) }
    }

    fn read(queue: &mut Queue<()>) -> Vec<Event> {
        let items = queue.take().into_iter();
        items
            .map(|item| match item {
                Item::Event(event) => event,
                Item::Asked(asked) => panic!("{asked:?}"),
            })
            .collect()
    }

    /// A decider would see what happened after a request before it, and miss what goes wrong in the order that there was.
    #[test]
    fn what_came_first_is_taken_first() {
        let mut queue = Queue::default();
        queue.tell(Event::Applied { mark: 1 });
        queue.ask(asked(7));
        queue.tell(Event::Applied { mark: 2 });
        let taken = queue.take().into_iter().map(|item| match item {
            Item::Asked(asked) => format!("asked {}", asked.token),
            Item::Event(event) => format!("{event:?}"),
        });
        let expected = ["Applied { mark: 1 }", "asked 7", "Applied { mark: 2 }"];
        assert_eq!(taken.collect::<Vec<_>>(), expected);
        assert!(queue.is_empty());
    }

    /// Peers could fill the memory with what they are refused, or push the node's own news out.
    #[test]
    fn only_what_peers_cause_is_dropped() {
        let mut queue = Queue::default();
        let heard = (0..REFUSED_MAX + 10).filter(|_| queue.tell(refused()));
        assert_eq!(heard.count(), REFUSED_MAX);
        for mark in 0..5000 {
            assert!(queue.tell(Event::Applied { mark }));
        }
        assert_eq!(read(&mut queue).len(), REFUSED_MAX + 5000);
        assert!(queue.tell(refused()), "heard again after they were read");
        assert_eq!(read(&mut queue).len(), 1);
    }

    /// A disk that fails and mends a thousand times between two turns would fill the queue with what is over.
    #[test]
    fn of_one_partitions_news_the_latest_counts() {
        let mut queue = Queue::default();
        for _ in 0..1000 {
            queue.tell(failed(1, "first"));
            queue.tell(healed());
        }
        queue.tell(failed(2, "another"));
        queue.tell(failed(1, "last"));
        let expected = [healed(), failed(2, "another"), failed(1, "last")];
        assert_eq!(read(&mut queue), expected);
        queue.tell(healed());
        assert_eq!(read(&mut queue), [healed()]);
    }

    /// Somebody who ends would be told to answer those who are gone, or would lose news, or take one event for another.
    #[test]
    fn what_was_asked_can_be_forgotten() {
        let mut queue = Queue::default();
        queue.ask(asked(1));
        queue.forget_asked();
        assert!(queue.is_empty());
        queue.ask(asked(2));
        queue.tell(failed(1, "first"));
        queue.ask(asked(3));
        queue.tell(healed());
        queue.forget_asked();
        queue.tell(failed(1, "last"));
        assert_eq!(read(&mut queue), [healed(), failed(1, "last")]);
    }
}
