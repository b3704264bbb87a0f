//! Reading: where batches lie, which transactions to skip, which offset has a time.

use super::api::{AbortedTransaction, Found, Lookup, Slice};
use super::error::{LogError, ReadError};
use super::scan::Position;
use super::{Log, Tail};
use crate::batch::{HEADER_BYTES, NO_TIMESTAMP, Records, StreamSource};
use crate::compression::Decompressor;
use crate::disk::Disk;

impl<D: Disk> Log<D> {
    /// Where the batches from `offset` on lie, within one segment: at most `bytes_max`, none that begins at or past
    /// `upper_bound` (high watermark, last stable offset or log end). With `min_one` a first batch larger than
    /// `bytes_max` comes whole. Empty at `upper_bound`.
    ///
    /// # Errors
    /// `OffsetOutOfRange` below the log's start or above its end.
    pub fn read(
        &mut self,
        offset: i64,
        bytes_max: usize,
        upper_bound: i64,
        min_one: bool,
    ) -> Result<Slice<D::File>, ReadError> {
        if offset < self.start_offset || offset > self.end_offset {
            return Err(ReadError::OffsetOutOfRange {
                log_start_offset: self.start_offset,
                log_end_offset: self.end_offset,
            });
        }
        let nothing = Slice {
            file: None,
            position: 0,
            len: 0,
            first_batch_incomplete: false,
        };
        let upper_bound = upper_bound.min(self.end_offset);
        if offset >= upper_bound {
            return Ok(nothing);
        }
        let mut at = self.segment_at(offset);
        let first = loop {
            if at == self.segments.len() {
                return Ok(nothing);
            }
            match self.locate(at, offset)? {
                Some(first) => break first,
                None => at += 1,
            }
        };
        if first.header.base_offset >= upper_bound {
            return Ok(nothing);
        }
        let end = self.end_below(at, upper_bound)?;
        let size = first.header.size();
        let most = if min_one {
            bytes_max.max(size)
        } else {
            bytes_max
        };
        let len = usize::try_from(end.saturating_sub(first.at))
            .unwrap_or(usize::MAX)
            .min(most);
        let (place, segment) = self.segment(at);
        Ok(Slice {
            file: Some(segment.file(place)?),
            position: first.at,
            len,
            first_batch_incomplete: len < size,
        })
    }

    /// Where in a segment the batches end that lie below an offset.
    fn end_below(&mut self, at: usize, upper_bound: i64) -> Result<u64, LogError> {
        let next_base = self
            .segments
            .get(at + 1)
            .map_or(self.end_offset, |s| s.base_offset);
        let size = self.segments[at].size;
        if upper_bound >= next_base {
            return Ok(size);
        }
        let found = self.locate(at, upper_bound)?;
        Ok(found.map_or(size, |found| found.at))
    }

    /// The first batch in a segment that holds `offset` or comes after it.
    pub(super) fn locate(&mut self, at: usize, offset: i64) -> Result<Option<Position>, LogError> {
        if at + 1 == self.segments.len() {
            let known = self
                .tail
                .front()
                .is_some_and(|batch| batch.header.base_offset <= offset);
            if known {
                let n = self
                    .tail
                    .partition_point(|batch| batch.header.last_offset() < offset);
                let found = self.tail.get(n);
                return Ok(found.map(|Tail { at, header }| Position {
                    at: *at,
                    header: *header,
                }));
            }
        }
        let (place, segment) = self.segment(at);
        segment.translate(place, offset)
    }

    /// What a read_committed reader of offsets from `from` to `upper_bound` (exclusive) must skip, by first offset.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn aborted_transactions(
        &mut self,
        from: i64,
        upper_bound: i64,
    ) -> Result<Vec<AbortedTransaction>, LogError> {
        let mut found = Vec::new();
        'segments: for at in self.segment_at(from)..self.segments.len() {
            let (place, segment) = self.segment(at);
            for aborted in segment.aborted(place)? {
                if aborted.last_offset >= from && aborted.first_offset < upper_bound {
                    found.push(aborted.answer());
                }
                if aborted.last_stable_offset >= upper_bound {
                    break 'segments;
                }
            }
        }
        found.sort_by_key(|aborted| (aborted.first_offset, aborted.producer_id));
        Ok(found)
    }

    /// ListOffsets. Only offsets below `upper_bound` are found by time; `Latest` is `upper_bound` itself. Reads and
    /// decompresses: not for an I/O thread.
    ///
    /// # Errors
    /// If the disk fails, or a batch that must be looked into is broken.
    pub fn lookup(&mut self, what: Lookup, upper_bound: i64) -> Result<Option<Found>, LogError> {
        let plain = |offset: i64, epoch: Option<i32>| {
            let leader_epoch = epoch.unwrap_or(-1);
            Ok(Some(Found {
                offset,
                timestamp_ms: NO_TIMESTAMP,
                leader_epoch,
            }))
        };
        let found = match what {
            Lookup::Earliest | Lookup::EarliestLocal => {
                let start = self.start_offset;
                let epoch = self.epochs.earliest().filter(|(_, first)| *first <= start);
                return plain(start, epoch.map(|(epoch, _)| epoch));
            }
            Lookup::Latest => return plain(upper_bound, self.epochs.latest()),
            Lookup::LatestTiered | Lookup::EarliestPendingUpload => return plain(-1, None),
            Lookup::MaxTimestamp => self.largest_timestamp()?,
            Lookup::Time(time) => self.first_at_time(time)?,
        };
        Ok(found.filter(|found| found.offset < upper_bound))
    }

    fn largest_timestamp(&mut self) -> Result<Option<Found>, LogError> {
        let mut best: Option<(usize, i64, i64)> = None;
        for at in 0..self.segments.len() {
            let (place, segment) = self.segment(at);
            let (time, relative) = segment.largest_timestamp(place)?;
            if time >= 0 && best.is_none_or(|(_, most, _)| time > most) {
                let offset = segment.base_offset.saturating_add(relative);
                best = Some((at, time, offset));
            }
        }
        let Some((at, time, offset)) = best else {
            return Ok(None);
        };
        let (place, segment) = self.segment(at);
        let mut scan = segment.scan_to(place, offset)?;
        while let Some(batch) = scan.next_header()? {
            if batch.header.max_timestamp == time {
                return record_at_time(&scan.checked(&batch)?, &batch, time, i64::MIN);
            }
        }
        if scan.is_done() {
            return Ok(None);
        }
        Err(segment.damaged(&scan))
    }

    fn first_at_time(&mut self, time: i64) -> Result<Option<Found>, LogError> {
        let start = self.start_offset;
        for at in 0..self.segments.len() {
            let (place, segment) = self.segment(at);
            if segment.largest_timestamp(place)?.0 < time {
                continue;
            }
            let mut scan = segment.scan_to_time(place, time, start)?;
            while let Some(batch) = scan.next_header()? {
                if batch.header.max_timestamp < time || batch.header.last_offset() < start {
                    continue;
                }
                let found = record_at_time(&scan.checked(&batch)?, &batch, time, start)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            if !scan.is_done() {
                return Err(segment.damaged(&scan));
            }
        }
        Ok(None)
    }
}

/// The first record in a batch that is not older than `time` and not below `start`.
fn record_at_time(
    bytes: &[u8],
    batch: &Position,
    time: i64,
    start: i64,
) -> Result<Option<Found>, LogError> {
    let header = &batch.header;
    let broken = |text: &str| LogError::OutOfRange {
        text: format!(
            "the batch at offset {} cannot be read: {text}",
            header.base_offset
        ),
    };
    let leader_epoch = header.leader_epoch.max(-1);
    let codec = header.codec().ok_or_else(|| broken("an unknown codec"))?;
    let stream =
        Decompressor::new(codec, &bytes[HEADER_BYTES..]).map_err(|e| broken(&e.to_string()))?;
    let mut records = Records::new(StreamSource::new(stream), header.record_count);
    while let Some(head) = records.next_head().map_err(|fault| broken(fault.text()))? {
        let timestamp_ms = header.timestamp(head.timestamp_delta);
        let offset = header
            .base_offset
            .saturating_add(i64::from(head.offset_delta))
            .clamp(header.base_offset, header.last_offset());
        if timestamp_ms >= time && offset >= start {
            return Ok(Some(Found {
                offset,
                timestamp_ms,
                leader_epoch,
            }));
        }
    }
    Ok(None)
}
