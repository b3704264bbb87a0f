//! A walk over the whole batches of one segment, many at a time. Checksums are held: what is written anew gets a fresh
//! one, and damage would look sound from then on.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::error::{During, LogError, SYNCING};
use super::super::files::{LOG_SUFFIX, file_path};
use super::api::CleanError;
use super::groups::Source;
use crate::batch::{Cut, HEADER_BYTES, Header, crc_holds, first_header};
use crate::disk::DiskFile;

pub struct Reading<F> {
    /// Which of the segments of the round.
    pub place: usize,
    pub source: Source,
    path: PathBuf,
    /// None until its file is open.
    pub file: Option<Arc<F>>,
    pub at: u64,
}

impl<F: DiskFile> Reading<F> {
    pub fn of(sources: &[Source], place: usize, dir: &std::path::Path) -> Self {
        let source = sources[place];
        Self {
            place,
            source,
            path: file_path(dir, source.base, LOG_SUFFIX),
            file: None,
            at: 0,
        }
    }

    pub fn is_over(&self) -> bool {
        self.at >= self.source.size
    }

    /// Read on, about so many bytes: whole batches, one at least, and where each lies in the buffer.
    ///
    /// # Errors
    /// If the disk fails, or there is something else than batches.
    pub fn next(
        &mut self,
        io_bytes: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<(usize, Header)>, CleanError> {
        let left = self.source.size.saturating_sub(self.at);
        let (Some(file), true) = (&self.file, left > 0) else {
            return Ok(Vec::new());
        };
        let mut want = left.min(io_bytes.max(HEADER_BYTES) as u64) as usize;
        loop {
            buffer.resize(want, 0);
            file.read_exact_at(buffer, self.at)
                .during("reading", &self.path)?;
            let (found, end) = self.batches(buffer)?;
            if !found.is_empty() {
                self.at += end as u64;
                return Ok(found);
            }
            // It is larger than what is read at once.
            let size = Header::parse(buffer).map_or(0, |header| header.size());
            if size <= want || size as u64 > left {
                return Err(self.damaged(0, "the batch is not whole"));
            }
            want = size;
        }
    }

    /// The whole batches in these bytes, and where they end.
    fn batches(&self, bytes: &[u8]) -> Result<(Vec<(usize, Header)>, usize), CleanError> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let header = match first_header(&bytes[at..]) {
                Ok(header) => header,
                Err(Cut::Incomplete) => break,
                Err(cut) => return Err(self.damaged(at, &cut.to_string())),
            };
            let batch = &bytes[at..at + header.size()];
            if !header.has_offsets() || !crc_holds(batch) {
                let text = "the batch's checksum or its offsets are wrong";
                return Err(self.damaged(at, text));
            }
            found.push((at, header));
            at += header.size();
        }
        Ok((found, at))
    }

    /// What was read of it is to outlive what it supersedes.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn sync(&self) -> Result<(), LogError> {
        match &self.file {
            Some(file) => file.sync().during(SYNCING, &self.path),
            None => Ok(()),
        }
    }

    fn damaged(&self, at: usize, text: &str) -> CleanError {
        let at = self.at + at as u64;
        CleanError::Uncleanable(format!("{}: byte {at}: {text}", self.path.display()))
    }

    /// The records of this batch are none.
    pub fn broken(&self, header: &Header, text: &str) -> CleanError {
        let (path, base) = (self.path.display(), header.base_offset);
        CleanError::Uncleanable(format!("{path}: the batch at offset {base}: {text}"))
    }
}
