//! Finding places in a segment by its indexes.
//!
//! An index entry is a hint: it is followed only to a batch that stands there and does not begin after what is
//! looked for. One that leads astray has the segment's indexes built anew, once; until then, and where the segment
//! itself is damaged, an earlier entry or the segment's start does. So a wrong index costs time and no wrong answer.

use super::error::LogError;
use super::index::{Kind, Offsets, Times};
use super::indexing::told;
use super::scan::{Position, Scan};
use super::segment::{Place, Segment};
use crate::disk::Disk;

/// How many entries in a row may lead astray before the segment is walked from its start.
const TRIES: usize = 4;

impl<D: Disk> Segment<D> {
    /// Where the first batch begins that holds `offset` or comes after it.
    ///
    /// # Errors
    /// `Corrupt` if bytes that can be no batch stand before it.
    pub fn translate(
        &mut self,
        place: Place<'_, D>,
        offset: i64,
    ) -> Result<Option<Position>, LogError> {
        let mut scan = self.scan_to(place, offset)?;
        while let Some(found) = scan.next_header()? {
            if found.header.last_offset() < offset {
                continue;
            }
            // A gap before a batch is rare, and may be none: then the next one begins too early.
            let gap = found.header.base_offset > offset;
            if gap && scan.peek()?.is_none() && !scan.is_done() {
                return Err(self.damaged(&scan));
            }
            return Ok(Some(found));
        }
        if scan.is_done() {
            return Ok(None);
        }
        Err(self.damaged(&scan))
    }

    /// A walk that begins at or before the batch that holds `offset`.
    pub fn scan_to(&mut self, place: Place<'_, D>, offset: i64) -> Result<Scan<D::File>, LogError> {
        self.check(place)?;
        loop {
            let (scan, astray) = self.follow_offset(place, offset)?;
            if !astray || !self.mend(place)? {
                return Ok(scan);
            }
        }
    }

    /// The same by the index as it is; and whether it led astray.
    fn follow_offset(
        &mut self,
        place: Place<'_, D>,
        offset: i64,
    ) -> Result<(Scan<D::File>, bool), LogError> {
        let path = self.named(place, Offsets::SUFFIX);
        let key = offset.saturating_sub(self.base_offset);
        let rank = told(self.offsets.rank(place.disk, &path, key), &path)?;
        let mut astray = rank.is_none();
        for n in (0..rank.unwrap_or(0)).rev().take(TRIES) {
            let entry = told(self.offsets.get(place.disk, &path, n), &path)?;
            if let Some((_, position)) = entry.filter(|(_, position)| self.holds(*position)) {
                let mut scan = self.scan(place, position as u64)?;
                let found = scan.peek()?;
                if found.is_some_and(|found| found.header.base_offset <= offset) {
                    return Ok((scan, astray));
                }
            }
            astray = true;
        }
        Ok((self.scan(place, 0)?, astray))
    }

    /// A walk that begins at or before the first batch with a record of this time, and no earlier than `start`.
    pub fn scan_to_time(
        &mut self,
        place: Place<'_, D>,
        time: i64,
        start: i64,
    ) -> Result<Scan<D::File>, LogError> {
        self.check_times(place)?;
        let offset = loop {
            let (offset, astray) = self.follow_time(place, time)?;
            if !astray || !self.mend(place)? {
                break offset;
            }
        };
        self.scan_to(place, offset.max(start))
    }

    fn follow_time(&mut self, place: Place<'_, D>, time: i64) -> Result<(i64, bool), LogError> {
        let path = self.named(place, Times::SUFFIX);
        let rank = told(self.times.rank(place.disk, &path, time), &path)?;
        let mut astray = rank.is_none();
        for n in (0..rank.unwrap_or(0)).rev().take(TRIES) {
            let entry = told(self.times.get(place.disk, &path, n), &path)?;
            if let Some((time, relative)) = entry
                && self.has_batch_of(place, time, relative)?
            {
                return Ok((self.base_offset.saturating_add(relative), astray));
            }
            astray = true;
        }
        Ok((self.base_offset, astray))
    }

    /// Whether the batch at an entry of the time index has that entry's time.
    fn has_batch_of(
        &mut self,
        place: Place<'_, D>,
        time: i64,
        relative: i64,
    ) -> Result<bool, LogError> {
        if relative < 0 {
            return Ok(false);
        }
        let offset = self.base_offset.saturating_add(relative);
        let mut scan = self.scan_to(place, offset)?;
        while let Some(found) = scan.next_header()? {
            if found.header.last_offset() >= offset {
                let header = &found.header;
                return Ok(header.base_offset <= offset && header.max_timestamp == time);
            }
        }
        Ok(false)
    }

    /// (largest timestamp, relative last offset of its batch); -1 if there is none.
    pub fn largest_timestamp(&mut self, place: Place<'_, D>) -> Result<(i64, i64), LogError> {
        self.check_times(place)?;
        self.largest_so_far(place)
    }

    /// What retention by time looks at.
    pub fn age_timestamp(&mut self, place: Place<'_, D>) -> Result<i64, LogError> {
        let (time, _) = self.largest_timestamp(place)?;
        let time = if time >= 0 { time } else { self.modified_ms };
        Ok(self
            .skew
            .written_ms
            .map_or(time, |written| written.max(time)))
    }

    /// The offset after the last batch; reads from the last index entry on. None if the end is not whole, or if
    /// offsets go backward there, which would have new batches written over offsets that are taken.
    pub fn next_offset(&mut self, place: Place<'_, D>) -> Result<Option<i64>, LogError> {
        if self.size == 0 {
            return Ok(Some(self.base_offset));
        }
        let mut scan = self.scan_to(place, i64::MAX)?;
        let mut next = self.base_offset;
        while let Some(found) = scan.next_header()? {
            next = found.header.next_offset();
            let time = found.header.max_timestamp;
            if time > self.largest_so_far(place)?.0 {
                let relative = found.header.last_offset().saturating_sub(self.base_offset);
                self.largest = Some((time, relative));
            }
        }
        Ok(scan.is_done().then_some(next))
    }

    /// What the whole segment's age and times rest on is held against the batch that it names.
    fn check_times(&mut self, place: Place<'_, D>) -> Result<(), LogError> {
        self.check(place)?;
        if self.times_checked {
            return Ok(());
        }
        self.times_checked = true;
        let path = self.named(place, Times::SUFFIX);
        let sound = match told(self.times.last(place.disk, &path), &path)? {
            Some(Some((time, relative))) => self.has_batch_of(place, time, relative)?,
            Some(None) => !self.begins_with_a_time(place)?,
            None => false,
        };
        if !sound {
            self.mend(place)?;
        }
        Ok(())
    }

    fn begins_with_a_time(&mut self, place: Place<'_, D>) -> Result<bool, LogError> {
        let first = self.scan(place, 0)?.next_header()?;
        Ok(first.is_some_and(|found| found.header.max_timestamp >= 0))
    }
}
