//! The transactions that were aborted within a segment: `.txnindex`, one entry of 34 bytes each, by last offset.

use super::api::AbortedTransaction;

pub const ENTRY_BYTES: usize = 34;
pub const SUFFIX: &str = ".txnindex";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    pub producer_id: i64,
    pub first_offset: i64,
    /// Of the marker.
    pub last_offset: i64,
    /// When the marker was written; no later search below it needs what follows.
    pub last_stable_offset: i64,
}

impl Aborted {
    pub fn bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut out = [0; ENTRY_BYTES];
        let fields = [
            self.producer_id,
            self.first_offset,
            self.last_offset,
            self.last_stable_offset,
        ];
        for (n, field) in fields.iter().enumerate() {
            out[2 + n * 8..10 + n * 8].copy_from_slice(&field.to_be_bytes());
        }
        out
    }

    /// None if the bytes are of a version that is not known.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < ENTRY_BYTES || bytes[..2] != [0, 0] {
            return None;
        }
        let field = |n: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[2 + n * 8..10 + n * 8]);
            i64::from_be_bytes(eight)
        };
        Some(Self {
            producer_id: field(0),
            first_offset: field(1),
            last_offset: field(2),
            last_stable_offset: field(3),
        })
    }

    pub fn answer(&self) -> AbortedTransaction {
        AbortedTransaction {
            producer_id: self.producer_id,
            first_offset: self.first_offset,
        }
    }
}
