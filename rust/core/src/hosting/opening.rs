//! A partition's folder becomes a log; what could not be opened is kept as it is and tried again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::cell::Cell;
use super::dirs::Doomed;
use super::event::{Report, ReportKind};
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::{
    Folder, FolderKind, PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata,
};
use crate::log::{Log, OpenHints};
use crate::partition::{Partition, Waiter};

/// A topic id as Kafka writes it: base64 for URLs, without padding.
pub fn id_text(id: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from_be_bytes(id);
    let digit = |place: u32| char::from(DIGITS[((number >> (122 - 6 * place)) & 63) as usize]);
    let last = char::from(DIGITS[((number & 3) << 4) as usize]);
    (0..21).map(digit).chain([last]).collect()
}

/// Ids are drawn at random: one that is another's in all but two places was that one.
fn is_garbled(id: &str, own: &str) -> bool {
    let places = id.bytes().zip(own.bytes());
    id.len() == own.len() && places.filter(|(one, other)| one != other).count() <= 2
}

/// What lies in a partition's place before it is opened.
struct Found {
    path: PathBuf,
    hints: OpenHints,
    high_watermark: i64,
    /// Its folder says that it is this partition's.
    named: bool,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Rename a partition's folder so that it is none of a live partition any more.
    pub(super) fn mark_folder(
        &self,
        path: &Path,
        (topic, index): (&str, i32),
        kind: FolderKind,
    ) -> Result<PathBuf, CoreError> {
        let unique = u128::from(self.around.random()) << 64 | u128::from(self.around.random());
        let there = path.with_file_name(Folder::marked_name(topic, index, unique, kind));
        self.disk.rename(path, &there).map_err(|error| {
            let (shown, there) = (path.display(), there.display());
            let text = format!("renaming {shown} to {there}: {error}");
            CoreError::caused("storage", &error, text).at(path)
        })?;
        Ok(there)
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

    /// Remember why it could not be opened; whether that is news.
    pub(super) fn refused(&self, cell: &Cell<D, W>, error: &CoreError) -> bool {
        let place = lock(&self.dirs).whereabouts(cell);
        let existed =
            place.is_ok_and(|(path, ..)| !matches!(self.disk.stat(&path), Ok(None) | Err(_)));
        let mut desired = cell.desired.lock();
        desired.existed |= existed;
        let news = desired.problem != error.text;
        desired.problem.clone_from(&error.text);
        news
    }

    /// A partition that is open already hears how it is from now on.
    pub(super) fn go_on(
        &self,
        cell: &Cell<D, W>,
        mut partition: Partition<D, W>,
    ) -> Result<Partition<D, W>, CoreError> {
        let desired = cell.desired.lock().clone();
        let moved = partition.set_config(desired.config);
        self.told_of(cell, &partition, moved);
        match partition.set_state(desired.state) {
            Ok(moved) => {
                self.told_of(cell, &partition, moved);
                Ok(partition)
            }
            Err(error) => {
                self.lay_down(cell, partition);
                Err(CoreError::storage(&error))
            }
        }
    }

    /// Make or load the log. `again`: this run has tried before, so that nothing is clean that is there. The kind of
    /// the error is `NAMESAKE` while the checkpoints know an earlier partition of this name.
    pub(super) fn open_partition(
        &self,
        cell: &Arc<Cell<D, W>>,
        again: bool,
    ) -> Result<Partition<D, W>, CoreError> {
        let mut found = self.look_at_place(cell)?;
        found.hints.clean_shutdown &= !again;
        let desired = cell.desired.lock().clone();
        let log = self.open_log(cell, &found, desired.config.log)?;
        let number = self.number();
        let high_watermark = found.high_watermark;
        let told = (desired.state, desired.config.min_insync_replicas);
        let partition = Partition::new(self.node_id, number, log, told, high_watermark)
            .map_err(|error| CoreError::storage(&error))?;
        if partition.log().flush_is_owed() {
            let chore = Chore::Flush(Arc::clone(cell));
            self.around.owe(chore, Duration::ZERO);
        }
        Ok(partition)
    }

    /// What is there of this partition; what is another's is set aside.
    fn look_at_place(&self, cell: &Cell<D, W>) -> Result<Found, CoreError> {
        let (path, hints, high_watermark) = lock(&self.dirs).whereabouts(cell)?;
        self.must_be_there(cell.log_dir())?;
        let own = id_text(cell.topic_id);
        let known = read_partition_metadata(&self.disk, &path, &own)
            .map_err(|error| CoreError::storage(&error))?;
        if let Some(other) = known.as_ref().filter(|known| **known != own) {
            if is_garbled(other, &own) {
                let file = path.join(PARTITION_METADATA_FILE);
                let text = format!(
                    "{} has the topic id {other}, which is almost this topic's: damaged, it should say {own}",
                    file.display()
                );
                return Err(CoreError::storage(&text).at(&file));
            }
            self.set_namesake_aside(cell, &path, other)?;
            cell.desired.lock().existed = false; // what was there was another's
            return self.made_anew(cell, path);
        }
        let folder =
            (self.disk.stat(&path)).map_err(|error| CoreError::storage(&error).at(&path))?;
        if known.is_none() && folder.is_none() {
            if cell.desired.lock().existed {
                let text = format!(
                    "{} was there and is gone: bring it back, or delete the topic",
                    path.display()
                );
                return Err(CoreError::storage(&text).at(&path));
            }
            return match self.take_unfinished(cell, &path, &own)? {
                true => Ok(Found {
                    path,
                    hints: OpenHints {
                        recovery_point: 0, // of a log that is not here
                        ..hints
                    },
                    high_watermark,
                    named: true,
                }),
                false => self.made_anew(cell, path),
            };
        }
        Ok(Found {
            path,
            hints,
            high_watermark,
            named: known.is_some(),
        })
    }

    /// The cluster says that the partition is here, where only the folder of a move is that was not ended: the log that
    /// it was copied from is away. As in Kafka it is taken for it.
    fn take_unfinished(
        &self,
        cell: &Cell<D, W>,
        path: &Path,
        own: &str,
    ) -> Result<bool, CoreError> {
        let Some(future) = lock(&self.dirs).take_future(cell) else {
            return Ok(false);
        };
        let known = read_partition_metadata(&self.disk, &future, own);
        if !known.is_ok_and(|id| id.as_deref() == Some(own)) {
            self.drop_folder(&future, (&cell.topic, cell.index));
            return Ok(false);
        }
        let dir = path.parent().unwrap_or(path);
        (self.disk.rename(&future, path))
            .and_then(|()| self.disk.sync_dir(dir))
            .map_err(|error| CoreError::storage(&error).at(&future))?;
        let text = "it was on its way here when the node ended, and the log directory that it came from is not \
                    there: it goes on with what had arrived";
        self.report(cell, ReportKind::Lost, text.to_owned());
        Ok(true)
    }

    /// Nothing is there. A checkpoint must not know a namesake that came before: recovery would begin where that one
    /// ended.
    fn made_anew(&self, cell: &Cell<D, W>, path: PathBuf) -> Result<Found, CoreError> {
        lock(&self.dirs).begin_anew(cell)?;
        Ok(Found {
            path,
            hints: OpenHints::default(),
            high_watermark: 0,
            named: false,
        })
    }

    /// A folder of an earlier topic of the same name is kept, but not used.
    fn set_namesake_aside(
        &self,
        cell: &Cell<D, W>,
        path: &Path,
        id: &str,
    ) -> Result<(), CoreError> {
        let there = self.mark_folder(path, (&cell.topic, cell.index), FolderKind::Stray)?;
        let there = there.display();
        self.report(
            cell,
            ReportKind::Aside,
            format!("its folder belongs to an earlier topic {id}; it was set aside as {there}"),
        );
        Ok(())
    }

    fn report(&self, cell: &Cell<D, W>, kind: ReportKind, text: String) {
        lock(&self.dirs).report.push(Report {
            kind,
            place: format!("{}-{}", cell.topic, cell.index),
            text,
        });
    }

    fn open_log(
        &self,
        cell: &Cell<D, W>,
        found: &Found,
        config: crate::log::LogConfig,
    ) -> Result<Log<D>, CoreError> {
        let now_ms = self.around.now_ms();
        let path = found.path.clone();
        let hints = OpenHints {
            skew_ms: self.skew.get(),
            ..found.hints
        };
        let opened = Log::open(self.disk.clone(), path, config, now_ms, hints);
        let (mut log, recovery) = opened.map_err(|error| CoreError::storage(&error))?;
        log.follow(self.skew.clone());
        if let Some(dir) = lock(&self.dirs).dirs.get_mut(cell.log_dir()) {
            dir.opened(&cell.topic, cell.index, log.log_end_offset());
        }
        let text = recovery.to_string();
        if !text.is_empty() {
            let kind = match recovery.has_lost() {
                true => ReportKind::Lost,
                false => ReportKind::Mended,
            };
            self.report(cell, kind, text);
        }
        if !found.named {
            write_partition_metadata(&self.disk, &found.path, &id_text(cell.topic_id), false)
                .map_err(|error| CoreError::storage(&error))?;
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_ids_are_written_as_kafka_does() {
        assert_eq!(id_text([0; 16]), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(id_text([0xff; 16]), "_____________________w");
        let counting: [u8; 16] = std::array::from_fn(|place| place as u8);
        assert_eq!(id_text(counting), "AAECAwQFBgcICQoLDA0ODw");
    }

    #[test]
    fn a_garbled_id_is_no_other_topics() {
        let own = id_text([7; 16]);
        assert!(is_garbled(&own.replacen('B', "C", 1), &own));
        assert!(!is_garbled(&id_text([9; 16]), &own));
        assert!(!is_garbled("", &own));
    }
}
