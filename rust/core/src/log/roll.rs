//! The active segment ends and the next one begins: because it is full, or has waited for long.

use super::Log;
use super::error::LogError;
use super::index::OFFSETS_MAX;
use super::segment::{Segment, remove_segment_files};
use crate::batch::Header;
use crate::disk::Disk;

impl<D: Disk> Log<D> {
    /// Begin a new segment if the active one was begun more than `segment.ms` ago and holds anything. True if it
    /// did. Apache Kafka rolls by time only when something is appended (so does `append`); a quiet log's last
    /// segment would otherwise never become old enough to delete.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn roll_if_due(&mut self, now_ms: i64) -> Result<bool, LogError> {
        let active = self.last_segment();
        let patience = self
            .config
            .segment_ms_max()
            .saturating_sub(self.jitter_ms());
        let young = now_ms.saturating_sub(active.created_ms) <= patience;
        if active.size == 0 || young || self.failure().is_some() {
            return Ok(false);
        }
        self.roll(self.end_offset, now_ms)?;
        Ok(true)
    }

    /// Begin a new segment if these bytes must not go into the active one.
    pub(super) fn roll_for(
        &mut self,
        bytes: u64,
        first: &Header,
        last: &Header,
        newest_ms: i64,
        now_ms: i64,
    ) -> Result<bool, LogError> {
        let limit = u64::from(self.config.segment_size());
        let patience = self
            .config
            .segment_ms_max()
            .saturating_sub(self.jitter_ms());
        let (place, active) = self.active();
        let relative = last.last_offset().saturating_sub(active.base_offset);
        let full = active.size + bytes > limit
            || active.indexes_full()
            || relative > OFFSETS_MAX
            || active.is_outgrown();
        let roll =
            full || (active.size > 0 && active.waited_ms(place, now_ms, newest_ms)? > patience);
        if roll {
            self.roll(first.base_offset.max(self.end_offset), now_ms)?;
        }
        Ok(roll)
    }

    /// `segment.jitter.ms` spreads rolls of many logs; which part of it a segment takes follows from its name.
    fn jitter_ms(&self) -> i64 {
        let most = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if most <= 0 {
            return 0;
        }
        let name = self
            .dir
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ self.last_segment().base_offset as u64;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        (hash % most as u64) as i64
    }

    /// Seal the active segment, snapshot the producers, begin a new segment at `base_offset`.
    pub(super) fn roll(&mut self, base_offset: i64, now_ms: i64) -> Result<(), LogError> {
        // The producers may be ahead of a failed log's end; a snapshot would say so to the next who opens it.
        self.fate.check()?;
        let ends = self.last_segment().base_offset;
        if ends == base_offset {
            return Ok(());
        }
        if !self.is_laid() {
            self.make_ready()?;
        }
        let (place, active) = self.active();
        active.seal(place)?;
        self.producers.end_offset = base_offset;
        self.write_snapshot()?;
        let (place, _) = self.active();
        match Segment::create(place, base_offset, now_ms) {
            Ok(segment) => {
                self.segments.push(segment);
                self.tail.clear();
                self.dirty.sealed.push(ends);
                self.dirty.names.note();
                Ok(())
            }
            Err(e) => {
                if !remove_segment_files(&self.disk, &self.dir, base_offset) {
                    // Batches would go on behind it, and be cut as they are not before the next segment.
                    self.fail("a new segment that failed half way", &e);
                }
                Err(e)
            }
        }
    }
}
