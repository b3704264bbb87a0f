//! The operators, one function each, chosen by the plan's row.

pub mod columns;
mod foreign_key;
pub mod functions;
pub mod joins;
pub mod suppress;
pub mod views;
pub(crate) mod waiting;

use crate::application::Application;
use crate::engine::Run;
use crate::plan::operator::Operator;
use crate::plan::{Node, NodeId};
use crate::record::Record;
use crate::stop::Outcome;

/// What an operator keeps beside its stores.
#[derive(Debug, Default)]
pub enum State {
    #[default]
    None,
    /// The highest time that the operator has seen, and when it emitted last; -1 is never.
    Clock { observed: i64, emitted: i64 },
}

impl State {
    pub fn new(_operator: &Operator) -> Self {
        Self::None
    }
}

/// Give a record to a node. A fault goes up as it is; `Run::deliver` asks the handlers.
pub fn process<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    match &node.operator {
        Operator::PassThrough => run.forward(node, record),
        Operator::Suppress(_)
        | Operator::JoinWindow(_)
        | Operator::StreamStreamJoin(_)
        | Operator::StreamSelfJoin(_)
        | Operator::StreamTableJoin(_)
        | Operator::StreamGlobalJoin(_)
        | Operator::TableTableJoin(_)
        | Operator::TableTableMerge { .. }
        | Operator::SubscriptionSend(_)
        | Operator::SubscriptionReceive(_)
        | Operator::SubscriptionJoin(_)
        | Operator::ForeignTableJoin(_)
        | Operator::ResponseJoin(_) => joins::process(run, node, id, record),
        _ => Ok(()),
    }
}
