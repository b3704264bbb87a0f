//! A partition that could not be opened, or whose log is not to be trusted any more, is tried again: after one
//! second, then after twice as long each time, up to a minute. See docs/design/faults.md.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::{Cell, Standing};
use super::dirs::NAMESAKE;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::{Partition, Waiter};

const PAUSE_MAX: Duration = Duration::from_secs(60);

impl<D: Disk, W: Waiter> Host<D, W> {
    pub(super) fn mend(&self, cell: &Arc<Cell<D, W>>, pause: Duration) {
        if !self.attempt(cell) {
            let pause = (pause * 2).min(PAUSE_MAX);
            self.around.owe(Chore::Mend(Arc::clone(cell), pause), pause);
        }
    }

    /// Try once; whether there is nothing left to try.
    fn attempt(&self, cell: &Arc<Cell<D, W>>) -> bool {
        let _names = lock(&cell.names);
        let mut place = cell.hold();
        let whole = (place.as_ref()).is_some_and(|partition| partition.log().failure().is_none());
        let hopeless = !self.hosts(cell) || whole || lock(&self.dirs).has_failed(cell.log_dir());
        if hopeless || !self.around.is_running() {
            cell.retried.store(false, Ordering::Release);
            return true;
        }
        if cell.flushing.load(Ordering::Acquire) != 0 {
            return false; // what comes of it must not be taken for the new log's
        }
        if let Some(broken) = place.take() {
            self.lay_down(cell, broken);
        }
        match self.open_again(cell) {
            Ok(partition) => {
                *place = Some(partition);
                cell.desired.lock().problem.clear();
                cell.retried.store(false, Ordering::Release);
                self.serve(cell);
                self.around.tell(Event::LogHealed {
                    place: cell.place(),
                });
                true
            }
            Err(error) => {
                if self.refused(cell, &error) {
                    self.around.tell(Event::LogUnopened {
                        place: cell.place(),
                        refused: error,
                    });
                }
                false
            }
        }
    }

    fn open_again(&self, cell: &Arc<Cell<D, W>>) -> Result<Partition<D, W>, CoreError> {
        match self.open_partition(cell, true) {
            Err(error) if error.kind == NAMESAKE => {
                self.write_checkpoints(cell.log_dir())?;
                self.open_partition(cell, true)
            }
            outcome => outcome,
        }
    }

    /// It is open; unless its log directory failed meanwhile, which whoever failed it may have said too early.
    pub(super) fn serve(&self, cell: &Cell<D, W>) {
        cell.serve();
        if lock(&self.dirs).has_failed(cell.log_dir()) {
            cell.worsen(Standing::Offline);
        }
    }
}
