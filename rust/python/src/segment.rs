//! `Segment` for Python: what one segment holds, before it is opened.

use std::path::PathBuf;

use ottla_core::log::examine;
use pyo3::prelude::*;

use crate::files::Disk;

/// What one segment holds.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct Segment {
    size: usize,
    /// Whole batches that follow on each other take so many bytes.
    whole_bytes: usize,
    next_offset: i64,
    leader_epoch: i32,
    /// Nothing but zeros follows: the end of a segment, space that was reserved.
    blank: bool,
    /// A write that never arrived left zeros where it should have gone, and no later sync can have followed it.
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
        let found = examine(&bytes, next_offset, leader_epoch, leader_epoch_max);
        Ok(Segment {
            size: found.size,
            whole_bytes: found.whole_bytes,
            next_offset: found.next_offset,
            leader_epoch: found.leader_epoch,
            blank: found.blank,
            torn: found.torn,
            later_batches: found.later_batches,
            later_offset: found.later_offset,
        })
    })
}
