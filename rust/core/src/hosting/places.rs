//! What is wanted of partitions becomes so: by whoever may block, in the order it was wanted, each folder by one at a
//! time.
//!
//! A wish is noted at once. Where it needs no disk and nobody holds the partition it is carried out at once, too. Else
//! it waits in its log directory's queue, so that a directory that is slow holds up no other. A namesake's folder and
//! checkpoints are dealt with in the same queue: one writing of the checkpoints for all that wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::{Cell, Desired, Standing};
use super::dirs::NAMESAKE;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use super::table::Topic;
use super::work::{Item, Mark, Turn, Wish};
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::Folder;
use crate::partition::{LeaderAndIsr, TopicConfig, Waiter};

/// From how many on they are worth a second thread, and not to be kept open.
const MANY: usize = 32;

/// All that the cluster says of one replica of this broker.
#[derive(Debug, Clone)]
pub struct PartitionState {
    pub topic: String,
    pub topic_id: [u8; 16],
    pub partition: i32,
    pub log_dir: usize,
    /// Only brokers write to it.
    pub internal: bool,
    /// -1 if nobody leads.
    pub leader: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
    pub config: Arc<TopicConfig>,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// From now on these partitions are wanted so: made or loaded if need be, and led or followed.
    ///
    /// # Errors
    /// "invalid" if one would be elsewhere, or of another kind, than where and what it is hosted as; then none is.
    pub fn place(&self, states: Vec<PartitionState>) -> Result<(), CoreError> {
        self.check_places(&states)?;
        let many = states.len() >= MANY;
        for state in states {
            let cell = self.note(state);
            if !self.is_so_at_once(&cell) {
                lock(&self.work).add(Wish::Be, cell, many);
            }
        }
        self.call_workers();
        Ok(())
    }

    /// Where a partition is and whose its topic is does not change while it is hosted.
    fn check_places(&self, states: &[PartitionState]) -> Result<(), CoreError> {
        let hosted = self.hosted();
        for state in states {
            let Ok(cell) = hosted.find_by_id(&state.topic_id, state.partition) else {
                continue;
            };
            let wrong = if !cell.is_known_in(state.log_dir) {
                let (here, there) = (cell.log_dir(), state.log_dir);
                format!("it is hosted in log dir {here} and cannot be in {there}")
            } else if state.internal != cell.internal {
                let (is, wanted) = (cell.internal, state.internal);
                format!("it is hosted with internal={is} and cannot have internal={wanted}")
            } else {
                continue;
            };
            let name = Folder::name(&cell.topic, cell.index);
            let text = format!("{name}: {wrong} before it is deleted here");
            return Err(CoreError::new("invalid", text));
        }
        Ok(())
    }

    /// Write down what is wanted of a partition, which is hosted from here on.
    fn note(&self, wanted: PartitionState) -> Arc<Cell<D, W>> {
        let state = LeaderAndIsr {
            leader: wanted.leader,
            leader_epoch: wanted.leader_epoch,
            partition_epoch: wanted.partition_epoch,
            replicas: wanted.replicas,
            isr: wanted.isr,
        };
        let config = (*wanted.config).clone();
        let mut hosted = self.hosted_mut();
        if let Ok(cell) = hosted.find_by_id(&wanted.topic_id, wanted.partition) {
            let mut desired = cell.desired.lock();
            if !state.is_before(&desired.state) {
                desired.state = state;
            }
            desired.config = config;
            return Arc::clone(cell);
        }
        let topic = hosted.topic_or_new(&wanted.topic, wanted.topic_id);
        let desired = Desired {
            state,
            config,
            problem: String::new(),
            existed: false,
        };
        let cell = Arc::new(Cell::new(
            &topic.of,
            wanted.partition,
            wanted.log_dir,
            wanted.internal,
            desired,
        ));
        hosted.put(&wanted.topic, wanted.topic_id, Arc::clone(&cell));
        cell
    }

    /// Take a topic's configuration for all of its partitions here; a topic that is not here is none of ours.
    pub fn configure_topic(&self, topic: &str, config: &TopicConfig) {
        let cells: Vec<_> = (self.hosted().topic(topic).into_iter())
            .flat_map(Topic::cells)
            .cloned()
            .collect();
        for cell in cells {
            cell.desired.lock().config = config.clone();
            if !self.is_so_at_once(&cell) {
                lock(&self.work).add(Wish::Be, cell, false);
            }
        }
        self.call_workers();
    }

    /// Host these no more, because their topic is deleted or their replica lies elsewhere now, and rename their
    /// folders; the files go with a later pass. Who waits for them hears of it at once, or when whoever holds one is
    /// done.
    pub fn delete_partitions(&self, partitions: &[(String, i32)]) {
        for (topic, index) in partitions {
            let taken = self.hosted_mut().take(topic, *index);
            if let Some(cell) = taken {
                cell.worsen(Standing::Gone);
                self.cancel_moves(&cell);
                if let Some(partition) = cell.try_hold().as_deref_mut().and_then(Option::as_mut) {
                    partition.wake_all();
                }
                lock(&self.work).add(Wish::Go, cell, false);
            }
        }
        self.call_workers();
        self.call_movers();
    }

    /// Whether all that was wanted since the last mark is so; else `Event::Applied` with this mark comes when it is.
    pub fn mark(&self, mark: i64) -> bool {
        let mut work = lock(&self.work);
        let (from, upto) = (work.marked, work.numbers);
        work.marked = upto;
        if work.open.range(from + 1..).next().is_none() {
            return true;
        }
        work.marks.push(Mark { from, upto, mark });
        false
    }

    /// Whether nothing is wanted that is not so; else `Surroundings::is_as_wanted` tells when that is over.
    pub fn is_as_wanted(&self) -> bool {
        lock(&self.work).open.is_empty()
    }

    /// Do without the disk what can be done without it: an open partition hears of an epoch that is no new one for
    /// its log, and of its configuration.
    fn is_so_at_once(&self, cell: &Arc<Cell<D, W>>) -> bool {
        let Some(mut place) = cell.try_hold() else {
            return false;
        };
        let Some(partition) = place.as_mut() else {
            return false;
        };
        let desired = cell.desired.lock();
        let (state, config) = (desired.state.clone(), desired.config.clone());
        drop(desired);
        let leads = state.leader == self.node_id;
        if leads && partition.log().latest_epoch() != Some(state.leader_epoch) {
            return false;
        }
        let moved = partition.set_config(config);
        self.told_of(cell, partition, moved);
        let taken = partition.set_state(state);
        if let Ok(moved) = taken {
            self.told_of(cell, partition, moved);
        }
        taken.is_ok()
    }

    /// See that somebody works on what waits.
    fn call_workers(&self) {
        let mut called = Vec::new();
        for (log_dir, line) in &mut lock(&self.work).lines {
            let wanted = match line.items.len() {
                0 => 0,
                few if few < MANY => 1,
                _ => 2,
            };
            while line.workers < wanted {
                line.workers += 1;
                called.push(*log_dir);
            }
        }
        for log_dir in called {
            self.around.owe(Chore::Places(log_dir), Duration::ZERO);
        }
    }

    /// One worker's turn: until nothing waits in this log directory that it may work on.
    pub(super) fn work_through(&self, log_dir: usize) {
        loop {
            let turn = self.turn(log_dir);
            match turn {
                Turn::Item(item) => self.fulfil(log_dir, item),
                Turn::Namesakes(waiting) => self.forget_namesakes(log_dir, waiting),
                Turn::Over { last } => {
                    if last {
                        self.around.owe(Chore::SyncVolumes, Duration::ZERO);
                    }
                    return;
                }
            }
        }
    }

    /// What a worker does next. The last one lets the checkpoints forget earlier partitions, once for all that wait
    /// for it.
    fn turn(&self, log_dir: usize) -> Turn<D, W> {
        let mut work = lock(&self.work);
        let Some(line) = work.lines.get_mut(&log_dir) else {
            return Turn::Over { last: false };
        };
        if let Some(item) = line.next() {
            return Turn::Item(item);
        }
        if line.workers == 1 && !line.namesakes.is_empty() && self.around.is_running() {
            return Turn::Namesakes(std::mem::take(&mut line.namesakes));
        }
        line.workers -= 1;
        let last = line.workers == 0;
        if last {
            work.lines.remove(&log_dir);
        }
        Turn::Over { last }
    }

    fn fulfil(&self, log_dir: usize, item: Item<D, W>) {
        let cell = Arc::clone(&item.cell);
        let waits = match item.wish {
            Wish::Be => !self.be(&cell, item.many),
            Wish::Go => {
                self.go(&cell);
                false
            }
        };
        let mut work = lock(&self.work);
        let Some(line) = work.lines.get_mut(&log_dir) else {
            return;
        };
        line.done(&cell);
        if waits {
            line.namesakes.push(item);
            return;
        }
        let reached = work.close(item.number);
        let all = work.open.is_empty();
        drop(work);
        self.tell_of(reached, all);
    }

    fn tell_of(&self, reached: Vec<i64>, all: bool) {
        for mark in reached {
            self.around.tell(Event::Applied { mark });
        }
        if all {
            self.around.is_as_wanted();
        }
    }

    fn forget_namesakes(&self, log_dir: usize, waiting: Vec<Item<D, W>>) {
        let written = self.write_checkpoints(log_dir);
        let mut reached = Vec::new();
        for item in waiting {
            if let Err(error) = &written {
                let _place = item.cell.hold();
                self.tell_unopened(&item.cell, error.clone());
                reached.extend(lock(&self.work).close(item.number));
            } else if let Some(line) = lock(&self.work).lines.get_mut(&log_dir) {
                line.items.push_back(item);
            }
        }
        let all = lock(&self.work).open.is_empty();
        self.tell_of(reached, all);
    }

    /// Make a partition as it is wanted: open it, or let it go on under another epoch or configuration. False if it
    /// waits for the checkpoints to forget a namesake.
    fn be(&self, cell: &Arc<Cell<D, W>>, many: bool) -> bool {
        let mut place = cell.hold();
        if !self.hosts(cell) || !self.around.is_running() {
            return true;
        }
        let again = cell.standing() != Standing::Opening;
        let outcome = match place.take() {
            Some(partition) => self.go_on(cell, partition),
            None => self
                .open_partition(cell, again)
                .inspect(|_| self.serve(cell)),
        };
        match outcome {
            Ok(mut partition) => {
                if !std::mem::take(&mut cell.desired.lock().problem).is_empty() {
                    self.around.tell(Event::LogHealed {
                        place: cell.place(),
                    });
                }
                if many {
                    // What cannot be written now is written later: nothing depends on it.
                    let _ = partition.log_mut().release_files();
                }
                *place = Some(partition);
            }
            Err(error) if error.kind == NAMESAKE => return false,
            Err(error) => self.tell_unopened(cell, error),
        }
        true
    }

    /// It could not be opened: it is offline, and tried again. Whoever says so holds it: said after a mend has opened
    /// it, it would be offline for good.
    fn tell_unopened(&self, cell: &Arc<Cell<D, W>>, error: CoreError) {
        self.refused(cell, &error);
        cell.worsen(Standing::Offline);
        self.around.tell(Event::LogUnopened {
            place: cell.place(),
            refused: error,
        });
        if !cell.retried.load(Ordering::Acquire) {
            self.retry(cell);
        }
    }
}
