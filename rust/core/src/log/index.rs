//! The two indexes beside a segment: offset to position, and timestamp to offset.
//!
//! Entries are fixed in size and sorted. New ones wait in memory and go to the file in pieces; a search reads the
//! file (the page cache holds it) and keeps the last block it saw, so an index costs neither a descriptor nor a
//! map. A file of the active segment has its full size from the start, as Apache Kafka's does, and is trimmed when
//! the segment ends or the log is closed. What a crash leaves in it is rebuilt from the segment.

use std::io;
use std::marker::PhantomData;
use std::path::Path;

use super::error::UnlessFull;
use crate::disk::{Disk, DiskFile, Open};

/// How far offsets in one segment may lie apart: an entry holds them in 32 bits.
pub(super) const OFFSETS_MAX: i64 = i32::MAX as i64;
/// Entries that may wait in memory.
const PENDING_MAX: usize = 512;
const BLOCK_ENTRIES: usize = 512;

/// (key, value); both rise.
pub type Entry = (i64, i64);

pub trait Kind {
    const BYTES: usize;
    const SUFFIX: &'static str;
    fn put(entry: Entry, out: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Entry;
}

/// Relative offset of a batch's last record to the position where the batch begins.
pub struct Offsets;

/// Largest timestamp so far to the relative last offset of the batch that brought it.
pub struct Times;

fn i32_at(bytes: &[u8], at: usize) -> i64 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    i64::from(i32::from_be_bytes(four))
}

impl Kind for Offsets {
    const BYTES: usize = 8;
    const SUFFIX: &'static str = ".index";

    fn put((offset, position): Entry, out: &mut Vec<u8>) {
        out.extend_from_slice(&(offset as i32).to_be_bytes());
        out.extend_from_slice(&(position as i32).to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Entry {
        (i32_at(bytes, 0), i32_at(bytes, 4))
    }
}

impl Kind for Times {
    const BYTES: usize = 12;
    const SUFFIX: &'static str = ".timeindex";

    fn put((timestamp, offset): Entry, out: &mut Vec<u8>) {
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&(offset as i32).to_be_bytes());
    }

    fn get(bytes: &[u8]) -> Entry {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[..8]);
        (i64::from_be_bytes(eight), i32_at(bytes, 8))
    }
}

pub struct Index<K> {
    written: usize,
    pending: Vec<Entry>,
    last: Option<Entry>,
    max_entries: usize,
    /// The file may be longer than its entries, so it must be trimmed.
    preallocated: bool,
    block: Option<(usize, Vec<Entry>)>,
    kind: PhantomData<K>,
}

impl<K: Kind> Index<K> {
    /// Of a file with this many bytes, which need not be looked at yet.
    pub fn known(len: u64, max_bytes: u32) -> Self {
        Self {
            written: len as usize / K::BYTES,
            pending: Vec::new(),
            last: None,
            max_entries: max_bytes as usize / K::BYTES,
            preallocated: false,
            block: None,
            kind: PhantomData,
        }
    }

    pub fn create<D: Disk>(disk: &D, path: &Path, max_bytes: u32) -> io::Result<Self> {
        let mut index = Self::known(0, max_bytes);
        let file = disk.open(path, Open::Truncate)?;
        file.set_len(index.full_bytes()).unless_full()?;
        index.preallocated = true;
        Ok(index)
    }

    /// Without entries, whatever is in the file.
    pub fn blank(max_bytes: u32) -> Self {
        Self {
            preallocated: true,
            ..Self::known(0, max_bytes)
        }
    }

    fn full_bytes(&self) -> u64 {
        (self.max_entries * K::BYTES) as u64
    }

    pub fn entries(&self) -> usize {
        self.written + self.pending.len()
    }

    /// What the entries take.
    pub fn bytes(&self) -> u64 {
        (self.entries() * K::BYTES) as u64
    }

    pub fn is_full(&self) -> bool {
        self.entries() + 1 >= self.max_entries
    }

    /// Written to since it was opened.
    pub fn is_touched(&self) -> bool {
        self.preallocated || !self.pending.is_empty()
    }

    /// The last entry; read from the file if it was not seen yet.
    pub fn last<D: Disk>(&mut self, disk: &D, path: &Path) -> io::Result<Option<Entry>> {
        if self.last.is_none() && self.entries() > 0 {
            self.last = Some(self.get(disk, path, self.entries() - 1)?);
        }
        Ok(self.last)
    }

    /// What cannot be written waits on: it is tried again with every entry, and told when the index is trimmed.
    pub fn append<D: Disk>(&mut self, disk: &D, path: &Path, entry: Entry) {
        self.pending.push(entry);
        self.last = Some(entry);
        if self.pending.len() >= PENDING_MAX {
            let _ = self.write(disk, path);
        }
    }

    /// Put what waits into the file.
    pub fn write<D: Disk>(&mut self, disk: &D, path: &Path) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.pending.len() * K::BYTES);
        self.pending
            .iter()
            .for_each(|entry| K::put(*entry, &mut bytes));
        let file = disk.open(path, Open::Create)?;
        if !self.preallocated && file.len()? < self.full_bytes() {
            file.set_len(self.full_bytes()).unless_full()?;
        }
        self.preallocated = true;
        file.write_all_at(&bytes, (self.written * K::BYTES) as u64)?;
        self.written += self.pending.len();
        self.pending.clear();
        self.block = None;
        Ok(())
    }

    /// Write what waits and cut the file to its entries. Cutting needs no space: it is done where nothing could be
    /// written, too.
    pub fn trim<D: Disk>(&mut self, disk: &D, path: &Path) -> io::Result<()> {
        let written = self.write(disk, path);
        if self.preallocated {
            disk.open(path, Open::Create)?
                .set_len((self.written * K::BYTES) as u64)?;
            self.preallocated = false;
        }
        written
    }

    pub fn get<D: Disk>(&mut self, disk: &D, path: &Path, n: usize) -> io::Result<Entry> {
        if n >= self.written {
            return self.pending.get(n - self.written).copied().ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "an index has no such entry")
            });
        }
        let first = n / BLOCK_ENTRIES * BLOCK_ENTRIES;
        if !matches!(&self.block, Some((at, entries)) if *at == first && n - at < entries.len()) {
            let count = BLOCK_ENTRIES.min(self.written - first);
            let mut bytes = vec![0; count * K::BYTES];
            disk.open(path, Open::Read)?
                .read_exact_at(&mut bytes, (first * K::BYTES) as u64)?;
            let entries: Vec<Entry> = bytes.chunks_exact(K::BYTES).map(K::get).collect();
            if !entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
                let text = "the entries of an index do not rise";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.block = Some((first, entries));
        }
        match &self.block {
            Some((at, entries)) => Ok(entries[n - at]),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// How many entries pass `before`, which must hold for a first part of them.
    pub fn partition<D: Disk>(
        &mut self,
        disk: &D,
        path: &Path,
        before: impl Fn(Entry) -> bool,
    ) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.entries());
        // The block seen last answers most searches alone.
        if let Some((at, entries)) = &self.block
            && let (Some(first), Some(last)) = (entries.first(), entries.last())
            && before(*first)
            && !before(*last)
        {
            return Ok(at + entries.partition_point(|entry| before(*entry)));
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.get(disk, path, middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// How many entries have keys that are not above `key`.
    pub fn rank<D: Disk>(&mut self, disk: &D, path: &Path, key: i64) -> io::Result<usize> {
        if let Some(last) = self.last(disk, path)?
            && last.0 <= key
        {
            return Ok(self.entries());
        }
        self.partition(disk, path, |entry| entry.0 <= key)
    }

    /// Keep only the first `entries`.
    pub fn truncate<D: Disk>(&mut self, disk: &D, path: &Path, entries: usize) -> io::Result<()> {
        if entries >= self.written {
            self.pending.truncate(entries - self.written);
        } else {
            self.pending.clear();
            self.written = entries;
            // Zeroes after the end, as in a new file: stale entries there would be found after a crash.
            let file = disk.open(path, Open::Create)?;
            let kept = (entries * K::BYTES) as u64;
            file.set_len(kept)?;
            file.set_len(self.full_bytes().max(kept)).unless_full()?;
            self.preallocated = true;
        }
        self.block = None;
        self.last = None;
        Ok(())
    }

    /// Let go of memory that can be read again.
    pub fn release<D: Disk>(&mut self, disk: &D, path: &Path) -> io::Result<()> {
        self.write(disk, path)?;
        self.pending.shrink_to_fit();
        self.block = None;
        Ok(())
    }
}
