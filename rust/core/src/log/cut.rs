//! A segment's end is cut off, with what its indexes say of it.

use super::error::{During, LogError};
use super::files::LOG_SUFFIX;
use super::index::{Kind, Offsets, Times};
use super::segment::{Place, Segment};
use super::skew::SegmentSkew;
use crate::disk::{Disk, DiskFile};

impl<D: Disk> Segment<D> {
    /// Cut everything from `position` on; `offset` is the first that goes.
    pub fn truncate(
        &mut self,
        place: Place<'_, D>,
        position: u64,
        offset: i64,
        now_ms: i64,
    ) -> Result<(), LogError> {
        self.check(place)?;
        let relative = offset.saturating_sub(self.base_offset);
        let path = self.named(place, Offsets::SUFFIX);
        let keep = self.offsets.partition(place.disk, &path, |(o, at)| {
            o < relative && u64::try_from(at).is_ok_and(|at| at < position)
        });
        let sound = keep.is_ok();
        self.offsets
            .truncate(place.disk, &path, keep.unwrap_or(0))
            .during("cutting", &path)?;
        let path = self.named(place, Times::SUFFIX);
        let keep = self
            .times
            .partition(place.disk, &path, |(_, o)| o < relative);
        let sound = sound && keep.is_ok();
        self.times
            .truncate(place.disk, &path, keep.unwrap_or(0))
            .during("cutting", &path)?;
        let path = self.named(place, LOG_SUFFIX);
        self.file(place)?
            .set_len(position)
            .during("cutting", &path)?;
        self.size = position;
        self.allocated = position;
        self.bytes_since_entry = 0;
        self.largest = None;
        if position == 0 {
            self.first_timestamp = None;
            self.skew = SegmentSkew::default();
            self.created_ms = now_ms;
            self.largest = Some((-1, 0));
        } else if sound {
            self.next_offset(place)?;
        } else {
            self.rebuild_indexes(place)?;
        }
        self.truncate_transactions(place, offset)
    }
}
