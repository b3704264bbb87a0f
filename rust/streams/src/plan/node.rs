//! A node of the topology: an operator or a sink, and where its records go.

use super::names::{NodeId, StoreId};
use super::operator::Operator;
use super::topics::TopicId;

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub operator: Operator,
    pub children: Box<[NodeId]>,
    /// Stores that it may reach.
    pub stores: Box<[StoreId]>,
    /// Where its windows' records end as they are kept, with nothing to be done to them on the way.
    pub straight: Option<TopicId>,
}
