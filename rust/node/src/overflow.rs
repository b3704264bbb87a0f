//! A temporary node's folder may lie in memory (tmpfs). Then its segments are written there until they take what they
//! may; segments that begin after that are files of another folder, and a link stands in their place.
//!
//! Only segments go there: all else is small, and stays. A segment stays where it was begun; one that lies in memory
//! is ended early once memory is full (`DiskFile::is_outgrown`). What is removed gives its bytes back.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_core::disk::Open;

const SEGMENT: &str = ".log";
/// A segment that was renamed, to be removed later (`.log.deleted`), still takes what it took.
const RENAMED: &str = ".log.";

/// Where segments go that find no room in memory.
#[derive(Clone, Debug)]
pub struct Overflow {
    /// Made when the first one comes.
    pub folder: PathBuf,
    /// What segments in memory may take together.
    pub memory_bytes_max: u64,
}

/// The segments in memory, counted.
#[derive(Debug)]
pub struct Memory {
    overflow: Overflow,
    used: AtomicU64,
    made: AtomicU64,
}

/// How long a file is known to be, for whoever counts what is added.
#[derive(Debug)]
pub struct Grown(AtomicU64);

impl Memory {
    /// Counts what an earlier node left in these folders.
    pub fn new(overflow: Overflow, folders: &[PathBuf]) -> Self {
        let partitions = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let used = partitions
            .flatten()
            .flatten()
            .map(|found| weigh(&found.path()));
        Self {
            used: AtomicU64::new(used.sum()),
            made: AtomicU64::new(0),
            overflow,
        }
    }

    pub fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.overflow.memory_bytes_max
    }

    /// Before this file is made, or opened as empty: a link to where it shall lie, if that is not memory.
    pub fn place(&self, path: &Path, how: Open) -> io::Result<()> {
        if !is_segment(path) || !matches!(how, Open::Create | Open::Truncate) {
            return Ok(());
        }
        if let Ok(found) = path.symlink_metadata() {
            if how == Open::Truncate && found.is_file() {
                self.give_back(found.len());
            }
            return Ok(());
        }
        if !self.is_full() {
            return Ok(());
        }
        let folder = &self.overflow.folder;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        loop {
            // A node before this one may have left some.
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let there = folder.join(number.to_string());
            match fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&there)
            {
                Ok(_) => {
                    // Nobody finds a file that no link leads to.
                    return symlink(&there, path).inspect_err(|_| {
                        let _ = fs::remove_file(&there);
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What counts the growth of this file, that was just opened and is so long; None if it does not lie in memory.
    pub fn grown(&self, path: &Path, len: u64) -> Option<Grown> {
        let here = is_segment(path) && path.symlink_metadata().is_ok_and(|found| found.is_file());
        here.then(|| Grown(AtomicU64::new(len)))
    }

    /// The file reaches to here now, at least.
    pub fn reaches(&self, grown: &Grown, end: u64) {
        let before = grown.0.fetch_max(end, Ordering::Relaxed);
        self.used
            .fetch_add(end.saturating_sub(before), Ordering::Relaxed);
    }

    /// The file ends here now.
    pub fn ends(&self, grown: &Grown, end: u64) {
        let before = grown.0.swap(end, Ordering::Relaxed);
        if end > before {
            self.used.fetch_add(end - before, Ordering::Relaxed);
        } else {
            self.give_back(before - end);
        }
    }

    /// Remove this file or folder by `remove`, and then what it was a link to, or held links to. What is left by a
    /// removal that fails half way still counts, and is linked to.
    pub fn removing(&self, path: &Path, remove: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let (weight, linked) = (weigh(path), links(path));
        let mut outcome = remove();
        let (left, still_linked) = match outcome {
            Ok(()) => (0, Vec::new()),
            Err(_) => (weigh(path), links(path)),
        };
        self.give_back(weight.saturating_sub(left));
        for there in linked {
            if !there.starts_with(&self.overflow.folder) || still_linked.contains(&there) {
                continue;
            }
            match fs::remove_file(&there) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    outcome = outcome.and(Err(error));
                }
                _ => {}
            }
        }
        outcome
    }

    fn give_back(&self, bytes: u64) {
        let take = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
    }
}

fn is_segment(path: &Path) -> bool {
    name(path).ends_with(SEGMENT)
}

fn was_segment(path: &Path) -> bool {
    is_segment(path) || name(path).contains(RENAMED)
}

fn name(path: &Path) -> &str {
    let name = path.file_name().and_then(std::ffi::OsStr::to_str);
    name.unwrap_or_default()
}

/// The path itself, or what is in it if it is a folder; of partitions, which hold no folders.
fn files(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(found) => found.flatten().map(|found| found.path()).collect(),
        Err(_) => vec![path.to_owned()],
    }
}

fn weigh(path: &Path) -> u64 {
    let segments = files(path).into_iter().filter(|file| was_segment(file));
    let found = segments.filter_map(|file| file.symlink_metadata().ok());
    found
        .filter(fs::Metadata::is_file)
        .map(|found| found.len())
        .sum()
}

fn links(path: &Path) -> Vec<PathBuf> {
    let linked = files(path).into_iter().map(fs::read_link);
    linked.filter_map(Result::ok).collect()
}
