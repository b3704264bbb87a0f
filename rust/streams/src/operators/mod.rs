//! The operators, one function each, chosen by the plan's row.

mod aggregations;
#[cfg(test)]
mod aggregations_tests;
pub mod columns;
mod foreign_key;
pub mod functions;
pub mod joins;
mod sessions;
mod sink;
mod sliding;
mod stateless;
pub mod suppress;
mod tables;
pub mod views;
pub(crate) mod waiting;
mod windows;

pub(crate) use aggregations::Given;

use crate::application::Application;
use crate::engine::Run;
use crate::plan::operator::Operator;
use crate::plan::{Node, NodeId};
use crate::record::Record;
use crate::stop::Outcome;
use tables::Keeping;

/// What an operator keeps beside its stores.
#[derive(Debug, Default)]
pub enum State {
    #[default]
    None,
    /// The highest time that the operator has seen, and when it emitted last; -1 is never.
    Clock { observed: i64, emitted: i64 },
    /// Of aggregations in windows.
    Emit(windows::EmitClock),
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
        Operator::Filter {
            predicate,
            negate,
            by_key,
        } => stateless::filter(run, node, predicate, (*negate, *by_key), record),
        Operator::Map(mapper) => stateless::map(run, node, mapper, record),
        Operator::SelectKey(mapper) => stateless::select_key(run, node, mapper, record),
        Operator::MapValues(mapper) => stateless::map_values(run, node, mapper, record),
        Operator::FlatMap(mapper) => stateless::flat_map(run, node, mapper, record),
        Operator::FlatMapValues(mapper) => stateless::flat_map_values(run, node, mapper, record),
        Operator::Branch(predicates) => stateless::branch(run, node, predicates, record),
        Operator::Peek(action) => stateless::peek(run, node, action, record),
        Operator::PassThrough => run.forward(node, record),
        Operator::StreamAggregate {
            store,
            aggregation,
            send_old,
        } => aggregations::process(run, node, (*store, aggregation, *send_old), record),
        Operator::WindowAggregate(row) => windows::process(run, node, id, row, record),
        Operator::SlidingAggregate(row) => sliding::process(run, node, id, row, record),
        Operator::SessionAggregate(row) => sessions::process(run, node, id, row, record),
        Operator::Process { processor, .. } => stateless::process(run, id, *processor, record),
        Operator::Sink(row) => sink::process(run, id, row, record),
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
        operator => table(run, node, id, operator, record),
    }
}

fn table<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    operator: &'a Operator,
    record: &Record<H::Object>,
) -> Outcome<H> {
    match operator {
        Operator::TableSource { store, send_old } => {
            tables::source(run, node, Keeping::new(*store, *send_old), record)
        }
        Operator::TableFilter {
            predicate,
            negate,
            store,
            send_old,
            versioned,
        } => {
            let keeping = Keeping::new(*store, *send_old);
            tables::filter(run, node, (predicate, *negate, *versioned), keeping, record)
        }
        Operator::TableMapValues {
            mapper,
            store,
            send_old,
        } => tables::map_values(run, node, mapper, Keeping::new(*store, *send_old), record),
        Operator::TableTransformValues {
            processor,
            store,
            send_old,
            ..
        } => {
            let keeping = Keeping::new(*store, *send_old);
            tables::transform_values(run, node, id, *processor, keeping, record)
        }
        Operator::TableToStream => tables::to_stream(run, node, record),
        Operator::TableRepartitionMap { mapper, versioned } => {
            tables::repartition_map(run, node, mapper, *versioned, record)
        }
        operator => regrouped(run, node, operator, record),
    }
}

/// Aggregations of tables.
fn regrouped<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    operator: &'a Operator,
    record: &Record<H::Object>,
) -> Outcome<H> {
    match operator {
        Operator::TableAggregate {
            store,
            initializer,
            adder,
            subtractor,
            send_old,
        } => {
            let keeping = Keeping::new(Some(*store), *send_old);
            tables::aggregate(run, node, (initializer, adder, subtractor), keeping, record)
        }
        Operator::TableReduce {
            store,
            adder,
            subtractor,
            send_old,
        } => {
            let keeping = Keeping::new(Some(*store), *send_old);
            tables::reduce(run, node, (adder, subtractor), keeping, record)
        }
        _ => Ok(()),
    }
}
