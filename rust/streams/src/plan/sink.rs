//! Where records leave the topology.

use super::function::Function;
use super::reading::{Fields, Read};
use super::store::read_serde;
use super::{Names, PartitionerId, TopicId};
use crate::serde::Serde;

#[derive(Clone, Debug)]
pub struct Sink {
    pub target: Target,
    pub key: Serde,
    pub value: Serde,
    pub partitioner: Option<PartitionerId>,
    /// Changes of a table are written whole, as its regrouping reads them again.
    pub changes: bool,
}

#[derive(Clone, Debug)]
pub enum Target {
    Topic(TopicId),
    Extracted(Function),
}

impl Sink {
    pub fn read(row: &Fields<'_>, names: &Names<'_>) -> Read<Self> {
        Ok(Self {
            target: match row.text_or_none("topic")? {
                Some(topic) => Target::Topic(names.topic(topic)),
                None => Target::Extracted(Function::read(row, "extractor")?),
            },
            key: read_serde(row, "key")?,
            value: read_serde(row, "value")?,
            partitioner: row.host_number_or_none("partitioner", "partitioner")?,
            changes: false,
        })
    }
}
