//! One partition's log: segments of whole record batches, with indexes, epochs and producer state beside them,
//! byte for byte what Apache Kafka 4.3.1 keeps in such a folder.
//!
//! It decides nothing about replication: the partition above it says where the high watermark is. It is used by
//! one thread at a time (`&mut self`, no locks inside); a `Slice` that it gave out stays readable without it.
//! What stays true: offsets only grow; a failed append leaves the log as it was; a log that nobody uses holds no
//! file descriptor (`release_files`).

mod api;
mod append;
mod cleaner;
mod close;
mod config;
mod cut;
mod epochs;
mod error;
mod examine;
pub mod files;
mod find;
mod flush;
mod handover;
mod index;
mod indexing;
mod markers;
mod open;
mod prepare;
mod producers;
mod read;
mod recover;
mod retain;
mod roll;
mod scan;
mod segment;
mod skew;
mod snapshots;
mod transaction_index;
mod unsynced;
mod validate;
mod verifications;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::batch::Header;
use crate::disk::Disk;
use epochs::Epochs;
use error::{During, UnlessFull};
use files::EPOCHS_FILE;
use producers::Producers;
use segment::{Place, Segment};
use unsynced::{Fate, Unsafe};

pub use api::*;
pub use cleaner::{CleanError, Cleanable, Cleaned, Cleaner, CleanerLimits, Wants};
pub use config::*;
pub use error::*;
pub use examine::{Examined, examine};
pub use handover::Standing;
pub use markers::Marker;

pub use prepare::{Prepared, memory_to_prepare, prepare, prepare_light};
pub use skew::Skew;
pub use unsynced::{Flushed, Unflushed};

/// A batch near the log's end.
#[derive(Clone, Copy)]
struct Tail {
    at: u64,
    header: Header,
}

/// Files that were renamed and go for good later.
struct Doomed {
    /// None until somebody came to remove them.
    due_ms: Option<i64>,
    paths: Vec<PathBuf>,
}

pub struct Log<D: Disk> {
    disk: D,
    dir: PathBuf,
    config: LogConfig,
    /// By base offset; never empty; the last one is active.
    segments: Vec<Segment<D>>,
    tail: VecDeque<Tail>,
    epochs: Epochs,
    producers: Producers,
    start_offset: i64,
    end_offset: i64,
    high_watermark: i64,
    recovery_point: i64,
    unflushed_messages: i64,
    flushed_ms: Option<i64>,
    doomed: Vec<Doomed>,
    dirty: Unsafe,
    /// What the file of epochs holds, if that is known.
    epochs_in_file: Option<Epochs>,
    /// The file is not what the epochs are. So it is as long as the log has no files.
    epochs_stale: bool,
    fate: Fate,
    skew: Skew,
}

impl<D: Disk> Log<D> {
    /// Look at this number from now on.
    pub fn follow(&mut self, skew: Skew) {
        self.skew = skew;
    }

    fn segment(&mut self, at: usize) -> (Place<'_, D>, &mut Segment<D>) {
        let next = self.segments.get(at + 1);
        let place = Place {
            end: next.map_or(i64::MAX, |next| next.base_offset),
            disk: &self.disk,
            dir: &self.dir,
            index_bytes: self.config.segment_index_bytes,
            index_interval: u64::from(self.config.index_interval_bytes),
        };
        (place, &mut self.segments[at])
    }

    /// Why the log takes no more appends and syncs nothing any more, if so.
    pub fn failure(&self) -> Option<&str> {
        self.fate.failure()
    }

    /// Take no appends any more, and sync nothing; not for a sync that failed, which `Fate::sync` says itself.
    pub fn fail(&mut self, what: &str, error: &LogError) {
        self.fate.fail(what, error, false);
    }

    /// Where its files lie, whatever segment comes next.
    fn place(&self) -> Place<'_, D> {
        Place {
            end: i64::MAX,
            disk: &self.disk,
            dir: &self.dir,
            index_bytes: self.config.segment_index_bytes,
            index_interval: u64::from(self.config.index_interval_bytes),
        }
    }

    fn active(&mut self) -> (Place<'_, D>, &mut Segment<D>) {
        self.segment(self.segments.len() - 1)
    }

    fn last_segment(&self) -> &Segment<D> {
        &self.segments[self.segments.len() - 1]
    }

    /// The segment that holds `offset`, or the first.
    fn segment_at(&self, offset: i64) -> usize {
        self.segments
            .partition_point(|segment| segment.base_offset <= offset)
            .saturating_sub(1)
    }

    /// The partition moved its high watermark: decided transactions below it become stable, and retention may go up
    /// to it. A log starts with its high watermark at its log start offset.
    pub fn set_high_watermark(&mut self, high_watermark: i64) {
        self.high_watermark = high_watermark.clamp(self.start_offset, self.end_offset);
        self.producers.high_watermark(self.high_watermark);
    }

    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The first offset that read_committed must not see yet: never above the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        let unstable = self.producers.first_unstable().unwrap_or(i64::MAX);
        unstable.min(self.high_watermark).max(self.start_offset)
    }

    pub fn log_start_offset(&self) -> i64 {
        self.start_offset
    }

    pub fn log_end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Bytes of all segments' batches.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes effect with the next append or pass of retention.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// The latest leader epoch that has an entry; None in an empty log.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.latest()
    }

    /// This epoch begins at the log's end: said by a new leader before its first append. Safe after `flush`, if there
    /// are batches. On a full disk it waits in memory: no batch of it is taken before the file has it, and until then
    /// it is nothing.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn begin_epoch(&mut self, leader_epoch: i32) -> Result<(), LogError> {
        self.fate.check()?;
        if self.epochs.assign(leader_epoch, self.end_offset) || self.epochs_stale {
            self.keep_epochs().unless_full()?;
        }
        Ok(())
    }

    /// OffsetForLeaderEpoch: (largest epoch not above the asked one, where it ended); (-1, -1) if unknown.
    pub fn epoch_end_offset(&self, leader_epoch: i32) -> (i32, i64) {
        self.epochs.end_offset(leader_epoch, self.end_offset)
    }

    /// The epoch of the record at `offset`.
    #[cfg(test)]
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.epochs.at(offset)
    }

    /// Whether there are files of segments. A log is without them at most until its first append.
    fn is_laid(&self) -> bool {
        self.segments.first().is_some_and(Segment::is_laid)
    }

    fn has_batches(&self) -> bool {
        self.segments
            .first()
            .is_some_and(|first| first.base_offset < self.end_offset)
    }

    /// Write the epochs where somebody will believe them: without batches they wait in memory, since opening cuts
    /// those that begin where the log ends.
    fn keep_epochs(&mut self) -> Result<(), LogError> {
        if self.has_batches() {
            return self.write_epochs();
        }
        self.epochs_stale = true;
        Ok(())
    }

    /// What must be there before a batch is, when it is not there as it must be: the segment's files, and the epochs.
    #[cold]
    fn make_ready(&mut self) -> Result<(), LogError> {
        if !self.is_laid() {
            self.dirty.names.note(); // what fails half way leaves names, too
            let (place, first) = self.segment(0);
            first.lay(place)?;
        }
        self.write_epochs()
    }

    fn write_epochs(&mut self) -> Result<(), LogError> {
        if self.epochs_in_file.as_ref() == Some(&self.epochs) {
            self.epochs_stale = false;
            return Ok(());
        }
        let path = self.dir.join(EPOCHS_FILE);
        let text = self.epochs.text();
        let before = self.epochs_in_file.take();
        self.epochs_stale = true;
        let written = self
            .disk
            .write_atomically(&path, text.as_bytes(), false)
            .during("writing", &path);
        if let Err(error) = written {
            if error.is_full() {
                self.epochs_in_file = before; // nothing has taken its place
            }
            return Err(error);
        }
        self.epochs_in_file = Some(self.epochs.clone());
        self.epochs_stale = false;
        self.dirty.epochs.note();
        self.dirty.names.note();
        Ok(())
    }

    /// Whether the file has the epoch of every batch. What it has beside these is cut when it is read.
    fn epochs_are_kept(&self) -> bool {
        let of_batches = |epochs: &Epochs| {
            let mut epochs = epochs.clone();
            epochs.truncate_end(self.end_offset);
            epochs.truncate_start(self.start_offset);
            epochs
        };
        let in_file = self.epochs_in_file.as_ref().map(of_batches);
        in_file.unwrap_or_default() == of_batches(&self.epochs)
    }

    /// What was mended, or found damaged, since this was asked last, in words.
    pub fn take_notes(&mut self) -> Vec<String> {
        let mended = self.segments.iter_mut();
        let mended = mended.filter_map(|segment| std::mem::take(&mut segment.note));
        mended.collect()
    }

    /// Forget producers that were silent for `producer.id.expiration.ms` and have no open transaction; how many.
    pub fn expire_producers(&mut self, now_ms: i64) -> usize {
        self.producers
            .expire(now_ms, self.config.producer_id_expiration_ms)
    }

    pub fn producer_count(&self) -> usize {
        self.producers.count()
    }

    /// Whether a transaction of it is open in which nothing was written since then.
    pub fn has_late_transaction(&self, since_ms: i64) -> bool {
        self.producers.has_late_transaction(since_ms)
    }

    pub fn producers(&self) -> Vec<ProducerSummary> {
        self.producers.summaries()
    }

    /// Whether this batch's producer has a transaction open here, in its epoch.
    pub fn has_transaction(&self, batch: &Header) -> bool {
        self.producers.has_transaction(batch)
    }

    /// Somebody is asked whether this batch belongs to a transaction: the number that appending it needs. None if that is
    /// open here.
    ///
    /// # Errors
    /// `InvalidProducerEpoch` if nobody has to be asked.
    pub fn verify(
        &mut self,
        batch: &Header,
        asked: &Verifying,
    ) -> Result<Option<u64>, AppendError> {
        self.producers.verify(batch, asked)
    }

    /// Give back file descriptors; they come back when needed.
    ///
    /// # Errors
    /// If index entries that waited in memory cannot be written.
    pub fn release_files(&mut self) -> Result<(), LogError> {
        if self.failure().is_some() {
            self.let_go();
            return Ok(());
        }
        for at in 0..self.segments.len() {
            let (place, segment) = self.segment(at);
            segment.release(place)?;
        }
        Ok(())
    }

    /// The same without a word to the disk, for who has no descriptor left to say it with.
    pub fn let_go(&mut self) {
        self.segments.iter_mut().for_each(Segment::forget);
    }
}
