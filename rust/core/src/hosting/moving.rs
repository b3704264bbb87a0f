//! Moving a partition to another log directory while it is written and read (KIP-113): a `-future` folder there is
//! filled from the live log, batch by batch as they are, until it has all; then whoever decides tells the cluster, and
//! the folder takes the live one's place (`swapping.rs`).
//!
//! A worker copies a piece at a time and holds the partition only to look where the next one lies. Whatever the source
//! cuts or deletes meanwhile goes from the copy too, so a copy of an earlier run is gone on with as it is. Where the
//! disk there refuses (it is full, say) the move is given up and told of: the old place serves as if nothing had been.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::cell::Cell;
use super::dirs::Doomed;
use super::event::{Event, MoveStep};
use super::host::Host;
use super::lock::lock;
use super::moves::{Copy, Future, Move, Moving, Phase};
use super::opening::id_text;
use super::refusing::unknown;
use super::surroundings::Chore;
use crate::batch::{Batches, Cut};
use crate::disk::{Disk, DiskFile};
use crate::error::CoreError;
use crate::log::files::{
    Folder, FolderKind, PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata,
};
use crate::log::{AppendError, Log, LogConfig, LogError, OpenHints, Slice, Standing};
use crate::partition::Waiter;

/// How much is copied at once: others get their turn after it.
const PIECE_BYTES: usize = 1 << 20;

/// So many bytes are appended at once at most, or one batch.
const TOGETHER_BYTES: usize = 1 << 16;

/// When a partition is looked at again that cannot be read just now.
const AGAIN: Duration = Duration::from_millis(500);

/// What a worker does next.
pub(super) enum Next {
    /// The next piece, then.
    After(Duration),
    /// Nothing until somebody says so.
    Rest,
    /// It is no move any more.
    Over,
}

/// Why a move ends before it is there.
pub(super) enum Stop {
    /// What was copied goes, and why.
    GivenUp(String),
    /// A log directory failed: what was copied stays for the next start.
    Left(String),
    /// A sync in the log directory that it moves to failed, which ends that.
    Unsynced(String),
}

impl From<LogError> for Stop {
    /// Of the copy.
    fn from(error: LogError) -> Self {
        match error.is_failed_sync() {
            true => Self::Unsynced(error.to_string()),
            false => Self::GivenUp(error.to_string()),
        }
    }
}

impl From<AppendError> for Stop {
    fn from(error: AppendError) -> Self {
        Self::GivenUp(error.to_string())
    }
}

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

    pub(super) fn want_in(&self, cell: &Arc<Cell<D, W>>, log_dir: usize, copy: Copy<D>) {
        let mut moves = lock(&self.moves);
        for one in moves.of(cell) {
            let mut stage = lock(&one.stage);
            match stage.phase {
                Phase::Cancelled => {}
                Phase::Swapping => {
                    stage.then = (log_dir != one.target).then_some(log_dir);
                    return;
                }
                _ if one.target == log_dir => return,
                _ => stage.phase = Phase::Cancelled,
            }
        }
        if log_dir != cell.log_dir() {
            moves.add(Move::new(Arc::clone(cell), log_dir, copy));
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
        self.moves_bytes_per_second
            .store(bytes_per_second, Ordering::Relaxed);
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
        match self.copy_piece(one, log)? {
            Piece::Unreadable => Ok(Next::After(AGAIN)),
            Piece::Copied(bytes) => Ok(Next::After(self.pause_after(bytes))),
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
        Ok(())
    }

    fn pause_after(&self, bytes: usize) -> Duration {
        match self.moves_bytes_per_second.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            rate => {
                let at_work = lock(&self.moves).at_work() as u64;
                Duration::from_millis(bytes as u64 * at_work.max(1) * 1_000 / rate)
            }
        }
    }

    pub(super) fn tell_of_move(&self, one: &Move<D, W>, step: MoveStep, text: &str) {
        self.around.tell(Event::Moving {
            place: one.cell.place(),
            log_dir: one.target,
            step,
            text: text.to_owned(),
        });
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

    /// Nobody needs what was copied.
    fn discard(&self, one: &Move<D, W>, copy: &mut Copy<D>) {
        let path = match std::mem::replace(copy, Copy::Gone) {
            Copy::Open(log) => {
                let path = log.dir().to_owned();
                let _ = log.close(false);
                path
            }
            Copy::Lying(path, _) => path,
            Copy::Unmade | Copy::Gone => return,
        };
        self.drop_folder(&path, (&one.cell.topic, one.cell.index));
        if one.cell.log_dir() != one.target
            && let Some(dir) = lock(&self.dirs).dirs.get_mut(one.target)
        {
            dir.forget(&one.cell.topic, one.cell.index);
        }
    }

    /// Remove a folder now, since it may have filled its disk; what cannot be removed is tried again.
    pub(super) fn drop_folder(&self, path: &Path, of: (&str, i32)) {
        let there = self.mark_folder(path, of, FolderKind::Deleted);
        let there = there.unwrap_or_else(|_| path.to_owned());
        if self.disk.remove_dir_all(&there).is_err() {
            lock(&self.dirs).doomed.push(Doomed {
                path: there,
                due_ms: None,
            });
        }
    }

    // ---------------------------------------------------------------- copying
    /// Have the copy's log open; false if that has to wait.
    fn open_copy(&self, one: &Move<D, W>, copy: &mut Copy<D>) -> Result<bool, Stop> {
        let (path, clean) = match copy {
            Copy::Open(_) => return Ok(true),
            Copy::Gone => return Ok(false),
            Copy::Lying(path, clean) => (path.clone(), *clean),
            Copy::Unmade => (self.new_folder(one)?, false),
        };
        let hints = OpenHints {
            clean_shutdown: clean,
            skew_ms: self.skew.get(),
            ..OpenHints::default()
        };
        let (now_ms, config) = (self.around.now_ms(), self.copied_config(&one.cell));
        let opened = Log::open(self.disk.clone(), path.clone(), config, now_ms, hints);
        *copy = Copy::Lying(path.clone(), false);
        let (mut log, _) = opened?;
        log.follow(self.skew.clone());
        if !matches!(
            self.disk.stat(&path.join(PARTITION_METADATA_FILE)),
            Ok(Some(_))
        ) {
            write_partition_metadata(&self.disk, &path, &id_text(one.cell.topic_id), true)?;
        }
        one.note(&log);
        *copy = Copy::Open(Box::new(log));
        Ok(true)
    }

    fn new_folder(&self, one: &Move<D, W>) -> Result<PathBuf, Stop> {
        let unique = u128::from(self.around.random()) << 64 | u128::from(self.around.random());
        let (topic, index) = (&one.cell.topic, one.cell.index);
        let name = Folder::marked_name(topic, index, unique, FolderKind::Future);
        let dirs = lock(&self.dirs);
        let dir = dirs
            .get(one.target)
            .map_err(|error| Stop::GivenUp(error.text))?;
        Ok(dir.path.join(name))
    }

    fn copied_config(&self, cell: &Cell<D, W>) -> LogConfig {
        cell.desired.lock().config.log.clone()
    }

    /// Copy some of what the copy lacks.
    fn copy_piece(&self, one: &Move<D, W>, log: &mut Log<D>) -> Result<Piece, Stop> {
        let now_ms = self.around.now_ms();
        let Some(standing) = self.standing_of(one, log) else {
            return Ok(Piece::Unreadable);
        };
        log.set_config(self.copied_config(&one.cell));
        log.align_with(standing, now_ms)?;
        if log.log_end_offset() >= standing.end_offset {
            one.note(log);
            return Ok(Piece::Nothing);
        }
        let slice = {
            let mut guard = one.cell.hold();
            let Some(partition) = guard.as_mut() else {
                return Ok(Piece::Unreadable);
            };
            next_slice(partition.log_mut(), log, standing.end_offset)?
        };
        let bytes = bytes_of(&slice)?;
        append_all(log, &bytes, now_ms)?;
        log.set_high_watermark(standing.high_watermark);
        one.note(log);
        Ok(Piece::Copied(bytes.len()))
    }

    fn standing_of(&self, one: &Move<D, W>, log: &Log<D>) -> Option<Standing> {
        let guard = one.cell.hold();
        let partition = guard.as_ref()?;
        Some(partition.log().standing_for(log))
    }

    /// Copy until nothing is missing, or so many pieces; whether nothing is.
    pub(super) fn catch_up(
        &self,
        one: &Move<D, W>,
        log: &mut Log<D>,
        pieces: usize,
    ) -> Result<bool, Stop> {
        for _ in 0..pieces {
            match self.copy_piece(one, log)? {
                Piece::Copied(_) => {}
                Piece::Nothing => return Ok(true),
                Piece::Unreadable => return Ok(false),
            }
        }
        Ok(false)
    }
}

enum Piece {
    /// So many bytes.
    Copied(usize),
    Nothing,
    /// The partition is not open just now.
    Unreadable,
}

/// Where the batches lie that come next in a copy.
pub(super) fn next_slice<D: Disk>(
    live: &mut Log<D>,
    copy: &Log<D>,
    end_offset: i64,
) -> Result<Slice<D::File>, Stop> {
    let from = copy.log_end_offset();
    let slice = live.read(from, PIECE_BYTES, end_offset, true);
    let slice = slice.map_err(|error| Stop::GivenUp(format!("reading it: {error}")))?;
    if slice.len == 0 && from < end_offset {
        let text = format!("there is no batch from {from} to {end_offset}");
        return Err(Stop::GivenUp(text));
    }
    Ok(slice)
}

pub(super) fn bytes_of<F: DiskFile>(slice: &Slice<F>) -> Result<Vec<u8>, Stop> {
    let mut bytes = vec![0; slice.len];
    if let Some(file) = &slice.file {
        let read = file.read_exact_at(&mut bytes, slice.position);
        read.map_err(|error| Stop::GivenUp(format!("reading it: {error}")))?;
    }
    Ok(bytes)
}

/// Append whole batches as they are, a few at a time; it must be at least one.
pub(super) fn append_all<D: Disk>(log: &mut Log<D>, bytes: &[u8], now_ms: i64) -> Result<(), Stop> {
    let (mut first, mut end) = (0, 0);
    let mut first_offset = None;
    let mut rolled = false;
    for piece in Batches::new(bytes) {
        let (at, header) = match piece {
            Ok((at, header, _)) => (at, header),
            Err(Cut::Incomplete) => break,
            Err(cut) => return Err(Stop::GivenUp(format!("reading it: {cut}"))),
        };
        let end_offset = log.log_end_offset();
        if header.base_offset < end_offset && end_offset == log.log_start_offset() {
            // DeleteRecords let the log start within a batch, which comes whole.
            log.truncate_fully_and_start_at(header.base_offset, now_ms)?;
        }
        let span = header.next_offset() - *first_offset.get_or_insert(header.base_offset);
        let next = at + header.size();
        if end > first && (next - first > TOGETHER_BYTES || span > i64::from(i32::MAX)) {
            rolled |= append(log, &bytes[first..end], now_ms)?;
            (first, first_offset) = (end, Some(header.base_offset));
        }
        end = next;
    }
    if end == 0 {
        let text = "a batch is cut where its log goes on".to_owned();
        return Err(Stop::GivenUp(text));
    }
    rolled |= append(log, &bytes[first..end], now_ms)?;
    if rolled {
        log.flush()?;
    }
    Ok(())
}

/// Whether a segment was begun for them.
fn append<D: Disk>(log: &mut Log<D>, batches: &[u8], now_ms: i64) -> Result<bool, Stop> {
    let config = log.config();
    if batches.len() > config.segment_size() as usize {
        // They were taken when segments were larger.
        let mut config = config.clone();
        let size = u32::try_from(batches.len()).unwrap_or(u32::MAX);
        config.segment_bytes = config.segment_bytes.max(size);
        config.internal_segment_bytes = config.internal_segment_bytes.map(|few| few.max(size));
        log.set_config(config);
    }
    Ok(log.append_as_follower(batches, now_ms)?.rolled)
}
