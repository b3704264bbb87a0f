//! The disk beneath what Python asks for: a node's real one or a simulated one, behind one name.

use std::io;
use std::path::Path;

use ottla_core::disk::{Disk, DiskFile, Entry, Open, SimDisk, SimFile, SimLock};
use ottla_node::NodeDisk;

/// Either disk.
#[derive(Clone)]
pub enum AnyDisk {
    Node(NodeDisk),
    Sim(SimDisk),
}

pub enum AnyFile {
    Node(<NodeDisk as Disk>::File),
    Sim(SimFile),
}

/// Held while it lives.
pub enum AnyLock {
    Node(<NodeDisk as Disk>::Lock),
    Sim(SimLock),
}

impl AnyDisk {
    /// Nobody writes to this file any more, but by replacing it; a simulated disk has no such rights.
    pub fn seal(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Node(disk) => disk.seal(path),
            Self::Sim(_) => Ok(()),
        }
    }
}

macro_rules! either {
    ($self:ident, $inner:ident => $call:expr) => {
        match $self {
            Self::Node($inner) => $call,
            Self::Sim($inner) => $call,
        }
    };
}

impl Disk for AnyDisk {
    type File = AnyFile;
    type Lock = AnyLock;

    fn open(&self, path: &Path, how: Open) -> io::Result<AnyFile> {
        match self {
            Self::Node(disk) => disk.open(path, how).map(AnyFile::Node),
            Self::Sim(disk) => disk.open(path, how).map(AnyFile::Sim),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        either!(self, disk => disk.list(dir))
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Entry>> {
        either!(self, disk => disk.stat(path))
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        either!(self, disk => disk.create_dir_all(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        either!(self, disk => disk.create_dir(dir))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        either!(self, disk => disk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        either!(self, disk => disk.remove_file(path))
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        either!(self, disk => disk.remove_dir_all(dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        either!(self, disk => disk.sync_dir(dir))
    }

    fn sync_volume(&self, dir: &Path) -> io::Result<()> {
        either!(self, disk => disk.sync_volume(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<AnyLock> {
        match self {
            Self::Node(disk) => disk.lock(path).map(AnyLock::Node),
            Self::Sim(disk) => disk.lock(path).map(AnyLock::Sim),
        }
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        either!(self, disk => disk.space(path))
    }
}

impl DiskFile for AnyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        either!(self, file => file.read_at(buffer, position))
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        either!(self, file => file.write_all_at(bytes, position))
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        either!(self, file => file.allocate(position, len))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        either!(self, file => file.set_len(len))
    }

    fn sync(&self) -> io::Result<()> {
        either!(self, file => file.sync())
    }

    fn set_modified_ms(&self, at_ms: i64) -> io::Result<()> {
        either!(self, file => file.set_modified_ms(at_ms))
    }

    fn len(&self) -> io::Result<u64> {
        either!(self, file => file.len())
    }

    fn is_outgrown(&self) -> bool {
        either!(self, file => file.is_outgrown())
    }

    fn raw_fd(&self) -> Option<i32> {
        either!(self, file => file.raw_fd())
    }
}
