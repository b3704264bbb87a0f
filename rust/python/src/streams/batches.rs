//! Whole record batches in and out: no record becomes an object of Python.

use std::io;

use bytes::Bytes;
use ottla_core::batch::{BatchSpec, Builder, Header, HeaderOut, RecordOut};
use ottla_core::client::{Fetched, Walk};
use ottla_streams::output::Output;
use ottla_streams::plan::{Plan, TopicId};
use ottla_streams::task::Input;

/// What the records of one batch may unpack to.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;

/// The records of what was fetched from one partition; keys and values are slices of it.
pub fn inputs_of(topic: TopicId, partition: i32, data: &Bytes) -> Result<Vec<Input>, String> {
    let fetched = Fetched::new(data, 0, None, true);
    if let Some(fault) = fetched.fault {
        return Err(fault);
    }
    let mut inputs = Vec::new();
    for batch in &fetched.batches {
        let bytes = data.slice(batch.at.clone());
        inputs.reserve(batch.header.record_count.max(0) as usize);
        let origin = (topic, partition);
        read(origin, &batch.header, &bytes, &mut inputs).map_err(|f| f.text().to_owned())?;
    }
    Ok(inputs)
}

fn read(
    (topic, partition): (TopicId, i32),
    header: &Header,
    batch: &Bytes,
    inputs: &mut Vec<Input>,
) -> Result<(), ottla_core::batch::Fault> {
    let mut walk = Walk::new(header, batch, UNPACKED_BYTES_MAX)?;
    // What was unpacked is copied once, so that its slices can be shared.
    let whole = match walk.unpacked() {
        Some(unpacked) => Bytes::copy_from_slice(unpacked),
        None => batch.clone(),
    };
    while let Some(spans) = walk.next(batch)? {
        let headers = spans.headers.into_iter().map(|(name, value)| {
            let name = String::from_utf8_lossy(&whole[name]).into_owned();
            (name, value.map(|at| whole.slice(at)))
        });
        inputs.push(Input {
            topic,
            partition,
            offset: header.base_offset + i64::from(spans.offset_delta),
            key: spans.key.map(|at| whole.slice(at)),
            value: spans.value.map(|at| whole.slice(at)),
            timestamp: header.timestamp(spans.timestamp_delta),
            headers: headers.collect(),
        });
    }
    Ok(())
}

/// One sealed batch a topic, in the order in which topics were first written to.
pub fn batches_of(plan: &Plan, output: &Output) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut order: Vec<TopicId> = Vec::new();
    let mut builders: Vec<Option<Builder>> = (0..plan.topics.len()).map(|_| None).collect();
    for row in output.rows() {
        let builder = match &mut builders[row.topic as usize] {
            Some(builder) => builder,
            empty => {
                order.push(row.topic);
                empty.insert(Builder::new(BatchSpec::default())?)
            }
        };
        let headers: Vec<HeaderOut<'_>> = output
            .headers(row)
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_deref()))
            .collect();
        builder.append(&RecordOut {
            timestamp_ms: row.timestamp,
            key: output.key(row),
            value: output.value(row),
            headers: &headers,
        })?;
    }
    let mut built = Vec::with_capacity(order.len());
    for topic in order {
        if let Some(builder) = builders[topic as usize].take() {
            built.push((plan.topic_name(topic).to_owned(), builder.finish(None)?));
        }
    }
    Ok(built)
}
