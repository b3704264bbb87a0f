//! The partitions that this node hosts, found by topic name or topic id.

use std::collections::HashMap;
use std::sync::Arc;

use super::cell::{Cell, TopicOf};
use super::traffic::Traffic;
use crate::code::Code;
use crate::disk::Disk;
use crate::partition::Waiter;

pub struct Topic<D: Disk, W: Waiter> {
    pub of: TopicOf,
    cells: Vec<Option<Arc<Cell<D, W>>>>,
}

impl<D: Disk, W: Waiter> Topic<D, W> {
    pub fn new(name: &str, id: [u8; 16]) -> Self {
        Self {
            of: TopicOf {
                name: name.into(),
                id,
                traffic: Arc::default(),
            },
            cells: Vec::new(),
        }
    }

    pub fn cell(&self, index: i32) -> Option<&Arc<Cell<D, W>>> {
        self.cells.get(usize::try_from(index).ok()?)?.as_ref()
    }

    pub fn cells(&self) -> impl Iterator<Item = &Arc<Cell<D, W>>> {
        self.cells.iter().flatten()
    }
}

pub struct Hosted<D: Disk, W: Waiter> {
    topics: Vec<Option<Topic<D, W>>>,
    by_name: HashMap<Arc<str>, usize>,
    by_id: HashMap<[u8; 16], usize>,
    /// Of topics that are gone.
    gone: Traffic,
}

impl<D: Disk, W: Waiter> Default for Hosted<D, W> {
    fn default() -> Self {
        Self {
            topics: Vec::new(),
            by_name: HashMap::new(),
            by_id: HashMap::new(),
            gone: Traffic::default(),
        }
    }
}

impl<D: Disk, W: Waiter> Hosted<D, W> {
    pub fn topic(&self, name: &str) -> Option<&Topic<D, W>> {
        self.topics[*self.by_name.get(name)?].as_ref()
    }

    pub fn topics(&self) -> impl Iterator<Item = &Topic<D, W>> {
        self.topics.iter().flatten()
    }

    /// What clients moved, by name: of each topic, and of all that there were.
    pub fn traffic(&self, out: &mut Vec<(String, f64)>) {
        let sums = Traffic::default();
        sums.take_in(&self.gone);
        for topic in self.topics() {
            topic.of.traffic.read(&topic.of.name, out);
            sums.take_in(&topic.of.traffic);
        }
        sums.read_sums(out);
    }

    pub fn cells(&self) -> Vec<Arc<Cell<D, W>>> {
        self.topics().flat_map(Topic::cells).cloned().collect()
    }

    pub fn find(&self, topic: &str, index: i32) -> Result<&Arc<Cell<D, W>>, Code> {
        self.topic(topic)
            .and_then(|topic| topic.cell(index))
            .ok_or(Code::UnknownTopicOrPartition)
    }

    pub fn find_by_id(&self, id: &[u8; 16], index: i32) -> Result<&Arc<Cell<D, W>>, Code> {
        let place = self.by_id.get(id).ok_or(Code::UnknownTopicId)?;
        let topic = self.topics[*place].as_ref().ok_or(Code::UnknownTopicId)?;
        topic.cell(index).ok_or(Code::UnknownTopicOrPartition)
    }

    /// How the topic of this id is called.
    pub fn name_of(&self, id: &[u8; 16]) -> Option<&Arc<str>> {
        let topic = self.topics[*self.by_id.get(id)?].as_ref();
        topic.map(|topic| &topic.of.name)
    }

    /// The topic of this name and id, made if need be; a namesake with another id is let go.
    pub fn topic_or_new(&mut self, name: &str, id: [u8; 16]) -> &mut Topic<D, W> {
        let known = self.by_name.get(name).copied();
        let known = known.filter(|place| {
            self.topics[*place]
                .as_ref()
                .is_some_and(|topic| topic.of.id == id)
        });
        let place = known.unwrap_or_else(|| {
            self.forget(name);
            let place = self
                .topics
                .iter()
                .position(Option::is_none)
                .unwrap_or_else(|| {
                    self.topics.push(None);
                    self.topics.len() - 1
                });
            self.by_name.insert(name.into(), place);
            self.by_id.insert(id, place);
            place
        });
        self.topics[place].get_or_insert_with(|| Topic::new(name, id))
    }

    pub fn put(&mut self, name: &str, id: [u8; 16], cell: Arc<Cell<D, W>>) {
        let Ok(place) = usize::try_from(cell.index) else {
            return;
        };
        let topic = self.topic_or_new(name, id);
        if topic.cells.len() <= place {
            topic.cells.resize_with(place + 1, || None);
        }
        topic.cells[place] = Some(cell);
    }

    /// Take a partition out, and its topic with the last one.
    pub fn take(&mut self, name: &str, index: i32) -> Option<Arc<Cell<D, W>>> {
        let topic = self.topics[*self.by_name.get(name)?].as_mut()?;
        let cell = topic.cells.get_mut(usize::try_from(index).ok()?)?.take();
        if topic.cells.iter().all(Option::is_none) {
            self.forget(name);
        }
        cell
    }

    fn forget(&mut self, name: &str) {
        if let Some(place) = self.by_name.remove(name)
            && let Some(topic) = self.topics[place].take()
        {
            self.by_id.remove(&topic.of.id);
            self.gone.take_in(&topic.of.traffic);
        }
    }
}
