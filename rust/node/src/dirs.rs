//! The log directories: locked while the node lives, with what the last run left in their small files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ottla_core::disk::Disk;
use ottla_core::log::OpenHints;
use ottla_core::log::files::{
    Folder, FolderKind, HIGH_WATERMARK_FILE, LOCK_FILE, LOG_START_FILE, Offsets,
    RECOVERY_POINT_FILE, read_checkpoint, read_clean_shutdown, remove_clean_shutdown,
    write_checkpoint, write_clean_shutdown,
};

use crate::disk::{NodeDisk, NodeLock};
use crate::error::NodeError;

/// The quorum's own log lies beside the partitions and is not one of them.
const METADATA_TOPIC: &str = "__cluster_metadata";

pub struct LogDir {
    pub path: PathBuf,
    _lock: NodeLock,
    /// The broker's epoch when it was stopped cleanly, None if it was not.
    pub clean: Option<i64>,
    pub recovery_points: Offsets,
    pub high_watermarks: Offsets,
    pub log_starts: Offsets,
    /// A log here failed: the next start has to recover.
    pub failed: bool,
}

/// A folder that waits for its removal, and since when the wait counts.
pub struct Doomed {
    pub path: PathBuf,
    pub due_ms: Option<i64>,
}

pub struct LogDirs {
    pub dirs: Vec<LogDir>,
    pub doomed: Vec<Doomed>,
    /// What recovery and opening did, in words.
    pub report: Vec<String>,
    /// Partitions of this node whose folders could not be opened: their files stay as they are.
    pub unopened: BTreeSet<(String, i32)>,
}

/// A partition's folder that no partition was opened in.
pub struct Stray {
    pub topic: String,
    pub partition: i32,
    pub path: PathBuf,
}

pub fn storage(error: &impl std::fmt::Display) -> NodeError {
    NodeError::new("storage", error.to_string())
}

impl LogDirs {
    /// Make, lock and look at every directory. The mark of a clean shutdown is read and removed: whatever
    /// happens from here on, the next start knows that this one did not end cleanly until it has.
    pub fn open(disk: &NodeDisk, paths: &[PathBuf]) -> Result<Self, NodeError> {
        let mut dirs = Vec::new();
        let mut doomed = Vec::new();
        for path in paths {
            let dir = LogDir::open(disk, path)?;
            for entry in disk.list(path).map_err(|error| storage(&error))? {
                let folder = Folder::parse(&entry.name).filter(|_| entry.is_dir);
                if folder.is_some_and(|folder| folder.kind == FolderKind::Deleted) {
                    doomed.push(Doomed {
                        path: path.join(&entry.name),
                        due_ms: None,
                    });
                }
            }
            dirs.push(dir);
        }
        Ok(Self {
            dirs,
            doomed,
            report: Vec::new(),
            unopened: BTreeSet::new(),
        })
    }

    pub fn get(&self, index: usize) -> Result<&LogDir, NodeError> {
        let count = self.dirs.len();
        self.dirs.get(index).ok_or_else(|| {
            NodeError::new(
                "invalid",
                format!("log dir {index} of {count} does not exist"),
            )
        })
    }

    /// Folders of live partitions that `is_hosted` does not know, but for those that could not be opened.
    pub fn strays(
        &self,
        disk: &NodeDisk,
        is_hosted: impl Fn(&str, i32) -> bool,
    ) -> Result<Vec<Stray>, NodeError> {
        let mut strays = Vec::new();
        for dir in &self.dirs {
            for entry in disk.list(&dir.path).map_err(|error| storage(&error))? {
                let Some(Folder {
                    topic,
                    partition,
                    kind,
                }) = Folder::parse(&entry.name)
                else {
                    continue;
                };
                let live = kind == FolderKind::Live && entry.is_dir && topic != METADATA_TOPIC;
                let key = (topic, partition);
                if live && !is_hosted(&key.0, partition) && !self.unopened.contains(&key) {
                    strays.push(Stray {
                        topic: key.0,
                        partition,
                        path: dir.path.join(&entry.name),
                    });
                }
            }
        }
        Ok(strays)
    }
}

impl LogDir {
    fn open(disk: &NodeDisk, path: &Path) -> Result<Self, NodeError> {
        let io =
            |error: std::io::Error| storage(&format!("log directory {}: {error}", path.display()));
        disk.create_dir_all(path).map_err(io)?;
        let lock = disk
            .lock(&path.join(LOCK_FILE))
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => NodeError::new(
                    "locked",
                    format!(
                        "the log directory {} is in use: another node holds its .lock",
                        path.display()
                    ),
                ),
                _ => io(error),
            })?;
        let clean = read_clean_shutdown(disk, path).map_err(|error| storage(&error))?;
        remove_clean_shutdown(disk, path).map_err(|error| storage(&error))?;
        let checkpoint =
            |name| read_checkpoint(disk, &path.join(name)).map_err(|error| storage(&error));
        Ok(Self {
            _lock: lock,
            clean,
            recovery_points: checkpoint(RECOVERY_POINT_FILE)?,
            high_watermarks: checkpoint(HIGH_WATERMARK_FILE)?,
            log_starts: checkpoint(LOG_START_FILE)?,
            path: path.to_owned(),
            failed: false,
        })
    }

    pub fn hints(&self, topic: &str, partition: i32) -> OpenHints {
        let key = (topic.to_owned(), partition);
        OpenHints {
            clean_shutdown: self.clean.is_some(),
            recovery_point: self.recovery_points.get(&key).copied().unwrap_or(0),
            log_start_offset: self.log_starts.get(&key).copied().unwrap_or(0),
        }
    }

    /// A namesake that comes later begins anew.
    pub fn forget(&mut self, topic: &str, partition: i32) {
        let key = (topic.to_owned(), partition);
        self.recovery_points.remove(&key);
        self.high_watermarks.remove(&key);
        self.log_starts.remove(&key);
    }

    pub fn note(
        &mut self,
        topic: &str,
        partition: i32,
        (recovery_point, high_watermark, log_start): (i64, i64, i64),
    ) {
        let key = (topic.to_owned(), partition);
        self.recovery_points.insert(key.clone(), recovery_point);
        self.high_watermarks.insert(key.clone(), high_watermark);
        if log_start > 0 {
            self.log_starts.insert(key, log_start);
        }
    }

    pub fn write_checkpoints(&self, disk: &NodeDisk) -> Result<(), NodeError> {
        let write = |name, offsets| {
            write_checkpoint(disk, &self.path.join(name), offsets).map_err(|error| storage(&error))
        };
        write(RECOVERY_POINT_FILE, &self.recovery_points)?;
        write(LOG_START_FILE, &self.log_starts)?;
        write(HIGH_WATERMARK_FILE, &self.high_watermarks)
    }

    pub fn write_clean_shutdown(
        &self,
        disk: &NodeDisk,
        broker_epoch: i64,
    ) -> Result<(), NodeError> {
        write_clean_shutdown(disk, &self.path, broker_epoch).map_err(|error| storage(&error))
    }
}
