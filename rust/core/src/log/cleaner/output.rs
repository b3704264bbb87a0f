//! The segment that a group of segments is cleaned into, under names that nobody takes for a log's until it has its
//! place.

use std::path::{Path, PathBuf};

use super::super::Log;
use super::super::config::LogConfig;
use super::super::error::{During, LogError, SYNCING};
use super::super::files::{CLEANED_SUFFIX, SWAP_SUFFIX};
use super::super::segment::{Brief, Place, SEGMENT_SUFFIXES, Segment};
use super::super::transaction_index::Aborted;
use super::api::CleanError;
use super::groups::Source;
use super::swap::Removal;
use crate::batch::Header;
use crate::disk::{Disk, DiskFile, Open};

pub struct Output<D: Disk> {
    disk: D,
    dir: PathBuf,
    config: LogConfig,
    segment: Segment<D>,
    /// What its batches may take.
    room: u64,
    /// After the last batch.
    end: i64,
    bytes: Vec<u8>,
    briefs: Vec<Brief>,
}

/// Where files of the log that a cleaner makes lie.
fn place<'a, D: Disk>(disk: &'a D, dir: &'a Path, config: &LogConfig) -> Place<'a, D> {
    Place {
        end: i64::MAX,
        disk,
        dir,
        index_bytes: config.segment_index_bytes,
        index_interval: u64::from(config.index_interval_bytes),
    }
}

impl<D: Disk> Output<D> {
    /// Begin to write the segment that will begin here.
    ///
    /// # Errors
    /// If the disk fails; then nothing is left of it.
    pub fn begin(
        disk: &D,
        dir: &Path,
        config: &LogConfig,
        base: i64,
        room: u64,
        now_ms: i64,
    ) -> Result<Self, LogError> {
        let mut output = Self {
            segment: Segment::known(place(disk, dir, config), base, 0, (0, 0), now_ms, now_ms),
            disk: disk.clone(),
            dir: dir.to_owned(),
            config: config.clone(),
            room,
            end: base,
            bytes: Vec::new(),
            briefs: Vec::new(),
        };
        output.segment.mark = CLEANED_SUFFIX;
        output.remove_files();
        let laid = output.segment.lay(place(&output.disk, &output.dir, config));
        if let Err(error) = laid {
            output.remove_files();
            return Err(error);
        }
        Ok(output)
    }

    pub fn push(&mut self, header: &Header, batch: &[u8]) {
        self.bytes.extend_from_slice(batch);
        self.end = header.next_offset();
        self.briefs.push(Brief {
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            size: batch.len() as u64,
        });
    }

    pub fn push_new(&mut self, batch: &[u8]) {
        if let Some(header) = Header::parse(batch) {
            self.push(&header, batch);
        }
    }

    pub fn note_aborted(&self, aborted: Aborted) -> Result<(), LogError> {
        let place = place(&self.disk, &self.dir, &self.config);
        self.segment.note_all_aborted(place, &[aborted])
    }

    /// Write what was pushed; how many bytes.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write(&mut self) -> Result<u64, LogError> {
        if self.bytes.is_empty() {
            return Ok(0);
        }
        let place = place(&self.disk, &self.dir, &self.config);
        self.segment.write(place, &self.bytes, self.room)?;
        for brief in self.briefs.drain(..) {
            self.segment.note(place, brief)?;
        }
        let written = self.bytes.len() as u64;
        self.bytes.clear();
        Ok(written)
    }

    /// Make it safe, as old as the last of those that it replaces; from then on whoever opens the folder puts it into
    /// its place.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(&mut self, modified_ms: i64) -> Result<(), LogError> {
        let place = place(&self.disk, &self.dir, &self.config);
        self.segment.seal(place)?;
        self.segment.modified_ms = modified_ms;
        for suffix in SEGMENT_SUFFIXES {
            let path = self.segment.named(place, suffix);
            let file = match self.disk.open(&path, Open::Write) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                opened => opened.during("opening", &path)?,
            };
            file.set_modified_ms(modified_ms).during("writing", &path)?;
            file.sync().during(SYNCING, &path)?;
        }
        self.sync_dir()?;
        self.segment.rename(place, SWAP_SUFFIX)?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> Result<(), LogError> {
        self.disk.sync_dir(&self.dir).during(SYNCING, &self.dir)
    }

    /// Let the log read it instead of these; what is left to do of them.
    ///
    /// # Errors
    /// If these are not the log's own any more. Then nothing is left of it.
    pub(super) fn put_into(self, log: &mut Log<D>, old: &[Source]) -> Result<Removal, CleanError> {
        let (base, end) = (self.segment.base_offset, self.end);
        let Self { segment, .. } = self;
        if let Err(segment) = log.replace(old, Box::new(segment)) {
            let segment = *segment;
            Self { segment, ..self }.remove();
            return Err(CleanError::Gone);
        }
        let is_covered = |old: &&Source| old.base == base || old.base < end;
        let covered = old.iter().take_while(is_covered);
        let rest = old.iter().skip_while(is_covered);
        Ok(Removal {
            base,
            covered: covered.map(|old| old.base).collect(),
            rest: rest.map(|old| old.base).collect(),
            synced: false,
        })
    }

    /// Leave nothing of it.
    pub fn remove(mut self) {
        self.segment.forget();
        self.remove_files();
    }

    fn remove_files(&self) {
        let place = place(&self.disk, &self.dir, &self.config);
        for suffix in SEGMENT_SUFFIXES {
            // What cannot be removed goes when the folder is opened next.
            let _ = self.disk.remove_file(&self.segment.named(place, suffix));
        }
    }
}
