//! What a move copies: whole batches of the live log, as they are, appended to a log of their own. Who has it done is in
//! `moving.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::event::{Event, MoveNews, MoveStep};
use super::host::Host;
use super::lock::lock;
use super::moves::{Copy, Move, Phase};
use super::opening::id_text;
use crate::batch::{Batches, Cut};
use crate::disk::{Disk, DiskFile};
use crate::log::files::{Folder, FolderKind, PARTITION_METADATA_FILE, write_partition_metadata};
use crate::log::{AppendError, Log, LogConfig, LogError, OpenHints, Slice, Standing};
use crate::partition::Waiter;

/// How much is copied at once: others get their turn after it.
const PIECE_BYTES: usize = 1 << 20;

/// So many bytes are appended at once at most, or one batch.
const TOGETHER_BYTES: usize = 1 << 16;

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
    /// From now on a partition is wanted in this log directory.
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

    pub(super) fn tell_of_move(&self, one: &Move<D, W>, step: MoveStep, text: &str) {
        self.around.tell(Event::Moving(MoveNews {
            place: one.cell.place(),
            log_dir: one.target,
            step,
            text: text.to_owned(),
        }));
    }

    /// Have the copy's log open; false if that has to wait.
    pub(super) fn open_copy(&self, one: &Move<D, W>, copy: &mut Copy<D>) -> Result<bool, Stop> {
        if matches!(copy, Copy::Lying(..)) && one.cell.is_compacted() {
            // Whatever went from the source since, its tombstones too, would stay in it for ever.
            self.discard(one, copy);
            *copy = Copy::Unmade;
        }
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

    /// Nobody needs what was copied.
    pub(super) fn discard(&self, one: &Move<D, W>, copy: &mut Copy<D>) {
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
    pub(super) fn copy_piece(&self, one: &Move<D, W>, log: &mut Log<D>) -> Result<Piece, Stop> {
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

/// What was copied at once.
pub(super) enum Piece {
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
