//! What a task has produced as sealed record batches: one a topic, or one for each of its partitions that a
//! partitioner chose.
//!
//! All lengths are known beforehand here, so a batch is one allocation, and a record is copied once: small
//! batches of one record cost little more than their bytes.

use std::collections::HashMap;

use ottla_core::batch::varint::{len_i32, len_i64, put_i32, put_i64};
use ottla_core::batch::{HEADER_BYTES, MAGIC, NO_PRODUCER_ID, PREFIX_BYTES, seal};
use ottla_streams::output::{Output, Row};
use ottla_streams::plan::TopicId;

/// What a record takes beside its key, value and headers at most: its length and those of its parts.
const RECORD_OVERHEAD_MAX: usize = 36;
const HEADER_OVERHEAD_MAX: usize = 10;
const UNOPENED: u32 = u32::MAX;

/// The batches under construction; kept for the next time, with what they took.
#[derive(Default)]
pub struct Sealer {
    /// The place of each topic in `open`, for records whose partition nobody chose.
    places: Vec<u32>,
    /// The place of each topic and partition that was chosen.
    chosen: HashMap<(TopicId, i32), u32>,
    open: Vec<Open>,
}

/// A topic, the partition that was chosen or -1, and the batch.
pub type Sealed = (TopicId, i32, Vec<u8>);

struct Open {
    topic: TopicId,
    partition: i32,
    count: i32,
    room: usize,
    base_timestamp: i64,
    max_timestamp: i64,
    batch: Vec<u8>,
}

impl Sealer {
    /// One batch for each topic and chosen partition, in the order in which they were first written to.
    pub fn seal(&mut self, output: &Output) -> Result<Vec<Sealed>, String> {
        for row in output.rows() {
            self.count(output, row);
        }
        for open in &mut self.open {
            open.batch = Vec::with_capacity(open.room);
            open.batch.resize(HEADER_BYTES, 0);
            open.count = 0;
        }
        let mut rows = output.rows().iter();
        let appended = rows.try_for_each(|row| {
            let place = *self.place(row);
            self.open[place as usize].append(output, row)
        });
        for open in self.open.iter().filter(|open| open.partition < 0) {
            self.places[open.topic as usize] = UNOPENED;
        }
        self.chosen.clear();
        let open = self.open.drain(..); // Nothing is left for the next time, whatever comes of it.
        appended?;
        open.map(Open::finish).collect()
    }

    fn place(&mut self, row: &Row) -> &mut u32 {
        if row.partition >= 0 {
            let key = (row.topic, row.partition);
            return self.chosen.entry(key).or_insert(UNOPENED);
        }
        let topic = row.topic as usize;
        if self.places.len() <= topic {
            self.places.resize(topic + 1, UNOPENED);
        }
        &mut self.places[topic]
    }

    fn count(&mut self, output: &Output, row: &Row) {
        let fresh = self.open.len() as u32;
        let place = self.place(row);
        if *place == UNOPENED {
            *place = fresh;
        }
        let place = *place as usize;
        if place == self.open.len() {
            self.open.push(Open {
                topic: row.topic,
                partition: row.partition,
                count: 0,
                room: HEADER_BYTES,
                base_timestamp: row.timestamp,
                max_timestamp: row.timestamp,
                batch: Vec::new(),
            });
        }
        let headers = output.headers(row).iter().map(|(name, value)| {
            HEADER_OVERHEAD_MAX + name.len() + value.as_ref().map_or(0, |value| value.len())
        });
        let open = &mut self.open[place];
        open.room += RECORD_OVERHEAD_MAX + row.bytes() + headers.sum::<usize>();
        open.max_timestamp = open.max_timestamp.max(row.timestamp);
    }
}

impl Open {
    fn append(&mut self, output: &Output, row: &Row) -> Result<(), String> {
        let delta = row.timestamp.wrapping_sub(self.base_timestamp);
        let (key, value) = (output.key(row), output.value(row));
        let headers = output.headers(row);
        let mut size = 1 + len_i64(delta) + len_i32(self.count) + length(key) + length(value);
        size += len_i32(headers.len() as i32);
        for (name, value) in headers {
            size += length(Some(name.as_bytes())) + length(value.as_deref());
        }
        let size = i32::try_from(size).map_err(|_| "a record over 2 GiB".to_owned())?;
        let batch = &mut self.batch;
        put_i32(batch, size);
        batch.push(0);
        put_i64(batch, delta);
        put_i32(batch, self.count);
        put(batch, key);
        put(batch, value);
        put_i32(batch, headers.len() as i32);
        for (name, value) in headers {
            put(batch, Some(name.as_bytes()));
            put(batch, value.as_deref());
        }
        self.count += 1;
        Ok(())
    }

    /// Fills in the header: no offset, no epoch, no producer, times as they were given.
    fn finish(self) -> Result<Sealed, String> {
        let mut batch = self.batch;
        let length = i32::try_from(batch.len() - PREFIX_BYTES);
        let length = length.map_err(|_| "a batch over 2 GiB".to_owned())?;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[12..16].copy_from_slice(&(-1i32).to_be_bytes());
        batch[16] = MAGIC;
        batch[23..27].copy_from_slice(&(self.count - 1).to_be_bytes());
        batch[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        batch[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        batch[43..51].copy_from_slice(&NO_PRODUCER_ID.to_be_bytes());
        batch[51..53].copy_from_slice(&(-1i16).to_be_bytes());
        batch[53..57].copy_from_slice(&(-1i32).to_be_bytes());
        batch[57..61].copy_from_slice(&self.count.to_be_bytes());
        seal(&mut batch);
        Ok((self.topic, self.partition, batch))
    }
}

fn length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| len_i32(bytes.len() as i32) + bytes.len())
}

fn put(batch: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_i32(batch, bytes.len() as i32);
            batch.extend_from_slice(bytes);
        }
        None => put_i32(batch, -1),
    }
}
