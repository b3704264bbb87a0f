//! What a Fetch brought of one partition: which of its batches count for this reader, and the records in them.
//!
//! Nothing is copied but what a codec unpacks. Batches of aborted transactions and control batches are left out, by the
//! list that comes with a Fetch, as Java's consumer does. What is broken ends the reading there: what lies before it is
//! given out first.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::Range;

use crate::batch::{
    BatchSpec, Batches, Builder, Cut, Fault, HEADER_BYTES, Header, RecordOut, Records, SliceSource,
    Spans, crc_holds, seal, set_producer,
};
use crate::compression::{Codec, Decompressor};

/// Kafka's marker of an aborted transaction, in a control record's key.
const MARKER_ABORT: [u8; 2] = [0, 0];

/// A transaction that was aborted: whose, and where it began.
#[derive(Clone, Copy, Debug)]
pub struct Aborted {
    pub producer_id: i64,
    pub first_offset: i64,
}

/// A batch that counts: where it lies in what was fetched.
#[derive(Clone, Debug)]
pub struct FetchedBatch {
    pub at: Range<usize>,
    pub header: Header,
}

/// All batches of one Fetch that count.
#[derive(Debug)]
pub struct Fetched {
    pub batches: Vec<FetchedBatch>,
    /// Where to go on behind all of it.
    pub next_offset: i64,
    /// The leader epoch of the last batch before that; -1 if there is none.
    pub leader_epoch: i32,
    /// Why nothing behind `next_offset` can be read, if so.
    pub fault: Option<String>,
}

impl Fetched {
    /// Look through bytes that were fetched from `position` on. Without a list of aborted transactions all count.
    pub fn new(
        bytes: &[u8],
        position: i64,
        aborted: Option<&[Aborted]>,
        checks_crcs: bool,
    ) -> Self {
        let mut found = Self {
            batches: Vec::new(),
            next_offset: position,
            leader_epoch: -1,
            fault: None,
        };
        let mut judge = aborted.map(Judge::new);
        for piece in Batches::new(bytes) {
            let (at, header, batch) = match piece {
                Ok(piece) => piece,
                // The last one is cut off where the answer was full.
                Err(Cut::Incomplete) => break,
                Err(cut) => {
                    found.fault = Some(cut.to_string());
                    break;
                }
            };
            if let Some(fault) = broken(&header, batch, checks_crcs) {
                found.fault = Some(fault);
                break;
            }
            let counts = judge
                .as_mut()
                .is_none_or(|judge| judge.counts(&header, batch));
            if header.next_offset() <= position {
                continue;
            }
            found.next_offset = header.next_offset();
            found.leader_epoch = header.leader_epoch;
            if counts && !header.is_control() && header.record_count > 0 {
                found.batches.push(FetchedBatch {
                    at: at..at + batch.len(),
                    header,
                });
            }
        }
        found
    }
}

fn broken(header: &Header, batch: &[u8], checks_crcs: bool) -> Option<String> {
    let at = header.base_offset;
    if !header.has_offsets() {
        return Some(format!("a batch with offsets that no log has ({at})"));
    }
    if checks_crcs && !crc_holds(batch) {
        return Some(format!("the checksum of the batch at offset {at} is wrong"));
    }
    if header.codec().is_none() {
        return Some(format!(
            "the batch at offset {at} is packed by no codec that exists"
        ));
    }
    None
}

/// Says of batches in order whether they belong to aborted transactions.
struct Judge {
    /// Those to come, the first one last.
    ahead: Vec<Aborted>,
    within: HashSet<i64>,
}

impl Judge {
    fn new(aborted: &[Aborted]) -> Self {
        let mut ahead = aborted.to_vec();
        ahead.sort_by_key(|one| std::cmp::Reverse(one.first_offset));
        Self {
            ahead,
            within: HashSet::new(),
        }
    }

    /// From where an aborted transaction began all of its producer's batches belong to it, up to its marker.
    fn counts(&mut self, header: &Header, batch: &[u8]) -> bool {
        while let Some(next) = self
            .ahead
            .pop_if(|next| next.first_offset <= header.last_offset())
        {
            self.within.insert(next.producer_id);
        }
        if header.is_control() {
            if is_abort(header, batch) {
                self.within.remove(&header.producer_id);
            }
            return false;
        }
        !(header.is_transactional() && self.within.contains(&header.producer_id))
    }
}

fn is_abort(header: &Header, batch: &[u8]) -> bool {
    let Ok(mut walk) = Walk::new(header, batch, u64::MAX) else {
        return false;
    };
    // A log cleaner may have emptied it.
    let Ok(Some(spans)) = walk.next(batch) else {
        return false;
    };
    let key = spans.key.map(|key| &walk.bytes(batch)[key]);
    key.and_then(|key| key.get(2..4)) == Some(&MARKER_ABORT[..])
}

/// The records of one batch, one after another, by where their parts lie.
pub struct Walk {
    /// What a codec unpacked; the batch itself holds the records where there is none.
    unpacked: Option<Vec<u8>>,
    position: usize,
    left: i32,
}

impl Walk {
    /// At the first record. Unpacks at once, up to so many bytes.
    pub fn new(header: &Header, batch: &[u8], unpacked_bytes_max: u64) -> Result<Self, Fault> {
        let codec = header
            .codec()
            .ok_or_else(|| Fault::Codec("no codec that exists".to_owned()))?;
        let packed = &batch[HEADER_BYTES..];
        let unpacked = match codec {
            Codec::None => None,
            _ => Some(
                unpack(codec, packed, unpacked_bytes_max)
                    .map_err(|e| Fault::Codec(format!("the compressed records are broken: {e}")))?,
            ),
        };
        let position = if unpacked.is_some() { 0 } else { HEADER_BYTES };
        Ok(Self {
            unpacked,
            position,
            left: header.record_count,
        })
    }

    /// What the records were unpacked to, where they were packed.
    pub fn into_unpacked(self) -> Option<Vec<u8>> {
        self.unpacked
    }

    /// What the spans of a record point into.
    pub fn bytes<'a>(&'a self, batch: &'a [u8]) -> &'a [u8] {
        self.unpacked.as_deref().unwrap_or(batch)
    }

    /// The next record of that batch; None after the last, a fault if bytes follow it.
    pub fn next(&mut self, batch: &[u8]) -> Result<Option<Spans>, Fault> {
        let bytes = self.unpacked.as_deref().unwrap_or(batch);
        let mut records = Records::new(SliceSource::at(bytes, self.position), self.left);
        let found = records.next_spans()?;
        self.position = records.position() as usize;
        self.left -= i32::from(found.is_some());
        Ok(found)
    }
}

fn unpack(codec: Codec, packed: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    Decompressor::new(codec, packed)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut out)?;
    if out.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("more than {bytes_max} bytes")));
    }
    Ok(out)
}

/// A batch under another producer and sequence: a producer whose epoch was raised numbers anew what it still has to send.
pub fn restamped(batch: &[u8], producer_id: i64, producer_epoch: i16, sequence: i32) -> Vec<u8> {
    let mut out = batch.to_vec();
    set_producer(&mut out, producer_id, producer_epoch, sequence);
    seal(&mut out);
    out
}

/// A batch that was read, as a producer may send it: offsets from 0 on without holes, by this producer.
pub fn for_producing(
    batch: &[u8],
    producer_id: i64,
    producer_epoch: i16,
    sequence: i32,
    transactional: bool,
) -> io::Result<Vec<u8>> {
    let header = Header::parse(batch).ok_or_else(|| io::Error::other("no whole batch"))?;
    let codec = header
        .codec()
        .ok_or_else(|| io::Error::other("no codec that exists"))?;
    let spec = BatchSpec {
        codec,
        producer_id,
        producer_epoch,
        base_sequence: sequence,
        transactional,
        ..BatchSpec::default()
    };
    let is_dense = header.record_count == header.last_offset_delta.saturating_add(1);
    let is_plain = !header.is_log_append_time() && header.delete_horizon_ms().is_none();
    if is_dense && is_plain && header.is_transactional() == transactional && !header.is_control() {
        let mut out = batch.to_vec();
        crate::batch::assign(&mut out, 0, -1);
        set_producer(&mut out, producer_id, producer_epoch, sequence);
        seal(&mut out);
        return Ok(out);
    }
    rebuilt(&header, batch, spec)
}

/// The same records in a batch of their own.
fn rebuilt(header: &Header, batch: &[u8], spec: BatchSpec) -> io::Result<Vec<u8>> {
    let mut walk = Walk::new(header, batch, u64::MAX).map_err(failed)?;
    let mut builder = Builder::new(spec)?;
    copied(header, batch, &mut walk, &mut builder, i32::MAX)?;
    builder.finish(None)
}

/// A producer's batch in two, each with how many records it has: sequences go on from one to the other. One of a single
/// record stays as it is.
pub fn split(batch: &[u8]) -> io::Result<Vec<(Vec<u8>, i32)>> {
    let header = Header::parse(batch).ok_or_else(|| io::Error::other("no whole batch"))?;
    if header.record_count < 2 {
        return Ok(vec![(batch.to_vec(), header.record_count)]);
    }
    let half = header.record_count / 2;
    let mut walk = Walk::new(&header, batch, u64::MAX).map_err(failed)?;
    let mut parts = Vec::new();
    for (first, count) in [(0, half), (half, header.record_count - half)] {
        let sequence = match header.base_sequence {
            ..0 => -1,
            base => crate::batch::add_sequence(base, first),
        };
        let mut builder = Builder::new(BatchSpec {
            codec: header.codec().unwrap_or(Codec::None),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: sequence,
            transactional: header.is_transactional(),
            ..BatchSpec::default()
        })?;
        copied(&header, batch, &mut walk, &mut builder, count)?;
        parts.push((builder.finish(None)?, count));
    }
    Ok(parts)
}

fn failed(fault: Fault) -> io::Error {
    io::Error::other(fault.text().to_owned())
}

/// So many of the next records, at most, into a builder.
fn copied(
    header: &Header,
    batch: &[u8],
    walk: &mut Walk,
    builder: &mut Builder,
    most: i32,
) -> io::Result<()> {
    for _ in 0..most {
        let Some(spans) = walk.next(batch).map_err(failed)? else {
            break;
        };
        let bytes = walk.bytes(batch);
        let headers: Vec<_> = spans
            .headers
            .iter()
            .map(|(key, value)| (&bytes[key.clone()], value.clone().map(|at| &bytes[at])))
            .collect();
        builder.append(&RecordOut {
            timestamp_ms: header.timestamp(spans.timestamp_delta),
            key: spans.key.map(|at| &bytes[at]),
            value: spans.value.map(|at| &bytes[at]),
            headers: &headers,
        })?;
    }
    Ok(())
}
