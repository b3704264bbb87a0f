//! Operators on streams that keep nothing: filters, maps, branches, peeks; and a user's processor.

use crate::application::Application;
use crate::engine::Run;
use crate::operators::functions::Offer;
use crate::plan::function::Function;
use crate::plan::{Node, NodeId, ProcessorId};
use crate::record::Record;
use crate::stop::{Outcome, raised, refused};
use crate::value::Value;

#[inline(never)]
pub(super) fn filter<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    predicate: &Function,
    (negate, by_key): (bool, bool),
    record: &Record<H::Object>,
) -> Outcome<H> {
    if run.test(predicate, &Offer::record(record))? != negate {
        run.forward(node, record)?;
    } else if by_key {
        run.skip(&node.name, "the key is null");
    }
    Ok(())
}

#[inline(never)]
pub(super) fn map<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let given = run.call(mapper, &Offer::record(record))?;
    let (key, value) = run.host.pair(&given).map_err(raised)?;
    forward(run, node, record, key, value)
}

#[inline(never)]
pub(super) fn select_key<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let key = run.call(mapper, &Offer::record(record))?;
    let selected = Record {
        key,
        payload: record.payload.clone(),
        timestamp: record.timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &selected)
}

#[inline(never)]
pub(super) fn map_values<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let value = run.call(mapper, &Offer::record(record))?;
    forward(run, node, record, record.key.clone(), value)
}

#[inline(never)]
pub(super) fn flat_map<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let all = several(run, mapper, record)?;
    while let Some(given) = run.host.next(&all).map_err(raised)? {
        let (key, value) = run.host.pair(&given).map_err(raised)?;
        forward(run, node, record, key, value)?;
    }
    Ok(())
}

#[inline(never)]
pub(super) fn flat_map_values<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let all = several(run, mapper, record)?;
    while let Some(value) = run.host.next(&all).map_err(raised)? {
        forward(run, node, record, record.key.clone(), value)?;
    }
    Ok(())
}

/// What goes through a flat mapper's results, which are forwarded one by one as they come.
fn several<H: Application>(
    run: &mut Run<'_, H>,
    mapper: &Function,
    record: &Record<H::Object>,
) -> Outcome<H, H::Object> {
    let given = run.call(mapper, &Offer::record(record))?;
    if given.is_null() {
        return Err(refused(
            "a function of a flat map gave None",
            "return a list; an empty one for nothing",
        ));
    }
    run.host.iterate(&given).map_err(raised)
}

fn forward<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    record: &Record<H::Object>,
    key: Value<H::Object>,
    value: Value<H::Object>,
) -> Outcome<H> {
    let made = Record::plain(key, value, record.timestamp, record.headers.clone());
    run.forward(node, &made)
}

/// To the child of the first predicate that holds; one child more is the default's.
#[inline(never)]
pub(super) fn branch<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    predicates: &[Function],
    record: &Record<H::Object>,
) -> Outcome<H> {
    for (place, predicate) in predicates.iter().enumerate() {
        if run.test(predicate, &Offer::record(record))? {
            return run.forward_to(node.children[place], record);
        }
    }
    match node.children.get(predicates.len()) {
        Some(default) => run.forward_to(*default, record),
        None => Ok(()),
    }
}

#[inline(never)]
pub(super) fn peek<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    action: &Function,
    record: &Record<H::Object>,
) -> Outcome<H> {
    run.call(action, &Offer::record(record))?;
    run.forward(node, record)
}

/// The user's processor forwards by itself, through `Engine::forward`.
#[inline(never)]
pub(super) fn process<H: Application>(
    run: &mut Run<'_, H>,
    id: NodeId,
    processor: ProcessorId,
    record: &Record<H::Object>,
) -> Outcome<H> {
    run.host.process(run.engine, processor, id, record)
}
