//! Partitions as whoever decides asks for them, by name: whether one is open, and how its log stands.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, Described};
use super::host::Host;
use super::refusing::{refusal, unknown};
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::{Partition, Waiter};

/// How long whoever decides waits for a partition that somebody holds: for as long as others may wait for a decision.
const DECIDING: Duration = Duration::from_millis(500);

impl<D: Disk, W: Waiter> Host<D, W> {
    /// One that is open, as far as is known without its lock.
    fn open_cell(&self, topic: &str, index: i32) -> Result<Arc<Cell<D, W>>, CoreError> {
        let cell = self.hosted().find(topic, index).cloned();
        let cell = cell.map_err(|_| unknown(topic, index))?;
        refusal(&cell).map_or(Ok(cell), Err)
    }

    /// Work with one that is open.
    pub(super) fn with_open<T>(
        &self,
        topic: &str,
        index: i32,
        work: impl FnOnce(&Arc<Cell<D, W>>, &mut Partition<D, W>) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        let cell = self.open_cell(topic, index)?;
        let held = self.hold_within(&cell, DECIDING);
        let mut guard = held
            .ok_or_else(|| CoreError::storage(&format!("{topic}-{index}: its disk takes long")))?;
        cell.touch();
        work(&cell, guard.as_mut().ok_or_else(|| unknown(topic, index))?)
    }

    /// # Errors
    /// "unknown-partition", "not-leader" while it is being opened, "storage" if it is offline or held for long.
    pub fn describe(&self, topic: &str, index: i32) -> Result<Described, CoreError> {
        self.with_open(topic, index, |cell, partition| Ok(noted(cell, partition)))
    }

    /// The same without waiting: while somebody holds it as it was described before, if it was, and whoever decides
    /// has a turn when it is free.
    ///
    /// # Errors
    /// As `describe`.
    pub fn describe_lately(&self, topic: &str, index: i32) -> Result<Described, CoreError> {
        let cell = self.open_cell(topic, index)?;
        if let Some(mut guard) = cell.try_hold() {
            let partition = guard.as_mut().ok_or_else(|| unknown(topic, index))?;
            return Ok(noted(&cell, partition));
        }
        let described = *cell.described.lock();
        match described {
            Some(described) => {
                self.look_later(&cell);
                Ok(described)
            }
            None => self.describe(topic, index),
        }
    }
}

fn noted<D: Disk, W: Waiter>(cell: &Cell<D, W>, partition: &Partition<D, W>) -> Described {
    let described = Described {
        offsets: partition.offsets(),
        leader_epoch: partition.state().leader_epoch,
        size_bytes: partition.log().size(),
    };
    *cell.described.lock() = Some(described);
    described
}
