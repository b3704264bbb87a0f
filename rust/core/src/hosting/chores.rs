//! Who works on what: what was left to those who may block, and what Python's timers begin.

use super::event::Event;
use super::host::Host;
use super::passes::Pass;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::partition::Waiter;

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Do what was left to those who may block.
    pub fn carry_out(&self, chore: Chore<D, W>) {
        match chore {
            Chore::Places(log_dir) => self.work_through(log_dir),
            Chore::Flush(cell) => self.flush_as_called(&cell),
            Chore::Mend(cell, pause) => self.mend(&cell, pause),
            Chore::Answer(cell) => self.answer_waiting(&cell),
            Chore::Ended(cell) => self.attend_endings(&cell),
            Chore::Measure(log_dir) => self.measure(log_dir),
            Chore::Presence(log_dir) => {
                let _ = self.look(log_dir); // it is told as an event
            }
            Chore::Clean(round) => self.go_on_cleaning(round),
            Chore::Move(one) => self.carry(&one),
            Chore::SyncVolumes => {
                let _ = self.sync_volumes();
            }
        }
    }

    /// One pass of a kind.
    pub fn run(&self, pass: Pass) {
        match pass {
            Pass::Retention => {
                self.roll_due();
                for text in self.enforce_retention(|cell| !self.is_cleaned(cell)) {
                    self.around.tell(Event::Done { text });
                }
            }
            Pass::Roll => self.roll_due(),
            Pass::Clean => self.clean(),
            Pass::Checkpoint => self.checkpoint(),
            Pass::Producers => self.expire_producers(),
            Pass::Deleted => {
                self.delete_renamed();
            }
            Pass::Presence => self.look_for_all(),
        }
    }
}
