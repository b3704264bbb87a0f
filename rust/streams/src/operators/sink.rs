//! The end of a topology: a record's bytes for a topic of Kafka.

use crate::application::Application;
use crate::engine::Run;
use crate::host::{By, Fault, Headers};
use crate::operators::functions::Offer;
use crate::output::Stamp;
use crate::plan::sink::{Sink, Target};
use crate::plan::{NodeId, TopicId};
use crate::record::{Foreign, Payload, Record};
use crate::serde::Serde;
use crate::stop::{Outcome, Stage, Stop, What, raised};
use crate::value::Value;

#[inline(never)]
pub(super) fn process<H: Application>(
    run: &mut Run<'_, H>,
    id: NodeId,
    row: &Sink,
    record: &Record<H::Object>,
) -> Outcome<H> {
    let topic = match &row.target {
        Target::Topic(topic) => *topic,
        Target::Extracted(function) => {
            let name = run.call(function, &Offer::record(record))?;
            let name = run.host.text(&name).map_err(raised)?;
            run.plan.topics.number(&name)
        }
    };
    let Some(partitioner) = row.partitioner else {
        return write(run, id, row, (topic, -1), record, &record.headers).map(drop);
    };
    let name = run.plan.topic_name(topic);
    let chosen = run
        .host
        .partition(partitioner, name, &record.key, record.value())
        .map_err(raised)?;
    let Some(places) = chosen else {
        return write(run, id, row, (topic, -1), record, &record.headers).map(drop);
    };
    if places.is_empty() {
        let node = &run.plan.nodes[id];
        run.skip(&node.name, "its partitioner chose no partition");
    }
    // As in Kafka, what serdes do to the headers of one copy is there when the next one is written.
    let mut headers = record.headers.clone();
    for place in places {
        let written = write(run, id, row, (topic, place), record, &headers)?;
        headers = written.unwrap_or(headers);
    }
    Ok(())
}

/// Write a record with these headers; gives what serdes made of them, unless it was left out.
fn write<H: Application>(
    run: &mut Run<'_, H>,
    id: NodeId,
    row: &Sink,
    (topic, partition): (TopicId, i32),
    record: &Record<H::Object>,
    headers: &Headers,
) -> Outcome<H, Option<Headers>> {
    let mut headers = headers.clone();
    match append(run, row, topic, &mut headers, record) {
        Ok(is_there) => {
            let stamp = Stamp {
                cause: run.engine.context.cause,
                topic,
                timestamp: record.timestamp,
                headers: &headers,
                partition,
            };
            run.engine.output.end(is_there, stamp);
            run.engine.context.raw_key = None;
            run.engine.context.raw_value = None;
            Ok(Some(headers))
        }
        Err(fault) => {
            run.engine.output.abandon();
            not_written(run, id, fault).map(|()| None)
        }
    }
}

/// A wrong type is a mistake of the program: the handler of failures in writing is not asked.
#[cold]
fn not_written<H: Application>(
    run: &mut Run<'_, H>,
    id: NodeId,
    fault: Fault<H::Error>,
) -> Outcome<H> {
    let is_of_type = match &fault {
        Fault::Refused(refusal) => refusal.by == By::Type,
        Fault::Host(error) => run.host.is_of_type(error),
    };
    if !is_of_type {
        return run.failed(Stage::Production, id, fault.into());
    }
    let mut stop = Stop::from(fault);
    let name = &run.plan.nodes[id].name;
    stop.tell(name, What::Stage(Stage::Production), &run.engine.context);
    Err(stop)
}

/// Key and value into the output's arena; whether the value is there.
fn append<H: Application>(
    run: &mut Run<'_, H>,
    row: &Sink,
    topic: TopicId,
    headers: &mut Headers,
    record: &Record<H::Object>,
) -> Result<bool, Fault<H::Error>> {
    let name = run.plan.topic_name(topic);
    let output = &mut run.engine.output;
    let key = &record.key;
    let written = row
        .key
        .serialize_into(run.host, name, headers, key, output.begin())?;
    output.end_key(written);
    let arena = output.arena();
    match &record.payload {
        Payload::Plain(value) => row
            .value
            .serialize_into(run.host, name, headers, value, arena),
        Payload::Change(change) if row.changes => {
            let values = (&change.new, &change.old);
            changed(run.host, &row.value, name, headers, values, arena)?;
            Ok(true)
        }
        Payload::Change(change) => {
            let value = &change.new;
            row.value
                .serialize_into(run.host, name, headers, value, arena)
        }
        Payload::Subscription(subscription) => {
            subscription.write(arena);
            Ok(true)
        }
        Payload::Response(response) => {
            response.write_start(arena);
            match &response.foreign_value {
                Foreign::Value(value) => {
                    row.value
                        .serialize_into(run.host, name, headers, value, arena)?;
                }
                Foreign::Bytes(bytes) => {
                    arena.extend_from_slice(bytes.as_deref().unwrap_or_default())
                }
            }
            Ok(true)
        }
    }
}

/// Kafka's bytes of a change: new alone and 1, old alone and 0, or new's length, both and 2.
fn changed<H: Application>(
    host: &mut H,
    serde: &Serde,
    topic: &str,
    headers: &mut Headers,
    (new, old): (&Value<H::Object>, &Value<H::Object>),
    out: &mut Vec<u8>,
) -> Result<(), Fault<H::Error>> {
    match (new.is_null(), old.is_null()) {
        (false, true) => {
            serde.serialize_into(host, topic, headers, new, out)?;
            out.push(1);
        }
        (true, _) => {
            serde.serialize_into(host, topic, headers, old, out)?;
            out.push(0);
        }
        (false, false) => {
            let mut first = Vec::new();
            serde.serialize_into(host, topic, headers, new, &mut first)?;
            zigzag(first.len() as i32, out);
            out.extend_from_slice(&first);
            serde.serialize_into(host, topic, headers, old, out)?;
            out.push(2);
        }
    }
    Ok(())
}

fn zigzag(number: i32, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 31)) as u32;
    while rest > 0x7F {
        out.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
