//! What is not safe yet: why a log's disk is trusted no more, what changed since the last sync, and a hand-out of files and
//! folders to sync, with what came of it. What a log does with them is in `flush.rs`.
//!
//! What stays true: a failed sync fails the log from within, whether or not its outcome comes back, because what the
//! page cache dropped a later sync would call safe; nothing is ever synced again.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::error::{During, LogError};
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

    pub fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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

    pub fn safe_as_of(&mut self, then: Self) {
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
    pub(super) disk: D,
    pub(super) fate: Fate,
    pub(super) offset: i64,
    pub(super) then: Unsafe,
    pub(super) files: Vec<Target<D::File>>,
    pub(super) folders: Vec<PathBuf>,
}

/// What came of it.
#[must_use = "the log has to be told: Log::flushed"]
pub struct Flushed {
    pub(super) fate: Fate,
    pub(super) offset: i64,
    pub(super) then: Unsafe,
    pub(super) outcome: Result<(), LogError>,
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
