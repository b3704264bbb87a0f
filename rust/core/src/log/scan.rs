//! Walking the batches in a segment's file: headers through a small window, and whole batches with their checksums.
//!
//! Nothing that is written there is believed: a walk ends where a batch cannot stand, by its length or its offsets,
//! so that whoever walks meets only batches within the file and offsets that rise within the segment.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::{During, LogError};
use super::index::OFFSETS_MAX;
use super::markers::Marker;
use crate::batch::{Cut, HEADER_BYTES, Header, PREFIX_BYTES, Records, StreamSource, first_header};
use crate::compression::Decompressor;
use crate::crc::Crc32c;
use crate::disk::DiskFile;

const WINDOW_BYTES: usize = 4 << 10;
const PIECE_BYTES: usize = 256 << 10;
const CHECKED_FROM: u64 = 21;
/// No transaction marker is larger, packed or not.
const MARKER_BYTES_MAX: usize = 4 << 10;

/// A batch and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    pub at: u64,
    pub header: Header,
}

/// The offsets that a segment can hold: from its own up to the next segment's.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub base: i64,
    pub end: i64,
}

/// A walk from one position to the end of the segment, or to the first bytes that cannot be a batch there.
pub struct Scan<F: DiskFile> {
    file: Arc<F>,
    path: PathBuf,
    position: u64,
    end: u64,
    bounds: Bounds,
    /// No batch from here on begins below it.
    next: i64,
    peeked: Option<Position>,
    window: Vec<u8>,
    window_at: u64,
}

impl<F: DiskFile> Scan<F> {
    pub fn new(file: Arc<F>, path: PathBuf, from: u64, end: u64, bounds: Bounds) -> Self {
        Self {
            file,
            path,
            position: from,
            end,
            bounds,
            next: bounds.base,
            peeked: None,
            window: Vec::new(),
            window_at: 0,
        }
    }

    pub fn set_end(&mut self, end: u64) {
        self.end = end;
        self.peeked = None;
    }

    /// Whether the walk came to the segment's end.
    pub fn is_done(&self) -> bool {
        self.position == self.end
    }

    /// Why it did not.
    pub fn damage(&self) -> LogError {
        let text = format!("byte {}: no batch that can stand here", self.position);
        LogError::corrupt(&self.path, text)
    }

    /// The next batch's header; None where no whole batch follows that can stand there.
    pub fn next_header(&mut self) -> Result<Option<Position>, LogError> {
        let found = self.peek()?;
        if let Some(found) = &found {
            self.position = found.at + found.header.size() as u64;
            self.next = found.header.next_offset();
            self.peeked = None;
        }
        Ok(found)
    }

    /// The same, without going on.
    pub fn peek(&mut self) -> Result<Option<Position>, LogError> {
        if self.peeked.is_some() {
            return Ok(self.peeked);
        }
        let at = self.position;
        let left = self.end.saturating_sub(at);
        if left < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let in_window = at >= self.window_at
            && at + HEADER_BYTES as u64 <= self.window_at + self.window.len() as u64;
        if !in_window {
            let len = (WINDOW_BYTES as u64).min(left) as usize;
            self.window.resize(len, 0);
            self.file
                .read_exact_at(&mut self.window, at)
                .during("reading", &self.path)?;
            self.window_at = at;
        }
        let start = (at - self.window_at) as usize;
        let bytes = &self.window[start..start + HEADER_BYTES];
        let header = match (first_header(bytes), Header::parse(bytes)) {
            (Ok(header), _) | (Err(Cut::Incomplete), Some(header)) => header,
            _ => return Ok(None),
        };
        let fits = header.batch_length >= (HEADER_BYTES - PREFIX_BYTES) as i32
            && header.size() as u64 <= left
            && header.has_offsets()
            && header.base_offset >= self.next
            && header.last_offset() < self.bounds.end
            && header.last_offset().saturating_sub(self.bounds.base) <= OFFSETS_MAX;
        self.peeked = fits.then_some(Position { at, header });
        Ok(self.peeked)
    }

    /// Whether the checksum of a batch that was found is right; reads all of it.
    pub fn crc_holds(&self, found: &Position, buffer: &mut Vec<u8>) -> Result<bool, LogError> {
        let mut crc = Crc32c::default();
        let mut at = found.at + CHECKED_FROM;
        let end = found.at + found.header.size() as u64;
        while at < end {
            let piece = ((end - at) as usize).min(PIECE_BYTES);
            buffer.resize(piece, 0);
            self.file
                .read_exact_at(buffer, at)
                .during("reading", &self.path)?;
            crc.update(buffer);
            at += piece as u64;
        }
        Ok(crc.finish() == found.header.crc)
    }

    fn bytes(&self, found: &Position) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; found.header.size()];
        self.file
            .read_exact_at(&mut bytes, found.at)
            .during("reading", &self.path)?;
        Ok(bytes)
    }

    /// The whole batch, if its checksum holds: else its length may be anything.
    pub fn checked(&self, found: &Position) -> Result<Vec<u8>, LogError> {
        if !self.crc_holds(found, &mut Vec::new())? {
            let text = format!("byte {}: the batch's checksum is wrong", found.at);
            return Err(LogError::corrupt(&self.path, text));
        }
        self.bytes(found)
    }

    /// The transaction marker in a control batch, if it is one.
    pub fn marker(&self, found: &Position) -> Result<Option<Marker>, LogError> {
        let header = &found.header;
        if !header.is_control() || !header.has_producer_id() || header.size() > MARKER_BYTES_MAX {
            return Ok(None);
        }
        Ok(marker_of(&found.header, &self.bytes(found)?))
    }
}

/// The transaction marker in a control batch's bytes, if it is one.
pub fn marker_of(header: &Header, batch: &[u8]) -> Option<Marker> {
    let stream = Decompressor::new(header.codec()?, &batch[HEADER_BYTES..]).ok()?;
    let stream = StreamSource::limited(stream, MARKER_BYTES_MAX as u64);
    let record = Records::new(stream, header.record_count)
        .next_record()
        .ok()??;
    let timestamp_ms = header.timestamp(record.timestamp_delta);
    Marker::parse(record.key.as_deref(), record.value.as_deref(), timestamp_ms)
}
