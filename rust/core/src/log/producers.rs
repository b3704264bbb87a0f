//! What a log knows of its idempotent and transactional producers.
//!
//! It is a function of the log's batches: a snapshot at some offset plus the batches from there on give it back.
//! Kept for each producer: its epoch, its last five batches (a retry of one of them is answered with the offsets
//! of the first attempt) and its open transaction. Kept for the log: which transactions are open, and which are
//! decided but not yet below the high watermark; the last stable offset follows from both.

use std::collections::BTreeMap;

use super::api::{AppendContext, EPOCH_BUMPS_LEVEL, Origin, ProducerSummary, Verifying};
use super::error::AppendError;
use super::markers::Marker;
use super::skew::SkewAt;
use super::transaction_index::Aborted;
use super::verifications::{Verification, Verifications};
use crate::batch::{Header, add_sequence};
use crate::code::Code;
use crate::crc::crc32c;

const BATCHES_KEPT: usize = 5;
const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_ENTRY_BYTES: usize = 46;
const NO_EPOCH: i16 = -1;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSeen {
    pub last_sequence: i32,
    pub last_offset: i64,
    pub offset_delta: i32,
    pub timestamp_ms: i64,
}

impl BatchSeen {
    fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        (if first < 0 { first + (1 << 31) } else { first }) as i32
    }

    pub fn first_offset(&self) -> i64 {
        self.last_offset
            .saturating_sub(i64::from(self.offset_delta))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    epoch: i16,
    coordinator_epoch: i32,
    last_timestamp_ms: i64,
    /// By how much the node's clock was ahead of the one that this timestamp is of; not kept in snapshots.
    skew_ms: i64,
    transaction_first_offset: Option<i64>,
    batches: [BatchSeen; BATCHES_KEPT],
    count: u8,
}

impl Producer {
    const NONE: Self = Self {
        epoch: NO_EPOCH,
        coordinator_epoch: -1,
        last_timestamp_ms: -1,
        skew_ms: 0,
        transaction_first_offset: None,
        batches: [BatchSeen {
            last_sequence: 0,
            last_offset: 0,
            offset_delta: 0,
            timestamp_ms: 0,
        }; BATCHES_KEPT],
        count: 0,
    };

    fn seen(&self) -> &[BatchSeen] {
        &self.batches[..usize::from(self.count)]
    }

    fn last(&self) -> Option<&BatchSeen> {
        self.seen().last()
    }

    fn has_transaction(&self, epoch: i16) -> bool {
        self.epoch == epoch && self.transaction_first_offset.is_some()
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.count = 0;
        }
    }

    fn push(&mut self, batch: BatchSeen) {
        if usize::from(self.count) == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.count -= 1;
        }
        self.batches[usize::from(self.count)] = batch;
        self.count += 1;
    }
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    pub producer_id: i64,
    pub first_offset: i64,
    pub last_offset: i64,
    pub aborted: bool,
}

/// What an append will change, held back until its bytes are written.
#[derive(Default)]
pub struct Staged {
    producers: Vec<(i64, Producer)>,
    begun: Vec<(i64, i64)>,
    pub completed: Vec<Completed>,
    /// Whose verification is over.
    verified: Vec<i64>,
}

#[derive(Clone, Debug, Default)]
pub struct Producers {
    known: BTreeMap<i64, Producer>,
    /// First offset to producer.
    open: BTreeMap<i64, i64>,
    /// First offset to last offset of what is decided above the high watermark.
    decided: BTreeMap<i64, i64>,
    /// Soft: in no snapshot, and forgotten where this is loaded anew.
    verifications: Verifications,
    /// The state is that of the log up to here.
    pub end_offset: i64,
    pub snapshot_offset: i64,
}

fn refuse(code: Code, text: String) -> AppendError {
    AppendError::content(code, text)
}

impl Producers {
    pub fn starting_at(offset: i64) -> Self {
        Self {
            end_offset: offset,
            snapshot_offset: offset,
            ..Self::default()
        }
    }

    /// The first attempt of a batch that is sent again.
    pub fn duplicate(&self, header: &Header) -> Option<BatchSeen> {
        let producer = self.known.get(&header.producer_id)?;
        if producer.epoch != header.producer_epoch {
            return None;
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        producer
            .seen()
            .iter()
            .find(|seen| seen.first_sequence() == first && seen.last_sequence == last)
            .copied()
    }

    /// Whether this producer has a transaction open here, in the epoch of this batch.
    pub fn has_transaction(&self, header: &Header) -> bool {
        let known = self.known.get(&header.producer_id);
        known.is_some_and(|producer| producer.has_transaction(header.producer_epoch))
    }

    /// Somebody is asked about a batch that is new to its transaction: the number that it needs then. None if it has
    /// one open here.
    pub fn verify(
        &mut self,
        header: &Header,
        asked: &Verifying,
    ) -> Result<Option<u64>, AppendError> {
        if let Some(producer) = self.known.get(&header.producer_id) {
            check_epoch(producer, header)?;
            if producer.has_transaction(header.producer_epoch) {
                return Ok(None);
            }
        }
        Ok(Some(self.verifications.begin(header, asked)))
    }

    /// Check a batch (with its assigned offsets in `header`) against the state, and note what it will change. Without a
    /// context somebody else has checked it.
    pub fn stage(
        &self,
        staged: &mut Staged,
        header: &Header,
        marker: Option<Marker>,
        context: Option<&AppendContext>,
    ) -> Result<(), AppendError> {
        let id = header.producer_id;
        let at = match staged.producers.iter().position(|(known, _)| *known == id) {
            Some(at) => at,
            None => {
                let producer = self.known.get(&id).copied().unwrap_or(Producer::NONE);
                staged.producers.push((id, producer));
                staged.producers.len() - 1
            }
        };
        let verification = self.verifications.of(id);
        let version = context.map_or(0, |context| context.transaction_version);
        let ends = |begun: &Verification| begun.ends_with(header, version);
        if header.is_transactional() && verification.is_some_and(ends) {
            staged.verified.push(id);
        }
        let producer = &mut staged.producers[at].1;
        if header.is_control() {
            let Some(marker) = marker else { return Ok(()) };
            if let Some(completed) = end_transaction(producer, header, marker, context)? {
                staged.completed.push(completed);
            }
            return Ok(());
        }
        if let Some(context) = context {
            check_epoch(producer, header)?;
            if context.origin == Origin::Client {
                check_verified(producer, header, verification, context)?;
                check_sequence(producer, header, verification)?;
            }
        }
        producer.set_epoch(header.producer_epoch);
        producer.push(BatchSeen {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp_ms: header.max_timestamp,
        });
        producer.last_timestamp_ms = header.max_timestamp;
        match (producer.transaction_first_offset, header.is_transactional()) {
            (Some(_), false) if context.is_some() => Err(refuse(
                Code::InvalidTxnState,
                format!("producer {id} has a transaction open here and wrote outside of it"),
            )),
            (None, true) => {
                producer.transaction_first_offset = Some(header.base_offset);
                staged.begun.push((header.base_offset, id));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The transactions that this will abort, each with the last stable offset that its index entry carries.
    pub fn aborted_by(&self, staged: &Staged) -> Vec<Aborted> {
        if !staged.completed.iter().any(|completed| completed.aborted) {
            return Vec::new();
        }
        let mut open = self.open.clone();
        open.extend(staged.begun.iter().copied());
        let mut aborted = Vec::new();
        for completed in &staged.completed {
            let others = open.iter().find(|(_, id)| **id != completed.producer_id);
            let after = completed.last_offset.saturating_add(1);
            let last_stable_offset = others.map_or(after, |(first, _)| *first);
            open.remove(&completed.first_offset);
            if completed.aborted {
                aborted.push(Aborted {
                    producer_id: completed.producer_id,
                    first_offset: completed.first_offset,
                    last_offset: completed.last_offset,
                    last_stable_offset,
                });
            }
        }
        aborted
    }

    /// What was staged is in the log now, which ends at `end_offset`.
    pub fn commit(&mut self, staged: Staged, end_offset: i64, skew: SkewAt) {
        for (id, mut producer) in staged.producers {
            producer.skew_ms = skew.of(producer.last_timestamp_ms);
            self.known.insert(id, producer);
        }
        for id in staged.verified {
            self.verifications.end(id);
        }
        self.open.extend(staged.begun);
        for completed in staged.completed {
            self.open.remove(&completed.first_offset);
            self.decided
                .insert(completed.first_offset, completed.last_offset);
        }
        self.end_offset = end_offset;
    }

    /// The first offset that is not decided, or decided above the high watermark.
    pub fn first_unstable(&self) -> Option<i64> {
        let open = self.open.first_key_value().map(|(first, _)| *first);
        let decided = self.decided.first_key_value().map(|(first, _)| *first);
        match (open, decided) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub fn high_watermark(&mut self, high_watermark: i64) {
        if !self.decided.is_empty() {
            self.decided.retain(|_, last| *last >= high_watermark);
        }
    }

    pub fn log_starts_at(&mut self, offset: i64) {
        self.decided.retain(|_, last| *last >= offset);
        self.end_offset = self.end_offset.max(offset);
    }

    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) -> usize {
        self.verifications.expire(now_ms, expiration_ms);
        let before = self.known.len();
        self.known
            .retain(|_, producer| !expired(producer, now_ms, expiration_ms));
        before - self.known.len()
    }

    pub fn count(&self) -> usize {
        self.known.len()
    }

    pub fn has_late_transaction(&self, since_ms: i64) -> bool {
        let mut open = self.open.values().filter_map(|id| self.known.get(id));
        open.any(|producer| producer.last_timestamp_ms < since_ms)
    }

    pub fn summaries(&self) -> Vec<ProducerSummary> {
        let summary = |(id, producer): (&i64, &Producer)| ProducerSummary {
            producer_id: *id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last().map_or(-1, |batch| batch.last_sequence),
            last_timestamp_ms: producer.last_timestamp_ms,
            coordinator_epoch: producer.coordinator_epoch,
            current_transaction_first_offset: producer.transaction_first_offset.unwrap_or(-1),
        };
        self.known.iter().map(summary).collect()
    }

    /// What the next batch of each is checked against: (id, (last offset of its last batch if it wrote one in its epoch, epoch)).
    pub fn last_written(&self) -> impl Iterator<Item = (i64, Option<i64>, i16)> {
        let last = |(id, producer): (&i64, &Producer)| {
            let offset = producer.last().map(|batch| batch.last_offset);
            (*id, offset, producer.epoch)
        };
        self.known.iter().map(last)
    }

    /// Whether a recovery that came to this would know what the other one knows.
    pub fn knows_as(&self, other: &Self) -> bool {
        self.open == other.open && self.snapshot() == other.snapshot()
    }

    /// A snapshot file's bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(10 + self.known.len() * SNAPSHOT_ENTRY_BYTES);
        out.extend_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.known.len() as i32).to_be_bytes());
        for (id, producer) in &self.known {
            let last = producer.last();
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&producer.epoch.to_be_bytes());
            out.extend_from_slice(&last.map_or(-1, |b| b.last_sequence).to_be_bytes());
            out.extend_from_slice(&last.map_or(-1, |b| b.last_offset).to_be_bytes());
            out.extend_from_slice(&last.map_or(0, |b| b.offset_delta).to_be_bytes());
            out.extend_from_slice(&producer.last_timestamp_ms.to_be_bytes());
            out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            let first = producer.transaction_first_offset.unwrap_or(-1);
            out.extend_from_slice(&first.to_be_bytes());
        }
        let crc = crc32c(&out[6..]);
        out[2..6].copy_from_slice(&crc.to_be_bytes());
        out
    }

    /// The state in a snapshot at `offset`; None if the file is broken. Producers that were silent too long by now
    /// are left out.
    pub fn load(bytes: &[u8], offset: i64, skew: SkewAt, expiration_ms: i64) -> Option<Self> {
        let (head, mut rest) = (bytes.get(..10)?, bytes.get(10..)?);
        let number = |at: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&head[at..at + 4]);
            u32::from_be_bytes(four)
        };
        let count = number(6) as usize;
        if head[..2] != SNAPSHOT_VERSION.to_be_bytes()
            || number(2) != crc32c(&bytes[6..])
            || rest.len() != count.checked_mul(SNAPSHOT_ENTRY_BYTES)?
        {
            return None;
        }
        let mut state = Self::starting_at(offset);
        for _ in 0..count {
            let id = i64::from_be_bytes(cut(&mut rest)?);
            let epoch = i16::from_be_bytes(cut(&mut rest)?);
            let last_sequence = i32::from_be_bytes(cut(&mut rest)?);
            let last_offset = i64::from_be_bytes(cut(&mut rest)?);
            let offset_delta = i32::from_be_bytes(cut(&mut rest)?);
            let timestamp_ms = i64::from_be_bytes(cut(&mut rest)?);
            let coordinator_epoch = i32::from_be_bytes(cut(&mut rest)?);
            let first = i64::from_be_bytes(cut(&mut rest)?);
            let transaction_first_offset = (first >= 0).then_some(first);
            let mut producer = Producer {
                epoch,
                coordinator_epoch,
                last_timestamp_ms: timestamp_ms,
                skew_ms: skew.of(timestamp_ms),
                transaction_first_offset,
                ..Producer::NONE
            };
            if last_offset >= 0 {
                producer.push(BatchSeen {
                    last_sequence,
                    last_offset,
                    offset_delta,
                    timestamp_ms,
                });
            }
            if expired(&producer, skew.now_ms, expiration_ms) {
                continue;
            }
            if let Some(first) = transaction_first_offset {
                state.open.insert(first, id);
            }
            state.known.insert(id, producer);
        }
        Some(state)
    }
}

fn cut<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn expired(producer: &Producer, now_ms: i64, expiration_ms: i64) -> bool {
    producer.transaction_first_offset.is_none()
        && now_ms
            .saturating_sub(producer.last_timestamp_ms)
            .saturating_sub(producer.skew_ms)
            >= expiration_ms
}

fn check_epoch(producer: &Producer, header: &Header) -> Result<(), AppendError> {
    if header.producer_epoch < producer.epoch {
        return Err(refuse(
            Code::InvalidProducerEpoch,
            format!(
                "producer {} has epoch {} here; epoch {} is over",
                header.producer_id, producer.epoch, header.producer_epoch
            ),
        ));
    }
    Ok(())
}

/// From version 2 of transactions on each ends with an epoch of its own, above that of its batches. A marker that is
/// written again finds nothing open; and no epoch is above the last one.
fn check_marker(
    producer: &Producer,
    header: &Header,
    transaction_version: i16,
) -> Result<(), AppendError> {
    let is_strict = transaction_version >= EPOCH_BUMPS_LEVEL && header.producer_epoch != i16::MAX;
    if is_strict && producer.has_transaction(header.producer_epoch) {
        let text = format!(
            "a transaction of producer {} is open here in epoch {}: its end has a later epoch",
            header.producer_id, header.producer_epoch
        );
        return Err(refuse(Code::InvalidProducerEpoch, text));
    }
    check_epoch(producer, header)?;
    if transaction_version < 0 {
        let text = format!("there is no version {transaction_version} of transactions");
        return Err(refuse(Code::UnknownServerError, text));
    }
    Ok(())
}

/// The first batch of a transaction is one that its coordinator was asked about, and no marker came since.
fn check_verified(
    producer: &Producer,
    header: &Header,
    verification: Option<&Verification>,
    context: &AppendContext,
) -> Result<(), AppendError> {
    if !header.is_transactional()
        || producer.has_transaction(header.producer_epoch)
        || verification.is_some_and(|begun| begun.number == context.verification)
    {
        return Ok(());
    }
    let text = "Record was not part of an ongoing transaction".to_owned();
    Err(refuse(Code::InvalidTxnState, text))
}

fn check_sequence(
    producer: &Producer,
    header: &Header,
    verification: Option<&Verification>,
) -> Result<(), AppendError> {
    if let Some(begun) = verification {
        begun.check_sequence(header, producer.count == 0)?;
    }
    let next = header.base_sequence;
    let expected = if producer.epoch == NO_EPOCH {
        return Ok(());
    } else if header.producer_epoch != producer.epoch {
        0
    } else {
        producer
            .last()
            .map_or(0, |last| add_sequence(last.last_sequence, 1))
    };
    if next == expected {
        return Ok(());
    }
    Err(refuse(
        Code::OutOfOrderSequenceNumber,
        format!(
            "producer {} (epoch {}) sent sequence {next} where {expected} comes next",
            header.producer_id, header.producer_epoch
        ),
    ))
}

fn end_transaction(
    producer: &mut Producer,
    header: &Header,
    marker: Marker,
    context: Option<&AppendContext>,
) -> Result<Option<Completed>, AppendError> {
    if let Some(context) = context {
        check_marker(producer, header, context.transaction_version)?;
        if producer.coordinator_epoch > marker.coordinator_epoch {
            return Err(refuse(
                Code::TransactionCoordinatorFenced,
                format!(
                    "a transaction coordinator of epoch {} has written here; epoch {} is over",
                    producer.coordinator_epoch, marker.coordinator_epoch
                ),
            ));
        }
    }
    let completed = producer
        .transaction_first_offset
        .take()
        .map(|first_offset| Completed {
            producer_id: header.producer_id,
            first_offset,
            last_offset: header.base_offset,
            aborted: !marker.commit,
        });
    producer.set_epoch(header.producer_epoch);
    producer.coordinator_epoch = marker.coordinator_epoch;
    producer.last_timestamp_ms = marker.timestamp_ms;
    Ok(completed)
}
