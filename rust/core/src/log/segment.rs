//! One segment: a file of batches, its indexes, and what is remembered of both.
//!
//! The first segment of a new log has no files until something is written (`is_laid`): a folder of thousands of
//! partitions that nobody writes to would else cost three files each. It is at offset 0 and empty, so that no file is
//! needed to say where its log begins; whoever opens the folder, Apache Kafka too, comes to the same segment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{During, LogError};
use super::files::{LOG_SUFFIX, file_path};
use super::index::{Index, Kind, Offsets, Times};
use super::scan::{Bounds, Position, Scan};
use super::skew::SegmentSkew;
use super::transaction_index::{Aborted, ENTRY_BYTES, SUFFIX as TRANSACTIONS_SUFFIX};
use super::unsynced::Target;
use crate::disk::{Disk, DiskFile, Open};

const ALLOCATE_STEP_MIN: u64 = 1 << 20;
const ALLOCATE_STEP_MAX: u64 = 64 << 20;
/// Below this a segment is too small to be worth reserving space for.
const ALLOCATE_FROM: u64 = 256 << 10;

/// Where a log's files lie.
pub struct Place<'a, D: Disk> {
    pub disk: &'a D,
    pub dir: &'a Path,
    pub index_bytes: u32,
    pub index_interval: u64,
    /// Where the next segment begins; the greatest offset behind the last one.
    pub end: i64,
}

impl<D: Disk> Clone for Place<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Disk> Copy for Place<'_, D> {}

/// What one batch tells its segment.
#[derive(Clone, Copy, Debug)]
pub struct Brief {
    pub last_offset: i64,
    pub max_timestamp: i64,
    pub size: u64,
}

pub struct Segment<D: Disk> {
    pub base_offset: i64,
    pub size: u64,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub(super) offsets: Index<Offsets>,
    pub(super) times: Index<Times>,
    /// What its files' names end with: nothing, but for one that compaction made and that has not its place yet.
    pub(super) mark: &'static str,
    /// Its files are there.
    is_laid: bool,
    file: Option<Arc<D::File>>,
    pub(super) bytes_since_entry: u64,
    /// (timestamp, relative offset), (-1, 0) if no batch has one; None if not looked up yet.
    pub(super) largest: Option<(i64, i64)>,
    pub(super) first_timestamp: Option<i64>,
    /// Soft.
    pub(super) skew: SegmentSkew,
    pub(super) allocated: u64,
    /// The indexes' ends were held against the segment.
    pub(super) checked: bool,
    /// The time index's last entry was held against its batch.
    pub(super) times_checked: bool,
    /// Building the indexes anew was broken off.
    pub(super) unbuilt: bool,
    /// An index that led astray was built anew, or the segment itself is damaged and it could not be.
    pub(super) mended: bool,
    /// The indexes were built anew and are not safe yet.
    pub rebuilt: bool,
    /// What was mended or found here and is not told yet.
    pub note: Option<String>,
    pub(super) damage_noted: bool,
    cannot_allocate: bool,
}

impl<D: Disk> Segment<D> {
    /// An empty segment and its files.
    pub fn create(place: Place<'_, D>, base_offset: i64, now_ms: i64) -> Result<Self, LogError> {
        let mut segment = Self::known(place, base_offset, 0, (0, 0), now_ms, now_ms);
        segment.lay(place)?;
        Ok(segment)
    }

    /// A new log's first segment, before anything is written: at offset 0, and without files.
    pub fn unlaid(place: Place<'_, D>, now_ms: i64) -> Self {
        let mut segment = Self::known(place, 0, 0, (0, 0), now_ms, now_ms);
        segment.is_laid = false;
        segment.are_blank();
        segment
    }

    pub fn is_laid(&self) -> bool {
        self.is_laid
    }

    /// Make the files. What is left of them by an attempt that failed half way is made anew.
    pub fn lay(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        let path = self.named(place, LOG_SUFFIX);
        place
            .disk
            .open(&path, Open::Truncate)
            .during("creating", &path)?;
        self.reset_indexes(place)?;
        self.is_laid = true;
        Ok(())
    }

    /// A segment that lies there already; nothing is read yet.
    pub fn known(
        place: Place<'_, D>,
        base_offset: i64,
        size: u64,
        index_lens: (u64, u64),
        now_ms: i64,
        modified_ms: i64,
    ) -> Self {
        Self {
            base_offset,
            size,
            created_ms: now_ms,
            modified_ms,
            offsets: Index::known(index_lens.0, place.index_bytes),
            times: Index::known(index_lens.1, place.index_bytes),
            mark: "",
            is_laid: true,
            file: None,
            bytes_since_entry: 0,
            largest: None,
            first_timestamp: None,
            skew: SegmentSkew::default(),
            allocated: size,
            checked: false,
            times_checked: false,
            unbuilt: false,
            mended: false,
            rebuilt: false,
            note: None,
            damage_noted: false,
            cannot_allocate: false,
        }
    }

    pub fn file(&mut self, place: Place<'_, D>) -> Result<Arc<D::File>, LogError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let path = self.named(place, LOG_SUFFIX);
        let file = Arc::new(
            place
                .disk
                .open(&path, Open::Write)
                .during("opening", &path)?,
        );
        self.file = Some(file.clone());
        Ok(file)
    }

    /// Read batches from this position on.
    pub fn scan(&mut self, place: Place<'_, D>, from: u64) -> Result<Scan<D::File>, LogError> {
        let bounds = Bounds {
            base: self.base_offset,
            end: place.end,
        };
        let path = self.path(place);
        Ok(Scan::new(self.file(place)?, path, from, self.size, bounds))
    }

    /// Empty both indexes, as if no batch were there yet; the size that the segment had.
    pub fn reset_indexes(&mut self, place: Place<'_, D>) -> Result<u64, LogError> {
        let path = self.named(place, Offsets::SUFFIX);
        self.offsets =
            Index::create(place.disk, &path, place.index_bytes).during("creating", &path)?;
        let path = self.named(place, Times::SUFFIX);
        self.times =
            Index::create(place.disk, &path, place.index_bytes).during("creating", &path)?;
        self.are_blank();
        Ok(std::mem::replace(&mut self.size, 0))
    }

    /// Whatever lies in the indexes of an empty segment is not in its log, and goes when they are trimmed.
    pub fn blank_indexes(&mut self, place: Place<'_, D>) {
        self.offsets = Index::blank(place.index_bytes);
        self.times = Index::blank(place.index_bytes);
        self.are_blank();
    }

    /// The indexes are those of no batch.
    fn are_blank(&mut self) {
        self.checked = true;
        self.times_checked = true;
        self.bytes_since_entry = 0;
        self.largest = Some((-1, 0));
        self.first_timestamp = None;
    }

    /// How long the segment has waited to be rolled, on the clock of its records where they have one.
    pub fn waited_ms(
        &mut self,
        place: Place<'_, D>,
        now_ms: i64,
        message_ms: i64,
    ) -> Result<i64, LogError> {
        Ok(match self.first_timestamp(place)? {
            Some(first) if first >= 0 => message_ms
                .saturating_sub(first)
                .saturating_sub(self.skew.first_ms),
            _ => now_ms.saturating_sub(self.created_ms),
        })
    }

    /// Of its first batch; None if it has none.
    pub fn first_timestamp(&mut self, place: Place<'_, D>) -> Result<Option<i64>, LogError> {
        if self.first_timestamp.is_none() && self.size > 0 {
            let first = self.scan(place, 0)?.next_header()?;
            self.first_timestamp = first.map(|found| found.header.max_timestamp);
        }
        Ok(self.first_timestamp)
    }

    /// Whether there is no more room where it lies, while there may be elsewhere.
    pub fn is_outgrown(&self) -> bool {
        self.size > 0 && self.file.as_ref().is_some_and(|file| file.is_outgrown())
    }

    pub fn indexes_full(&self) -> bool {
        self.offsets.is_full() || self.times.is_full()
    }

    /// Write whole batches at the end. The segment does not know of them until `note`.
    pub fn write(&mut self, place: Place<'_, D>, bytes: &[u8], limit: u64) -> Result<(), LogError> {
        let path = self.named(place, LOG_SUFFIX);
        let file = self.file(place)?;
        let end = self.size + bytes.len() as u64;
        if end > self.allocated && end > ALLOCATE_FROM && !self.cannot_allocate {
            let step = end.clamp(ALLOCATE_STEP_MIN, ALLOCATE_STEP_MAX);
            let target = (self.size + step).min(limit.max(end));
            match file.allocate(self.size, target - self.size) {
                Ok(()) => self.allocated = target,
                Err(_) => self.cannot_allocate = true,
            }
        }
        file.write_all_at(bytes, self.size).during("writing", &path)
    }

    /// Take all the space that the segment may come to need; if there is less, it grows as any other does.
    pub fn preallocate(&mut self, place: Place<'_, D>, limit: u64) -> Result<(), LogError> {
        if self.allocated.max(self.size) < limit && !self.cannot_allocate {
            let file = self.file(place)?;
            match file.allocate(self.size, limit - self.size) {
                Ok(()) => self.allocated = limit,
                Err(_) => self.cannot_allocate = true,
            }
        }
        Ok(())
    }

    /// After a failed write: what was written of it, and noted as aborted by it, must not be found by a later reader.
    pub fn cut_back(&mut self, place: Place<'_, D>, aborted: &[Aborted]) -> Result<(), LogError> {
        if let Some(first) = aborted.first() {
            self.truncate_transactions(place, first.last_offset)?;
        }
        let path = self.named(place, LOG_SUFFIX);
        self.cannot_allocate = false;
        self.allocated = self.size;
        let Some(file) = &self.file else {
            return Ok(()); // it could not even be opened, so nothing was written
        };
        file.set_len(self.size).during("cutting back", &path)
    }

    pub(super) fn trim(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        // First of all what gives space back: the rest may need some.
        if self.allocated > self.size {
            let path = self.named(place, LOG_SUFFIX);
            self.file(place)?
                .set_len(self.size)
                .during("trimming", &path)?;
            self.allocated = self.size;
        }
        self.trim_indexes(place)
    }

    fn trim_indexes(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        let path = self.named(place, Offsets::SUFFIX);
        let offsets = self.offsets.trim(place.disk, &path);
        let offsets = offsets.during("trimming", &path);
        let path = self.named(place, Times::SUFFIX);
        let times = self.times.trim(place.disk, &path);
        offsets.and(times.during("trimming", &path))
    }

    /// Name what must be synced of a segment that has ended; its indexes too, since nothing rebuilds them later.
    pub fn hand_out(
        &mut self,
        place: Place<'_, D>,
        files: &mut Vec<Target<D::File>>,
    ) -> Result<(), LogError> {
        let path = self.path(place);
        files.push(match self.file.take() {
            Some(file) => Target::Open(file, path),
            None => Target::Closed(path),
        });
        self.hand_out_indexes(place, files)
    }

    pub fn hand_out_indexes(
        &mut self,
        place: Place<'_, D>,
        files: &mut Vec<Target<D::File>>,
    ) -> Result<(), LogError> {
        // What a full disk did not take when the segment ended.
        self.trim_indexes(place)?;
        for suffix in [Offsets::SUFFIX, Times::SUFFIX, TRANSACTIONS_SUFFIX] {
            let path = self.named(place, suffix);
            files.push(Target::Closed(path));
        }
        Ok(())
    }

    pub fn path(&self, place: Place<'_, D>) -> PathBuf {
        self.named(place, LOG_SUFFIX)
    }

    /// How its file of this kind is called now.
    pub(super) fn named(&self, place: Place<'_, D>, suffix: &str) -> PathBuf {
        let path = file_path(place.dir, self.base_offset, suffix);
        if self.mark.is_empty() {
            return path;
        }
        let mut name = path.into_os_string();
        name.push(self.mark);
        name.into()
    }

    /// Hold no descriptor and no more memory than needed.
    pub fn release(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        // First of all: writing an index needs a descriptor for a moment, and there may be no other left.
        self.file = None;
        let path = self.named(place, Offsets::SUFFIX);
        self.offsets
            .release(place.disk, &path)
            .during("writing", &path)?;
        let path = self.named(place, Times::SUFFIX);
        self.times
            .release(place.disk, &path)
            .during("writing", &path)
    }

    /// Something may lie in the indexes that was never synced.
    pub fn is_touched(&self) -> bool {
        self.offsets.is_touched() || self.times.is_touched()
    }

    /// Let go of the file without a word to the disk.
    pub fn forget(&mut self) {
        self.file = None;
    }

    pub fn aborted(&self, place: Place<'_, D>) -> Result<Vec<Aborted>, LogError> {
        let path = self.named(place, TRANSACTIONS_SUFFIX);
        let Some(bytes) = place.disk.read_all(&path).during("reading", &path)? else {
            return Ok(Vec::new());
        };
        bytes
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| {
                Aborted::parse(entry)
                    .ok_or_else(|| LogError::corrupt(&path, "an entry of an unknown version"))
            })
            .collect()
    }

    /// Before the markers that end them are written: a reader who finds a marker finds what it aborted.
    pub fn note_all_aborted(
        &self,
        place: Place<'_, D>,
        aborted: &[Aborted],
    ) -> Result<(), LogError> {
        aborted
            .iter()
            .try_for_each(|one| self.note_aborted(place, *one))
    }

    fn note_aborted(&self, place: Place<'_, D>, aborted: Aborted) -> Result<(), LogError> {
        let path = self.named(place, TRANSACTIONS_SUFFIX);
        let append = |file: D::File| {
            let end = file.len()? / ENTRY_BYTES as u64 * ENTRY_BYTES as u64;
            file.write_all_at(&aborted.bytes(), end)
        };
        place
            .disk
            .open(&path, Open::Create)
            .and_then(append)
            .during("writing", &path)
    }

    pub fn truncate_transactions(&self, place: Place<'_, D>, offset: i64) -> Result<(), LogError> {
        let path = self.named(place, TRANSACTIONS_SUFFIX);
        let keep = match self.aborted(place) {
            Ok(all) if all.is_empty() => return Ok(()),
            Ok(all) => all
                .iter()
                .take_while(|aborted| aborted.last_offset < offset)
                .count(),
            Err(_) => 0,
        };
        let cut = |file: D::File| file.set_len((keep * ENTRY_BYTES) as u64);
        place
            .disk
            .open(&path, Open::Create)
            .and_then(cut)
            .during("cutting", &path)
    }
}

pub fn brief(found: &Position) -> Brief {
    Brief {
        last_offset: found.header.last_offset(),
        max_timestamp: found.header.max_timestamp,
        size: found.header.size() as u64,
    }
}

/// The files of one segment.
pub const SEGMENT_SUFFIXES: [&str; 4] = [
    LOG_SUFFIX,
    Offsets::SUFFIX,
    Times::SUFFIX,
    TRANSACTIONS_SUFFIX,
];

/// Remove a segment's files, whichever are there; whether none is left.
pub fn remove_segment_files<D: Disk>(disk: &D, dir: &Path, base: i64) -> bool {
    let remove = |suffix: &str| match disk.remove_file(&file_path(dir, base, suffix)) {
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
        Ok(()) => true,
    };
    let outcomes = SEGMENT_SUFFIXES.map(remove);
    outcomes.iter().all(|gone| *gone)
}
