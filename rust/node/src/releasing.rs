//! Room for files among files: how many the node may have open, and whose are closed when there are more.
//!
//! A log keeps the file of its active segment open, so that an append is one system call. A process may have fewer
//! descriptors than a node has partitions that are written to: then the files of those that were used longest ago
//! are closed, and opened again with their next use. That happens in the background once files take their share of
//! what the process may open, and at once, on the thread that met it, where nothing can be opened any more.
//!
//! What stays true: closing needs no descriptor, writes nothing and waits for no partition, so that it may be done
//! by who holds one. Who opens a file may hold any lock but that of what is hosted.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustix::io::Errno;

use crate::disk::NodeDisk;
use crate::lock::lock;
use crate::outside::{NodeHost, Outside};

/// This part of them goes at a time, so that not every opening has to look for one.
const RELEASE_SHARE: usize = 8;

/// How soon files are to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
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
}

/// From now on this node's partitions make room for each other's files.
pub fn make_room(outside: &Arc<Outside>, host: &Arc<NodeHost>, disk: &NodeDisk) {
    let (outside, host) = (Arc::downgrade(outside), Arc::downgrade(host));
    let files = disk.clone();
    let relief = move |haste| {
        let (Some(outside), Some(host)) = (outside.upgrade(), host.upgrade()) else {
            return;
        };
        match haste {
            Haste::Soon => {
                let disk = files.clone();
                outside.pool.run(move || {
                    let files = disk.files();
                    files.expected.store(false, Ordering::Release);
                    let most = files.most.load(Ordering::Relaxed);
                    host.release_files(|| files.count() > most - most / RELEASE_SHARE);
                });
            }
            Haste::Now => {
                let count = files.files().count();
                let most = count - count.div_ceil(RELEASE_SHARE);
                host.release_files(|| files.files().count() > most);
            }
        }
    };
    let _ = disk.files().relief.set(Box::new(relief));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::fault_tests::Fixture;

    fn lack() -> io::Error {
        Errno::MFILE.into()
    }

    #[test]
    fn what_lacks_a_descriptor_is_tried_once_more() {
        let files = OpenFiles::default();
        assert!(files.with_room(|| Err::<(), _>(lack())).is_err());
        let reliefs: Arc<Mutex<Vec<Haste>>> = Arc::default();
        let told = Arc::clone(&reliefs);
        let _ = files
            .relief
            .set(Box::new(move |haste| lock(&told).push(haste)));
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

    #[test]
    fn those_used_longest_ago_go_first() {
        let fixture = Fixture::new();
        for topic in ["a", "b", "c"] {
            assert_eq!(fixture.open(topic, 0), None);
            fixture.append(topic).unwrap();
        }
        let disk = fixture.node.disk();
        let keeps = |most| {
            let done = fixture.node.call(|node| {
                node.host.release_files(|| node.disk.files().count() > most);
                Ok(())
            });
            done.unwrap();
        };
        let read_needs_none = |topic: &str| {
            let before = disk.files().count();
            let read = fixture.node.ask(|host| host.read(topic, 0, 0, 1000, true));
            read.is_ok() && disk.files().count() == before
        };
        keeps(3);
        assert_eq!(disk.files().count(), 3, "enough is enough");
        assert_eq!(fixture.open("d", 0), None);
        fixture.append("d").unwrap();
        keeps(3);
        assert_eq!(disk.files().count(), 3);
        // All were looked at; now `a` is opened again and used, and `c` is used.
        fixture.append("a").unwrap();
        fixture.append("c").unwrap();
        keeps(2);
        assert!(read_needs_none("a") && read_needs_none("c"));
        assert!(!read_needs_none("b") && !read_needs_none("d"));
    }

    #[test]
    fn the_bound_is_kept_in_the_background() {
        let fixture = Fixture::new();
        let disk = fixture.node.disk();
        let names: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
        for name in &names {
            assert_eq!(fixture.open(name, 0), None);
        }
        disk.files().limit(8);
        for name in names.iter().chain(&names) {
            fixture.append(name).unwrap();
        }
        assert!(
            fixture
                .node
                .settle(std::time::Duration::from_secs(20))
                .unwrap()
        );
        assert!(disk.files().count() <= 8);
    }
}
