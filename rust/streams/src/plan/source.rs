//! Where records enter the topology.

use super::operator::Operator;
use super::reading::{Fields, Read};
use super::store::read_serde;
use super::{ExtractorId, Names, Node, NodeId, TopicId};
use crate::row::Row;
use crate::serde::Serde;

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    /// The topics that it reads; one of a pattern has none, and is found by its place.
    pub topics: Box<[TopicId]>,
    /// A topic's name that stands for all that its pattern matches.
    pub is_pattern: bool,
    pub key: Serde,
    pub value: Serde,
    pub format: Format,
    pub children: Box<[NodeId]>,
    pub timestamp_extractor: Option<ExtractorId>,
    pub is_global: bool,
}

/// What a source's values are, inside their serde.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    /// New and old value of a table's record, in a repartition topic.
    Change,
    /// Topics of a join over a foreign key.
    Subscription,
    Response,
}

impl Source {
    pub fn read(row: &Row, names: &Names<'_>, nodes: &[Node]) -> Read<Self> {
        let fields = Fields::named(row, "source")?;
        let children = names.children(&fields)?;
        let topics = fields.texts("topics")?;
        let format = match children.first().map(|child| &nodes[*child].operator) {
            Some(Operator::TableAggregate(_) | Operator::TableReduce(_)) => Format::Change,
            Some(Operator::SubscriptionReceive(_)) => Format::Subscription,
            Some(Operator::ResponseJoin(_)) => Format::Response,
            _ => Format::Plain,
        };
        Ok(Self {
            name: fields.of.to_owned(),
            topics: topics.into_iter().map(|topic| names.topic(topic)).collect(),
            is_pattern: fields.get("pattern").is_some(),
            key: read_serde(&fields, "key")?,
            value: read_serde(&fields, "value")?,
            format,
            children,
            timestamp_extractor: fields.host_number_or_none("timestamp_extractor", "extractor")?,
            is_global: fields.flag("is_global")?,
        })
    }
}
