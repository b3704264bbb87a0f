//! What stays of one batch: all of it, nothing, or some of its records in a batch of the same offsets.

use std::collections::HashMap;
use std::io::Read;

use super::latest::Latest;
use crate::batch::{
    BatchSpec, Builder, Fault, HEADER_BYTES, Header, KeyHead, Records, SliceSource, Source,
    StreamSource, emptied,
};
use crate::compression::{Codec, Decompressor, Levels};

/// A batch that unpacks to more is unpacked once for each look at it, in pieces.
const UNPACKED_BYTES_MAX: usize = 16 << 20;
/// How much of a record is copied at once.
const PIECE_BYTES: usize = 64 << 10;

/// The last that an active producer wrote: what its next batch is checked against must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// Of its last batch of records; None if it ended a transaction since it has its epoch, and wrote nothing more.
    pub data_offset: Option<i64>,
    pub epoch: i16,
}

/// What decides about every batch of a round.
pub struct Rules<'a> {
    pub latest: &'a Latest,
    pub producers: &'a HashMap<i64, LastRecord>,
    /// The round ends here, and the log must not seem to end before.
    pub upper: i64,
    pub now_ms: i64,
    pub delete_retention_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    Whole,
    Nothing,
    Anew(Vec<u8>),
}

/// What was counted in a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub read: u64,
    pub kept: u64,
    /// Without a key, which nothing can supersede: such records go.
    pub keyless: u64,
}

/// Where a batch's records are read from, as often as need be.
pub enum Unpacked<'a> {
    Here(&'a [u8]),
    Packed(Codec, &'a [u8]),
}

impl<'a> Unpacked<'a> {
    /// Unpack into `memory`, if it does not take too much.
    pub fn of(header: &Header, batch: &'a [u8], memory: &'a mut Vec<u8>) -> Result<Self, Fault> {
        let records = &batch[HEADER_BYTES..];
        let codec = header
            .codec()
            .ok_or_else(|| Fault::Codec("a codec that does not exist".to_owned()))?;
        if codec == Codec::None {
            return Ok(Self::Here(records));
        }
        memory.clear();
        let stream = Decompressor::new(codec, records).map_err(|e| broken(&e))?;
        let most = UNPACKED_BYTES_MAX as u64;
        let read = stream.take(most).read_to_end(memory);
        if read.map_err(|e| broken(&e))? < UNPACKED_BYTES_MAX {
            return Ok(Self::Here(memory));
        }
        Ok(Self::Packed(codec, records))
    }

    /// Look at the key of every record.
    pub fn keys(&self, count: i32, look: impl FnMut(&KeyHead) -> bool) -> Result<(), Fault> {
        match self {
            Self::Here(bytes) => each_key(SliceSource::new(bytes), count, look),
            Self::Packed(codec, bytes) => each_key(stream(*codec, bytes)?, count, look),
        }
    }
}

fn broken(error: &std::io::Error) -> Fault {
    Fault::Codec(format!("the compressed records are broken: {error}"))
}

fn stream(codec: Codec, bytes: &[u8]) -> Result<StreamSource<Decompressor<'_>>, Fault> {
    let stream = Decompressor::new(codec, bytes).map_err(|e| broken(&e))?;
    Ok(StreamSource::new(stream))
}

fn each_key<S: Source>(
    source: S,
    count: i32,
    mut look: impl FnMut(&KeyHead) -> bool,
) -> Result<(), Fault> {
    let mut records = Records::new(source, count);
    while let Some(head) = records.next_key()? {
        if !look(&head) {
            break;
        }
    }
    Ok(())
}

/// Which records of a batch stay.
#[derive(Default)]
struct Survey {
    stays: Vec<bool>,
    kept: u64,
    keyless: u64,
    has_tombstone: bool,
}

impl Rules<'_> {
    /// What stays of a batch. `discard`: nobody needs it, as what an aborted transaction wrote, or the marker of a transaction
    /// without batches.
    ///
    /// # Errors
    /// If its records can't be read.
    pub fn retain(
        &self,
        header: &Header,
        batch: &[u8],
        discard: bool,
        memory: &mut Vec<u8>,
    ) -> Result<(Kept, Counts), Fault> {
        let mut counts = Counts {
            read: u64::from(header.record_count.unsigned_abs()),
            ..Counts::default()
        };
        let horizon_ms = header.delete_horizon_ms();
        let is_over = horizon_ms.is_some_and(|at| at <= self.now_ms);
        let goes = discard && (!header.is_control() || is_over);
        if goes || header.record_count == 0 {
            return Ok((self.none_of(header), counts));
        }
        if header.is_control() {
            counts.kept = counts.read;
            if !discard || horizon_ms.is_some() {
                return Ok((Kept::Whole, counts));
            }
        }
        let unpacked = Unpacked::of(header, batch, memory)?;
        let survey = if header.is_control() {
            Survey {
                stays: vec![true; counts.read as usize],
                kept: counts.read,
                has_tombstone: true, // it is one to its transaction
                ..Survey::default()
            }
        } else {
            self.survey(header, &unpacked)?
        };
        (counts.kept, counts.keyless) = (survey.kept, survey.keyless);
        if survey.kept == 0 {
            return Ok((self.none_of(header), counts));
        }
        let sets_horizon = survey.has_tombstone && horizon_ms.is_none();
        if survey.kept == counts.read && !sets_horizon {
            return Ok((Kept::Whole, counts));
        }
        let horizon_ms = if sets_horizon {
            Some(self.now_ms.saturating_add(self.delete_retention_ms))
        } else {
            horizon_ms
        };
        let spec = spec_of(header, horizon_ms);
        let anew = match unpacked {
            Unpacked::Here(bytes) => rebuild(SliceSource::new(bytes), header, spec, &survey.stays),
            Unpacked::Packed(codec, bytes) => {
                rebuild(stream(codec, bytes)?, header, spec, &survey.stays)
            }
        };
        Ok((Kept::Anew(anew?), counts))
    }

    /// No record is left: the header stays where a producer's next batch, or the end of the round, needs it.
    fn none_of(&self, header: &Header) -> Kept {
        if self.is_last_of_producer(header) || header.next_offset() == self.upper {
            return Kept::Anew(emptied(header));
        }
        Kept::Nothing
    }

    fn is_last_of_producer(&self, header: &Header) -> bool {
        if !header.has_producer_id() {
            return false;
        }
        let last = self.producers.get(&header.producer_id);
        last.is_some_and(|last| match last.data_offset {
            Some(offset) => header.last_offset() == offset,
            None => header.is_control() && header.producer_epoch == last.epoch,
        })
    }

    fn survey(&self, header: &Header, unpacked: &Unpacked<'_>) -> Result<Survey, Fault> {
        let keeps_tombstones = header.delete_horizon_ms().is_none_or(|at| self.now_ms < at);
        let mut survey = Survey::default();
        unpacked.keys(header.record_count, |head| {
            let offset = header
                .base_offset
                .saturating_add(i64::from(head.offset_delta));
            let stays = if offset > self.latest.reached {
                true
            } else if let Some(key) = head.key {
                let is_latest = self.latest.get(key).is_none_or(|latest| offset >= latest);
                is_latest && (head.has_value || keeps_tombstones)
            } else {
                survey.keyless += 1;
                false
            };
            survey.stays.push(stays);
            survey.kept += u64::from(stays);
            survey.has_tombstone |= stays && !head.has_value;
            true
        })?;
        Ok(survey)
    }
}

fn spec_of(header: &Header, delete_horizon_ms: Option<i64>) -> BatchSpec {
    BatchSpec {
        base_offset: header.base_offset,
        leader_epoch: header.leader_epoch,
        codec: header.codec().unwrap_or_default(),
        levels: Levels::default(),
        log_append_time_ms: header.is_log_append_time().then_some(header.max_timestamp),
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.is_transactional(),
        control: header.is_control(),
        delete_horizon_ms,
    }
}

/// The records that stay, with their offsets and times; the batch's last offset stays as it was.
fn rebuild<S: Source>(
    source: S,
    header: &Header,
    spec: BatchSpec,
    stays: &[bool],
) -> Result<Vec<u8>, Fault> {
    let failed = |e: std::io::Error| Fault::Record(format!("it can't be written anew: {e}"));
    let mut builder = Builder::new(spec).map_err(failed)?;
    let mut records = Records::new(source, header.record_count);
    let mut places = stays.iter();
    while let Some(record) = records.open()? {
        let stays = places.next().copied().unwrap_or(true);
        if stays {
            let timestamp_ms = header.timestamp(record.timestamp_delta);
            builder
                .begin_at(record.offset_delta, timestamp_ms, record.rest)
                .map_err(failed)?;
        }
        let mut left = record.rest;
        while left > 0 {
            let piece = records.source().some(left.min(PIECE_BYTES))?;
            let taken = piece.len();
            if stays {
                builder.push(piece).map_err(failed)?;
            }
            records.source().skip(taken)?;
            left -= taken;
        }
    }
    builder
        .finish(Some(header.last_offset_delta))
        .map_err(failed)
}
