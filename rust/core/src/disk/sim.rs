//! A disk in memory that fails as disks do, under a seed.
//!
//! What was written is visible at once and safe only after `sync` (bytes, length) or `sync_dir` (names). `crash`
//! keeps what was safe and, of the rest, what the seed says: whole writes, torn ones, or none. Handles from before
//! a crash fail afterwards, and so does a disk that was mounted before it.

mod bytes;
mod faults;
mod names;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile, Entry, Open};
use bytes::Bytes;
use names::{Names, Rename};

#[derive(Clone, Default)]
struct Inode {
    data: Bytes,
    safe: Bytes,
    pending: Vec<Change>,
    modified_ms: i64,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

struct State {
    inodes: Vec<Inode>,
    names: Names,
    safe_names: Names,
    pending_names: Vec<Rename>,
    locks: BTreeSet<PathBuf>,
    seed: u64,
    capacity: u64,
    generation: u64,
    now_ms: i64,
    /// Fail every write from this many on; None never.
    writes_left: Option<u64>,
    /// So many syncs of files succeed, then one fails.
    syncs_left: Option<u64>,
    /// Fail every change from this many on, of names too; None never.
    changes_left: Option<u64>,
    pages_lost: bool,
    /// So many changes happen, then whoever makes them is dead.
    dies_after: Option<u64>,
    deaths: u64,
    /// A fault for tests: a sync that failed is made again, and believed.
    retries_syncs: bool,
    reads: u64,
    largest_read: usize,
}

impl State {
    /// One more change; false if it was the death of who makes it.
    fn outlives_change(&mut self) -> bool {
        match &mut self.dies_after {
            Some(0) => {
                self.dies_after = None;
                self.deaths += 1;
                self.generation += 1;
                self.locks.clear();
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random() % bound.max(1) as u64) as usize
    }

    fn used(&self) -> u64 {
        self.names
            .files
            .values()
            .map(|&inode| self.inodes[inode].data.len() as u64)
            .sum()
    }

    fn rename(&mut self, change: Rename) -> io::Result<()> {
        spend(&mut self.changes_left)?;
        self.names.apply(&change);
        self.pending_names.push(change);
        Ok(())
    }
}

fn spend(left: &mut Option<u64>) -> io::Result<()> {
    match left {
        Some(0) => return Err(io::Error::other("the disk failed, as it was told to")),
        Some(left) => *left -= 1,
        None => {}
    }
    Ok(())
}

/// A seeded file system in memory. Clones share it.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// The generation that it was mounted in, if it ends with that.
    mounted: Option<u64>,
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        let state = Arc::new(Mutex::new(State {
            inodes: Vec::new(),
            names: Names::default(),
            safe_names: Names::default(),
            pending_names: Vec::new(),
            locks: BTreeSet::new(),
            seed,
            capacity: u64::MAX,
            generation: 0,
            now_ms: 0,
            writes_left: None,
            syncs_left: None,
            changes_left: None,
            pages_lost: false,
            dies_after: None,
            deaths: 0,
            retries_syncs: false,
            reads: 0,
            largest_read: 0,
        }));
        let mounted = None;
        Self { state, mounted }
    }

    /// The same disk for one process: refused from its `kill` or a `crash` on, whoever still holds it.
    pub fn mount(&self) -> Self {
        let mounted = Some(self.state().generation);
        Self {
            state: Arc::clone(&self.state),
            mounted,
        }
    }

    /// Whether the process that mounted it lives.
    pub fn is_mounted(&self) -> bool {
        self.mounted
            .is_none_or(|generation| generation == self.state().generation)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The state, for a process that lives.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match self.mounted {
            Some(mounted) if mounted != state.generation => Err(dead()),
            _ => Ok(state),
        }
    }

    /// The same to change names.
    fn altered(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.alive()?;
        if state.outlives_change() {
            Ok(state)
        } else {
            Err(dead())
        }
    }

    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// How many reads there were since this was asked last, and how large the largest buffer was.
    #[cfg(test)]
    pub fn take_reads(&self) -> (u64, usize) {
        let mut state = self.state();
        let reads = std::mem::take(&mut state.reads);
        (reads, std::mem::take(&mut state.largest_read))
    }

    /// Whether a sync failed since the last crash, so that files may hold what the disk does not.
    pub fn pages_lost(&self) -> bool {
        self.state().pages_lost
    }

    /// What files' modification times are taken from.
    pub fn set_now(&self, now_ms: i64) {
        self.state().now_ms = now_ms;
    }

    /// Power is cut: keep what was synced, and of the rest what the seed says.
    pub fn crash(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.pages_lost = false;
        state.dies_after = None;
        state.locks.clear();
        let kept = {
            let n = state.pending_names.len();
            state.below(n + 1)
        };
        let changes = std::mem::take(&mut state.pending_names);
        let mut names = state.safe_names.clone();
        changes[..kept]
            .iter()
            .for_each(|change| names.apply(change));
        for index in 0..state.inodes.len() {
            let pending = std::mem::take(&mut state.inodes[index].pending);
            let mut data = std::mem::take(&mut state.inodes[index].safe);
            for change in pending {
                match (change, state.below(4)) {
                    (_, 0) => {}
                    (Change::SetLen(len), _) => data.set_len(len as usize),
                    (Change::Write(position, bytes), 1) => {
                        let torn = state.below(bytes.len() + 1);
                        data.write(position, &bytes[..torn]);
                    }
                    (Change::Write(position, bytes), _) => data.write(position, &bytes),
                }
            }
            state.inodes[index].data = data.clone();
            state.inodes[index].safe = data;
        }
        state.safe_names = names.clone();
        state.names = names;
    }

    /// The process died, the machine did not: everything written stays, handles and locks go.
    pub fn kill(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.dies_after = None;
        state.locks.clear();
    }
}

fn dead() -> io::Error {
    io::Error::other("this handle is from before the crash")
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("{} does not exist", path.display()),
    )
}

pub struct SimFile {
    disk: SimDisk,
    inode: usize,
    generation: u64,
    writable: bool,
}

/// Held while it lives.
pub struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    generation: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.generation == self.generation {
            state.locks.remove(&self.path);
        }
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn open(&self, path: &Path, how: Open) -> io::Result<SimFile> {
        let mut state = self.alive()?;
        let inode = match state.names.files.get(path) {
            Some(&inode) => inode,
            None if matches!(how, Open::Create | Open::Truncate) => {
                if !path
                    .parent()
                    .is_some_and(|dir| state.names.dirs.contains(dir))
                {
                    return Err(missing(path));
                }
                let (inode, modified_ms) = (state.inodes.len(), state.now_ms);
                state.rename(Rename::Link(path.to_owned(), inode))?;
                state.inodes.push(Inode {
                    modified_ms,
                    ..Inode::default()
                });
                inode
            }
            None => return Err(missing(path)),
        };
        if how == Open::Truncate && state.inodes[inode].data.len() > 0 {
            state.inodes[inode].data.set_len(0);
            state.inodes[inode].pending.push(Change::SetLen(0));
        }
        let generation = state.generation;
        Ok(SimFile {
            disk: self.clone(),
            inode,
            generation,
            writable: how != Open::Read,
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.alive()?;
        if !state.names.dirs.contains(dir) {
            return Err(missing(dir));
        }
        let name = |path: &Path| {
            path.file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default()
                .to_owned()
        };
        let mut entries = Vec::new();
        for (path, &inode) in &state.names.files {
            if path.parent() == Some(dir) {
                let inode = &state.inodes[inode];
                let len = inode.data.len() as u64;
                entries.push(Entry {
                    name: name(path),
                    is_dir: false,
                    len,
                    modified_ms: inode.modified_ms,
                });
            }
        }
        for path in &state.names.dirs {
            if path.parent() == Some(dir) {
                entries.push(Entry {
                    name: name(path),
                    is_dir: true,
                    len: 0,
                    modified_ms: 0,
                });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Entry>> {
        let state = self.alive()?;
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        if let Some(&inode) = state.names.files.get(path) {
            let inode = &state.inodes[inode];
            let len = inode.data.len() as u64;
            return Ok(Some(Entry {
                name,
                is_dir: false,
                len,
                modified_ms: inode.modified_ms,
            }));
        }
        let is_dir = state.names.dirs.contains(path);
        Ok(is_dir.then_some(Entry {
            name,
            is_dir,
            len: 0,
            modified_ms: 0,
        }))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.altered()?;
        let above: Vec<&Path> = dir.ancestors().collect();
        for dir in above.into_iter().rev() {
            if !state.names.dirs.contains(dir) {
                state.rename(Rename::MakeDir(dir.to_owned()))?;
            }
        }
        Ok(())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let above = dir.parent().filter(|above| above.parent().is_some());
        let mut state = self.altered()?;
        if above.is_some_and(|above| !state.names.dirs.contains(above)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.dirs.contains(dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.rename(Rename::MakeDir(dir.to_owned()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.altered()?;
        if state.names.files.contains_key(from) {
            state.rename(Rename::Move(from.to_owned(), to.to_owned()))
        } else if state.names.dirs.contains(from) {
            state.rename(Rename::MoveDir(from.to_owned(), to.to_owned()))
        } else {
            Err(missing(from))
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.altered()?;
        if !state.names.files.contains_key(path) {
            return Err(missing(path));
        }
        state.rename(Rename::Unlink(path.to_owned()))
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.altered()?;
        if !state.names.dirs.contains(dir) {
            return Err(missing(dir));
        }
        state.rename(Rename::DropDir(dir.to_owned()))
    }

    /// As a journal does: everything that was done to names before is safe too, whichever folder it was in.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.altered()?;
        spend(&mut state.changes_left)?;
        let Some(last) = state
            .pending_names
            .iter()
            .rposition(|change| change.touches(dir))
        else {
            return Ok(());
        };
        let rest = state.pending_names.split_off(last + 1);
        let done = std::mem::replace(&mut state.pending_names, rest);
        done.iter()
            .for_each(|change| state.safe_names.apply(change));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<SimLock> {
        drop(self.open(path, Open::Create)?);
        let mut state = self.alive()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let generation = state.generation;
        Ok(SimLock {
            disk: self.clone(),
            path: path.to_owned(),
            generation,
        })
    }

    fn space(&self, _path: &Path) -> io::Result<(u64, u64)> {
        let state = self.alive()?;
        Ok((state.capacity, state.capacity.saturating_sub(state.used())))
    }
}

impl SimFile {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.generation != self.generation {
            return Err(dead());
        }
        Ok(state)
    }

    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.alive()?;
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        spend(&mut state.changes_left)?;
        spend(&mut state.writes_left)?;
        if state.outlives_change() {
            Ok(state)
        } else {
            Err(dead())
        }
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.alive()?;
        state.reads += 1;
        state.largest_read = state.largest_read.max(buffer.len());
        Ok(state.inodes[self.inode].data.read(buffer, position))
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.change()?;
        let len = state.inodes[self.inode].data.len() as u64;
        let grows = (position + bytes.len() as u64).saturating_sub(len);
        let room = state.capacity.saturating_sub(state.used());
        let fits = bytes.len()
            - usize::try_from(grows.saturating_sub(room))
                .unwrap_or(0)
                .min(bytes.len());
        let now_ms = state.now_ms;
        let inode = &mut state.inodes[self.inode];
        inode.modified_ms = now_ms;
        if fits > 0 {
            inode.data.write(position, &bytes[..fits]);
            inode
                .pending
                .push(Change::Write(position, bytes[..fits].to_vec()));
        }
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn allocate(&self, _position: u64, len: u64) -> io::Result<()> {
        let state = self.alive()?;
        if state.used().saturating_add(len) > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.change()?;
        let grows = len.saturating_sub(state.inodes[self.inode].data.len() as u64);
        if grows > 0 && state.used().saturating_add(grows) > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let now_ms = state.now_ms;
        let inode = &mut state.inodes[self.inode];
        inode.modified_ms = now_ms;
        inode
            .data
            .set_len(usize::try_from(len).map_err(io::Error::other)?);
        inode.pending.push(Change::SetLen(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.change()?;
        let fails = state.syncs_left == Some(0);
        state.syncs_left = state.syncs_left.and_then(|left| left.checked_sub(1));
        let pending = std::mem::take(&mut state.inodes[self.inode].pending);
        if fails {
            let still = pending.into_iter().filter(|_| state.below(3) == 0);
            let still = still.collect();
            state.inodes[self.inode].pending = still;
            state.pages_lost = true;
            if state.retries_syncs {
                drop(state);
                return self.sync();
            }
            return Err(io::Error::other("the disk lost pages, as it was told to"));
        }
        let inode = &mut state.inodes[self.inode];
        for change in pending {
            match change {
                Change::SetLen(len) => inode.safe.set_len(len as usize),
                Change::Write(position, bytes) => inode.safe.write(position, &bytes),
            }
        }
        Ok(())
    }

    fn set_modified_ms(&self, at_ms: i64) -> io::Result<()> {
        self.alive()?.inodes[self.inode].modified_ms = at_ms;
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.inodes[self.inode].data.len() as u64)
    }

    fn raw_fd(&self) -> Option<i32> {
        None
    }
}
