//! The machine's own file system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Disk, DiskFile, Entry, Open};

#[derive(Clone, Copy, Debug)]
pub struct RealDisk {
    durable: bool,
}

#[derive(Debug)]
pub struct RealFile {
    file: File,
    durable: bool,
}

impl RealDisk {
    /// A sync is a sync.
    pub const DURABLE: Self = Self { durable: true };
    /// Syncs do nothing: for folders that are removed when their user ends, and lost with the machine anyway.
    pub const VOLATILE: Self = Self { durable: false };
}

/// Held while it lives.
#[derive(Debug)]
pub struct RealLock(File);

impl RealLock {
    /// For whoever has to close it in a forked child, which would else hold the lock too.
    pub fn raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

fn entry(name: String, metadata: &fs::Metadata) -> Entry {
    let modified_ms = metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000;
    Entry {
        name,
        is_dir: metadata.is_dir(),
        len: metadata.len(),
        modified_ms,
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn open(&self, path: &Path, how: Open) -> io::Result<RealFile> {
        let mut options = OpenOptions::new();
        options.read(true);
        match how {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::Create => options.write(true).create(true),
            Open::Truncate => options.write(true).create(true).truncate(true),
        };
        let file = options.open(path)?;
        Ok(RealFile {
            file,
            durable: self.durable,
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for item in fs::read_dir(dir)? {
            let item = item?;
            let Ok(name) = item.file_name().into_string() else {
                continue;
            };
            match fs::metadata(item.path()) {
                Ok(metadata) => entries.push(entry(name, &metadata)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Entry>> {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(entry(name, &metadata))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    /// What `chattr +T` does. ext4 then gives each folder of a partition a place of its own. Else it takes them all from
    /// one place and, where thousands were deleted there lately, looks at each of those with every file that is made.
    #[cfg(target_os = "linux")]
    fn spread(&self, dir: &Path) {
        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        let spread = |dir: File| {
            let flags = ioctl_getflags(&dir)?;
            if flags.contains(IFlags::TOPDIR) {
                return Ok(());
            }
            ioctl_setflags(&dir, flags | IFlags::TOPDIR)
        };
        // Most other file systems refuse it, and need no such hint.
        let _ = File::open(dir).map(spread);
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir_all(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.durable {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<RealLock> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        lock_whole(&file)?;
        Ok(RealLock(file))
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        let volume = rustix::fs::statvfs(path)?;
        Ok((
            volume.f_blocks * volume.f_frsize,
            volume.f_bavail * volume.f_frsize,
        ))
    }
}

/// An open-file-description lock: it stands against Java's process-wide fcntl locks, and, unlike those, against
/// a second node in this very process; closing some other descriptor of the file does not drop it.
#[cfg(target_os = "linux")]
fn lock_whole(file: &File) -> io::Result<()> {
    // SAFETY: all zeroes is a valid `flock` value: plain integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    // SAFETY: the descriptor is open for the whole call, and `lock` is a valid flock that outlives it.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) };
    if done == 0 {
        return Ok(());
    }
    let e = io::Error::last_os_error();
    match e.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Err(io::ErrorKind::WouldBlock.into()),
        _ => Err(e),
    }
}

#[cfg(not(target_os = "linux"))]
fn lock_whole(file: &File) -> io::Result<()> {
    match rustix::fs::fcntl_lock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(e) => Err(e.into()),
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, position) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let keep = rustix::fs::FallocateFlags::KEEP_SIZE;
            Ok(rustix::fs::fallocate(&self.file, keep, position, len)?)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (position, len);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        if self.durable {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn set_modified_ms(&self, at_ms: i64) -> io::Result<()> {
        let since = Duration::from_millis(at_ms.max(0).unsigned_abs());
        self.file.set_modified(SystemTime::UNIX_EPOCH + since)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn raw_fd(&self) -> Option<i32> {
        Some(self.file.as_raw_fd())
    }
}
