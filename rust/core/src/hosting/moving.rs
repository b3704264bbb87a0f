//! Moving a partition to another log directory while it is written and read (KIP-113): a `-future` folder there is
//! filled from the live log, batch by batch as they are, until it has all; then whoever decides tells the cluster, and
//! the folder takes the live one's place (`swapping.rs`).
//!
//! A worker copies a piece at a time and holds the partition only to look where the next one lies. Whatever the source
//! cuts or deletes meanwhile goes from the copy too, so a copy of an earlier run is gone on with as it is. Where the
//! disk there refuses (it is full, say) the move is given up and told of: the old place serves as if nothing had been.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::Cell;
use super::copying::{Next, Piece, Stop};
use super::event::MoveStep;
use super::host::Host;
use super::lock::lock;
use super::moves::{Copy, Future, Move, Moving, Phase};
use super::opening::id_text;
use super::refusing::unknown;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::read_partition_metadata;
use crate::partition::Waiter;

/// When a partition is looked at again that cannot be read just now.
const AGAIN: Duration = Duration::from_millis(500);

impl<D: Disk, W: Waiter> Host<D, W> {
    // ---------------------------------------------------------------- what is wanted
    /// From now on this partition is wanted in this log directory; in the one that it is in, it stays there.
    ///
    /// # Errors
    /// "unknown-partition"; "invalid" if there is no such directory.
    pub fn move_partition(&self, topic: &str, index: i32, log_dir: usize) -> Result<(), CoreError> {
        let cell = self.hosted().find(topic, index).cloned();
        let cell = cell.map_err(|_| unknown(topic, index))?;
        lock(&self.dirs).get(log_dir)?;
        self.want_in(&cell, log_dir, Copy::Unmade);
        self.call_movers();
        Ok(())
    }

    /// What moves of this partition goes nowhere: it is hosted no more.
    pub(super) fn cancel_moves(&self, cell: &Arc<Cell<D, W>>) {
        for one in lock(&self.moves).of(cell) {
            let mut stage = lock(&one.stage);
            if stage.phase != Phase::Swapping {
                stage.phase = Phase::Cancelled;
            }
        }
    }

    /// The cluster knows that this partition is in the log directory that it moves to: let it be so.
    pub fn finish_move(&self, topic: &str, index: i32) {
        let Ok(cell) = self.hosted().find(topic, index).cloned() else {
            return;
        };
        for one in lock(&self.moves).of(&cell) {
            one.enter(Phase::CaughtUp, Phase::Assigned);
        }
        self.call_movers();
    }

    /// Copy so many bytes a second at most, of all moves together; 0 for as many as the disks take.
    pub fn limit_moves(&self, bytes_per_second: u64) {
        let rate = match bytes_per_second {
            0 => f64::INFINITY,
            rate => rate as f64,
        };
        lock(&self.moves_pace).set(rate);
    }

    /// All that move now, and how far they are.
    pub fn moves(&self) -> Vec<Moving> {
        let moves = lock(&self.moves).all();
        let wanted = moves
            .into_iter()
            .filter(|one| one.phase() != Phase::Cancelled);
        let moving = wanted.map(|one| {
            let cell = &one.cell;
            let end_offset = one.end_offset.load(Ordering::Relaxed);
            let live = self.describe_lately(&cell.topic, cell.index);
            Moving {
                topic: Arc::clone(&cell.topic),
                partition: cell.index,
                log_dir: one.target,
                size_bytes: one.size_bytes.load(Ordering::Relaxed),
                lag: live.map_or(-1, |live| (live.offsets.log_end - end_offset).max(0)),
            }
        });
        moving.collect()
    }

    /// Whether this partition is on its way to another log directory.
    pub(super) fn is_moving(&self, cell: &Arc<Cell<D, W>>) -> bool {
        lock(&self.moves).of(cell).next().is_some()
    }

    /// Folders of moves that an earlier run did not end, as they were found at the start.
    pub fn futures(&self) -> Vec<Future> {
        lock(&self.dirs).futures.clone()
    }

    /// Go on with the moves of an earlier run, now that all partitions have their places. What is none's goes; what is
    /// of a partition whose log directory is away stays as it is.
    pub fn resume_moves(&self) -> Vec<Moving> {
        let futures = std::mem::take(&mut lock(&self.dirs).futures);
        for future in futures {
            let cell = self.hosted().find(&future.topic, future.partition).cloned();
            let cell = cell.ok().filter(|cell| cell.log_dir() != future.log_dir);
            let of_it = cell.as_ref().and_then(|cell| {
                let own = id_text(cell.topic_id);
                let id = read_partition_metadata(&self.disk, &future.path, &own).ok()?;
                id.as_ref()
                    .is_none_or(|id| *id == own)
                    .then_some(id.is_some())
            });
            let (Some(cell), Some(named)) = (cell, of_it) else {
                self.drop_folder(&future.path, (&future.topic, future.partition));
                continue;
            };
            let clean = {
                let dirs = lock(&self.dirs);
                if dirs.has_failed(cell.log_dir()) {
                    continue;
                }
                dirs.get(future.log_dir)
                    .is_ok_and(|dir| dir.clean.is_some())
            };
            if lock(&self.moves).of(&cell).next().is_some() {
                self.drop_folder(&future.path, (&future.topic, future.partition));
            } else {
                let copy = match named {
                    true => Copy::Lying(future.path, clean),
                    false => {
                        // It ended before there was anything in it.
                        self.drop_folder(&future.path, (&future.topic, future.partition));
                        Copy::Unmade
                    }
                };
                self.want_in(&cell, future.log_dir, copy);
            }
        }
        self.call_movers();
        self.moves()
    }

    // ---------------------------------------------------------------- workers
    /// See that somebody works on what can be worked on.
    pub(super) fn call_movers(&self) {
        let called = lock(&self.moves).next();
        for one in called {
            self.around.owe(Chore::Move(one), Duration::ZERO);
        }
    }

    /// A worker's turn with one move.
    pub(super) fn carry(&self, one: &Arc<Move<D, W>>) {
        let mut copy = lock(&one.copy);
        let next = if self.around.is_running() {
            let done = self.advance(one, &mut copy);
            done.unwrap_or_else(|stop| self.stop_move(one, &mut copy, stop))
        } else {
            Next::Rest
        };
        drop(copy);
        match next {
            Next::After(pause) => {
                self.around.owe(Chore::Move(Arc::clone(one)), pause);
                return;
            }
            Next::Rest => lock(&one.stage).attended = false,
            Next::Over => lock(&self.moves).remove(one),
        }
        if self.around.is_running() {
            self.call_movers();
        }
    }

    fn advance(&self, one: &Arc<Move<D, W>>, copy: &mut Copy<D>) -> Result<Next, Stop> {
        let phase = one.phase();
        if phase == Phase::Cancelled || !self.hosts(&one.cell) {
            self.discard(one, copy);
            return Ok(Next::Over);
        }
        self.check_dirs(one)?;
        if !matches!(phase, Phase::Copying | Phase::Assigned) {
            return Ok(Next::Rest);
        }
        if one.cell.is_offline() || !self.open_copy(one, copy)? {
            return Ok(Next::After(AGAIN));
        }
        let Copy::Open(log) = copy else {
            return Ok(Next::Rest);
        };
        let wait = lock(&self.moves_pace).wait(self.around.steady_ms());
        if !wait.is_zero() {
            return Ok(Next::After(wait));
        }
        match self.copy_piece(one, log)? {
            Piece::Unreadable => Ok(Next::After(AGAIN)),
            Piece::Copied(bytes) => {
                let now_ms = self.around.steady_ms();
                let wait = lock(&self.moves_pace).moved(bytes as u64, now_ms);
                Ok(Next::After(wait))
            }
            Piece::Nothing if phase == Phase::Assigned => self.swap(one, copy),
            Piece::Nothing => {
                let _ = log.release_files();
                if one.enter(Phase::Copying, Phase::CaughtUp) {
                    self.tell_of_move(one, MoveStep::CaughtUp, "");
                    return Ok(Next::Rest);
                }
                Ok(Next::After(Duration::ZERO)) // it was cancelled since
            }
        }
    }

    /// Both log directories are there.
    fn check_dirs(&self, one: &Move<D, W>) -> Result<(), Stop> {
        let dirs = lock(&self.dirs);
        for (place, what) in [(one.target, "moves to"), (one.cell.log_dir(), "is in")] {
            if dirs.has_failed(place) {
                return Err(Stop::Left(format!(
                    "the log directory that it {what} failed"
                )));
            }
        }
        drop(dirs);
        self.must_be_there(one.target)
            .map_err(|error| Stop::GivenUp(error.text))
    }

    fn stop_move(&self, one: &Arc<Move<D, W>>, copy: &mut Copy<D>, stop: Stop) -> Next {
        let text = match stop {
            Stop::GivenUp(text) => {
                self.discard(one, copy);
                text
            }
            Stop::Left(text) => {
                *copy = Copy::Gone;
                text
            }
            Stop::Unsynced(text) => {
                *copy = Copy::Gone;
                self.fail_dir(one.target, &text);
                text
            }
        };
        self.tell_of_move(one, MoveStep::GivenUp, &text);
        Next::Over
    }
}
