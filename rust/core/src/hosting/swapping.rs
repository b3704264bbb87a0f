//! A move's end: the copy takes the place of the log that it is a copy of.
//!
//! All that it holds is synced first, and the checkpoints of its directory know it. Then, under the partition's lock:
//! the last batches, `-future` becomes the live name, that name is made safe, the partition goes on with the new log, the
//! old folder becomes `-delete`. That is Kafka's order, in which a disk that takes no changes any more can be left. A
//! crash between the two names leaves two live folders; the cluster's record, which named the new directory before,
//! says which counts, and the other is set aside. Readers of the old files go on: they stay as long as any deleted ones.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Guard, Standing};
use super::copying::{Next, Stop, append_all, bytes_of, next_slice};
use super::dirs::{Doomed, Row};
use super::event::{Event, MoveStep};
use super::host::Host;
use super::lock::lock;
use super::moves::{Copy, Move, Phase};
use crate::disk::Disk;
use crate::log::files::{Folder, FolderKind};
use crate::log::{Log, LogError};
use crate::partition::Waiter;

/// How many pieces are copied before others get a turn, and under the lock.
const ROUND_PIECES: usize = 64;
const LAST_PIECES: usize = 4;

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Let the copy take the log's place, if it has all but what comes just now.
    pub(super) fn swap(&self, one: &Arc<Move<D, W>>, copy: &mut Copy<D>) -> Result<Next, Stop> {
        let Copy::Open(log) = copy else {
            return Ok(Next::Rest);
        };
        // What takes long comes before anybody has to wait: what is left for the lock is what came meanwhile.
        log.flush()?;
        if !self.catch_up(one, log, ROUND_PIECES)? {
            return Ok(Next::After(Duration::ZERO));
        }
        log.flush()?;
        self.note_row(one, log);
        self.write_checkpoints(one.target)
            .map_err(|error| Stop::GivenUp(error.text))?;
        let _names = lock(&one.cell.names);
        let mut guard = one.cell.hold();
        let Some(partition) = guard.as_mut() else {
            return Ok(Next::After(Duration::from_millis(500)));
        };
        if one.cell.is_offline() || !self.hosts(&one.cell) {
            return Ok(Next::After(Duration::ZERO));
        }
        if !self.take_the_rest(partition.log_mut(), log)? {
            return Ok(Next::After(Duration::ZERO));
        }
        if !one.enter(Phase::Assigned, Phase::Swapping) {
            return Ok(Next::After(Duration::ZERO)); // it was cancelled
        }
        if let Err(stop) = self.rename_to_live(one, log) {
            one.enter(Phase::Swapping, Phase::Cancelled);
            return Err(stop);
        }
        if let Copy::Open(log) = std::mem::replace(copy, Copy::Gone) {
            self.put_in_place(one, &mut guard, *log);
        }
        drop(guard);
        self.moved(one);
        Ok(Next::Over)
    }

    /// What came since, with nobody able to write; false if that is too much to let others wait for it.
    fn take_the_rest(&self, live: &mut Log<D>, log: &mut Log<D>) -> Result<bool, Stop> {
        let now_ms = self.around.now_ms();
        for _ in 0..LAST_PIECES {
            let standing = live.standing_for(log);
            log.align_with(standing, now_ms)?;
            if log.log_end_offset() < standing.end_offset {
                let slice = next_slice(live, log, standing.end_offset)?;
                append_all(log, &bytes_of(&slice)?, now_ms)?;
                continue;
            }
            log.succeed(live, now_ms)?;
            log.flush()?;
            return Ok(true);
        }
        Ok(false)
    }

    fn note_row(&self, one: &Move<D, W>, log: &Log<D>) {
        let row = Row {
            recovery_point: log.recovery_point(),
            high_watermark: log.high_watermark(),
            log_start: log.log_start_offset(),
        };
        // Up to where it is clean is not known of the copy: parts of it are from before a cleaning.
        if let Some(dir) = lock(&self.dirs).dirs.get_mut(one.target) {
            dir.note(&one.cell.topic, one.cell.index, row);
        }
    }

    /// `-future` becomes the live name, safely.
    fn rename_to_live(&self, one: &Move<D, W>, log: &mut Log<D>) -> Result<(), Stop> {
        let from = log.dir().to_owned();
        let to = from.with_file_name(Folder::name(&one.cell.topic, one.cell.index));
        let shown = to.display();
        if !matches!(self.disk.stat(&to), Ok(None)) {
            return Err(Stop::GivenUp(format!("{shown} is there already")));
        }
        (self.disk.rename(&from, &to))
            .map_err(|error| Stop::GivenUp(format!("renaming to {shown}: {error}")))?;
        let Some(dir) = to.parent() else {
            return Ok(());
        };
        if let Err(source) = self.disk.sync_dir(dir) {
            let _ = self.disk.rename(&to, &from); // the live one is where it was
            let error = LogError::Io {
                doing: "syncing",
                path: dir.to_owned(),
                source,
            };
            return Err(Stop::Unsynced(error.to_string()));
        }
        log.renamed_to(to);
        Ok(())
    }

    /// The partition goes on with this log, and lets the old one go.
    fn put_in_place(&self, one: &Move<D, W>, guard: &mut Guard<'_, D, W>, log: Log<D>) {
        let Some(partition) = guard.as_mut() else {
            return;
        };
        let cell = &one.cell;
        let source = cell.log_dir();
        self.note_row(one, &log);
        let (old, moved) = partition.replace_log(log);
        cell.moved_to(one.target);
        self.told_of(cell, partition, moved);
        let (path, delay_ms) = (old.dir().to_owned(), old.config().file_delete_delay_ms);
        let _ = old.close(false); // nothing of it is needed any more
        let renamed = self.mark_folder(&path, (&cell.topic, cell.index), FolderKind::Deleted);
        match renamed {
            Ok(doomed) => {
                let due_ms = self.around.steady_ms().saturating_add(delay_ms);
                let mut dirs = lock(&self.dirs);
                dirs.doomed.push(Doomed {
                    path: doomed,
                    due_ms: Some(due_ms),
                });
                if let Some(dir) = dirs.dirs.get_mut(source) {
                    dir.forget(&cell.topic, cell.index);
                }
            }
            Err(error) => self.around.tell(Event::LogStrained {
                place: cell.place(),
                text: format!("{error}; what it left there is set aside at the next start"),
            }),
        }
    }

    /// Say so, and go on to where it is wanted by now.
    fn moved(&self, one: &Arc<Move<D, W>>) {
        let cell = &one.cell;
        // The directory that it left may have failed in the last moment.
        if cell.is_offline() && !lock(&self.dirs).has_failed(one.target) {
            cell.serve();
        } else if lock(&self.dirs).has_failed(one.target) {
            cell.worsen(Standing::Offline);
        }
        self.tell_of_move(one, MoveStep::Moved, "");
        let then = {
            let mut moves = lock(&self.moves); // so that nobody says where to too late
            moves.remove(one);
            lock(&one.stage).then
        };
        if let Some(log_dir) = then {
            self.want_in(cell, log_dir, Copy::Unmade);
        }
    }

    // ---------------------------------------------------------------- the end of the node
    /// Close every copy; those that the cluster knows take their place first. For each that is closed cleanly the log
    /// directory and the name of its folder.
    pub(super) fn close_copies(&self) -> Vec<(usize, String)> {
        let mut closed = Vec::new();
        let moves = lock(&self.moves).all();
        for one in moves {
            let mut copy = lock(&one.copy);
            while one.phase() == Phase::Assigned && matches!(*copy, Copy::Open(_)) {
                match self.swap(&one, &mut copy) {
                    Ok(Next::After(_)) => {}
                    Ok(_) | Err(_) => break,
                }
            }
            match std::mem::replace(&mut *copy, Copy::Gone) {
                Copy::Open(log) => {
                    let path = log.dir().to_owned();
                    if log.close(true).is_ok() {
                        closed.push((one.target, path));
                    }
                }
                Copy::Lying(path, true) => closed.push((one.target, path)),
                _ => {}
            }
        }
        let name = |path: std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        (closed.into_iter())
            .map(|(target, path)| (target, name(path)))
            .collect()
    }

    /// Let go of copies as they are, so far as nobody is at work; the log directories where somebody is.
    pub(super) fn drop_copies(&self) -> Vec<usize> {
        let mut busy = Vec::new();
        let moves = lock(&self.moves).all();
        for one in moves {
            match one.copy.try_lock() {
                Ok(mut copy) => *copy = Copy::Gone,
                Err(_) => busy.push(one.target),
            }
        }
        busy
    }

    /// The same once those are done who are at work.
    pub(super) fn drop_copies_at_last(&self) {
        let moves = lock(&self.moves).all();
        for one in moves {
            *lock(&one.copy) = Copy::Gone;
        }
    }
}
