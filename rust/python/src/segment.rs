//! One segment of a log whose offsets have no holes, looked at before it is opened: how far it is whole, and what
//! is whole behind its first fault. Opening cuts at the first fault, whatever follows; whoever must not lose that
//! asks here first.

use std::ops::Range;
use std::path::PathBuf;

use ottla_core::batch::{Header, crc_holds, first_header};
use pyo3::prelude::*;

use crate::files::Disk;

const SECTOR: usize = 512;
/// The base offset and the length of a batch: of a real one not all of these bytes are zero.
const PREFIX: usize = 12;

/// What one segment holds.
#[pyclass(frozen, get_all, module = "ottla._core")]
#[derive(Default)]
pub struct Segment {
    size: usize,
    /// Whole batches that follow on each other take so many bytes.
    whole_bytes: usize,
    next_offset: i64,
    leader_epoch: i32,
    /// Nothing but zeros follows: the end of a segment, space that was reserved.
    blank: bool,
    /// A write that never arrived left zeros where it should have gone.
    torn: bool,
    later_batches: usize,
    later_offset: i64,
}

#[pymethods]
impl Segment {
    fn __repr__(&self) -> String {
        format!(
            "Segment(size={}, whole_bytes={}, next_offset={}, later_batches={})",
            self.size, self.whole_bytes, self.next_offset, self.later_batches
        )
    }
}

/// Look at a segment that should begin at `next_offset`, in `leader_epoch` or later.
#[pyfunction]
#[pyo3(signature = (disk, path, *, next_offset, leader_epoch, leader_epoch_max))]
pub fn examine_segment(
    py: Python<'_>,
    disk: &Disk,
    path: PathBuf,
    next_offset: i64,
    leader_epoch: i32,
    leader_epoch_max: i32,
) -> PyResult<Segment> {
    py.detach(|| {
        let bytes = disk.whole(&path)?.unwrap_or_default();
        Ok(examine(&bytes, next_offset, leader_epoch, leader_epoch_max))
    })
}

fn examine(bytes: &[u8], next_offset: i64, leader_epoch: i32, leader_epoch_max: i32) -> Segment {
    let mut found = Segment {
        size: bytes.len(),
        next_offset,
        leader_epoch,
        later_offset: -1,
        ..Segment::default()
    };
    while let Some(header) = whole(bytes, found.whole_bytes) {
        let epochs = found.leader_epoch..=leader_epoch_max;
        if header.base_offset != found.next_offset || !epochs.contains(&header.leader_epoch) {
            break;
        }
        found.whole_bytes += header.size();
        found.next_offset = header.next_offset();
        found.leader_epoch = header.leader_epoch;
    }
    let fault = found.whole_bytes;
    let Some(first) = (fault..bytes.len()).find(|at| bytes[*at] != 0) else {
        found.blank = true;
        return found;
    };
    let mut at = fault;
    let mut fault_end = bytes.len();
    while at < bytes.len() {
        let Some(header) = whole(bytes, at) else {
            at += 1;
            continue;
        };
        fault_end = fault_end.min(at);
        found.later_batches += 1;
        found.later_offset = found.later_offset.max(header.last_offset());
        at += header.size();
    }
    found.torn = first >= fault + PREFIX || lost_sector(bytes, fault..fault_end);
    found
}

/// The batch that stands there, if all of it is there and its checksum is right.
fn whole(bytes: &[u8], at: usize) -> Option<Header> {
    let rest = &bytes[at..];
    let header = first_header(rest).ok()?;
    let sound = header.base_offset >= 0
        && header.last_offset_delta >= 0
        && header
            .base_offset
            .checked_add(i64::from(header.last_offset_delta))
            .is_some_and(|last| last < i64::MAX);
    (sound && crc_holds(&rest[..header.size()])).then_some(header)
}

/// Whether a sector of nothing but zeros lies in the range.
fn lost_sector(bytes: &[u8], range: Range<usize>) -> bool {
    (range.start.next_multiple_of(SECTOR)..range.end)
        .step_by(SECTOR)
        .filter_map(|at| bytes[..range.end].get(at..at + SECTOR))
        .any(|sector| sector.iter().all(|byte| *byte == 0))
}
