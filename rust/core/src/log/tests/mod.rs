//! One behaviour of the log a test, on the simulated disk.

mod appending;
mod damage;
mod extremes;
mod flips;
mod flushing;
mod keeping;
mod model;
mod recoding;
mod skew;
mod unlaid;
mod verifications;

use std::path::{Path, PathBuf};

use super::files::*;
use super::*;
use crate::batch::{
    BatchSpec, Batches, Builder, HEADER_BYTES, RecordOut, Records, StreamSource, crc_holds,
    first_header,
};
use crate::code::Code;
use crate::compression::{Codec, Decompressor};
use crate::disk::{DiskFile, Open, SimDisk};

const NOW: i64 = 1_700_000_000_000;

fn config() -> LogConfig {
    LogConfig {
        segment_index_bytes: 4096,
        ..LogConfig::default()
    }
}

fn dir() -> PathBuf {
    PathBuf::from("/data/topic-0")
}

fn disk() -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk
}

fn open_with(disk: &SimDisk, config: LogConfig, hints: OpenHints) -> (Log<SimDisk>, Recovery) {
    Log::open(disk.clone(), dir(), config, NOW, hints).unwrap()
}

fn fresh(config: LogConfig) -> (SimDisk, Log<SimDisk>) {
    let disk = disk();
    let (log, recovery) = open_with(&disk, config, OpenHints::default());
    assert_eq!(recovery.to_string(), "");
    (disk, log)
}

fn client() -> AppendContext {
    AppendContext {
        now_ms: NOW,
        leader_epoch: 0,
        origin: Origin::Client,
        produce_version: 11,
        verification: 0,
        transaction_version: 0,
    }
}

fn batch_with(spec: BatchSpec, values: &[&str]) -> Vec<u8> {
    timed(
        spec,
        &values.iter().map(|value| (NOW, *value)).collect::<Vec<_>>(),
    )
}

fn timed(spec: BatchSpec, values: &[(i64, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(spec).unwrap();
    for (timestamp_ms, value) in values {
        let record = RecordOut {
            timestamp_ms: *timestamp_ms,
            key: Some(b"key"),
            value: Some(value.as_bytes()),
            headers: &[(b"h", None)],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

fn batch(values: &[&str]) -> Vec<u8> {
    batch_with(BatchSpec::default(), values)
}

fn produced(id: i64, epoch: i16, sequence: i32, count: usize, transactional: bool) -> Vec<u8> {
    let spec = BatchSpec {
        producer_id: id,
        producer_epoch: epoch,
        base_sequence: sequence,
        transactional,
        ..BatchSpec::default()
    };
    batch_with(spec, &vec!["v"; count])
}

fn marker(id: i64, epoch: i16, commit: bool) -> Vec<u8> {
    let spec = BatchSpec {
        producer_id: id,
        producer_epoch: epoch,
        transactional: true,
        control: true,
        ..BatchSpec::default()
    };
    let mut builder = Builder::new(spec).unwrap();
    let record = RecordOut {
        timestamp_ms: NOW,
        key: Some(if commit { &[0, 0, 0, 1] } else { &[0, 0, 0, 0] }),
        value: Some(&[0, 0, 0, 0, 0, 7]),
        headers: &[],
    };
    builder.append(&record).unwrap();
    builder.finish(None).unwrap()
}

/// As somebody was asked about, and may.
fn verified(log: &mut Log<SimDisk>, bytes: &[u8], context: AppendContext) -> AppendContext {
    let Ok(header) = first_header(bytes) else {
        return context;
    };
    let asked = Verifying {
        number: 1,
        adds: false,
        now_ms: NOW,
    };
    let is_asked = header.is_transactional() && !log.has_transaction(&header);
    let begun = is_asked.then(|| log.verify(&header, &asked));
    AppendContext {
        verification: begun.and_then(Result::ok).flatten().unwrap_or(0),
        ..context
    }
}

fn put(log: &mut Log<SimDisk>, mut bytes: Vec<u8>) -> Result<Appended, AppendError> {
    let context = verified(log, &bytes, client());
    let done = log.append(&mut bytes, &context);
    log.set_high_watermark(log.log_end_offset());
    done
}

fn put_marker(log: &mut Log<SimDisk>, mut bytes: Vec<u8>) -> Result<Appended, AppendError> {
    log.append(
        &mut bytes,
        &AppendContext {
            origin: Origin::Coordinator,
            ..client()
        },
    )
}

fn code(done: Result<Appended, AppendError>) -> Code {
    done.unwrap_err().code
}

fn bytes_of(slice: &Slice<crate::disk::SimFile>) -> Vec<u8> {
    let mut bytes = vec![0; slice.len];
    if let Some(file) = &slice.file {
        file.read_exact_at(&mut bytes, slice.position).unwrap();
    }
    bytes
}

/// (offset, value) of all records from `from` on.
fn read_all(log: &mut Log<SimDisk>, from: i64) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    let mut next = from;
    while next < log.log_end_offset() {
        let slice = log.read(next, 1, i64::MAX, true).unwrap();
        let bytes = bytes_of(&slice);
        for piece in Batches::new(&bytes) {
            let (_, header, batch) = piece.unwrap();
            assert!(crc_holds(batch));
            let stream =
                Decompressor::new(header.codec().unwrap(), &batch[HEADER_BYTES..]).unwrap();
            let mut records = Records::new(StreamSource::new(stream), header.record_count);
            while let Some(record) = records.next_record().unwrap() {
                let offset = header.base_offset + i64::from(record.offset_delta);
                let value = String::from_utf8(record.value.unwrap_or_default()).unwrap();
                if offset >= from {
                    out.push((offset, value));
                }
            }
            next = header.next_offset();
        }
    }
    out
}
