//! The node's file system: the real one, whose descriptors are noted for forked children, and which can die.
//!
//! What lacks a descriptor is tried once more after files were closed for it (see `releasing.rs`).
//! After a kill no byte reaches a file any more, whichever thread was about to write. Tests may let any call fail,
//! or take its time (see `faults.rs`): one that the kill overtakes meanwhile comes too late. If the node is to be
//! able to lose power (tests), every file's synced length is known, and a power cut takes away what lies behind.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ottla_core::disk::{Disk, DiskFile, Entry, Open, RealDisk, RealFile, RealLock};

use crate::descriptors::{Descriptors, Noted};
use crate::faults::{Faults, Verb};
use crate::lock::lock;
use crate::open_files::OpenFiles;
use crate::overflow::{Grown, Memory};

#[derive(Clone)]
pub struct NodeDisk {
    real: RealDisk,
    shared: Arc<State>,
}

struct State {
    descriptors: Arc<Descriptors>,
    dead: AtomicBool,
    synced: Option<Mutex<BTreeMap<PathBuf, Arc<AtomicU64>>>>,
    durable: bool,
    faults: Faults,
    files: OpenFiles,
    /// Of a node whose folders lie there.
    memory: Option<Memory>,
}

pub struct NodeFile {
    // Before the file, so that it is dropped before the descriptor is closed.
    _noted: Noted,
    file: RealFile,
    /// As it was opened: a later rename is not followed. Only faults ask for it.
    path: Box<Path>,
    shared: Arc<State>,
    synced: Option<Arc<AtomicU64>>,
    /// Of a segment that lies in memory.
    grown: Option<Grown>,
}

pub struct NodeLock {
    _noted: Noted,
    _lock: RealLock,
}

impl NodeDisk {
    pub fn new(
        descriptors: Arc<Descriptors>,
        power_cuts: bool,
        durable: bool,
        memory: Option<Memory>,
    ) -> Self {
        let synced = power_cuts.then(Mutex::default);
        let shared = Arc::new(State {
            descriptors,
            dead: AtomicBool::new(false),
            synced,
            durable,
            faults: Faults::default(),
            files: OpenFiles::default(),
            memory,
        });
        Self {
            real: if durable {
                RealDisk::DURABLE
            } else {
                RealDisk::VOLATILE
            },
            shared,
        }
    }

    /// For a log that belongs to no node.
    pub fn alone(durable: bool) -> Self {
        Self::new(Arc::default(), false, durable, None)
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    pub fn files(&self) -> &OpenFiles {
        &self.shared.files
    }

    /// From now on every change is refused.
    pub fn die(&self) {
        self.shared.dead.store(true, Ordering::Release);
    }

    /// Take away what was never synced; only after `die`. False if nobody kept track.
    pub fn lose_unsynced(&self) -> io::Result<bool> {
        let Some(synced) = &self.shared.synced else {
            return Ok(false);
        };
        for (path, synced) in lock(synced).iter() {
            let safe = synced.load(Ordering::Acquire);
            match std::fs::OpenOptions::new().write(true).open(path) {
                Ok(file) => {
                    if file.metadata()?.len() > safe {
                        file.set_len(safe)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Nobody writes to this file any more, but by replacing it.
    pub fn seal(&self, path: &Path) -> io::Result<()> {
        self.alive()?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400))
    }

    fn alive(&self) -> io::Result<()> {
        self.shared.alive()
    }

    fn suffer(&self, verb: Verb, path: &Path) -> io::Result<()> {
        self.shared.faults.on(verb, path).outcome()
    }

    fn synced_length(
        &self,
        path: &Path,
        how: Open,
        file: &RealFile,
    ) -> io::Result<Option<Arc<AtomicU64>>> {
        let Some(synced) = &self.shared.synced else {
            return Ok(None);
        };
        let mut synced = lock(synced);
        if let Some(known) = synced.get(path) {
            let known = Arc::clone(known);
            if how == Open::Truncate {
                known.store(0, Ordering::Release);
            }
            return Ok(Some(known));
        }
        let length = Arc::new(AtomicU64::new(file.len()?));
        if how != Open::Read {
            synced.insert(path.to_owned(), Arc::clone(&length));
        }
        Ok(Some(length))
    }
}

/// The file of this path, or those in the folder of this path: they stand side by side.
fn below(synced: &BTreeMap<PathBuf, Arc<AtomicU64>>, path: &Path) -> Vec<PathBuf> {
    let from = (Bound::Included(path), Bound::Unbounded);
    let paths = synced.range::<Path, _>(from).map(|(known, _)| known);
    paths
        .take_while(|known| known.starts_with(path))
        .cloned()
        .collect()
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.dead.load(Ordering::Acquire) {
            return Err(io::Error::other("this node was killed"));
        }
        Ok(())
    }
}

impl Disk for NodeDisk {
    type File = NodeFile;
    type Lock = NodeLock;

    fn open(&self, path: &Path, how: Open) -> io::Result<NodeFile> {
        let verb = match how {
            Open::Read | Open::Write => Verb::Open,
            Open::Create | Open::Truncate => Verb::Create,
        };
        self.suffer(verb, path)?;
        if how != Open::Read {
            self.alive()?;
        }
        let memory = self.shared.memory.as_ref();
        if let Some(memory) = memory {
            self.files().with_room(|| memory.place(path, how))?;
        }
        let file = self.files().with_room(|| self.real.open(path, how))?;
        // First of all: a child that is forked meanwhile closes what is noted.
        let noted = self
            .shared
            .descriptors
            .note_number(file.raw_fd().unwrap_or(-1));
        let synced = self.synced_length(path, how, &file)?;
        let grown = match memory {
            Some(memory) => memory.grown(path, file.len()?),
            None => None,
        };
        self.files().opened();
        Ok(NodeFile {
            _noted: noted,
            file,
            path: path.into(),
            shared: Arc::clone(&self.shared),
            synced,
            grown,
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.suffer(Verb::List, dir)?;
        self.files().with_room(|| self.real.list(dir))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Entry>> {
        self.suffer(Verb::Stat, path)?;
        self.real.stat(path)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.suffer(Verb::Create, dir)?;
        self.alive()?;
        self.real.create_dir_all(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.suffer(Verb::Create, dir)?;
        self.alive()?;
        self.real.create_dir(dir)
    }

    fn spread(&self, dir: &Path) {
        self.real.spread(dir);
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.suffer(Verb::Rename, from)?;
        self.alive()?;
        self.real.rename(from, to)?;
        if let Some(synced) = &self.shared.synced {
            let mut synced = lock(synced);
            let moved = below(&synced, from);
            for path in moved {
                let rest = path.strip_prefix(from).unwrap_or(Path::new(""));
                let there = if rest.as_os_str().is_empty() {
                    to.to_owned()
                } else {
                    to.join(rest)
                };
                if let Some(length) = synced.remove(&path) {
                    synced.insert(there, length);
                }
            }
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.suffer(Verb::Remove, path)?;
        self.alive()?;
        let remove = || self.real.remove_file(path);
        match &self.shared.memory {
            Some(memory) => memory.removing(path, remove)?,
            None => remove()?,
        }
        if let Some(synced) = &self.shared.synced {
            lock(synced).remove(path);
        }
        Ok(())
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.suffer(Verb::Remove, dir)?;
        self.alive()?;
        let remove = || self.files().with_room(|| self.real.remove_dir_all(dir));
        match &self.shared.memory {
            Some(memory) => memory.removing(dir, remove)?,
            None => remove()?,
        }
        if let Some(synced) = &self.shared.synced {
            let mut synced = lock(synced);
            for path in below(&synced, dir) {
                synced.remove(&path);
            }
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.suffer(Verb::SyncDir, dir)?;
        self.alive()?;
        self.files().with_room(|| self.real.sync_dir(dir))
    }

    /// Far cheaper than thousands of small syncs, which
    /// find nothing left to do afterwards. Where the system cannot, the small ones do it; so too where power
    /// may be cut, so that what is lost then depends on nothing but the order of calls.
    fn sync_volume(&self, dir: &Path) -> io::Result<()> {
        self.suffer(Verb::SyncVolume, dir)?;
        self.alive()?;
        #[cfg(target_os = "linux")]
        if self.shared.durable && self.shared.synced.is_none() {
            let folder = self.files().with_room(|| std::fs::File::open(dir))?;
            let _noted = self.shared.descriptors.note(&folder);
            rustix::fs::syncfs(&folder)?;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = dir;
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<NodeLock> {
        self.suffer(Verb::Lock, path)?;
        let lock = self.files().with_room(|| self.real.lock(path))?;
        let noted = self.shared.descriptors.note_number(lock.raw_fd());
        Ok(NodeLock {
            _noted: noted,
            _lock: lock,
        })
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        self.suffer(Verb::Space, path)?;
        self.real.space(path)
    }
}

impl Drop for NodeFile {
    fn drop(&mut self) {
        self.shared.files.closed();
    }
}

impl NodeFile {
    fn suffer(&self, verb: Verb) -> io::Result<()> {
        self.shared.faults.on(verb, &self.path).outcome()
    }

    fn in_memory(&self) -> Option<(&Memory, &Grown)> {
        self.shared.memory.as_ref().zip(self.grown.as_ref())
    }
}

impl DiskFile for NodeFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let hit = self.shared.faults.on(Verb::Read, &self.path);
        hit.outcome()?;
        let len = if hit.short {
            buffer.len() / 2
        } else {
            buffer.len()
        };
        self.file.read_at(&mut buffer[..len], position)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let hit = self.shared.faults.on(Verb::Write, &self.path);
        self.shared.alive()?;
        if !hit.short {
            hit.outcome()?;
        }
        let len = if hit.short {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        self.file.write_all_at(&bytes[..len], position)?;
        if let Some(synced) = &self.synced {
            // What is written over is as unsafe as what is new.
            synced.fetch_min(position, Ordering::AcqRel);
        }
        if let Some((memory, grown)) = self.in_memory() {
            memory.reaches(grown, position + len as u64);
        }
        hit.outcome()
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.suffer(Verb::Allocate)?;
        self.shared.alive()?;
        if self.in_memory().is_some() {
            return Err(io::ErrorKind::Unsupported.into()); // it would be taken, not reserved
        }
        self.file.allocate(position, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.suffer(Verb::SetLen)?;
        self.shared.alive()?;
        if let Some(synced) = &self.synced {
            synced.fetch_min(len, Ordering::AcqRel);
        }
        self.file.set_len(len)?;
        if let Some((memory, grown)) = self.in_memory() {
            memory.ends(grown, len);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.suffer(Verb::Sync)?;
        self.shared.alive()?;
        let length = if self.synced.is_some() {
            self.file.len()?
        } else {
            0
        };
        self.file.sync()?;
        if let Some(synced) = &self.synced {
            synced.store(length, Ordering::Release);
        }
        Ok(())
    }

    fn set_modified_ms(&self, at_ms: i64) -> io::Result<()> {
        self.shared.alive()?;
        self.file.set_modified_ms(at_ms)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn is_outgrown(&self) -> bool {
        self.in_memory().is_some_and(|(memory, _)| memory.is_full())
    }

    fn raw_fd(&self) -> Option<i32> {
        self.file.raw_fd()
    }
}
