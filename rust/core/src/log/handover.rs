//! One log takes another's place, in another log directory: it was filled with the other's batches, whole and as they
//! are, and is given what does not follow from these. What moves a partition, and when, is `hosting/moving.rs`.

use std::path::PathBuf;

use super::Log;
use super::error::LogError;
use crate::disk::Disk;

/// How a log stands that is being copied, as its copy has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub start_offset: i64,
    pub end_offset: i64,
    pub high_watermark: i64,
    /// Of the copy's latest epoch: the largest known one that is not above it, and where that ended.
    pub epoch_end: Option<(i32, i64)>,
}

impl<D: Disk> Log<D> {
    /// How this log stands, for a copy of it.
    pub fn standing_for(&self, copy: &Self) -> Standing {
        let latest = copy.latest_epoch();
        Standing {
            start_offset: self.start_offset,
            end_offset: self.end_offset,
            high_watermark: self.high_watermark,
            epoch_end: latest.map(|epoch| self.epoch_end_offset(epoch)),
        }
    }

    /// Hold nothing that the log which this is a copy of does not hold (any more): what it has cut is cut here, by
    /// leader epoch, and what is below its start goes. The next batch of it comes at `log_end_offset`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn align_with(&mut self, other: Standing, now_ms: i64) -> Result<(), LogError> {
        if self.end_offset < other.start_offset {
            return self.truncate_fully_and_start_at(other.start_offset, now_ms);
        }
        if let Some((epoch, end)) = other.epoch_end
            && self.end_offset > other.start_offset
        {
            let own_end = self.epoch_end_offset(epoch).1;
            let common = if own_end < 0 { end } else { own_end.min(end) };
            let common = common.clamp(other.start_offset, other.end_offset);
            if common < self.end_offset {
                self.truncate_to(common, now_ms)?;
            }
        } else if self.end_offset > other.end_offset {
            self.truncate_to(other.end_offset, now_ms)?;
        }
        self.set_high_watermark(other.high_watermark);
        if self.start_offset < other.start_offset {
            for path in self.forget_before(other.start_offset)? {
                // What is left is found below the log's start at the next opening.
                let _ = self.disk.remove_file(&path);
            }
            self.epochs_stale = true;
        }
        Ok(())
    }

    /// Know what the log knows that this is a copy of, and that does not follow from the batches alone: which epochs
    /// began where batches are gone, and producers of whom no batch is left. They must end at the same offset.
    ///
    /// # Errors
    /// `OutOfRange` if they do not; else if the disk fails.
    pub fn succeed(&mut self, other: &Self, now_ms: i64) -> Result<(), LogError> {
        let (start, end) = (other.start_offset, other.end_offset);
        if (self.start_offset, self.end_offset) != (start, end) {
            let text = format!(
                "a copy from {} to {} of a log from {start} to {end}",
                self.start_offset, self.end_offset
            );
            return Err(LogError::OutOfRange { text });
        }
        self.config = other.config.clone();
        let snapshot_offset = self.producers.snapshot_offset;
        let follows = self.producers.knows_as(&other.producers);
        self.producers = other.producers.clone();
        self.producers.snapshot_offset = snapshot_offset;
        if self.epochs != other.epochs {
            self.epochs = other.epochs.clone();
            self.keep_epochs()?;
        }
        self.set_high_watermark(other.high_watermark);
        if !follows {
            // Only a snapshot where a segment begins survives a recovery.
            self.roll(end, now_ms)?;
        }
        Ok(())
    }

    /// Its folder was renamed.
    pub fn renamed_to(&mut self, dir: PathBuf) {
        self.dir = dir;
    }
}
