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

/// Give a record to a node: an operator without its line here is not compiled. A fault goes up as it is;
/// `Run::deliver` asks the handlers.
///
/// No operator is put into this function: each level of a topology would take the stack of the largest one.
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
        Operator::TableSource(keeping) => tables::source(run, node, *keeping, record),
        Operator::TableFilter(row) => tables::filter(run, node, row, record),
        Operator::TableMapValues { mapper, keeping } => {
            tables::map_values(run, node, mapper, *keeping, record)
        }
        Operator::TableTransformValues {
            processor, keeping, ..
        } => tables::transform_values(run, node, id, *processor, *keeping, record),
        Operator::TableToStream => tables::to_stream(run, node, record),
        Operator::TableRepartitionMap { mapper, versioned } => {
            tables::repartition_map(run, node, mapper, *versioned, record)
        }
        Operator::TableAggregate(row) => tables::aggregate(run, node, row, record),
        Operator::TableReduce(row) => tables::reduce(run, node, row, record),
        Operator::Suppress(row) => suppress::process(run, node, id, row, record),
        Operator::JoinWindow(store) => joins::stream_stream::keep(run, node, *store, record),
        Operator::StreamStreamJoin(row) => joins::stream_stream::process(run, node, row, record),
        Operator::StreamSelfJoin(row) => joins::self_join::process(run, node, id, row, record),
        Operator::StreamTableJoin(row) => joins::stream_table::process(run, node, id, row, record),
        Operator::StreamGlobalJoin(row) => joins::stream_table::global(run, node, id, row, record),
        Operator::TableTableJoin(row) => joins::table_table::process(run, node, id, row, record),
        Operator::TableTableMerge(kept) => joins::table_table::merge(run, node, *kept, record),
        Operator::SubscriptionSend(row) => foreign_key::send(run, node, row, record),
        Operator::SubscriptionReceive(row) => foreign_key::receive(run, node, row, record),
        Operator::SubscriptionJoin(row) => foreign_key::answer(run, node, id, row, record),
        Operator::ForeignTableJoin(row) => foreign_key::answer_all(run, node, row, record),
        Operator::ResponseJoin(row) => foreign_key::respond(run, node, id, row, record),
    }
}
