//! Making a log safe: what must be synced is handed out, synced by whoever may block, and the outcome comes back.
//!
//! `unflushed` names everything that must reach the disk and syncs nothing, so that a lock is held for no sync.
//! `Unflushed::sync` needs no lock and works on one hand-out of a log at a time. What stays true: where a sync failed the
//! recovery point stays where it was.

use std::path::Path;

use super::Log;
use super::error::{During, LogError};
use super::files::EPOCHS_FILE;
use super::unsynced::{Flushed, Target, Unflushed};
use crate::disk::Disk;

impl<D: Disk> Log<D> {
    /// Up to where a checkpoint may say that recovery need not look. All below it is synced, the indexes of sealed
    /// segments too. While a segment's indexes are not, it stays below that segment's end, so that recovery, which
    /// alone mends them, looks at it.
    pub fn recovery_point(&self) -> i64 {
        let first = self.dirty.sealed.first().copied();
        let at = first.map_or(self.segments.len() - 1, |base| self.segment_at(base));
        let end = self
            .segments
            .get(at + 1)
            .map_or(self.end_offset, |next| next.base_offset);
        let within = end.saturating_sub(1).max(self.segments[at].base_offset);
        self.recovery_point.min(within)
    }

    /// What must be synced now; nothing is synced in here.
    ///
    /// # Errors
    /// `Failed` if the log has failed; or if what waits in memory cannot be written, and then nothing is lost.
    pub fn unflushed(&mut self) -> Result<Unflushed<D>, LogError> {
        self.fate.check()?;
        if self.epochs_stale
            && let Err(error) = self.keep_epochs()
            && !(error.is_full() && self.epochs_are_kept())
        {
            return Err(error);
        }
        let mut files = Vec::new();
        if self.dirty.epochs.pending() {
            files.push(Target::Closed(self.dir.join(EPOCHS_FILE)));
        }
        for base in self.dirty.sealed.clone() {
            let at = self.segment_at(base);
            let (place, segment) = self.segment(at);
            segment.hand_out(place, &mut files)?;
        }
        for at in 0..self.segments.len() - 1 {
            let (place, segment) = self.segment(at);
            if std::mem::take(&mut segment.rebuilt) {
                segment.hand_out_indexes(place, &mut files)?;
            }
        }
        if self.recovery_point < self.end_offset {
            let (place, active) = self.active();
            let path = active.path(place);
            files.push(Target::Open(active.file(place)?, path));
        }
        let mut folders = Vec::new();
        if self.dirty.names.pending() {
            folders.push(self.dir.clone());
        }
        if self.dirty.folder.pending() {
            folders.extend(self.dir.parent().map(Path::to_owned));
        }
        Ok(Unflushed {
            disk: self.disk.clone(),
            fate: self.fate.clone(),
            offset: self.end_offset,
            then: self.dirty.clone(),
            files,
            folders,
        })
    }

    /// Take back what came of a hand-out: the recovery point moves up, or the reason why it does not is told.
    ///
    /// # Errors
    /// What `sync` met; `Failed` if another sync failed meanwhile. `failure` says whether it is final.
    pub fn flushed(&mut self, done: Flushed) -> Result<(), LogError> {
        if !done.fate.is_of(&self.fate) {
            // Of an earlier log in the same place: it says nothing of this one.
            return Ok(());
        }
        done.outcome?;
        self.fate.check()?;
        let then = done.then;
        self.dirty.names.safe_as_of(then.names);
        self.dirty.folder.safe_as_of(then.folder);
        self.dirty.epochs.safe_as_of(then.epochs);
        if then.cuts != self.dirty.cuts {
            return Ok(());
        }
        self.dirty.sealed.retain(|base| !then.sealed.contains(base));
        if done.offset > self.recovery_point {
            self.recovery_point = done.offset;
            self.unflushed_messages = self.end_offset.saturating_sub(done.offset);
        }
        Ok(())
    }

    /// Make all that was appended safe, here and now. Not for an I/O thread.
    ///
    /// # Errors
    /// If the disk fails. A failed sync ends the log.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let done = self.unflushed()?.sync();
        self.flushed(done)
    }

    /// Whether `flush.ms` passed since this was last true (or there was nothing to flush). Any clock will do; one
    /// that goes back begins the time anew.
    pub fn flush_is_due(&mut self, now_ms: i64) -> bool {
        let since = self.flushed_ms.filter(|since| *since <= now_ms);
        let waited = since.map(|since| now_ms.saturating_sub(since));
        let clean = self.recovery_point == self.end_offset;
        let due = !clean
            && self.failure().is_none()
            && waited.is_some_and(|waited| waited >= self.config.flush_ms);
        if due || clean || waited.is_none() {
            self.flushed_ms = Some(now_ms);
        }
        due
    }

    /// `flush.messages` asks for a sync: who appended must not be told before `flushed` was.
    pub fn flush_is_owed(&self) -> bool {
        self.unflushed_messages >= self.config.flush_messages
    }

    /// Up to where appended batches may be told of: while `flush.messages` is owed, no further than they are safe.
    pub fn acknowledged_offset(&self) -> i64 {
        if self.flush_is_owed() {
            self.recovery_point
        } else {
            self.end_offset
        }
    }

    /// Sync on the spot, in its turn.
    pub(super) fn sync_dir(&mut self) -> Result<(), LogError> {
        let (disk, dir) = (&self.disk, &self.dir);
        self.fate
            .sync(|| disk.sync_dir(dir).during("syncing", dir))?;
        self.dirty.names.all_safe();
        Ok(())
    }
}
