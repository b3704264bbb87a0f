//! The plan of a topology, compiled: everything by number, nothing looked up by name while records run.
//!
//! It is read from one neutral tree that the host makes of `ottla.streams.plan`'s dataclasses: each is a map
//! `{"is": class, field: …}`; a function is `{"call": number, "arguments": […], "expression": rows}`, a serde
//! `{"host": number, "native": row}`, a processor `{"processor": number}`. A plan never changes.

pub mod aggregation;
pub mod function;
pub mod join;
mod names;
mod node;
pub mod operator;
mod reading;
pub mod segments;
mod settings;
pub mod sides;
pub mod sink;
pub mod source;
pub mod store;
pub mod topics;
pub mod view;
pub mod window;

use crate::json;
use crate::row::Row;
use crate::serde::{Kind, Serde};
use aggregation::Aggregation;
pub use names::{ExtractorId, Names, NodeId, PartitionerId, ProcessorId, SourceId, StoreId};
pub use node::Node;
use operator::Operator;
use reading::{Fields, Read};
use segments::{Segment, segments};
pub use settings::Settings;
use sink::{Sink, Target};
use source::Source;
use store::Store;
pub use topics::TopicId;

#[derive(Debug)]
pub struct Plan {
    pub settings: Settings,
    pub sources: Box<[Source]>,
    pub nodes: Box<[Node]>,
    pub stores: Box<[Store]>,
    /// Names of topics in Kafka, by number.
    pub topics: topics::Topics,
    /// Fields of documents that expressions ask for, as `json::Segment` has them.
    pub fields: Vec<Box<[u8]>>,
    /// How many things the sides of stream-stream joins share.
    pub shared: usize,
    pub segments: Box<[Segment]>,
}

/// Sinks below the regrouping of a table write changes whole.
fn write_changes(nodes: &mut [Node]) {
    let regroups = |node: &&Node| matches!(node.operator, Operator::TableRepartitionMap { .. });
    let below: Vec<NodeId> = nodes
        .iter()
        .filter(regroups)
        .flat_map(|node| node.children.to_vec())
        .collect();
    for child in below {
        if let Operator::Sink(sink) = &mut nodes[child].operator {
            sink.changes = true;
        }
    }
}

impl Plan {
    /// Why a tree is no plan is said in English and names the node; it is a fault of ours.
    pub fn read(tree: &Row) -> Result<Self, String> {
        let mut fields = Vec::new();
        json::asked_for(tree, &mut fields);
        let tree = Fields::new("topology", tree)?;
        let settings = Settings::read(&tree)?;
        let names = Names::read(&tree, &settings)?;
        let stores = tree.list("stores")?.iter().map(|row| {
            let fields = Fields::named(row, "store")?;
            let changelog = names.changelog(&fields)?;
            Store::read(&fields, changelog, &settings.app_id, &mut |name| {
                names.numbered(name)
            })
        });
        let mut stores = stores.collect::<Read<Box<[Store]>>>()?;
        let nodes = tree.list("nodes")?.iter().map(|row| {
            let fields = Fields::named(row, "node")?;
            let operator = Operator::read(&fields, &names)?;
            Ok(Node {
                name: fields.of.to_owned(),
                operator,
                children: names.children(&fields)?,
                stores: names.stores(&fields)?,
                straight: None,
            })
        });
        let sinks = tree.list("sinks")?.iter().map(|row| {
            let fields = Fields::named(row, "sink")?;
            Ok(Node {
                name: fields.of.to_owned(),
                operator: Operator::Sink(Box::new(Sink::read(&fields, &names)?)),
                children: Box::default(),
                stores: Box::default(),
                straight: None,
            })
        });
        let mut nodes: Box<[Node]> = nodes.chain(sinks).collect::<Read<_>>()?;
        write_changes(&mut nodes);
        keep_columns(&mut stores, &nodes);
        let straight = nodes.iter().map(|node| straight(node, &nodes, &stores));
        let straight: Vec<_> = straight.collect();
        for (node, topic) in nodes.iter_mut().zip(straight) {
            node.straight = topic;
        }
        let sources = tree.list("sources")?.iter();
        let sources = sources.map(|row| Source::read(row, &names, &nodes));
        let sources = sources.collect::<Read<Box<[Source]>>>()?;
        let segments = segments(&sources, &nodes);
        let shared = names.shared.borrow().len();
        Ok(Self {
            settings,
            sources,
            nodes,
            stores,
            shared,
            segments,
            topics: names.into_topics(),
            fields,
        })
    }

    /// The number of a topic, by its name in Kafka.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.topics.find(name)
    }

    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.topics.name(topic)
    }

    pub fn store(&self, name: &str) -> Option<StoreId> {
        self.stores.iter().position(|store| store.name == name)
    }

    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

/// Says to stores in which exactly one operator keeps native aggregates that they keep cells.
fn keep_columns(stores: &mut [Store], nodes: &[Node]) {
    for (id, store) in stores.iter_mut().enumerate() {
        let is_json = matches!(
            store.value,
            Some(Serde::Native {
                kind: Kind::Json,
                ..
            })
        );
        let operators = nodes.iter().filter_map(|node| node.operator.aggregation());
        let mut own = operators.filter(|(known, _)| *known == id);
        if let (Some((_, Aggregation::Columns(columns))), None) = (own.next(), own.next())
            && is_json
            && !store.retain_duplicates
        {
            let names = columns.iter().map(|column| column.prefix.clone());
            store.columns = names.collect();
        }
    }
}

/// The topic of windows that go, past `to_stream`, into one sink that writes what the store's changelog has.
fn straight(node: &Node, nodes: &[Node], stores: &[Store]) -> Option<TopicId> {
    let Operator::WindowAggregate(row) = &node.operator else {
        return None;
    };
    let only = |node: &Node| match node.children[..] {
        [child] => Some(&nodes[child]),
        _ => None,
    };
    let stream = only(node).filter(|node| matches!(node.operator, Operator::TableToStream))?;
    let Operator::Sink(sink) = &only(stream)?.operator else {
        return None;
    };
    let Target::Topic(topic) = sink.target else {
        return None;
    };
    let is_json = |serde: &Serde| {
        matches!(
            serde,
            Serde::Native {
                kind: Kind::Json,
                ..
            }
        )
    };
    let (Serde::Native { kind, .. }, Some(Serde::Native { kind: of, .. })) =
        (&sink.key, &stores[row.store].key)
    else {
        return None;
    };
    let same_keys = matches!(kind, Kind::TimeWindowed { key, .. } if **key == *of);
    let is_plain = sink.partitioner.is_none() && !sink.changes && !row.send_old;
    (same_keys && is_plain && is_json(&sink.value)).then_some(topic)
}
