//! The indexes of a segment: kept with each batch, completed where it ends, and built anew where they end in nonsense
//! or lead astray.

use std::io;
use std::path::Path;

use super::error::{During, LogError, UnlessFull};
use super::index::{Kind, Offsets, Times};
use super::scan::Scan;
use super::segment::{Brief, Place, Segment, brief};
use crate::disk::Disk;

/// What an index says; None if it is not there, shorter than it was, or not in order.
pub fn told<T>(read: io::Result<T>, path: &Path) -> Result<Option<T>, LogError> {
    use io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
    match read {
        Ok(told) => Ok(Some(told)),
        Err(e) => match e.kind() {
            InvalidData | InvalidInput | NotFound | UnexpectedEof => Ok(None),
            _ => Err(e).during("reading", path),
        },
    }
}

impl<D: Disk> Segment<D> {
    /// Remember a batch that lies at the segment's end: `size` grows by it.
    pub fn note(&mut self, place: Place<'_, D>, batch: Brief) -> Result<(), LogError> {
        let relative = batch.last_offset.saturating_sub(self.base_offset);
        let mut largest = self.largest_so_far(place)?;
        if batch.max_timestamp > largest.0 {
            largest = (batch.max_timestamp, relative);
            self.largest = Some(largest);
        }
        if self.size == 0 {
            self.first_timestamp = Some(batch.max_timestamp);
        }
        if self.bytes_since_entry > place.index_interval {
            let path = self.named(place, Offsets::SUFFIX);
            let entry = (relative, self.size as i64);
            self.offsets.append(place.disk, &path, entry);
            self.note_time(place, largest)?;
            self.bytes_since_entry = 0;
        }
        self.size += batch.size;
        self.bytes_since_entry += batch.size;
        Ok(())
    }

    fn note_time(&mut self, place: Place<'_, D>, largest: (i64, i64)) -> Result<(), LogError> {
        let path = self.named(place, Times::SUFFIX);
        let last = self
            .times
            .last(place.disk, &path)
            .during("reading", &path)?;
        if largest.0 > last.map_or(-1, |(time, _)| time) {
            self.times.append(place.disk, &path, largest);
        }
        Ok(())
    }

    /// The same, taken from the time index unseen. Enough for what is checked before anybody is told.
    pub fn largest_so_far(&mut self, place: Place<'_, D>) -> Result<(i64, i64), LogError> {
        if let Some(largest) = self.largest {
            return Ok(largest);
        }
        self.check(place)?;
        if let Some(largest) = self.largest {
            return Ok(largest);
        }
        let path = self.named(place, Times::SUFFIX);
        let last = told(self.times.last(place.disk, &path), &path)?;
        let largest = last.flatten().unwrap_or((-1, 0));
        self.largest = Some(largest);
        Ok(largest)
    }

    /// The segment takes no more batches: complete and trim its indexes, give back reserved space.
    pub fn seal(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        let largest = self.largest_so_far(place)?;
        self.note_time(place, largest)?;
        self.trim(place)
    }

    /// An index that ends in nonsense (zeroes that a crash left, a position past the end) is built anew.
    pub fn check(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        if self.unbuilt {
            return self.rebuild_indexes(place);
        }
        if self.checked {
            return Ok(());
        }
        self.checked = true;
        if !self.ends_well(place)? {
            self.mend(place)?;
        }
        Ok(())
    }

    fn ends_well(&mut self, place: Place<'_, D>) -> Result<bool, LogError> {
        let path = self.named(place, Offsets::SUFFIX);
        let entries = self.offsets.entries();
        let Some(last) = told(self.offsets.last(place.disk, &path), &path)? else {
            return Ok(false);
        };
        let leads = last.is_none_or(|(offset, position)| {
            offset >= 0 && self.holds(position) && (entries == 1 || position > 0)
        });
        let path = self.named(place, Times::SUFFIX);
        let entries = self.times.entries();
        let Some(last) = told(self.times.last(place.disk, &path), &path)? else {
            return Ok(false);
        };
        Ok(leads && last.is_none_or(|(time, offset)| offset >= 0 && (entries == 1 || time > 0)))
    }

    /// Build the indexes of a whole segment anew, once. Those of a damaged one stay: what is right in them leads past
    /// the damage. True if they were built.
    pub(super) fn mend(&mut self, place: Place<'_, D>) -> Result<bool, LogError> {
        if self.mended {
            return Ok(false);
        }
        self.mended = true;
        let mut scan = self.scan(place, 0)?;
        while scan.next_header()?.is_some() {}
        let path = self.path(place);
        if !scan.is_done() {
            self.damaged(&scan);
            return Ok(false);
        }
        self.rebuild_indexes(place)?;
        self.note = Some(format!(
            "{}: its indexes were wrong; rebuilt",
            path.display()
        ));
        Ok(true)
    }

    /// Why a walk ended early. It is noted once.
    pub fn damaged(&mut self, scan: &Scan<D::File>) -> LogError {
        let damage = scan.damage();
        if !std::mem::replace(&mut self.damage_noted, true) {
            self.note = Some(damage.to_string());
        }
        damage
    }

    /// Read all batches and write both indexes anew.
    pub fn rebuild_indexes(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        let (size, modified_ms) = (self.size, self.modified_ms);
        self.unbuilt = true;
        let done = self.note_all(place);
        // Whatever came of it, the batches are there.
        (self.size, self.modified_ms) = (size, modified_ms);
        done?;
        self.unbuilt = false;
        self.rebuilt = true;
        self.seal(place).unless_full()
    }

    fn note_all(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        let size = self.reset_indexes(place)?;
        let mut scan = self.scan(place, 0)?;
        scan.set_end(size);
        while let Some(found) = scan.next_header()? {
            self.note(place, brief(&found))?;
        }
        Ok(())
    }

    pub(super) fn holds(&self, position: i64) -> bool {
        u64::try_from(position).is_ok_and(|position| position < self.size)
    }
}
