//! What waits for Python, in the order in which it came, as in a real node's queue.

use std::collections::VecDeque;
use std::sync::Arc;

use ottla_core::hosting::Event;
use ottla_core::serving;

use crate::connection::Connection;

/// What waits with its connection.
pub type Asked = serving::Asked<Arc<Connection>>;
pub type Item = serving::Item<Arc<Connection>>;

#[derive(Default)]
pub struct Queue(VecDeque<Item>);

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ask(&mut self, asked: Asked) {
        self.0.push_back(Item::Asked(asked));
    }

    /// Of one partition's news of a kind the latest counts.
    pub fn tell(&mut self, event: Event) {
        if let Some(subject) = event.subject() {
            self.0.retain(|item| match item {
                Item::Event(older) => older.subject().as_ref() != Some(&subject),
                Item::Asked(_) => true,
            });
        }
        self.0.push_back(Item::Event(event));
    }

    /// Nobody waits for an answer any more.
    pub fn forget_asked(&mut self) {
        self.0.retain(|item| matches!(item, Item::Event(_)));
    }

    /// All that waits.
    pub fn take(&mut self) -> Vec<Item> {
        self.0.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decider would see what happened after a request before it, which no real node does: and miss what goes wrong
    /// in the order that a real one has.
    #[test]
    fn what_came_first_is_taken_first() {
        let listener = "PLAINTEXT".to_owned();
        let connection = Arc::new(Connection::new(1, listener, false, 9092));
        let mut queue = Queue::default();
        let mark = |mark| Event::Applied { mark };
        queue.tell(mark(1));
        queue.ask(Asked {
            token: 7,
            api_key: 3,
            api_version: 0,
            correlation_id: 0,
            client_id: None,
            body: Vec::new(),
            connection,
        });
        queue.tell(mark(2));
        let taken = queue.take().into_iter().map(|item| match item {
            Item::Asked(asked) => format!("asked {}", asked.token),
            Item::Event(event) => format!("{event:?}"),
        });
        let expected = ["Applied { mark: 1 }", "asked 7", "Applied { mark: 2 }"];
        assert_eq!(taken.collect::<Vec<_>>(), expected);
    }
}
