//! Names that rows of the tree say, and the numbers that a plan has instead.

use std::cell::RefCell;
use std::collections::HashMap;

use super::reading::{Fields, Read};
use super::settings::Settings;
use super::topics::{TopicId, Topics};

pub type StoreId = usize;
/// Nodes first, then sinks.
pub type NodeId = usize;
pub type SourceId = usize;
/// Numbers by which the host knows what it was asked to keep.
pub type ProcessorId = u32;
pub type ExtractorId = u32;
pub type PartitionerId = u32;

/// Names that rows say, and their numbers.
pub struct Names<'r> {
    nodes: HashMap<&'r str, NodeId>,
    stores: HashMap<&'r str, StoreId>,
    internal: Vec<&'r str>,
    app_id: String,
    topics: RefCell<Vec<String>>,
    pub(super) shared: RefCell<Vec<String>>,
}

impl<'r> Names<'r> {
    pub(super) fn read(tree: &Fields<'r>, settings: &Settings) -> Read<Self> {
        let names = |list: &str| -> Read<Vec<&'r str>> {
            let rows = tree.list(list)?.iter();
            rows.map(|row| Fields::named(row, list).map(|fields| fields.of))
                .collect()
        };
        let nodes = names("nodes")?.into_iter().chain(names("sinks")?);
        let stores = names("stores")?.into_iter();
        Ok(Self {
            nodes: nodes
                .enumerate()
                .map(|(place, name)| (name, place))
                .collect(),
            stores: stores
                .enumerate()
                .map(|(place, name)| (name, place))
                .collect(),
            internal: names("internal_topics")?,
            app_id: settings.app_id.clone(),
            topics: RefCell::default(),
            shared: RefCell::default(),
        })
    }

    pub fn store(&self, row: &Fields<'_>, field: &str) -> Read<StoreId> {
        self.store_named(row, row.text(field)?)
    }

    fn store_named(&self, row: &Fields<'_>, name: &str) -> Read<StoreId> {
        let place = self.stores.get(name).copied();
        place.ok_or_else(|| format!("{}: there is no store {name}", row.of))
    }

    pub fn store_or_none(&self, row: &Fields<'_>, field: &str) -> Read<Option<StoreId>> {
        match row.text_or_none(field)? {
            None => Ok(None),
            Some(name) => self.store_named(row, name).map(Some),
        }
    }

    pub fn node(&self, row: &Fields<'_>, field: &str) -> Read<NodeId> {
        self.node_named(row, row.text(field)?)
    }

    fn node_named(&self, row: &Fields<'_>, name: &str) -> Read<NodeId> {
        let place = self.nodes.get(name).copied();
        place.ok_or_else(|| format!("{}: there is no node {name}", row.of))
    }

    pub fn children(&self, row: &Fields<'_>) -> Read<Box<[NodeId]>> {
        let children = row.texts("children")?.into_iter();
        children.map(|name| self.node_named(row, name)).collect()
    }

    pub(super) fn stores(&self, row: &Fields<'_>) -> Read<Box<[StoreId]>> {
        let stores = row.texts("stores")?.into_iter();
        stores.map(|name| self.store_named(row, name)).collect()
    }

    /// The name in Kafka of a topic that the plan names.
    pub fn full(&self, topic: &str) -> String {
        if self.internal.contains(&topic) {
            format!("{}-{topic}", self.app_id)
        } else {
            topic.to_owned()
        }
    }

    /// The number of a topic that the plan names.
    pub fn topic(&self, topic: &str) -> TopicId {
        self.numbered(&self.full(topic))
    }

    pub(super) fn numbered(&self, full: &str) -> TopicId {
        place(&mut self.topics.borrow_mut(), full) as TopicId
    }

    pub fn shared(&self, name: &str) -> usize {
        place(&mut self.shared.borrow_mut(), name)
    }

    pub(super) fn changelog(&self, store: &Fields<'_>) -> Read<Option<String>> {
        if let Some(topic) = store.text_or_none("changelog_topic")? {
            return Ok(Some(self.full(topic)));
        }
        let logged = store.flag("logged")?;
        Ok(logged.then(|| format!("{}-{}-changelog", self.app_id, store.of)))
    }

    pub(super) fn into_topics(self) -> Topics {
        Topics::new(self.topics.into_inner())
    }
}

fn place(names: &mut Vec<String>, name: &str) -> usize {
    names
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        })
}
