//! Making a batch: records in, one sealed batch out, compressed on the way.

use std::io::{self, Write};

use super::header::{HEADER_BYTES, MAGIC, NO_PRODUCER_ID, NO_TIMESTAMP, PREFIX_BYTES};
use super::header::{attributes, seal};
use super::varint::{len_i32, len_i64, put_i32, put_i64};
use crate::compression::{Codec, Compressor, Levels};

/// What a batch's header says besides what its records decide.
#[derive(Clone, Copy, Debug)]
pub struct BatchSpec {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub codec: Codec,
    pub levels: Levels,
    /// The broker's time for LogAppendTime batches.
    pub log_append_time_ms: Option<i64>,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub transactional: bool,
    pub control: bool,
    /// When what is deleted by the batch's tombstones may be forgotten, and they too: it takes the place of the first
    /// record's timestamp in the header.
    pub delete_horizon_ms: Option<i64>,
}

impl Default for BatchSpec {
    fn default() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: -1,
            codec: Codec::None,
            levels: Levels::default(),
            log_append_time_ms: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: -1,
            base_sequence: -1,
            transactional: false,
            control: false,
            delete_horizon_ms: None,
        }
    }
}

/// A header of a record: its key, and its value or null.
pub type HeaderOut<'a> = (&'a [u8], Option<&'a [u8]>);

/// One record to write.
#[derive(Clone, Copy, Debug)]
pub struct RecordOut<'a> {
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [HeaderOut<'a>],
}

/// Takes records one by one; `finish` gives the sealed batch.
pub struct Builder {
    spec: BatchSpec,
    stream: Compressor,
    scratch: Vec<u8>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    next_delta: i32,
    count: i32,
}

impl Builder {
    pub fn new(spec: BatchSpec) -> io::Result<Self> {
        let stream = Compressor::new(spec.codec, spec.levels, vec![0; HEADER_BYTES])?;
        Ok(Self {
            spec,
            stream,
            scratch: Vec::new(),
            base_timestamp: spec.delete_horizon_ms,
            max_timestamp: NO_TIMESTAMP,
            next_delta: 0,
            count: 0,
        })
    }

    /// Append with the next offset.
    pub fn append(&mut self, record: &RecordOut<'_>) -> io::Result<()> {
        self.append_at(self.next_delta, record)
    }

    /// Append with an offset of its own, which must be above the one before.
    pub fn append_at(&mut self, offset_delta: i32, record: &RecordOut<'_>) -> io::Result<()> {
        let after = self.after(offset_delta)?;
        let base = *self.base_timestamp.get_or_insert(record.timestamp_ms);
        self.max_timestamp = self.max_timestamp.max(record.timestamp_ms);
        let delta = record.timestamp_ms.wrapping_sub(base);
        let field = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => len_i32(bytes.len() as i32) + bytes.len(),
            None => 1,
        };
        let headers: usize = record
            .headers
            .iter()
            .map(|(k, v)| field(Some(k)) + field(*v))
            .sum();
        let size = 1
            + len_i64(delta)
            + len_i32(offset_delta)
            + field(record.key)
            + field(record.value)
            + len_i32(record.headers.len() as i32)
            + headers;
        let size = i32::try_from(size)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a record over 2 GiB"))?;
        self.scratch.clear();
        put_i32(&mut self.scratch, size);
        self.scratch.push(0);
        put_i64(&mut self.scratch, delta);
        put_i32(&mut self.scratch, offset_delta);
        self.field(record.key)?;
        self.field(record.value)?;
        put_i32(&mut self.scratch, record.headers.len() as i32);
        for (key, value) in record.headers {
            self.field(Some(key))?;
            self.field(*value)?;
        }
        self.stream.write_all(&self.scratch)?;
        self.next_delta = after;
        self.count += 1;
        Ok(())
    }

    /// The offset after this one, which must not be taken.
    fn after(&self, offset_delta: i32) -> io::Result<i32> {
        let after = offset_delta.checked_add(1);
        after
            .filter(|_| offset_delta >= self.next_delta)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "offsets in a batch must grow, and stay below 2^31 - 1",
                )
            })
    }

    /// Begin a record with the next offset, of which all behind the offset comes by `push`, so many bytes.
    pub fn begin(&mut self, timestamp_ms: i64, rest: usize) -> io::Result<()> {
        self.begin_at(self.next_delta, timestamp_ms, rest)
    }

    /// The same with an offset of its own, which must be above the one before.
    pub fn begin_at(
        &mut self,
        offset_delta: i32,
        timestamp_ms: i64,
        rest: usize,
    ) -> io::Result<()> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
        self.next_delta = self.after(offset_delta)?;
        let base = *self.base_timestamp.get_or_insert(timestamp_ms);
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        let delta = timestamp_ms.wrapping_sub(base);
        let size = 1 + len_i64(delta) + len_i32(offset_delta) + rest;
        let size = i32::try_from(size).map_err(|_| invalid("a record over 2 GiB"))?;
        self.scratch.clear();
        put_i32(&mut self.scratch, size);
        self.scratch.push(0);
        put_i64(&mut self.scratch, delta);
        put_i32(&mut self.scratch, offset_delta);
        self.stream.write_all(&self.scratch)?;
        self.count += 1;
        Ok(())
    }

    /// More of the record that was begun.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn field(&mut self, bytes: Option<&[u8]>) -> io::Result<()> {
        let Some(bytes) = bytes else {
            put_i32(&mut self.scratch, -1);
            return Ok(());
        };
        put_i32(&mut self.scratch, bytes.len() as i32);
        if bytes.len() < 512 {
            self.scratch.extend_from_slice(bytes);
            return Ok(());
        }
        self.stream.write_all(&self.scratch)?;
        self.scratch.clear();
        self.stream.write_all(bytes)
    }

    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes written so far, as far as the compressor has let go of them.
    pub fn written(&self) -> usize {
        self.stream.written()
    }

    /// The sealed batch; `last_delta` may leave offsets at the end unused (as compaction does).
    pub fn finish(self, last_delta: Option<i32>) -> io::Result<Vec<u8>> {
        let batch = self.stream.finish()?;
        let said = Said {
            last_delta: last_delta.unwrap_or(self.next_delta - 1),
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: self.max_timestamp,
            count: self.count,
        };
        complete(batch, &self.spec, &said)
    }

    /// The sealed batch under another spec, of a builder that did not compress: its codec and its producer are known
    /// only when it leaves.
    pub fn finish_as(self, spec: BatchSpec) -> io::Result<Vec<u8>> {
        let said = Said {
            last_delta: self.next_delta - 1,
            base_timestamp: self.base_timestamp.unwrap_or(NO_TIMESTAMP),
            max_timestamp: self.max_timestamp,
            count: self.count,
        };
        let mut batch = self.stream.finish()?;
        if spec.codec != Codec::None {
            let mut packed = Compressor::new(spec.codec, spec.levels, vec![0; HEADER_BYTES])?;
            packed.write_all(&batch[HEADER_BYTES..])?;
            batch = packed.finish()?;
        }
        complete(batch, &spec, &said)
    }
}

/// What the records of a batch decide about its header.
struct Said {
    last_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
}

/// Fill in the header before the records, and seal.
fn complete(mut batch: Vec<u8>, spec: &BatchSpec, said: &Said) -> io::Result<Vec<u8>> {
    let length = i32::try_from(batch.len() - PREFIX_BYTES)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a batch over 2 GiB"))?;
    let append_time = spec.log_append_time_ms;
    let bits = attributes(
        spec.codec,
        append_time.is_some(),
        spec.transactional,
        spec.control,
        spec.delete_horizon_ms.is_some(),
    );
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(&spec.base_offset.to_be_bytes());
    header.extend_from_slice(&length.to_be_bytes());
    header.extend_from_slice(&spec.leader_epoch.to_be_bytes());
    header.push(MAGIC);
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&bits.to_be_bytes());
    header.extend_from_slice(&said.last_delta.to_be_bytes());
    header.extend_from_slice(&said.base_timestamp.to_be_bytes());
    header.extend_from_slice(&append_time.unwrap_or(said.max_timestamp).to_be_bytes());
    header.extend_from_slice(&spec.producer_id.to_be_bytes());
    header.extend_from_slice(&spec.producer_epoch.to_be_bytes());
    header.extend_from_slice(&spec.base_sequence.to_be_bytes());
    header.extend_from_slice(&said.count.to_be_bytes());
    batch[..HEADER_BYTES].copy_from_slice(&header);
    seal(&mut batch);
    Ok(batch)
}
