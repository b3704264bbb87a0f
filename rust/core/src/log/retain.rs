//! What goes: by retention, by DeleteRecords, by truncation.

use std::path::PathBuf;

use super::api::{DeletedFor, DeletedSegment};
use super::error::{During, LogError};
use super::files::{DELETED_SUFFIX, SNAPSHOT_SUFFIX, file_name, file_path};
use super::producers::Producers;
use super::segment::{SEGMENT_SUFFIXES, Segment};
use super::{Doomed, Log};
use crate::disk::{Disk, DiskFile};

impl<D: Disk> Log<D> {
    /// Delete (rename to `.deleted`) what retention by time, size and log start offset lets go, below the high
    /// watermark. A topic with `cleanup.policy=compact` alone loses only what is below the log start offset.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn enforce_retention(&mut self, now_ms: i64) -> Result<Vec<DeletedSegment>, LogError> {
        let mut deleted = Vec::new();
        if self.failure().is_some() {
            return Ok(deleted);
        }
        let start = self.start_offset;
        let count = self.deletable(|log, at| {
            Ok(log
                .segments
                .get(at + 1)
                .is_some_and(|next| next.base_offset <= start))
        })?;
        self.delete_first(count, DeletedFor::LogStartOffset, now_ms, &mut deleted)?;
        if !self.config.cleanup_delete {
            return Ok(deleted);
        }
        if self.config.retention_bytes >= 0 {
            let mut rest = self.size();
            let keep = self.config.retention_bytes.unsigned_abs();
            let count = self.deletable(|log, at| {
                rest = rest.saturating_sub(log.segments[at].size);
                Ok(rest >= keep)
            })?;
            self.delete_first(count, DeletedFor::RetentionSize, now_ms, &mut deleted)?;
        }
        if self.config.retention_ms >= 0 {
            let keep_ms = self.config.retention_ms;
            let count = self.deletable(|log, at| {
                let (place, segment) = log.segment(at);
                Ok(now_ms.saturating_sub(segment.age_timestamp(place)?) > keep_ms)
            })?;
            self.delete_first(count, DeletedFor::RetentionTime, now_ms, &mut deleted)?;
        }
        Ok(deleted)
    }

    /// How many segments from the first on may go: all of their records below the high watermark, and `lets_go`
    /// true. An empty last segment stays.
    fn deletable(
        &mut self,
        mut lets_go: impl FnMut(&mut Self, usize) -> Result<bool, LogError>,
    ) -> Result<usize, LogError> {
        for at in 0..self.segments.len() {
            let last = at + 1 == self.segments.len();
            let end = if last {
                self.end_offset
            } else {
                self.segments[at + 1].base_offset
            };
            let empty = last && self.segments[at].size == 0;
            if self.high_watermark < end || empty || !lets_go(self, at)? {
                return Ok(at);
            }
        }
        Ok(self.segments.len())
    }

    fn delete_first(
        &mut self,
        count: usize,
        reason: DeletedFor,
        now_ms: i64,
        deleted: &mut Vec<DeletedSegment>,
    ) -> Result<(), LogError> {
        if count == 0 {
            return Ok(());
        }
        if count == self.segments.len() {
            self.roll(self.end_offset, now_ms)?;
        }
        let gone: Vec<_> = self.segments[..count]
            .iter()
            .map(|s| (s.base_offset, s.size, s.mark))
            .collect();
        let first_kept = self.segments[count].base_offset;
        self.move_start(first_kept)?;
        self.dirty.sealed.retain(|base| *base >= first_kept);
        for (base_offset, size_bytes, mark) in gone {
            // Gone even if a name cannot be changed: opening finds such files below the log's start.
            self.segments.remove(0);
            self.doom(base_offset, mark, true)?;
            deleted.push(DeletedSegment {
                base_offset,
                size_bytes,
                reason,
            });
        }
        Ok(())
    }

    /// Rename a segment's files, whose names end in that mark, to be removed when their delay is over.
    pub(super) fn doom(
        &mut self,
        base: i64,
        mark: &str,
        with_snapshot: bool,
    ) -> Result<(), LogError> {
        let mut paths = Vec::new();
        let mut outcome = Ok(());
        let snapshot = with_snapshot.then_some(SNAPSHOT_SUFFIX);
        let marked = SEGMENT_SUFFIXES.iter().map(|suffix| (*suffix, mark));
        for (suffix, mark) in marked.chain(snapshot.map(|suffix| (suffix, ""))) {
            let path = (self.dir).join(format!("{}{mark}", file_name(base, suffix)));
            let new = self
                .dir
                .join(format!("{}{DELETED_SUFFIX}", file_name(base, suffix)));
            match self.disk.rename(&path, &new) {
                Ok(()) => paths.push(new),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => {
                    outcome = Err(e).during("renaming", &path);
                    break;
                }
            }
        }
        // What has its new name goes, whatever became of the rest.
        let due_ms = None;
        self.doomed.push(Doomed { due_ms, paths });
        self.dirty.names.note();
        outcome
    }

    /// Remove renamed files whose `file.delete.delay.ms` is over; how many. Their time runs from the first call that
    /// finds them, on a clock that can't jump.
    ///
    /// # Errors
    /// If the disk fails. What could not be removed is tried again by the next call.
    pub fn remove_deleted(&mut self, steady_ms: i64) -> Result<usize, LogError> {
        let from_now = steady_ms.saturating_add(self.config.file_delete_delay_ms);
        let mut paths: Vec<PathBuf> = Vec::new();
        self.doomed.retain_mut(|doomed| {
            let is_due = *doomed.due_ms.get_or_insert(from_now) <= steady_ms;
            if is_due {
                paths.append(&mut doomed.paths);
            }
            !is_due
        });
        for (done, path) in paths.iter().enumerate() {
            match self.disk.remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    let paths = paths[done..].to_vec();
                    self.doomed.push(Doomed {
                        due_ms: Some(steady_ms),
                        paths,
                    });
                    return Err(e).during("removing", path);
                }
                _ => {}
            }
        }
        Ok(paths.len())
    }

    /// DeleteRecords: move the log start offset up to `offset` (-1: to the high watermark). The new start; whole
    /// segments below it go with the next `enforce_retention`.
    ///
    /// # Errors
    /// `OutOfRange` beyond the high watermark.
    pub fn delete_records(&mut self, offset: i64) -> Result<i64, LogError> {
        let offset = if offset == -1 {
            self.high_watermark
        } else {
            offset
        };
        self.check_below_high_watermark(offset)?;
        self.move_start(offset)?;
        Ok(self.start_offset)
    }

    /// Let the log start at `offset`, for who keeps elsewhere what was before, without the disk: whole segments below
    /// it are the log's no more. The files that nobody needs now, those that a cut renamed among them, in the order in
    /// which they may go; to remove them is for who may wait for a disk. The file of epochs keeps the earlier ones
    /// until it is written next, and they are cut when it is read.
    ///
    /// # Errors
    /// `OutOfRange` beyond the high watermark.
    pub fn forget_before(&mut self, offset: i64) -> Result<Vec<PathBuf>, LogError> {
        self.check_below_high_watermark(offset)?;
        self.start_from(offset);
        let below = |segment: &Segment<D>| segment.base_offset <= self.start_offset;
        let gone = self.segments[1..].iter().take_while(|next| below(next));
        let count = gone.count();
        let gone: Vec<i64> = (self.segments.drain(..count))
            .map(|segment| segment.base_offset)
            .collect();
        self.dirty.sealed.retain(|base| !gone.contains(base));
        let renamed = self.doomed.drain(..).flat_map(|doomed| doomed.paths);
        let mut paths: Vec<PathBuf> = renamed.collect();
        for base in gone {
            let suffixes = SEGMENT_SUFFIXES.iter().chain([&SNAPSHOT_SUFFIX]);
            paths.extend(suffixes.map(|suffix| file_path(&self.dir, base, suffix)));
        }
        Ok(paths)
    }

    fn check_below_high_watermark(&self, offset: i64) -> Result<(), LogError> {
        if (0..=self.high_watermark).contains(&offset) {
            return Ok(());
        }
        Err(LogError::OutOfRange {
            text: format!(
                "records below {offset} cannot go: the high watermark is {}",
                self.high_watermark
            ),
        })
    }

    fn move_start(&mut self, offset: i64) -> Result<(), LogError> {
        if self.start_from(offset) {
            self.write_epochs()?;
        }
        Ok(())
    }

    /// Whether that changes the epochs.
    fn start_from(&mut self, offset: i64) -> bool {
        if offset <= self.start_offset {
            return false;
        }
        self.start_offset = offset;
        self.high_watermark = self.high_watermark.max(offset);
        self.producers.log_starts_at(offset);
        self.epochs.truncate_start(offset)
    }

    /// Cut all records from `offset` on. The producers' state is rebuilt from what is left.
    ///
    /// # Errors
    /// If the disk fails; a cut that fails half way fails the log.
    pub fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        self.fate.check()?;
        if offset < 0 {
            return Err(LogError::OutOfRange {
                text: format!("no log ends at {offset}"),
            });
        }
        if offset >= self.end_offset {
            if self.epochs.truncate_end(self.end_offset) {
                self.keep_epochs()?;
            }
            return Ok(());
        }
        if self.segments[0].base_offset > offset {
            return self.truncate_fully_and_start_at(offset, now_ms);
        }
        self.dirty.cuts += 1;
        let done = self.cut_to(offset, now_ms);
        self.whole_or_failed(done)
    }

    fn whole_or_failed(&mut self, done: Result<(), LogError>) -> Result<(), LogError> {
        done.inspect_err(|error| self.fail("a cut that failed half way", error))
    }

    fn cut_to(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        while self.last_segment().base_offset > offset {
            let last = self.last_segment();
            self.doom(last.base_offset, last.mark, true)?;
            self.segments.pop();
            // A power cut must not bring back what was cut: it would follow what is written next.
            self.sync_dir()?;
        }
        self.tail.clear();
        let at = self.segments.len() - 1;
        let found = self.locate(at, offset)?;
        if let Some(found) = found {
            let (place, active) = self.active();
            active.truncate(place, found.at, offset, now_ms)?;
            let (file, path) = (active.file(place)?, active.path(place));
            self.fate.sync(|| file.sync().during("syncing", &path))?;
        }
        let active = self.last_segment().base_offset;
        self.dirty.sealed.retain(|base| *base < active);
        if self.epochs.truncate_end(offset) {
            self.write_epochs()?;
        }
        self.end_offset = offset;
        self.start_offset = self.start_offset.min(offset);
        self.recovery_point = self.recovery_point.min(offset);
        let unflushed = offset.saturating_sub(self.recovery_point);
        self.unflushed_messages = self.unflushed_messages.min(unflushed);
        self.high_watermark = self.high_watermark.min(offset);
        self.remove_snapshots(|snapshot| snapshot > offset)?;
        self.producers = self.load_producers(offset, now_ms)?;
        Ok(())
    }

    /// Drop everything and begin again, empty, at `offset`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn truncate_fully_and_start_at(
        &mut self,
        offset: i64,
        now_ms: i64,
    ) -> Result<(), LogError> {
        self.fate.check()?;
        self.dirty.cuts += 1;
        let done = self.start_again_at(offset, now_ms);
        self.whole_or_failed(done)
    }

    fn start_again_at(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        let all = self.segments.iter();
        let all: Vec<_> = all
            .map(|segment| (segment.base_offset, segment.mark))
            .collect();
        for (base, mark) in all {
            self.doom(base, mark, true)?;
        }
        self.remove_snapshots(|_| true)?;
        self.sync_dir()?;
        let (place, _) = self.active();
        let segment = Segment::create(place, offset, now_ms)?;
        self.segments = vec![segment];
        self.dirty.names.note();
        self.dirty.sealed.clear();
        self.tail.clear();
        self.epochs.clear();
        self.write_epochs()?;
        self.producers = Producers::starting_at(offset);
        self.start_offset = offset;
        self.end_offset = offset;
        self.high_watermark = offset;
        self.recovery_point = offset;
        self.unflushed_messages = 0;
        Ok(())
    }
}
