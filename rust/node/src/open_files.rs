//! How many files a node's disk has open, and the call for room when they are too many.
//!
//! Who makes the room says so once (see `releasing.rs`); until then a disk only counts.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use rustix::io::Errno;

use crate::lock::lock;

/// How soon files are to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    Soon,
    Now,
}

type Relief = Box<dyn Fn(Haste) + Send + Sync>;

/// The files that a node's disk has open. Those of a disk that belongs to no node are only counted.
pub struct OpenFiles {
    count: AtomicUsize,
    most: AtomicUsize,
    /// Some will be closed soon.
    expected: AtomicBool,
    /// How often some were closed at once.
    rounds: AtomicU64,
    round: Mutex<()>,
    relief: OnceLock<Relief>,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self {
            count: AtomicUsize::new(0),
            most: AtomicUsize::new(usize::MAX),
            expected: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
            round: Mutex::default(),
            relief: OnceLock::new(),
        }
    }
}

/// Whether a call failed because this process, or the machine, may open no more.
fn lacks_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE]
        .map(|lack| Some(lack.raw_os_error()))
        .contains(&errno)
}

impl OpenFiles {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// One more is open.
    pub fn opened(&self) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count > self.most.load(Ordering::Relaxed)
            && let Some(relief) = self.relief.get()
            && !self.expected.swap(true, Ordering::AcqRel)
        {
            relief(Haste::Soon);
        }
    }

    pub fn closed(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Do what takes a descriptor; where there is none, once more after files were closed.
    pub fn with_room<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let rounds = self.rounds.load(Ordering::Acquire);
        match (open(), self.relief.get()) {
            (Err(error), Some(relief)) if lacks_descriptors(&error) => {
                let _turn = lock(&self.round);
                // Whoever waited for another's round has the room that it made.
                if self.rounds.load(Ordering::Acquire) == rounds {
                    relief(Haste::Now);
                    self.rounds.fetch_add(1, Ordering::AcqRel);
                }
                open()
            }
            (outcome, _) => outcome,
        }
    }

    /// Room is made by this from now on; nobody else's counts any more.
    pub fn relieve_by(&self, relief: impl Fn(Haste) + Send + Sync + 'static) {
        let _ = self.relief.set(Box::new(relief));
    }

    /// What was called for soon begins; how many may stay.
    pub fn begin_relief(&self) -> usize {
        self.expected.store(false, Ordering::Release);
        self.most.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn lack() -> io::Error {
        Errno::MFILE.into()
    }

    #[test]
    fn what_lacks_a_descriptor_is_tried_once_more() {
        let files = OpenFiles::default();
        assert!(files.with_room(|| Err::<(), _>(lack())).is_err());
        let reliefs: Arc<Mutex<Vec<Haste>>> = Arc::default();
        let told = Arc::clone(&reliefs);
        files.relieve_by(move |haste| lock(&told).push(haste));
        let tries = AtomicU32::new(0);
        let second_works = || match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Err(lack()),
            number => Ok(number),
        };
        assert_eq!(files.with_room(second_works).unwrap(), 1);
        assert!(files.with_room(|| Err::<(), _>(lack())).is_err());
        assert!(
            files
                .with_room(|| Err::<(), _>(io::Error::other("no lack")))
                .is_err()
        );
        assert_eq!(*lock(&reliefs), [Haste::Now, Haste::Now]);
        files.limit(1);
        (0..3).for_each(|_| files.opened());
        assert_eq!(lock(&reliefs)[2..], [Haste::Soon], "asked for once");
    }
}
