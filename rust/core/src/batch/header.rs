//! The 61 bytes before a batch's records.
//!
//! Base offset, length, leader epoch and magic stand outside the checksum, so a leader may patch them for nothing.

use std::fmt;

use crate::compression::Codec;
use crate::crc::crc32c;

/// Base offset and length: what must be read to know where the next batch begins.
pub const PREFIX_BYTES: usize = 12;
pub const HEADER_BYTES: usize = 61;
pub const MAGIC: u8 = 2;

const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
/// Where the checksummed part begins.
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_AT: usize = 43;

/// The least length that Kafka takes for that of any format, and looks at the format for.
const RECORD_OVERHEAD_MIN: i32 = 14;

const CODEC_BITS: i16 = 0x07;
const LOG_APPEND_TIME_BIT: i16 = 0x08;
const TRANSACTIONAL_BIT: i16 = 0x10;
const CONTROL_BIT: i16 = 0x20;
const DELETE_HORIZON_BIT: i16 = 0x40;

pub const NO_PRODUCER_ID: i64 = -1;
pub const NO_TIMESTAMP: i64 = -1;

/// A batch's header, taken apart. Nothing in it is trusted yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub base_offset: i64,
    /// Bytes after the prefix.
    pub batch_length: i32,
    pub leader_epoch: i32,
    pub magic: u8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl Header {
    /// Of a slice of at least 61 bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES {
            return None;
        }
        Some(Self {
            base_offset: i64::from_be_bytes(array(bytes, 0)),
            batch_length: i32::from_be_bytes(array(bytes, 8)),
            leader_epoch: i32::from_be_bytes(array(bytes, LEADER_EPOCH_AT)),
            magic: bytes[MAGIC_AT],
            crc: u32::from_be_bytes(array(bytes, CRC_AT)),
            attributes: i16::from_be_bytes(array(bytes, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(array(bytes, 23)),
            base_timestamp: i64::from_be_bytes(array(bytes, 27)),
            max_timestamp: i64::from_be_bytes(array(bytes, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(array(bytes, PRODUCER_AT)),
            producer_epoch: i16::from_be_bytes(array(bytes, 51)),
            base_sequence: i32::from_be_bytes(array(bytes, 53)),
            record_count: i32::from_be_bytes(array(bytes, 57)),
        })
    }

    /// Header and records, in bytes. Only for headers whose length was checked.
    pub fn size(&self) -> usize {
        PREFIX_BYTES + self.batch_length.max(0) as usize
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// The offset after the batch. Exact where `has_offsets`.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Whether the batch's offsets can be those of a log: none is negative, and one comes after the last.
    pub fn has_offsets(&self) -> bool {
        self.base_offset >= 0 && self.last_offset_delta >= 0 && self.last_offset() < i64::MAX
    }

    /// None for a number that stands for no codec.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_number((self.attributes & CODEC_BITS) as u8)
    }

    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME_BIT != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    /// When its tombstones, or the marker that it is, may go; None if that was not settled yet.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON_BIT != 0).then_some(self.base_timestamp)
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Sequences wrap around at 2^31.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        add_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// The timestamp of a record with this delta.
    pub fn timestamp(&self, delta: i64) -> i64 {
        if self.is_log_append_time() {
            self.max_timestamp
        } else {
            self.base_timestamp.wrapping_add(delta)
        }
    }
}

/// `sequence` plus `increment`, wrapping from 2^31 - 1 to 0.
pub fn add_sequence(sequence: i32, increment: i32) -> i32 {
    ((i64::from(sequence) + i64::from(increment)) & i64::from(i32::MAX)) as i32
}

/// Whether the checksum in the header is that of the batch's bytes.
pub fn crc_holds(batch: &[u8]) -> bool {
    u32::from_be_bytes(array(batch, CRC_AT)) == crc32c(&batch[ATTRIBUTES_AT..])
}

/// A batch of the same offsets, producer and times without any record.
pub fn emptied(header: &Header) -> Vec<u8> {
    let bits = attributes(
        Codec::None,
        header.is_log_append_time(),
        header.is_transactional(),
        header.is_control(),
        false,
    );
    let mut batch = Vec::with_capacity(HEADER_BYTES);
    batch.extend_from_slice(&header.base_offset.to_be_bytes());
    batch.extend_from_slice(&((HEADER_BYTES - PREFIX_BYTES) as i32).to_be_bytes());
    batch.extend_from_slice(&header.leader_epoch.to_be_bytes());
    batch.push(MAGIC);
    batch.extend_from_slice(&[0; 4]);
    batch.extend_from_slice(&bits.to_be_bytes());
    batch.extend_from_slice(&header.last_offset_delta.to_be_bytes());
    batch.extend_from_slice(&NO_TIMESTAMP.to_be_bytes());
    batch.extend_from_slice(&header.max_timestamp.to_be_bytes());
    batch.extend_from_slice(&header.producer_id.to_be_bytes());
    batch.extend_from_slice(&header.producer_epoch.to_be_bytes());
    batch.extend_from_slice(&header.base_sequence.to_be_bytes());
    batch.extend_from_slice(&0_i32.to_be_bytes());
    seal(&mut batch);
    batch
}

/// Compute the checksum anew after the checksummed part was changed.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
}

/// What a leader assigns; outside the checksum.
pub fn assign(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// What a producer says of itself; the checksum must be sealed again.
pub fn set_producer(batch: &mut [u8], producer_id: i64, producer_epoch: i16, base_sequence: i32) {
    let at = &mut batch[PRODUCER_AT..PRODUCER_AT + 14];
    at[..8].copy_from_slice(&producer_id.to_be_bytes());
    at[8..10].copy_from_slice(&producer_epoch.to_be_bytes());
    at[10..].copy_from_slice(&base_sequence.to_be_bytes());
}

/// Set timestamp type and largest timestamp; the checksum must be sealed again if this says true.
pub fn set_max_timestamp(batch: &mut [u8], log_append_time: bool, max_timestamp: i64) -> bool {
    let old = i16::from_be_bytes(array(batch, ATTRIBUTES_AT));
    let bit = if log_append_time {
        LOG_APPEND_TIME_BIT
    } else {
        0
    };
    let new = (old & !LOG_APPEND_TIME_BIT) | bit;
    if new == old && i64::from_be_bytes(array(batch, MAX_TIMESTAMP_AT)) == max_timestamp {
        return false;
    }
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&new.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    true
}

/// Whether what should be a batch says that it belongs to a transaction, before anybody looked at it.
pub fn is_transactional(batch: &[u8]) -> bool {
    let bytes = batch.get(ATTRIBUTES_AT..ATTRIBUTES_AT + 2);
    bytes.is_some_and(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]) & TRANSACTIONAL_BIT != 0)
}

/// The attribute bits of a batch.
pub fn attributes(
    codec: Codec,
    log_append_time: bool,
    transactional: bool,
    control: bool,
    delete_horizon: bool,
) -> i16 {
    let bit = |set: bool, bit: i16| if set { bit } else { 0 };
    codec as i16
        | bit(log_append_time, LOG_APPEND_TIME_BIT)
        | bit(transactional, TRANSACTIONAL_BIT)
        | bit(control, CONTROL_BIT)
        | bit(delete_horizon, DELETE_HORIZON_BIT)
}

/// Why bytes cannot be cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Fewer bytes are left than the header says, or than a header takes.
    Incomplete,
    /// A length that no batch has.
    BadLength(i32),
    /// A format that is not 2.
    Magic(u8),
}

/// In Kafka's words, which a producer prints.
impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the batch is cut short"),
            Self::BadLength(length) if *length >= RECORD_OVERHEAD_MIN => {
                write!(f, "a batch of {length} bytes is less than a header")
            }
            Self::BadLength(length) => write!(
                f,
                "Record size {length} is less than the minimum record overhead \
                 ({RECORD_OVERHEAD_MIN})"
            ),
            Self::Magic(magic) => write!(f, "Invalid magic found in record: {magic}"),
        }
    }
}

/// Cuts bytes into batches by their lengths; checks neither checksum nor records. Ends after the first fault.
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> Batches<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            failed: false,
        }
    }
}

/// The header of the batch that `bytes` begins with, if all of it is there.
pub fn first_header(bytes: &[u8]) -> Result<Header, Cut> {
    if bytes.len() < PREFIX_BYTES {
        return Err(Cut::Incomplete);
    }
    let length = i32::from_be_bytes(array(bytes, 8));
    if bytes.len() > MAGIC_AT && bytes[MAGIC_AT] != MAGIC && length >= RECORD_OVERHEAD_MIN {
        return Err(Cut::Magic(bytes[MAGIC_AT]));
    }
    if length < (HEADER_BYTES - PREFIX_BYTES) as i32 {
        return Err(Cut::BadLength(length));
    }
    if bytes.len() - PREFIX_BYTES < length as usize {
        return Err(Cut::Incomplete);
    }
    Header::parse(bytes).ok_or(Cut::Incomplete)
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(usize, Header, &'a [u8]), Cut>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.position..];
        if self.failed || rest.is_empty() {
            return None;
        }
        match first_header(rest) {
            Ok(header) => {
                let at = self.position;
                self.position += header.size();
                Some(Ok((at, header, &rest[..header.size()])))
            }
            Err(cut) => {
                self.failed = true;
                Some(Err(cut))
            }
        }
    }
}
