//! What a log does with what a cleaner asks of it: tells what there is, and takes new segments in the place of old ones.

use std::collections::{HashMap, VecDeque};

use super::super::Log;
use super::super::error::{During, LogError};
use super::super::files::SWAP_SUFFIX;
use super::super::segment::{Place, SEGMENT_SUFFIXES, Segment};
use super::super::transaction_index::Aborted;
use super::super::unsynced::Fate;
use super::groups::Source;
use super::retain::LastRecord;
use crate::disk::Disk;

/// The same log, and not cut since.
pub(super) struct Identity {
    pub(super) fate: Fate,
    pub(super) cuts: u64,
}

/// What is left to do of the old segments.
pub(super) struct Removal {
    /// The new one's.
    pub(super) base: i64,
    /// These go together.
    pub(super) covered: VecDeque<i64>,
    /// And then these, one by one.
    pub(super) rest: VecDeque<i64>,
    /// What went so far is safe.
    pub(super) synced: bool,
}

/// The log's own segment, as a cleaner finds it.
fn source_of<D: Disk>(segment: &Segment<D>) -> Source {
    Source {
        base: segment.base_offset,
        size: segment.size,
        offset_index_bytes: segment.offsets.bytes(),
        time_index_bytes: segment.times.bytes(),
        modified_ms: segment.modified_ms,
    }
}

impl<D: Disk> Log<D> {
    pub(super) fn identity(&self) -> Identity {
        Identity {
            fate: self.fate.clone(),
            cuts: self.dirty.cuts,
        }
    }

    pub(super) fn is(&self, identity: &Identity) -> bool {
        self.fate.is_of(&identity.fate) && self.dirty.cuts == identity.cuts
    }

    pub(super) fn cleanable_sources(&self, upper: i64) -> Vec<Source> {
        let below = self.segments.iter();
        let below = below.take_while(|segment| segment.base_offset < upper);
        below.map(source_of).collect()
    }

    /// Segments from this offset on that nobody synced as far as they go, the last one first.
    pub(super) fn unsafe_sources(&self, from: i64) -> Vec<Source> {
        let first = from.max(self.recovery_point);
        if first >= self.end_offset {
            return Vec::new();
        }
        let unsafe_ones = self.segments[self.segment_at(first)..].iter();
        unsafe_ones.rev().map(source_of).collect()
    }

    /// All that was aborted and began below this offset. The markers of some may lie behind it.
    pub(super) fn aborted_below(&mut self, upper: i64) -> Result<Vec<Aborted>, LogError> {
        let mut found = Vec::new();
        'segments: for at in 0..self.segments.len() {
            let (place, segment) = self.segment(at);
            for aborted in segment.aborted(place)? {
                if aborted.first_offset < upper {
                    found.push(aborted);
                }
                if aborted.last_stable_offset >= upper {
                    break 'segments;
                }
            }
        }
        Ok(found)
    }

    /// The last that each active producer wrote.
    pub(super) fn last_records(&self) -> HashMap<i64, LastRecord> {
        let last = |(id, data_offset, epoch)| (id, LastRecord { data_offset, epoch });
        self.producers.last_written().map(last).collect()
    }

    /// Where this segment is, if it is still the log's and as it was.
    pub(super) fn place_of(&self, source: &Source) -> Option<usize> {
        let at = (self.segments).partition_point(|segment| segment.base_offset < source.base);
        let segment = self.segments.get(at)?;
        (segment.base_offset == source.base && segment.size == source.size).then_some(at)
    }

    /// Read this segment instead of these, which follow each other. False if one of them is the log's no more.
    pub(super) fn replace(
        &mut self,
        old: &[Source],
        new: Box<Segment<D>>,
    ) -> Result<(), Box<Segment<D>>> {
        let places: Vec<_> = old.iter().map(|source| self.place_of(source)).collect();
        let first = places.first().copied().flatten();
        let Some(first) = first.filter(|first| {
            let wanted = (*first..).map(Some);
            places.iter().copied().eq(wanted.take(places.len()))
        }) else {
            return Err(new);
        };
        let end = first + old.len();
        if end >= self.segments.len() {
            return Err(new); // the active one is never cleaned
        }
        let skew = (self.segments[first..end].iter()).map(|segment| segment.skew.written_ms);
        let written_ms = skew.max().flatten();
        let first_ms = self.segments[first].skew.first_ms;
        let gone: Vec<i64> = old.iter().map(|source| source.base).collect();
        self.segments.splice(first..end, [*new]);
        self.segments[first].skew.written_ms = written_ms;
        self.segments[first].skew.first_ms = first_ms;
        self.dirty.sealed.retain(|base| !gone.contains(base));
        self.dirty.names.note();
        Ok(())
    }

    /// The new segment's files get the names of a log's.
    pub(super) fn name_cleaned(&mut self, base: i64) -> Result<(), LogError> {
        let at = self.segment_at(base);
        let (place, segment) = self.segment(at);
        if segment.base_offset == base && segment.mark == SWAP_SUFFIX {
            segment.rename(place, "")?;
            self.dirty.names.note();
        }
        Ok(())
    }
}

impl Removal {
    /// Those that go together go now, or the next of the others; once nothing is left and that is safe, `synced` stays.
    pub(super) fn go_on<D: Disk>(&mut self, log: &mut Log<D>) -> Result<(), LogError> {
        let base = self.base;
        let mut doom = |line: &mut VecDeque<i64>| {
            if let Some(old) = line.front().copied() {
                // The producers' state where the new segment begins is still right.
                log.doom(old, "", old != base)?;
                line.pop_front();
            }
            Ok(())
        };
        if !self.covered.is_empty() || !self.rest.is_empty() {
            self.synced = false;
        }
        if self.covered.is_empty() {
            return doom(&mut self.rest);
        }
        while !self.covered.is_empty() {
            doom(&mut self.covered)?;
        }
        Ok(())
    }
}

impl<D: Disk> Segment<D> {
    /// Give its files the names that end so. What has its new name already is left.
    pub(super) fn rename(
        &mut self,
        place: Place<'_, D>,
        mark: &'static str,
    ) -> Result<(), LogError> {
        let old = SEGMENT_SUFFIXES.map(|suffix| self.named(place, suffix));
        let before = std::mem::replace(&mut self.mark, mark);
        for (old, suffix) in old.iter().zip(SEGMENT_SUFFIXES) {
            let new = self.named(place, suffix);
            match place.disk.rename(old, &new) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                done => {
                    if let Err(error) = done.during("renaming", old) {
                        self.mark = before;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}
