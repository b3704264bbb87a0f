//! Compacted logs are cleaned, the dirtiest first, in the background: a pass that Python's timer begins gives work to
//! whoever has time, and each round goes on as a chore, step by step, until it is over and the next log is looked for.
//!
//! No round begins over what moves to another log directory: a tombstone that went from the source would leave what it
//! deletes in the copy. One that has begun is of no harm, as a tombstone goes in the round after the one that met it.
//!
//! A step holds the partition's lock for a look at most. So what serves waits for no cleaning, and a partition can be
//! deleted, closed or opened anew at any moment: the round then ends by itself.

use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::cleaners::{CleanerConfig, Name};
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::round::Round;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::log::{CleanError, Cleanable, Cleaner, LogError, Wants};
use crate::partition::Waiter;

/// A chore moves about so many bytes, and leaves the thread.
const TURN_BYTES: u64 = 4 << 20;

/// After how long a step is taken again for which the disk had no room.
const FULL_AGAIN: Duration = Duration::from_secs(1);

fn name_of<D: Disk, W: Waiter>(cell: &Cell<D, W>) -> Name {
    (Arc::clone(&cell.topic), cell.topic_id, cell.index)
}

/// Whether the partition's log is still the one that is cleaned.
fn is_about<D: Disk, W: Waiter>(cell: &Cell<D, W>, cleaner: &Cleaner<D>) -> bool {
    let guard = cell.hold();
    guard
        .as_ref()
        .is_some_and(|partition| cleaner.is_of(partition.log()))
}

/// Work in the log's folder, which stays its own meanwhile: a deleted topic's round must not go on in the folder of the
/// next one of its name.
fn work_on_files<D: Disk, W: Waiter>(round: &mut Round<D, W>) -> Result<u64, CleanError> {
    let _names = lock(&round.cell.names);
    if !is_about(&round.cell, &round.cleaner) {
        return Err(CleanError::Gone);
    }
    round.cleaner.work()
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Clean like that from now on. What could not be cleaned is tried again.
    pub fn configure_cleaner(&self, config: CleanerConfig) {
        lock(&self.cleaners).configure(config);
    }

    /// Whether somebody else than the pass for it looks after what may be deleted of this log; or will, once a round that
    /// has begun is over.
    pub(super) fn is_cleaned(&self, cell: &Cell<D, W>) -> bool {
        let cleaners = lock(&self.cleaners);
        cell.is_compacted() && cleaners.config.enabled || cleaners.is_at_work(&name_of(cell))
    }

    /// Delete what compacted logs let go, and give work to whoever has time.
    pub(super) fn clean(&self) {
        let rests = |cell: &Cell<D, W>| {
            let cleaners = lock(&self.cleaners);
            cleaners.config.enabled && !cleaners.is_at_work(&name_of(cell))
        };
        for text in self.enforce_retention(|cell| cell.is_compacted() && rests(cell)) {
            self.around.tell(Event::Done { text });
        }
        {
            let hosted = self.hosted();
            let mut cleaners = lock(&self.cleaners);
            let is_hosted = |(_, id, index): &Name| hosted.find_by_id(id, *index).is_ok();
            cleaners.uncleanable.retain(|name, _| is_hosted(name));
            cleaners.failed.clear();
        }
        self.begin_rounds();
    }

    fn begin_rounds(&self) {
        while self.begin_round() {}
    }

    /// Begin to clean the log that is dirtiest. False if there is none to clean, or nobody has time.
    fn begin_round(&self) -> bool {
        if !lock(&self.cleaners).has_time() {
            return false;
        }
        let Some((cell, cleanable)) = self.dirtiest() else {
            return false;
        };
        let limits = lock(&self.cleaners).config.limits();
        let now_ms = self.around.now_ms();
        let began = match cell.hold().as_mut() {
            Some(partition) => {
                let log = partition.log_mut();
                Cleaner::new(log, &cleanable, limits, now_ms).map_err(CleanError::from)
            }
            None => Err(CleanError::Gone),
        };
        match began {
            Ok(_) if !lock(&self.cleaners).begin(&name_of(&cell)) => return false, // somebody was faster
            Ok(cleaner) => {
                let round = Round {
                    log_dir: cell.log_dir(),
                    cell,
                    cleaner,
                    cleanable,
                    began_ms: self.around.steady_ms(),
                };
                self.around
                    .owe(Chore::Clean(Box::new(round)), Duration::ZERO);
            }
            Err(error) => self.round_failed(&cell, error),
        }
        true
    }

    /// Of all logs that are dirty enough, or overdue, the one with the largest part that was not cleaned.
    fn dirtiest(&self) -> Option<(Arc<Cell<D, W>>, Cleanable)> {
        let now_ms = self.around.now_ms();
        let mut best: Option<(Arc<Cell<D, W>>, Cleanable)> = None;
        let mut dirtiest = 0.0_f64;
        for cell in self.cells().into_iter().filter(|cell| cell.is_compacted()) {
            if cell.is_offline() || self.is_moving(&cell) || !self.may_be_cleaned(&cell) {
                continue;
            }
            let checkpoint = self.cleaned_to(&cell);
            let mut guard = cell.hold();
            let Some(partition) = guard.as_mut() else {
                continue;
            };
            let ratio_min = partition.log().config().min_cleanable_ratio;
            let cleanable = partition.log_mut().cleanable(checkpoint, now_ms);
            drop(guard);
            let cleanable = match cleanable {
                Ok(cleanable) => cleanable,
                Err(error) => {
                    self.round_failed(&cell, error.into());
                    continue;
                }
            };
            if cleanable.reset {
                self.note_reset(&cell, checkpoint, &cleanable);
            }
            dirtiest = dirtiest.max(cleanable.ratio());
            let is_overdue = cleanable.overdue_ms > 0 && cleanable.cleanable_bytes > 0;
            let is_dirty = is_overdue || cleanable.ratio() > ratio_min;
            let is_best = (best.as_ref()).is_none_or(|(_, best)| cleanable.ratio() > best.ratio());
            if is_dirty && is_best {
                best = Some((cell, cleanable));
            }
        }
        let mut cleaners = lock(&self.cleaners);
        cleaners.figures.dirty_ratio = dirtiest;
        cleaners.figures.looked_ms = self.around.steady_ms();
        best
    }

    fn may_be_cleaned(&self, cell: &Cell<D, W>) -> bool {
        let (cleaners, name) = (lock(&self.cleaners), name_of(cell));
        !cleaners.uncleanable.contains_key(&name)
            && !cleaners.failed.contains(&name)
            && !cleaners.is_at_work(&name)
    }

    fn cleaned_to(&self, cell: &Cell<D, W>) -> Option<i64> {
        let dirs = lock(&self.dirs);
        let dir = dirs.dirs.get(cell.log_dir())?;
        dir.clean_to(&cell.topic, cell.index)
    }

    fn note_reset(&self, cell: &Cell<D, W>, checkpoint: Option<i64>, cleanable: &Cleanable) {
        self.set_cleaned_to(cell, cleanable.first_dirty);
        let is_delete = cell.desired.lock().config.log.cleanup_delete;
        if is_delete && checkpoint.is_some_and(|at| at < cleanable.first_dirty) {
            return; // retention was there: that is the ordinary thing
        }
        self.around.tell(Event::Done {
            text: format!(
                "{}-{}: cleaner-offset-checkpoint says {}, which the log does not hold; it is cleaned from {} on",
                cell.topic,
                cell.index,
                checkpoint.unwrap_or(-1),
                cleanable.first_dirty
            ),
        });
    }

    /// Take a few steps of a round.
    pub(super) fn go_on_cleaning(&self, mut round: Box<Round<D, W>>) {
        let wait = lock(&self.cleaners).pace.wait(self.around.steady_ms());
        if !wait.is_zero() && is_about(&round.cell, &round.cleaner) {
            self.around.owe(Chore::Clean(round), wait);
            return;
        }
        let mut moved = 0;
        let outcome = loop {
            if !self.around.is_running() {
                return; // what is left of it goes, or is finished, when the folder is opened
            }
            let step = match round.cleaner.wants() {
                Wants::Nothing { clean_to } => break Ok(Some(clean_to)),
                Wants::Log => self.look_at_log(&mut round).map(|()| 0),
                Wants::Disk => work_on_files(&mut round),
            };
            match step {
                Err(error) => break Err(error),
                Ok(bytes) => {
                    moved += bytes;
                    if bytes == 0 || moved >= TURN_BYTES {
                        break Ok(None);
                    }
                }
            }
        };
        let wait = lock(&self.cleaners)
            .pace
            .moved(moved, self.around.steady_ms());
        match outcome {
            Ok(None) => self.around.owe(Chore::Clean(round), wait),
            Ok(Some(clean_to)) => self.round_is_over(&round, clean_to),
            Err(CleanError::Disk(error)) if error.is_full() && round.cleaner.can_go_on() => {
                self.strained(&round.cell, &error);
                self.around.owe(Chore::Clean(round), FULL_AGAIN);
            }
            Err(error) => {
                self.end_badly(*round, error);
            }
        }
    }

    fn look_at_log(&self, round: &mut Round<D, W>) -> Result<(), CleanError> {
        let cell = &round.cell;
        match cell.hold().as_mut() {
            Some(partition) if !cell.is_offline() => round.cleaner.look(partition.log_mut()),
            _ => Err(CleanError::Gone),
        }
    }

    fn round_is_over(&self, round: &Round<D, W>, clean_to: i64) {
        let (cell, done) = (&round.cell, round.cleaner.done());
        let seconds = (self.around.steady_ms() - round.began_ms) as f64 / 1000.0;
        if self.hosts(cell) && is_about(cell, &round.cleaner) {
            self.set_cleaned_to(cell, clean_to);
        }
        cell.strained
            .store(false, std::sync::atomic::Ordering::Relaxed);
        {
            let mut cleaners = lock(&self.cleaners);
            cleaners.note(&round.cleanable, done, seconds);
            cleaners.end(&name_of(cell));
        }
        let mut text = format!(
            "{}-{}: compacted up to {clean_to} from {}: {} of {} records and {} of {} bytes stay, in {seconds:.1} s",
            cell.topic,
            cell.index,
            round.cleanable.first_dirty,
            done.records_written,
            done.records_read,
            done.bytes_written,
            done.bytes_read,
        );
        if done.keyless > 0 {
            text += &format!("; {} records without a key went", done.keyless);
        }
        self.around.tell(Event::Done { text });
        self.begin_rounds();
    }

    fn end_badly(&self, round: Round<D, W>, error: CleanError) {
        let Round {
            cell,
            cleaner,
            log_dir,
            ..
        } = round;
        if let CleanError::Disk(error) = &error
            && error.is_failed_sync()
        {
            self.fail_dir(log_dir, &error.to_string()); // of a log that is elsewhere by now, too
        }
        // What fails beneath a log that is elsewhere by now is no news.
        let is_there = is_about(&cell, &cleaner);
        let error = if is_there { error } else { CleanError::Gone };
        if let CleanError::Disk(error) = &error
            && cleaner.can_go_on()
            && let Some(partition) = cell.hold().as_mut()
        {
            // Names were half changed: to open it anew puts that right.
            let log = partition.log_mut();
            log.fail("putting a compacted segment in its place", error);
        }
        cleaner.abandon();
        self.round_failed(&cell, error);
        lock(&self.cleaners).end(&name_of(&cell));
        self.begin_rounds();
    }

    fn round_failed(&self, cell: &Arc<Cell<D, W>>, error: CleanError) {
        lock(&self.cleaners).failed.insert(name_of(cell));
        match error {
            CleanError::Gone => {}
            CleanError::Uncleanable(text) => {
                self.around.tell(Event::LogStrained {
                    place: cell.place(),
                    text: format!("{text}; it is not compacted any more"),
                });
                let mut cleaners = lock(&self.cleaners);
                cleaners.uncleanable.insert(name_of(cell), text);
            }
            CleanError::Disk(error) => self.strained(cell, &error),
        }
    }

    fn strained(&self, cell: &Arc<Cell<D, W>>, error: &LogError) {
        if let Some(partition) = cell.hold().as_mut() {
            self.suffer(cell, partition, error);
        }
    }

    /// Remember, on disk too, up to where this log is clean.
    fn set_cleaned_to(&self, cell: &Cell<D, W>, clean_to: i64) {
        let _turn = lock(&self.checkpointing);
        let points = {
            let mut dirs = lock(&self.dirs);
            let Some(dir) = dirs
                .dirs
                .get_mut(cell.log_dir())
                .filter(|dir| !dir.has_failed())
            else {
                return;
            };
            dir.cleaned_to(&cell.topic, cell.index, clean_to);
            dir.cleaner_points()
        };
        match points.write(&self.disk) {
            Ok(()) => {
                if let Some(dir) = lock(&self.dirs).dirs.get_mut(cell.log_dir()) {
                    dir.cleaner_points_written(points);
                }
            }
            // The next round looks at more than it needs to; the next checkpoint tries again.
            Err(error) => self.around.tell(Event::Strained {
                text: error.to_string(),
            }),
        }
    }

    /// What Kafka's metrics say of cleaning, by name; names of a log directory's end in its path.
    pub fn cleaner_metrics(&self, out: &mut Vec<(String, f64)>) {
        let (figures, names) = {
            let cleaners = lock(&self.cleaners);
            let names: Vec<Name> = cleaners.uncleanable.keys().cloned().collect();
            (cleaners.figures, names)
        };
        figures.read(self.around.steady_ms(), out);
        let cells: Vec<_> = {
            let hosted = self.hosted();
            let found = |(_, id, index): &Name| hosted.find_by_id(id, *index).ok().cloned();
            names.iter().filter_map(found).collect()
        };
        for (place, path) in self.dir_paths() {
            let (mut count, mut bytes) = (0, 0);
            for cell in cells.iter().filter(|cell| cell.log_dir() == place) {
                count += 1;
                bytes += cell.described.lock().map_or(0, |known| known.size_bytes);
            }
            let dir = path.display();
            let count = f64::from(count);
            out.push((format!("cleaner.uncleanable_partitions.{dir}"), count));
            out.push((format!("cleaner.uncleanable_bytes.{dir}"), bytes as f64));
        }
    }
}
