//! Making a log safe: what must be synced is handed out, synced by whoever may block, and the outcome comes back.
//!
//! `unflushed` names everything that must reach the disk and syncs nothing, so that a lock is held for no sync.
//! `Unflushed::sync` needs no lock and works on one hand-out of a log at a time. What stays true: a failed sync
//! fails the log from within, whether or not its outcome comes back, because what the page cache dropped a later
//! sync would call safe; nothing is ever synced again, and the recovery point stays where it was.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Log;
use super::error::{During, LogError};
use super::files::EPOCHS_FILE;
use crate::disk::{Disk, DiskFile, Open};
use crate::error::Cause;

/// Why a log takes nothing any more, shared with what it handed out; and whose turn it is to sync.
#[derive(Clone, Default)]
pub(super) struct Fate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    failure: OnceLock<Failure>,
    turn: Mutex<()>,
}

struct Failure {
    text: String,
    by_sync: bool,
    errno: Option<i32>,
}

impl Fate {
    pub fn failure(&self) -> Option<&str> {
        self.0.failure.get().map(|failure| failure.text.as_str())
    }

    /// For good, after `what`, which this error ended.
    pub fn fail(&self, what: &str, error: &LogError, by_sync: bool) {
        let text = format!("the log is offline after {what}: {error}");
        let errno = error.errno();
        let _ = self.0.failure.set(Failure {
            text,
            by_sync,
            errno,
        });
    }

    pub fn check(&self) -> Result<(), LogError> {
        match self.0.failure.get() {
            None => Ok(()),
            Some(failure) => Err(LogError::Failed {
                text: failure.text.clone(),
                by_sync: failure.by_sync,
                errno: failure.errno,
            }),
        }
    }

    /// Sync, unless an earlier sync failed: two at once could share one failure, and one of them not hear of it.
    pub fn sync(&self, work: impl FnOnce() -> Result<(), LogError>) -> Result<(), LogError> {
        let _turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        work().inspect_err(|error| {
            if error.is_failed_sync() {
                self.fail("a failed fsync", error, true);
            }
        })
    }
}

/// Something that changes and is synced: how often it changed, and how many of these changes are safe.
#[derive(Clone, Copy, Default)]
pub(super) struct Changes {
    made: u64,
    safe: u64,
}

impl Changes {
    pub fn note(&mut self) {
        self.made += 1;
    }

    pub fn pending(self) -> bool {
        self.safe < self.made
    }

    pub fn all_safe(&mut self) {
        self.safe = self.made;
    }

    fn safe_as_of(&mut self, then: Self) {
        self.safe = self.safe.max(then.made);
    }
}

/// Everything beside the batches that a flush makes safe.
#[derive(Clone, Default)]
pub(super) struct Unsafe {
    /// Names in the folder.
    pub names: Changes,
    /// The folder's own name.
    pub folder: Changes,
    pub epochs: Changes,
    /// Base offsets of segments that ended: their batches, or at least their indexes, were not synced since.
    pub sealed: Vec<i64>,
    /// How often the log was cut: what was handed out before says nothing of what was written in its place.
    pub cuts: u64,
}

/// A file that must be synced. One without a handle may be gone by then, which only deletion does: that is fine.
pub(super) enum Target<F> {
    Open(Arc<F>, PathBuf),
    Closed(PathBuf),
}

/// All that must be synced to make a log safe up to its present end. Sync it where blocking is allowed, without
/// the log's lock, and give the outcome to `Log::flushed`.
#[must_use = "nothing is safe until it was synced and the log was told"]
pub struct Unflushed<D: Disk> {
    disk: D,
    fate: Fate,
    offset: i64,
    then: Unsafe,
    files: Vec<Target<D::File>>,
    folders: Vec<PathBuf>,
}

/// What came of it.
#[must_use = "the log has to be told: Log::flushed"]
pub struct Flushed {
    fate: Fate,
    offset: i64,
    then: Unsafe,
    outcome: Result<(), LogError>,
}

impl Flushed {
    /// Why nobody knows what the disk holds, if a sync failed. It counts whether or not its log is still there.
    pub fn failed_sync(&self) -> Option<String> {
        let error = self.outcome.as_ref().err()?;
        error.is_failed_sync().then(|| error.to_string())
    }
}

fn unless_gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(super) fn sync_target<D: Disk>(disk: &D, target: &Target<D::File>) -> Result<(), LogError> {
    match target {
        Target::Open(file, path) => file.sync().during("syncing", path),
        Target::Closed(path) => match disk.open(path, Open::Write) {
            Ok(file) => file.sync().during("syncing", path),
            Err(e) => unless_gone(Err(e)).during("opening", path),
        },
    }
}

impl<D: Disk> Unflushed<D> {
    /// Sync all of it. If that fails the log has failed from now on, even if nobody calls `flushed`; a file that
    /// cannot even be opened is no such failure.
    pub fn sync(self) -> Flushed {
        let outcome = self.fate.sync(|| {
            for target in &self.files {
                sync_target(&self.disk, target)?;
            }
            for folder in &self.folders {
                unless_gone(self.disk.sync_dir(folder)).during("syncing", folder)?;
            }
            Ok(())
        });
        Flushed {
            fate: self.fate,
            offset: self.offset,
            then: self.then,
            outcome,
        }
    }
}

impl<D: Disk> Log<D> {
    /// Why the log takes no more appends and syncs nothing any more, if so.
    pub fn failure(&self) -> Option<&str> {
        self.fate.failure()
    }

    /// Take no appends any more, and sync nothing; not for a sync that failed, which `Fate::sync` says itself.
    pub fn fail(&mut self, what: &str, error: &LogError) {
        self.fate.fail(what, error, false);
    }

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
        if !Arc::ptr_eq(&done.fate.0, &self.fate.0) {
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
