//! Joins of tables over a foreign key: the left side subscribes at the right side's key, and is answered.
//!
//! Subscriptions and answers go through topics of their own, for the two tables are partitioned by
//! different keys. Their serdes are those of the sinks below: a subscription carries the primary key, an
//! answer the foreign value, each as its serde wrote it.

use bytes::Bytes;

use crate::application::Application;
use crate::engine::Run;
use crate::host::Headers;
use crate::operators::functions::Offer;
use crate::operators::joins::{NO_HEADERS, NULL_KEY, OUT_OF_ORDER};
use crate::operators::waiting::BYTES;
use crate::plan::join::{
    ForeignTableJoin, ResponseJoin, SubscriptionJoin, SubscriptionReceive, SubscriptionSend,
};
use crate::plan::operator::Operator;
use crate::plan::sides::JoinKind;
use crate::plan::sink::{Sink, Target};
use crate::plan::{Node, NodeId, Plan, StoreId};
use crate::record::{Change, Foreign, Payload, Record, Response, Subscription};
use crate::stop::{Outcome, refused};
use crate::subscription::{self, VERSION, instruction};
use crate::value::Value;

const NULL_FOREIGN_KEY: &str = "the foreign key is null";
const STALE: &str = "the value has changed since it asked";

// ---------------------------------------------------------------- the left side asks

#[inline(never)]
pub(super) fn send<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a SubscriptionSend,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Change(change) = &record.payload else {
        return Ok(());
    };
    if row.versioned && !change.is_latest {
        run.skip(&node.name, OUT_OF_ORDER);
        return Ok(());
    }
    if change.old.is_null() && change.new.is_null() {
        return Ok(());
    }
    let old = extract(run, row, record, &change.old)?;
    let new = extract(run, row, record, &change.new)?;
    let same = !old.is_null()
        && write_foreign(run, row, record, &old)? == write_foreign(run, row, record, &new)?;
    let ask = |run: &mut Run<'a, H>, key: &Value<H::Object>, instruction| {
        subscribe(run, node, row, record, key, instruction)
    };
    if row.kind == JoinKind::Left {
        if !old.is_null() && !same {
            ask(run, &old, instruction::DELETE)?;
        }
        return ask(run, &new, instruction::ANSWER);
    }
    if new.is_null() {
        if !change.new.is_null() {
            run.skip(&node.name, NULL_FOREIGN_KEY);
        }
        return if old.is_null() {
            Ok(())
        } else {
            ask(run, &old, instruction::DELETE_AND_ANSWER)
        };
    }
    if old.is_null() || same {
        return ask(run, &new, instruction::ANSWER_IF_FOUND);
    }
    ask(run, &old, instruction::DELETE)?;
    ask(run, &new, instruction::ANSWER)
}

fn extract<H: Application>(
    run: &mut Run<'_, H>,
    row: &SubscriptionSend,
    record: &Record<H::Object>,
    value: &Value<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    run.call(&row.extractor, &Offer::record(record).value(value))
}

fn write_foreign<H: Application>(
    run: &mut Run<'_, H>,
    row: &SubscriptionSend,
    record: &Record<H::Object>,
    key: &Value<H::Object>,
) -> Outcome<H, Option<Bytes>> {
    let mut headers = record.headers.clone();
    Ok(row
        .foreign_key
        .serialize(run.host, &row.foreign_key_topic, &mut headers, key)?)
}

fn subscribe<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a SubscriptionSend,
    record: &Record<H::Object>,
    foreign_key: &Value<H::Object>,
    instruction: u8,
) -> Outcome<H> {
    let mut headers = record.headers.clone();
    let value = row
        .value
        .serialize(run.host, &row.value_topic, &mut headers, record.value())?;
    let (serde, topic) =
        below(run.plan, node).map_or((&BYTES, ""), |(sink, topic)| (&sink.value, topic));
    let primary_key = serde.serialize(run.host, topic, &mut headers, &record.key)?;
    let Some(primary_key) = primary_key else {
        return Err(refused(
            format!("{} cannot join a record whose key is null", node.name),
            "give the table's records keys",
        ));
    };
    let asked = Record {
        key: foreign_key.clone(),
        payload: Payload::Subscription(Box::new(Subscription {
            hash: value.map(|value| subscription::hash(&value)),
            instruction,
            version: VERSION,
            primary_key,
            primary_partition: Some(run.engine.context.partition),
        })),
        timestamp: record.timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &asked)
}

/// The sink below, and the name of its topic: its serdes are those of what is carried.
fn below<'a>(plan: &'a Plan, node: &Node) -> Option<(&'a Sink, &'a str)> {
    node.children
        .iter()
        .find_map(|child| match &plan.nodes[*child].operator {
            Operator::Sink(sink) => Some((&**sink, topic(plan, sink))),
            Operator::PassThrough => below(plan, &plan.nodes[*child]),
            _ => None,
        })
}

fn topic<'a>(plan: &'a Plan, sink: &Sink) -> &'a str {
    match &sink.target {
        Target::Topic(topic) => plan.topic_name(*topic),
        Target::Extracted(_) => "",
    }
}

// ---------------------------------------------------------------- the right side answers

#[inline(never)]
pub(super) fn receive<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a SubscriptionReceive,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Subscription(asked) = &record.payload else {
        return Ok(());
    };
    if record.key.is_null() {
        if asked.instruction == instruction::ANSWER {
            return run.forward(node, record);
        }
        run.skip(&node.name, NULL_FOREIGN_KEY);
        return Ok(());
    }
    let mut headers = record.headers.clone();
    let foreign_key =
        row.foreign_key
            .serialize(run.host, &row.foreign_key_topic, &mut headers, &record.key)?;
    let key = subscription::combined(&foreign_key.unwrap_or_default(), &asked.primary_key);
    let deletes = matches!(
        asked.instruction,
        instruction::DELETE | instruction::DELETE_AND_ANSWER
    );
    if deletes {
        run.engine.stores[row.store].subscriptions().remove(&key);
        log(
            run,
            row.store,
            &key,
            None,
            run.engine.context.timestamp,
            &record.headers,
        );
    } else {
        let mut bytes = Vec::new();
        asked.write(&mut bytes);
        let headers = if run.plan.stores[row.store].with_headers {
            &record.headers
        } else {
            &NO_HEADERS
        };
        log(
            run,
            row.store,
            &key,
            Some(&bytes),
            record.timestamp,
            &record.headers,
        );
        let store = run.engine.stores[row.store].subscriptions();
        store.put(&key, bytes, record.timestamp, headers);
    }
    run.forward(node, record)
}

fn log<H: Application>(
    run: &mut Run<'_, H>,
    store: StoreId,
    key: &[u8],
    value: Option<&[u8]>,
    timestamp: i64,
    headers: &Headers,
) {
    let kept = &run.plan.stores[store];
    let headers = if kept.logs_headers {
        headers
    } else {
        &NO_HEADERS
    };
    run.engine
        .log(kept.changelog, Some(key), value, timestamp, headers);
}

/// Answer a subscription that has come.
#[inline(never)]
pub(super) fn answer<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a SubscriptionJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Subscription(asked) = &record.payload else {
        return Ok(());
    };
    let found = if record.key.is_null() {
        None
    } else {
        run.view(&row.table, &record.key, None, id)?
    };
    let timestamp = found.as_ref().map_or(record.timestamp, |found| {
        record.timestamp.max(found.timestamp)
    });
    let value = match asked.instruction {
        instruction::DELETE => return Ok(()),
        instruction::ANSWER_IF_FOUND if found.is_none() => return Ok(()),
        instruction::DELETE_AND_ANSWER => Value::Null,
        _ => found.map_or(Value::Null, |found| found.value),
    };
    reply(run, node, record, asked, value, timestamp)
}

/// A foreign value has changed: answer all that asked for it.
#[inline(never)]
pub(super) fn answer_all<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    row: &'a ForeignTableJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Change(Change { new, is_latest, .. }) = &record.payload else {
        return Ok(());
    };
    if record.key.is_null() {
        run.skip(&node.name, NULL_KEY);
        return Ok(());
    }
    if row.versioned && !is_latest {
        run.skip(&node.name, OUT_OF_ORDER);
        return Ok(());
    }
    let mut headers = record.headers.clone();
    let foreign_key =
        row.foreign_key
            .serialize(run.host, &row.foreign_key_topic, &mut headers, &record.key)?;
    let prefix = subscription::prefix(&foreign_key.unwrap_or_default());
    let asked = run.engine.stores[row.store]
        .subscriptions()
        .starting_with(&prefix);
    if asked.is_empty() {
        return Ok(());
    }
    for bytes in asked {
        let asked = Subscription::read(&bytes).map_err(|why| {
            refused(
                format!("the store of {} holds no subscription: {why}", node.name),
                "",
            )
        })?;
        reply(run, node, record, &asked, new.clone(), record.timestamp)?;
    }
    Ok(())
}

fn reply<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    record: &Record<H::Object>,
    asked: &Subscription,
    foreign_value: Value<H::Object>,
    timestamp: i64,
) -> Outcome<H> {
    let (serde, topic) =
        below(run.plan, node).map_or((&BYTES, ""), |(sink, topic)| (&sink.key, topic));
    let key = serde.deserialize(run.host, topic, &record.headers, Some(&asked.primary_key))?;
    let answer = Record {
        key,
        payload: Payload::Response(Box::new(Response {
            hash: asked.hash,
            version: 0,
            foreign_value: Foreign::Value(foreign_value),
            primary_partition: asked.primary_partition,
        })),
        timestamp,
        headers: record.headers.clone(),
    };
    run.forward(node, &answer)
}

// ---------------------------------------------------------------- the left side takes the answer

#[inline(never)]
pub(super) fn respond<'a, H: Application>(
    run: &mut Run<'a, H>,
    node: &'a Node,
    id: NodeId,
    row: &'a ResponseJoin,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let Payload::Response(answer) = &record.payload else {
        return Ok(());
    };
    let current = run
        .view(&row.table, &record.key, None, id)?
        .map(|current| current.value);
    let mut headers = record.headers.clone();
    let hash = match &current {
        None => None,
        Some(value) => {
            let bytes = row
                .value
                .serialize(run.host, &row.value_topic, &mut headers, value)?;
            Some(subscription::hash(&bytes.unwrap_or_default()))
        }
    };
    if hash != answer.hash {
        run.skip(&node.name, STALE);
        return Ok(());
    }
    let is_left = row.kind == JoinKind::Left;
    let is_null = match &answer.foreign_value {
        Foreign::Value(value) => value.is_null(),
        Foreign::Bytes(bytes) => bytes.is_none(),
    };
    let value = if is_null && (!is_left || current.is_none()) {
        Value::Null
    } else {
        let foreign = foreign_value(run, id, record, answer)?;
        let left = current.unwrap_or(Value::Null);
        run.call(&row.joiner, &Offer::new(&record.key).sides(&left, &foreign))?
    };
    let joined = Record::plain(
        record.key.clone(),
        value,
        record.timestamp,
        record.headers.clone(),
    );
    run.forward(node, &joined)
}

/// The right side's value, as the serde of the answers' topic reads it.
fn foreign_value<H: Application>(
    run: &mut Run<'_, H>,
    id: NodeId,
    record: &Record<H::Object>,
    answer: &Response<H::Object>,
) -> Outcome<H, Value<H::Object>> {
    let bytes = match &answer.foreign_value {
        Foreign::Value(value) => return Ok(value.clone()),
        Foreign::Bytes(bytes) => bytes.as_ref(),
    };
    let mut sources = run.plan.sources.iter();
    let source = sources.find(|source| source.children.contains(&id));
    let (serde, topic) = source.map_or((&BYTES, ""), |source| {
        let topic = source.topics.first();
        let topic = topic.map_or("", |topic| run.plan.topic_name(*topic));
        (&source.value, topic)
    });
    Ok(serde.deserialize(run.host, topic, &record.headers, bytes)?)
}
