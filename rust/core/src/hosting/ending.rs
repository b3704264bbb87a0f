//! A transaction ends in a partition: its marker is written as a question that takes its time, and answered when the high
//! watermark has passed it.
//!
//! Mostly that is at once. Where it is not, the answer waits with the partition: whoever moves its high watermark looks at
//! it, and from time to time somebody sees whether there is still a partition whose high watermark can move.

use std::sync::Arc;
use std::time::Duration;

use super::asking::{refusal, unknown};
use super::cell::Cell;
use super::coordinating::not_taken;
use super::host::Host;
use super::lock::lock;
use super::question::{Ending, Job, Looked};
use super::surroundings::Chore;
use crate::code::Code;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::hot::Produced;
use crate::log::{AppendContext, Marker, Origin};
use crate::partition::{Awaited, Outcome, Partition, Waiter};

/// After how long somebody looks at what waits, should nothing have moved.
const LOOKED_AGAIN: Duration = Duration::from_millis(200);

/// An answer that waits for a high watermark.
pub struct Ended {
    job: Arc<Job>,
    place: usize,
    awaited: Awaited,
    /// Where the marker lies.
    offset: i64,
}

/// What waits with one partition.
#[derive(Default)]
pub struct Endings {
    waiting: Vec<Ended>,
    /// Somebody is going to look.
    attended: bool,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Write the marker, with the partition held.
    pub(super) fn end_transaction(
        &self,
        cell: &Arc<Cell<D, W>>,
        partition: &mut Partition<D, W>,
        ending: &Ending,
        (job, place): (Arc<Job>, usize),
    ) {
        let now_ms = self.around.now_ms();
        let marker = Marker {
            commit: ending.committed,
            coordinator_epoch: ending.coordinator_epoch,
            timestamp_ms: now_ms,
        };
        let batch = marker.batch(ending.producer_id, ending.producer_epoch);
        let mut batch = match batch {
            Ok(batch) => batch,
            Err(error) => return self.answered(&job, place, Err(CoreError::storage(&error))),
        };
        let context = AppendContext {
            now_ms,
            leader_epoch: -1, // the partition's own
            origin: Origin::Coordinator,
            produce_version: i16::MAX,
            verification: 0,
            transaction_version: ending.transaction_version,
        };
        let done = match partition.append(&mut batch, &context, true) {
            Ok(done) => done,
            Err(refused) => {
                self.append_refused(cell, partition, &refused);
                let refused = not_taken(&cell.topic, cell.index, refused);
                return self.answered(&job, place, Err(refused));
            }
        };
        self.appended(cell, partition, &done);
        let ended = Ended {
            job,
            place,
            awaited: done.awaited,
            offset: done.appended.base_offset,
        };
        let Some(ended) = self.look_at_ended(cell, partition, ended) else {
            return;
        };
        let mut endings = lock(&cell.endings);
        endings.waiting.push(ended);
        if !std::mem::replace(&mut endings.attended, true) {
            let chore = Chore::Ended(Arc::clone(cell));
            self.around.owe(chore, LOOKED_AGAIN);
        }
    }

    /// Answer it, unless it has to wait.
    fn look_at_ended(
        &self,
        cell: &Cell<D, W>,
        partition: &Partition<D, W>,
        ended: Ended,
    ) -> Option<Ended> {
        let answer = match partition.outcome_of(&ended.awaited) {
            Outcome::Waiting => return Some(ended),
            Outcome::Safe => Ok(Looked::at(ended.offset)),
            Outcome::Refused(code) => Err(lost(cell, code)),
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

    /// Look at what waits though nothing moved, and again for as long as something does.
    pub(super) fn attend_endings(&self, cell: &Arc<Cell<D, W>>) {
        if let Some(gone) = refusal(cell) {
            return self.give_up_endings(cell, &gone);
        }
        match cell.try_hold() {
            None => {}
            Some(guard) => match guard.as_ref() {
                Some(partition) => self.look_at_endings(cell, partition),
                None => {
                    let gone = unknown(&cell.topic, cell.index);
                    return self.give_up_endings(cell, &gone);
                }
            },
        }
        let mut endings = lock(&cell.endings);
        endings.attended = !endings.waiting.is_empty();
        if endings.attended {
            let chore = Chore::Ended(Arc::clone(cell));
            self.around.owe(chore, LOOKED_AGAIN);
        }
    }

    fn give_up_endings(&self, cell: &Cell<D, W>, why: &CoreError) {
        let mut endings = lock(&cell.endings);
        endings.attended = false;
        for ended in endings.waiting.drain(..) {
            self.answered(&ended.job, ended.place, Err(why.clone()));
        }
    }
}

/// Written, and not known to stay.
fn lost<D: Disk, W: Waiter>(cell: &Cell<D, W>, code: Code) -> CoreError {
    not_taken(&cell.topic, cell.index, Produced::refused(code))
}
