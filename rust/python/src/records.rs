//! Record batches for Python: tuples in, one sealed batch out, and back. `ottla.wire.records` dresses them.

use std::io::Read;

use ottla_core::batch::{
    BatchSpec, Batches, Builder, Cut, Fault, Header, HeaderOut, Record, RecordOut, Records,
    StreamSource, crc_holds,
};
use ottla_core::compression::{Codec, Decompressor, Levels, unpacking};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::errors::refusal_of;

type Headers = Vec<(String, Option<PyBackedBytes>)>;
/// (key, value, headers, timestamp, offset or -1)
type Given = (
    Option<PyBackedBytes>,
    Option<PyBackedBytes>,
    Headers,
    i64,
    i64,
);

fn invalid(text: impl Into<String>) -> PyErr {
    refusal_of("invalid", text)
}

fn corrupt(text: impl Into<String>) -> PyErr {
    refusal_of("corrupt-batch", text)
}

/// What a window may take beside what is unpacked.
const WINDOW_BYTES_MAX: usize = 16 << 20;

/// All that these bytes unpack to, unless that is too much.
#[pyfunction]
pub fn unpack<'py>(
    py: Python<'py>,
    codec: &str,
    data: &[u8],
    bytes_max: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let codec =
        Codec::from_name(codec).ok_or_else(|| invalid(format!("there is no codec {codec:?}")))?;
    if unpacking(codec, data) > WINDOW_BYTES_MAX {
        return Err(invalid("it would take too much memory to unpack"));
    }
    let mut out = Vec::new();
    let most = (bytes_max as u64).saturating_add(1);
    let read =
        Decompressor::new(codec, data).and_then(|from| from.take(most).read_to_end(&mut out));
    read.map_err(|e| invalid(format!("what is packed is damaged: {e}")))?;
    if out.len() > bytes_max {
        return Err(invalid(format!(
            "it unpacks to more than {bytes_max} bytes"
        )));
    }
    Ok(PyBytes::new(py, &out))
}

/// One sealed batch of these records, with rising offsets from `base_offset` on unless they bring their own.
#[pyfunction]
#[pyo3(signature = (records, *, base_offset, leader_epoch, codec, level, producer_id, producer_epoch,
                    base_sequence, transactional, control, log_append_time_ms))]
#[allow(clippy::too_many_arguments)]
pub fn build_batch<'py>(
    py: Python<'py>,
    records: Vec<Given>,
    base_offset: i64,
    leader_epoch: i32,
    codec: &str,
    level: Option<i32>,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    transactional: bool,
    control: bool,
    log_append_time_ms: Option<i64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (codec, levels) = levels_of(codec, level)?;
    let spec = BatchSpec {
        base_offset,
        leader_epoch,
        codec,
        levels,
        log_append_time_ms,
        producer_id,
        producer_epoch,
        base_sequence,
        transactional,
        control,
        delete_horizon_ms: None,
    };
    if records.is_empty() {
        return Err(invalid("a batch needs a record"));
    }
    let batch = py
        .detach(|| build(spec, &records))
        .map_err(|e| invalid(e.to_string()))?;
    Ok(PyBytes::new(py, &batch))
}

/// A codec by its name, with what its level means.
pub fn levels_of(codec: &str, level: Option<i32>) -> PyResult<(Codec, Levels)> {
    let codec = Codec::from_name(codec).ok_or_else(|| {
        invalid(format!(
            "{codec:?} is none of none, gzip, snappy, lz4, zstd"
        ))
    })?;
    let mut levels = Levels::default();
    match (codec, level) {
        (_, None) => {}
        (Codec::Gzip, Some(level @ 1..=9)) => levels.gzip = level,
        (Codec::Lz4, Some(level @ 1..=17)) => levels.lz4 = level,
        (Codec::Zstd, Some(level @ -131_072..=22)) => levels.zstd = level,
        (_, Some(level)) => {
            return Err(invalid(format!(
                "{} has no level {level} here",
                codec.name()
            )));
        }
    }
    Ok((codec, levels))
}

fn build(spec: BatchSpec, records: &[Given]) -> std::io::Result<Vec<u8>> {
    let mut builder = Builder::new(spec)?;
    for (key, value, headers, timestamp_ms, offset) in records {
        let headers: Vec<HeaderOut<'_>> = headers
            .iter()
            .map(|(k, v)| (k.as_bytes(), v.as_deref()))
            .collect();
        let record = RecordOut {
            timestamp_ms: *timestamp_ms,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        if *offset < 0 {
            builder.append(&record)?;
        } else {
            let delta = i32::try_from(offset.wrapping_sub(spec.base_offset))
                .map_err(std::io::Error::other)?;
            builder.append_at(delta, &record)?;
        }
    }
    builder.finish(None)
}

/// The whole batches in `data`, checksums checked, each as a tuple of header fields and a list of record tuples.
/// What is cut off at the end is left out, as a fetch may cut it. One whose records unpack to more than
/// `unpacked_bytes_max` is refused as a broken one is.
#[pyfunction]
pub fn read_batches<'py>(
    py: Python<'py>,
    data: &[u8],
    records: bool,
    unpacked_bytes_max: Option<u64>,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for piece in Batches::new(data) {
        let (at, header, batch) = match piece {
            Ok(piece) => piece,
            Err(Cut::Incomplete) => break,
            Err(Cut::BadLength(n)) => return Err(corrupt(format!("a batch of {n} bytes"))),
            Err(Cut::Magic(n)) => return Err(corrupt(format!("a batch of format {n}, not 2"))),
        };
        if !crc_holds(batch) {
            return Err(corrupt(format!(
                "the checksum of the batch at byte {at} (offset {}) is wrong",
                header.base_offset
            )));
        }
        let codec = header
            .codec()
            .ok_or_else(|| corrupt("a codec that does not exist"))?;
        let walked = match records {
            true => walk(py, (&header, codec, batch), unpacked_bytes_max)?,
            false => PyList::empty(py),
        };
        let fields = (
            (
                header.base_offset,
                header.last_offset(),
                header.leader_epoch,
                codec.name(),
            ),
            (
                header.is_log_append_time(),
                header.is_transactional(),
                header.is_control(),
            ),
            (header.base_timestamp, header.max_timestamp),
            (
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
            ),
            (header.record_count, at, batch.len()),
            walked,
        );
        list.append(fields)?;
    }
    Ok(list)
}

/// The records of one batch, as tuples.
fn walk<'py>(
    py: Python<'py>,
    (header, codec, batch): (&Header, Codec, &[u8]),
    bytes_max: Option<u64>,
) -> PyResult<Bound<'py, PyList>> {
    let stream = Decompressor::new(codec, &batch[ottla_core::batch::HEADER_BYTES..])
        .map_err(|e| corrupt(e.to_string()))?;
    let refused = |fault: Fault| {
        let text = fault.text();
        corrupt(match bytes_max {
            Some(most) => format!("{text}; or its records take more than {most} bytes"),
            None => text.to_owned(),
        })
    };
    let source = StreamSource::limited(stream, bytes_max.unwrap_or(u64::MAX));
    let mut walk = Records::new(source, header.record_count);
    let walked = PyList::empty(py);
    while let Some(record) = walk.next_record().map_err(refused)? {
        let timestamp_ms = header.timestamp(record.timestamp_delta);
        let offset = header.base_offset + i64::from(record.offset_delta);
        walked.append(record_tuple(py, &record, timestamp_ms, offset)?)?;
    }
    Ok(walked)
}

fn bytes<'py>(py: Python<'py>, field: Option<&[u8]>) -> Option<Bound<'py, PyBytes>> {
    field.map(|field| PyBytes::new(py, field))
}

fn record_tuple<'py>(
    py: Python<'py>,
    record: &Record,
    timestamp_ms: i64,
    offset: i64,
) -> PyResult<Bound<'py, PyTuple>> {
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|(key, value)| {
            (
                String::from_utf8_lossy(key).into_owned(),
                bytes(py, value.as_deref()),
            )
        })
        .collect();
    let headers = PyTuple::new(py, headers)?;
    let key = bytes(py, record.key.as_deref());
    (
        key,
        bytes(py, record.value.as_deref()),
        headers,
        timestamp_ms,
        offset,
    )
        .into_pyobject(py)
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(build_batch, module)?)?;
    module.add_function(wrap_pyfunction!(unpack, module)?)?;
    module.add_function(wrap_pyfunction!(read_batches, module)?)
}
