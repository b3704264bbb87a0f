//! Which producers want to write to a transaction that their log knows nothing of yet (KIP-890).
//!
//! One begins before the transaction's coordinator is asked, and its number is needed by the batch that comes to the log
//! with the answer. A marker that comes between ends it: what it ended is not written to any more. So it does not with the
//! next transaction of a producer that may begin it before the marker of the last one is there (version 2): that has the
//! epoch which the marker has.
//!
//! They are soft: none is written to the disk, and who lost one is told to ask again.

use std::collections::BTreeMap;

use super::api::{EPOCH_BUMPS_LEVEL, Verifying};
use super::error::AppendError;
use crate::batch::Header;
use crate::code::Code;

/// What somebody is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verification {
    pub number: u64,
    epoch: i16,
    /// Of the batches that were asked about: what is sent together may come in any order, and begins with it.
    lowest_sequence: i32,
    adds: bool,
    begun_ms: i64,
}

impl Verification {
    /// Whether this transactional batch ends it. A marker of version 2 may be that of the transaction before; one of
    /// version 1 has the epoch of the very transaction that it ends.
    pub fn ends_with(&self, header: &Header, transaction_version: i16) -> bool {
        let is_of_the_one_before = header.is_control()
            && transaction_version >= EPOCH_BUMPS_LEVEL
            && header.producer_epoch == self.epoch;
        !(self.adds && is_of_the_one_before)
    }

    /// What is known of a batch's sequence by what was asked, of a producer of whom the log may know no batch.
    pub fn check_sequence(&self, header: &Header, is_unseen: bool) -> Result<(), AppendError> {
        let (id, next) = (header.producer_id, header.base_sequence);
        let first = if self.adds && is_unseen && next != 0 {
            0
        } else if next > self.lowest_sequence {
            self.lowest_sequence
        } else {
            return Ok(());
        };
        let text = format!("producer {id} began its transaction with sequence {next}, not {first}");
        Err(AppendError::content(Code::OutOfOrderSequenceNumber, text))
    }
}

/// By producer.
#[derive(Clone, Debug, Default)]
pub struct Verifications(BTreeMap<i64, Verification>);

impl Verifications {
    pub fn of(&self, producer_id: i64) -> Option<&Verification> {
        self.0.get(&producer_id)
    }

    /// The number of the one that stands from now on.
    pub fn begin(&mut self, header: &Header, asked: &Verifying) -> u64 {
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        let entry = self.0.entry(header.producer_id);
        let begun = entry.or_insert(Verification {
            number: asked.number,
            epoch,
            lowest_sequence: sequence,
            adds: asked.adds,
            begun_ms: asked.now_ms,
        });
        if epoch > begun.epoch {
            begun.epoch = epoch;
            begun.lowest_sequence = sequence;
            begun.adds = asked.adds;
        } else if epoch == begun.epoch {
            begun.lowest_sequence = begun.lowest_sequence.min(sequence);
            begun.adds = asked.adds;
        }
        begun.number
    }

    pub fn end(&mut self, producer_id: i64) {
        self.0.remove(&producer_id);
    }

    pub fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        (self.0).retain(|_, begun| now_ms.saturating_sub(begun.begun_ms) < expiration_ms);
    }
}
