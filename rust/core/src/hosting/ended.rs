//! Ends of transactions that are written, and answered when the high watermark has passed them.

use super::cell::Cell;
use super::host::Host;
use super::lock::lock;
use super::question::{Ended, Looked};
use super::refusing::not_taken;
use crate::disk::Disk;
use crate::hot::Produced;
use crate::partition::{Outcome, Partition, Waiter};

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Answer it, unless it has to wait.
    pub(super) fn look_at_ended(
        &self,
        cell: &Cell<D, W>,
        partition: &Partition<D, W>,
        ended: Ended,
    ) -> Option<Ended> {
        let answer = match partition.outcome_of(&ended.awaited) {
            Outcome::Waiting => return Some(ended),
            Outcome::Safe => Ok(Looked::at(ended.offset)),
            Outcome::Refused(code) => {
                let refused = Produced::refused(code);
                Err(not_taken(&cell.topic, cell.index, refused))
            }
        };
        self.answered(&ended.job, ended.place, answer);
        None
    }

    /// The partition's high watermark moved, or may never move any more: answer what waited for it.
    pub(super) fn look_at_endings(&self, cell: &Cell<D, W>, partition: &Partition<D, W>) {
        let mut endings = lock(&cell.endings);
        if !endings.waiting.is_empty() {
            let waiting = std::mem::take(&mut endings.waiting).into_iter();
            let look = |ended| self.look_at_ended(cell, partition, ended);
            endings.waiting = waiting.filter_map(look).collect();
        }
    }
}
