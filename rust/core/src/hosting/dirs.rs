//! The log directories: locked while the node lives, with what the last run left in their small files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::log::files::{
    CLEANER_FILE, Folder, FolderKind, HIGH_WATERMARK_FILE, LOCK_FILE, LOG_START_FILE, Offsets,
    RECOVERY_POINT_FILE, read_checkpoint, read_clean_shutdown, remove_clean_shutdown,
    write_checkpoint,
};
use crate::log::{LogError, OpenHints};

use super::cell::Cell;
use super::event::{Report, ReportKind};
use super::moves::Future;
use crate::error::CoreError;
use crate::partition::Waiter;

/// The kind of the refusal to open a partition before the checkpoints have forgotten an earlier one of its name.
pub const NAMESAKE: &str = "namesake";

/// The quorum's own log lies beside the partitions and is not one of them.
const METADATA_TOPIC: &str = "__cluster_metadata";

pub struct LogDir<D: Disk> {
    pub path: PathBuf,
    held: Option<D::Lock>,
    /// It could not be opened at the start; it has failed then.
    pub lost: bool,
    pub presence: Presence,
    /// The broker's epoch when it was stopped cleanly, None if it was not.
    pub clean: Option<i64>,
    pub recovery_points: Offsets,
    pub high_watermarks: Offsets,
    pub log_starts: Offsets,
    /// Up to where compacted logs are clean.
    cleaner_points: Offsets,
    /// What the file says of that.
    cleaner_points_kept: Offsets,
    /// A sync failed here, or its folder is gone, and what was said of that: nothing is written any more, and the next
    /// start has to recover.
    pub failed: Option<String>,
    /// Partitions that the checkpoints on disk may still know, and which are gone.
    forgotten: BTreeSet<(String, i32)>,
    /// That the checkpoints cannot be written was told.
    pub checkpoint_told: bool,
}

/// How it stands with the folder of a log directory.
#[derive(Default)]
pub struct Presence {
    /// Somebody looks.
    pub looking: bool,
    /// It was not there.
    pub away: bool,
}

/// What a directory's checkpoint files say of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub recovery_point: i64,
    pub high_watermark: i64,
    pub log_start: i64,
}

/// What a directory's checkpoint files are to say, so that they are written without a lock.
pub struct Checkpoints {
    path: PathBuf,
    recovery_points: Offsets,
    high_watermarks: Offsets,
    log_starts: Offsets,
    /// None if the file says so already.
    cleaner_points: Option<Offsets>,
    forgotten: BTreeSet<(String, i32)>,
}

/// What the file is to say up to where logs are clean.
pub struct CleanerPoints {
    path: PathBuf,
    points: Offsets,
}

/// A folder that waits for its removal, and since when the wait counts.
pub struct Doomed {
    pub path: PathBuf,
    pub due_ms: Option<i64>,
}

pub struct LogDirs<D: Disk> {
    pub dirs: Vec<LogDir<D>>,
    pub doomed: Vec<Doomed>,
    /// Moves that an earlier run did not end.
    pub futures: Vec<Future>,
    /// What recovery and opening did.
    pub report: Vec<Report>,
}

/// What has the name of a partition's folder.
pub struct Found {
    pub topic: String,
    pub partition: i32,
    pub path: PathBuf,
    pub is_dir: bool,
}

/// What has the name of a partition's folder in a log directory, whoever knows it, and whatever it is: a link to a disk
/// that is away is none now and may be one again.
pub fn live<D: Disk>(disk: &D, path: &Path) -> Result<Vec<Found>, CoreError> {
    let mut found = Vec::new();
    for entry in disk
        .list(path)
        .map_err(|error| CoreError::storage(&error))?
    {
        if let Some(Folder {
            topic,
            partition,
            kind: FolderKind::Live,
        }) = Folder::parse(&entry.name)
            && topic != METADATA_TOPIC
        {
            found.push(Found {
                topic,
                partition,
                is_dir: entry.is_dir,
                path: path.join(&entry.name),
            });
        }
    }
    Ok(found)
}

/// The refusal of whatever needs a log directory that has failed.
pub fn failed(path: &Path, why: &str) -> CoreError {
    let text = format!(
        "the log directory {} failed: {why}: see to its disk, then start the node again",
        path.display()
    );
    CoreError::new("away", text).at(path)
}

fn future(log_dir: usize, path: &Path, name: &str) -> Option<Future> {
    let folder = Folder::parse(name)?;
    Some(Future {
        topic: folder.topic,
        partition: folder.partition,
        log_dir,
        path: path.join(name),
    })
}

/// The names of folders in a log directory to which partitions were on their way.
pub fn futures<D: Disk>(disk: &D, path: &Path) -> Result<Vec<String>, CoreError> {
    let entries = disk
        .list(path)
        .map_err(|error| CoreError::storage(&error))?;
    let is_future =
        |name: &str| Folder::parse(name).is_some_and(|folder| folder.kind == FolderKind::Future);
    let found = entries.into_iter().filter(|entry| entry.is_dir);
    Ok(found
        .map(|entry| entry.name)
        .filter(|name| is_future(name))
        .collect())
}

impl<D: Disk> LogDirs<D> {
    /// Make, lock and look at every directory. The mark of a clean shutdown is read and removed: whatever
    /// happens from here on, the next start knows that this one did not end cleanly until it has. One whose disk
    /// fails is lost, and the others go on, if there are any.
    pub fn open(disk: &D, paths: &[PathBuf]) -> Result<Self, CoreError> {
        let mut dirs = Vec::new();
        let mut doomed = Vec::new();
        let mut moving = Vec::new();
        let mut report = Vec::new();
        let mut problem = None;
        for (log_dir, path) in paths.iter().enumerate() {
            let opened = LogDir::open(disk, path, &mut report).and_then(|dir| {
                doomed.extend(dir.doomed(disk)?);
                for name in futures(disk, path)? {
                    moving.extend(future(log_dir, path, &name));
                }
                Ok(dir)
            });
            dirs.push(match opened {
                Ok(dir) => dir,
                Err(error) if error.kind == "storage" => {
                    let dir = LogDir::lost(path, &error.text);
                    problem.get_or_insert(error);
                    dir
                }
                Err(error) => return Err(error),
            });
        }
        if let Some(error) = problem
            && dirs.iter().all(LogDir::has_failed)
        {
            return Err(error);
        }
        Ok(Self {
            dirs,
            doomed,
            futures: moving,
            report,
        })
    }

    pub fn get(&self, index: usize) -> Result<&LogDir<D>, CoreError> {
        let count = self.dirs.len();
        self.dirs.get(index).ok_or_else(|| {
            CoreError::new(
                "invalid",
                format!("log dir {index} of {count} does not exist"),
            )
        })
    }

    pub fn has_failed(&self, index: usize) -> bool {
        self.dirs.get(index).is_none_or(LogDir::has_failed)
    }

    /// Where a partition's folder is, and what the last run left of it: hints, and its high watermark.
    pub fn whereabouts<W: Waiter>(
        &self,
        cell: &Cell<D, W>,
    ) -> Result<(PathBuf, OpenHints, i64), CoreError> {
        let away = || {
            let text = "the log directory that it was in is not among log.dirs: bring it back and start the node \
                        again, or delete the topic if its records are lost";
            CoreError::new("away", text)
        };
        let dir = self.dirs.get(cell.log_dir()).ok_or_else(away)?;
        if let Some(why) = &dir.failed {
            return Err(failed(&dir.path, why));
        }
        let key = (cell.topic.to_string(), cell.index);
        let high_watermark = dir.high_watermarks.get(&key).copied().unwrap_or(0);
        let path = dir.path.join(Folder::name(&cell.topic, cell.index));
        Ok((path, dir.hints(&key), high_watermark))
    }

    /// The folder of an unfinished move that lies where this partition should be, if there is one: it is the caller's.
    pub fn take_future<W: Waiter>(&mut self, cell: &Cell<D, W>) -> Option<PathBuf> {
        let place = self.futures.iter().position(|future| {
            future.log_dir == cell.log_dir()
                && future.topic == *cell.topic
                && future.partition == cell.index
        })?;
        Some(self.futures.remove(place).path)
    }

    /// A partition's log begins at nothing: what a namesake left in the checkpoints must be gone from disk before.
    pub fn begin_anew<W: Waiter>(&mut self, cell: &Cell<D, W>) -> Result<(), CoreError> {
        let Some(dir) = self.dirs.get_mut(cell.log_dir()) else {
            return Ok(());
        };
        dir.forget(&cell.topic, cell.index);
        if dir.has_forgotten(&cell.topic, cell.index) {
            let text = format!(
                "the checkpoints in {} name an earlier partition of this name, and it is not known yet that they \
                 could be written anew",
                dir.path.display()
            );
            return Err(CoreError::new(NAMESAKE, text).at(&dir.path));
        }
        Ok(())
    }
}

/// What a checkpoint says that can be done without: one that says nonsense is dropped, and that is told.
fn told_or_dropped<D: Disk>(
    disk: &D,
    path: &Path,
    then: &str,
    report: &mut Vec<Report>,
) -> Result<Offsets, CoreError> {
    match read_checkpoint(disk, path) {
        Err(LogError::Corrupt { path, text }) => {
            report.push(Report {
                kind: ReportKind::Dropped,
                text: format!("{text}, and is dropped: {then}"),
                place: path.display().to_string(),
            });
            Ok(Offsets::new())
        }
        read => read.map_err(|error| CoreError::storage(&error)),
    }
}

impl<D: Disk> LogDir<D> {
    fn open(disk: &D, path: &Path, report: &mut Vec<Report>) -> Result<Self, CoreError> {
        let io = |error: std::io::Error| {
            let text = format!("log directory {}: {error}", path.display());
            CoreError::caused("storage", &error, text).at(path)
        };
        disk.create_dir_all(path).map_err(io)?;
        disk.spread(path);
        let lock = disk
            .lock(&path.join(LOCK_FILE))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => CoreError::new(
                    "locked",
                    format!(
                        "the log directory {} is in use: another node holds its .lock",
                        path.display()
                    ),
                )
                .at(path),
                _ => io(error),
            })?;
        let clean = read_clean_shutdown(disk, path).map_err(|error| CoreError::storage(&error))?;
        remove_clean_shutdown(disk, path).map_err(|error| CoreError::storage(&error))?;
        let checkpoint = |name| {
            read_checkpoint(disk, &path.join(name)).map_err(|error| match error {
                LogError::Corrupt { .. } => {
                    CoreError::caused("checkpoint", &error, error.to_string())
                }
                _ => CoreError::storage(&error),
            })
        };
        // To recover more than is needed is safe, so this file is not missed; Apache Kafka begins at 0, too. Not so
        // where logs start: records that were deleted would be back.
        let then = "recovery begins at 0";
        let recovery_points = told_or_dropped(disk, &path.join(RECOVERY_POINT_FILE), then, report)?;
        let then = "all is cleaned anew";
        let cleaner_points = told_or_dropped(disk, &path.join(CLEANER_FILE), then, report)?;
        Ok(Self {
            held: Some(lock),
            lost: false,
            clean,
            recovery_points,
            high_watermarks: checkpoint(HIGH_WATERMARK_FILE)?,
            log_starts: checkpoint(LOG_START_FILE)?,
            cleaner_points_kept: cleaner_points.clone(),
            cleaner_points,
            path: path.to_owned(),
            failed: None,
            presence: Presence::default(),
            forgotten: BTreeSet::new(),
            checkpoint_told: false,
        })
    }

    fn lost(path: &Path, why: &str) -> Self {
        Self {
            path: path.to_owned(),
            held: None,
            lost: true,
            clean: None,
            recovery_points: Offsets::default(),
            high_watermarks: Offsets::default(),
            log_starts: Offsets::default(),
            cleaner_points: Offsets::default(),
            cleaner_points_kept: Offsets::default(),
            failed: Some(why.to_owned()),
            presence: Presence::default(),
            forgotten: BTreeSet::new(),
            checkpoint_told: false,
        }
    }

    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Another node may take it.
    pub fn unlock(&mut self) {
        self.held = None;
    }

    /// Folders whose removal an earlier run began.
    fn doomed(&self, disk: &D) -> Result<Vec<Doomed>, CoreError> {
        let entries = disk
            .list(&self.path)
            .map_err(|error| CoreError::storage(&error))?;
        let deleted = entries.into_iter().filter(|entry| {
            let folder = Folder::parse(&entry.name).filter(|_| entry.is_dir);
            folder.is_some_and(|folder| folder.kind == FolderKind::Deleted)
        });
        let doomed = deleted.map(|entry| Doomed {
            path: self.path.join(&entry.name),
            due_ms: None,
        });
        Ok(doomed.collect())
    }

    fn hints(&self, key: &(String, i32)) -> OpenHints {
        OpenHints {
            clean_shutdown: self.clean.is_some(),
            recovery_point: self.recovery_points.get(key).copied().unwrap_or(0),
            log_start_offset: self.log_starts.get(key).copied().unwrap_or(0),
            skew_ms: 0,
        }
    }

    /// A namesake that comes later begins anew.
    pub fn forget(&mut self, topic: &str, partition: i32) {
        let key = (topic.to_owned(), partition);
        let known = [
            self.recovery_points.remove(&key),
            self.high_watermarks.remove(&key),
            self.log_starts.remove(&key),
            self.cleaner_points.remove(&key),
        ];
        if known.iter().any(Option::is_some) {
            self.forgotten.insert(key);
        }
    }

    /// Whether the checkpoints on disk may know more of this partition than is so.
    fn has_forgotten(&self, topic: &str, partition: i32) -> bool {
        self.forgotten.contains(&(topic.to_owned(), partition))
    }

    pub fn note(&mut self, topic: &str, partition: i32, row: Row) {
        let key = (topic.to_owned(), partition);
        self.recovery_points.insert(key.clone(), row.recovery_point);
        self.high_watermarks.insert(key.clone(), row.high_watermark);
        if row.log_start > 0 {
            self.log_starts.insert(key, row.log_start);
        } else {
            self.log_starts.remove(&key);
        }
    }

    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints {
            path: self.path.clone(),
            recovery_points: self.recovery_points.clone(),
            high_watermarks: self.high_watermarks.clone(),
            log_starts: self.log_starts.clone(),
            cleaner_points: (self.cleaner_points != self.cleaner_points_kept)
                .then(|| self.cleaner_points.clone()),
            forgotten: self.forgotten.clone(),
        }
    }

    /// A log was opened that ends here: nothing behind it is clean.
    pub fn opened(&mut self, topic: &str, partition: i32, end: i64) {
        let key = (topic.to_owned(), partition);
        if self.cleaner_points.get(&key).is_some_and(|to| *to > end) {
            self.cleaner_points.remove(&key);
        }
    }

    /// Up to where a log is clean, if it ever was.
    pub fn clean_to(&self, topic: &str, partition: i32) -> Option<i64> {
        let key = (topic.to_owned(), partition);
        self.cleaner_points.get(&key).copied()
    }

    /// A log is clean up to here.
    pub fn cleaned_to(&mut self, topic: &str, partition: i32, offset: i64) {
        let key = (topic.to_owned(), partition);
        self.cleaner_points.insert(key, offset);
    }

    /// What the file is to say of that.
    pub fn cleaner_points(&self) -> CleanerPoints {
        CleanerPoints {
            path: self.path.join(CLEANER_FILE),
            points: self.cleaner_points.clone(),
        }
    }

    /// That is on disk.
    pub fn cleaner_points_written(&mut self, written: CleanerPoints) {
        self.cleaner_points_kept = written.points;
    }

    /// These are on disk.
    pub fn written(&mut self, checkpoints: &Checkpoints) {
        self.forgotten
            .retain(|key| !checkpoints.forgotten.contains(key));
        self.checkpoint_told = false;
        if let Some(points) = &checkpoints.cleaner_points {
            self.cleaner_points_kept.clone_from(points);
        }
    }
}

impl CleanerPoints {
    pub fn write<D: Disk>(&self, disk: &D) -> Result<(), LogError> {
        write_checkpoint(disk, &self.path, &self.points)
    }
}

impl Checkpoints {
    /// Write all four; with an error some may be the old ones, which is safe: recovery then begins earlier.
    pub fn write<D: Disk>(&self, disk: &D) -> Result<(), CoreError> {
        let write = |name, offsets| {
            write_checkpoint(disk, &self.path.join(name), offsets)
                .map_err(|error| CoreError::storage(&error))
        };
        write(RECOVERY_POINT_FILE, &self.recovery_points)?;
        if let Some(points) = &self.cleaner_points {
            write(CLEANER_FILE, points)?;
        }
        write(LOG_START_FILE, &self.log_starts)?;
        write(HIGH_WATERMARK_FILE, &self.high_watermarks)
    }
}
