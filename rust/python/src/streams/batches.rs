//! Whole record batches in: no record becomes an object of Python.

use bytes::Bytes;
use ottla_core::batch::{HEADER_BYTES, Header, Records, SliceSource};
use ottla_core::client::{Fetched, Walk};
use ottla_streams::plan::TopicId;
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
    // What was unpacked is copied once, so that its slices can be shared.
    let whole = match Walk::new(header, batch, UNPACKED_BYTES_MAX)?.unpacked() {
        Some(unpacked) => Bytes::copy_from_slice(unpacked),
        None => batch.slice(HEADER_BYTES..),
    };
    let mut records = Records::new(SliceSource::new(&whole), header.record_count);
    while let Some(spans) = records.next_spans()? {
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
