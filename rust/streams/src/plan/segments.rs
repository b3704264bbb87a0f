//! Where functions of many values stand (`crate::ahead`): what of a source's records comes there is known
//! before they go through the topology.

use super::function::Function;
use super::operator::Operator;
use super::source::{Format, Source};
use super::{Node, NodeId, SourceId};
use crate::host::FunctionId;

/// A function of many values, the source whose records it gets, and the operators between.
#[derive(Clone, Debug)]
pub struct Segment {
    pub source: SourceId,
    pub way: Box<[NodeId]>,
    pub node: NodeId,
    pub function: FunctionId,
}

/// All segments of a plan; those above others come first.
pub fn segments(sources: &[Source], nodes: &[Node]) -> Box<[Segment]> {
    let mut parents = vec![0; nodes.len()];
    let children = sources.iter().map(|source| &source.children);
    for child in children.chain(nodes.iter().map(|node| &node.children)) {
        child.iter().for_each(|id| parents[*id] += 1);
    }
    let mut found = Vec::new();
    for (id, source) in sources.iter().enumerate() {
        let is_plain = matches!(source.format, Format::Plain);
        if source.is_global || source.timestamp_extractor.is_some() || !is_plain {
            continue;
        }
        let mut rest: Vec<(NodeId, Vec<NodeId>)> = source
            .children
            .iter()
            .rev()
            .map(|child| (*child, Vec::new()))
            .collect();
        while let Some((node, way)) = rest.pop() {
            if parents[node] != 1 {
                continue;
            }
            let operator = &nodes[node].operator;
            for function in functions(operator).iter().filter_map(|each| each.batch) {
                found.push(Segment {
                    source: id,
                    way: way.clone().into(),
                    node,
                    function,
                });
            }
            if is_seen_through(operator) {
                let further: Vec<NodeId> = way.iter().copied().chain([node]).collect();
                let children = nodes[node].children.iter().rev();
                rest.extend(children.map(|child| (*child, further.clone())));
            }
        }
    }
    found.into()
}

/// The functions of an operator that makes of each record what stands in that record alone.
fn functions(operator: &Operator) -> &[Function] {
    match operator {
        Operator::Filter { predicate: one, .. }
        | Operator::Map(one)
        | Operator::SelectKey(one)
        | Operator::MapValues(one)
        | Operator::FlatMap(one)
        | Operator::FlatMapValues(one) => std::slice::from_ref(one),
        Operator::Branch(predicates) => predicates,
        _ => &[],
    }
}

/// Whether what a record becomes below an operator can be known without asking a function of Python.
fn is_seen_through(operator: &Operator) -> bool {
    match operator {
        Operator::PassThrough => true,
        Operator::Filter { .. }
        | Operator::SelectKey(_)
        | Operator::MapValues(_)
        | Operator::Branch(_) => functions(operator)
            .iter()
            .all(|each| each.expression.is_some() || each.batch.is_some()),
        _ => false,
    }
}
