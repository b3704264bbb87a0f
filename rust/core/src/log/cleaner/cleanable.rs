//! What there is to clean in a log: from where its keys were not looked at yet, up to where it may be touched.

use super::super::Log;
use super::super::error::LogError;
use crate::disk::Disk;

/// What a log's cleaning would be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanable {
    /// All below was cleaned before.
    pub first_dirty: i64,
    /// Where the first segment begins that must stay as it is.
    pub first_uncleanable: i64,
    pub clean_bytes: u64,
    pub cleanable_bytes: u64,
    /// For how long `max.compaction.lag.ms` is over; 0 if it is not.
    pub overdue_ms: i64,
    /// The checkpoint named an offset that the log does not hold.
    pub reset: bool,
}

impl Cleanable {
    /// How much of what can be cleaned was not, from 0 to 1.
    pub fn ratio(&self) -> f64 {
        let total = self.clean_bytes + self.cleanable_bytes;
        if total == 0 {
            return 0.0;
        }
        self.cleanable_bytes as f64 / total as f64
    }
}

impl<D: Disk> Log<D> {
    /// What there is to clean, if `checkpoint` is up to where it was cleaned before.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn cleanable(
        &mut self,
        checkpoint: Option<i64>,
        now_ms: i64,
    ) -> Result<Cleanable, LogError> {
        let start = self.start_offset;
        let wanted = checkpoint.unwrap_or(start);
        let reset = !(start..=self.end_offset).contains(&wanted);
        let first_dirty = if reset { start } else { wanted };
        let dirty = self.segment_at(first_dirty)..self.segments.len() - 1;

        let mut limit = self
            .last_stable_offset()
            .min(self.last_segment().base_offset);
        if self.config.min_compaction_lag_ms > 0 {
            let youngest_ms = now_ms.saturating_sub(self.config.min_compaction_lag_ms);
            for at in dirty.clone() {
                let (place, segment) = self.segment(at);
                let written_ms = segment.skew.written_ms;
                let newest_ms = segment.largest_timestamp(place)?.0;
                if written_ms.map_or(newest_ms, |at| at.max(newest_ms)) > youngest_ms {
                    limit = limit.min(self.segments[at].base_offset);
                    break;
                }
            }
        }
        let uncleanable = self.segment_at(limit.max(first_dirty));
        let first_uncleanable = self.segments[uncleanable].base_offset;
        let first = dirty.start.min(uncleanable);
        let bytes = |segments: &[super::super::segment::Segment<D>]| {
            segments.iter().map(|segment| segment.size).sum()
        };
        let clean = (self.segments).partition_point(|segment| segment.base_offset < first_dirty);
        Ok(Cleanable {
            first_dirty,
            first_uncleanable,
            clean_bytes: bytes(&self.segments[..clean]),
            cleanable_bytes: bytes(&self.segments[first..uncleanable]),
            overdue_ms: self.overdue_ms(dirty, now_ms)?,
            reset,
        })
    }

    fn overdue_ms(&mut self, dirty: std::ops::Range<usize>, now_ms: i64) -> Result<i64, LogError> {
        let due_ms = now_ms.saturating_sub(self.config.max_compaction_lag_ms.max(0));
        let mut earliest_ms = i64::MAX;
        for at in dirty {
            let (place, segment) = self.segment(at);
            if let Some(first_ms) = segment.first_timestamp(place)?.filter(|at| *at > 0) {
                let first_ms = first_ms.saturating_add(segment.skew.first_ms);
                earliest_ms = earliest_ms.min(first_ms);
            }
        }
        Ok(due_ms.saturating_sub(earliest_ms).max(0))
    }
}
