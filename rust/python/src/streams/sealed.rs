//! What a task has produced as sealed record batches: one a topic, or one for each of its partitions that a
//! partitioner chose.
//!
//! All lengths are known beforehand here, and buffers are kept for the next time: a record is copied once, and
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
    /// How many of them are in use; the others keep their buffers for the next time.
    used: usize,
}

/// Of how many batches the buffers are kept, and up to what size.
const KEPT_MAX: usize = 64;
const KEPT_BYTES_MAX: usize = 1 << 20;

pub struct Open {
    pub topic: TopicId,
    /// The one that was chosen, or -1.
    pub partition: i32,
    pub batch: Vec<u8>,
    count: i32,
    room: usize,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl Sealer {
    /// One batch for each topic and chosen partition, in the order in which they were first written to.
    pub fn seal(&mut self, output: &Output) -> Result<&[Open], String> {
        self.used = 0;
        self.open.truncate(KEPT_MAX);
        for row in output.rows() {
            self.count(output, row);
        }
        for open in &mut self.open[..self.used] {
            open.batch.clear();
            open.batch.shrink_to(KEPT_BYTES_MAX);
            open.batch.reserve(open.room);
            open.batch.resize(HEADER_BYTES, 0);
        }
        let mut rows = output.rows().iter();
        let appended = rows.try_for_each(|row| {
            let place = *self.place(row);
            self.open[place as usize].append(output, row)
        });
        for open in &self.open[..self.used] {
            if open.partition < 0 {
                self.places[open.topic as usize] = UNOPENED;
            }
        }
        self.chosen.clear();
        appended?;
        let sealed = &mut self.open[..self.used];
        sealed.iter_mut().try_for_each(Open::finish)?;
        Ok(sealed)
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
        let fresh = self.used as u32;
        let place = self.place(row);
        if *place == UNOPENED {
            *place = fresh;
        }
        let place = *place as usize;
        if place == self.used {
            self.used += 1;
            self.open_at(place, row);
        }
        let headers = output.headers(row).iter().map(|(name, value)| {
            HEADER_OVERHEAD_MAX + name.len() + value.as_ref().map_or(0, |value| value.len())
        });
        let open = &mut self.open[place];
        open.room += RECORD_OVERHEAD_MAX + row.bytes() + headers.sum::<usize>();
        open.max_timestamp = open.max_timestamp.max(row.timestamp);
    }

    fn open_at(&mut self, place: usize, row: &Row) {
        let batch = self
            .open
            .get_mut(place)
            .map(|open| std::mem::take(&mut open.batch));
        let open = Open {
            topic: row.topic,
            partition: row.partition,
            batch: batch.unwrap_or_default(),
            count: 0,
            room: HEADER_BYTES,
            base_timestamp: row.timestamp,
            max_timestamp: row.timestamp,
        };
        match self.open.get_mut(place) {
            Some(kept) => *kept = open,
            None => self.open.push(open),
        }
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
    fn finish(&mut self) -> Result<(), String> {
        let batch = &mut self.batch;
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
        seal(batch);
        Ok(())
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
