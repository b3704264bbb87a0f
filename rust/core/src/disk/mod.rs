//! Files as the log sees them: positioned reads and writes, no cursor, no clock.
//!
//! `RealDisk` is the machine's file system; `SimDisk` is a seeded one that tears writes, loses what was not
//! synced and fills up. What stays true: a write is safe only after `DiskFile::sync`, and a new, renamed or
//! removed name only after `Disk::sync_dir` of its folder.

mod real;
#[cfg(test)]
mod real_tests;
mod sim;

use std::io;
use std::path::Path;

pub use real::{RealDisk, RealFile, RealLock};
pub use sim::{SimDisk, SimFile, SimLock};

/// What is read whole at most: a snapshot of twenty million producers, far above what any such file holds.
const SMALL_FILE_BYTES_MAX: u64 = 1 << 30;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Must exist; for reading only.
    Read,
    /// Must exist; for reading and writing.
    Write,
    /// Made if it does not exist, kept as it is if it does.
    Create,
    /// Made, or emptied if it exists.
    Truncate,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
    pub len: u64,
    pub modified_ms: i64,
}

/// A file system. Cheap to clone; clones share the same files.
pub trait Disk: Clone + Send + Sync + 'static {
    type File: DiskFile;
    /// Holds a lock until it is dropped.
    type Lock: Send + Sync + 'static;

    fn open(&self, path: &Path, how: Open) -> io::Result<Self::File>;
    /// The names in a folder, sorted. Names that are not UTF-8 are left out: Kafka writes none.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// None if there is no such file or folder.
    fn stat(&self, path: &Path) -> io::Result<Option<Entry>>;
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// `NotFound` if there is no folder to make it in.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// What will be made in this folder has nothing to do with each other and need not lie together: a hint.
    fn spread(&self, _dir: &Path) {}
    /// Replaces `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    fn remove_dir_all(&self, dir: &Path) -> io::Result<()>;
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Make everything on the volume of `dir` safe at once, where the system can: a help and no more, for whoever
    /// syncs every file all the same.
    fn sync_volume(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }
    /// Lock a file (made if need be) as Java's `FileChannel.lock` does; `WouldBlock` if another holds it,
    /// in this process or in any other.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;
    /// (total bytes, usable bytes) of the volume that holds `path`.
    fn space(&self, path: &Path) -> io::Result<(u64, u64)>;

    /// The whole of a small file; None if it does not exist.
    fn read_all(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match self.open(path, Open::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let len = file.len()?;
        if len > SMALL_FILE_BYTES_MAX {
            let text = format!("{len} bytes, where {SMALL_FILE_BYTES_MAX} are the most");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Some(bytes))
    }

    /// Replace a small file so that a crash leaves either the old or the new one: `.tmp`, sync, rename, sync folder.
    fn write_atomically(&self, path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = Path::new(&name);
        let file = self.open(temporary, Open::Truncate)?;
        file.write_all_at(bytes, 0)?;
        if durable {
            file.sync()?;
        }
        drop(file);
        self.rename(temporary, path)?;
        match path.parent() {
            Some(dir) if durable => self.sync_dir(dir),
            _ => Ok(()),
        }
    }
}

/// An open file.
pub trait DiskFile: Send + Sync + 'static {
    /// Up to `buffer.len()` bytes; 0 at or past the end.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// All of `bytes`, or an error (and then any part of them may have been written).
    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// Reserve space for `len` bytes from `position` on without changing the file's length. `Unsupported` where
    /// the file system cannot.
    fn allocate(&self, position: u64, len: u64) -> io::Result<()>;
    /// Cut or extend; space reserved past the new end is given back.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// What was written, and the length, are safe when this returns (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Let the file seem to have been written last at that time.
    fn set_modified_ms(&self, at_ms: i64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Whether what comes should go into another file, because there is no more room where this one lies.
    fn is_outgrown(&self) -> bool {
        false
    }
    /// For sendfile; None where there is no descriptor.
    fn raw_fd(&self) -> Option<i32>;

    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], position + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        Ok(())
    }
}
