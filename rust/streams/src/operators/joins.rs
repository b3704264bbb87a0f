//! Joins, and what belongs to them.

use crate::application::Application;
use crate::engine::Run;
use crate::plan::{Node, NodeId};
use crate::record::Record;
use crate::stop::Outcome;

/// What an operator of this room keeps beside its stores.
#[derive(Debug, Default)]
pub struct State {}

/// What the two sides of a stream-stream join share.
#[derive(Debug, Default)]
pub struct Shared {}

pub fn process<'a, H: Application>(
    _run: &mut Run<'a, H>,
    _node: &'a Node,
    _id: NodeId,
    _record: &Record<H::Object>,
) -> Outcome<H> {
    Ok(())
}
