//! Partitions as Python asks for them: opened, configured, read, looked up, cut, deleted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

use ottla_core::disk::{Disk, DiskFile};
use ottla_core::log::files::{
    Folder, FolderKind, PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata,
};
use ottla_core::log::{
    AppendContext, ConfigValue, Log, LogConfig, LogError, Lookup, OpenHints, Origin, ReadError,
};
use ottla_core::partition::{Offsets, Partition, PartitionState};

use crate::dirs::{Doomed, storage};
use crate::disk::NodeDisk;
use crate::error::NodeError;
use crate::hosted::{Cell, LedPartition, Topic};
use crate::node::Node;
use crate::shared::{Shared, lock};

/// From how many partitions on opening is worth a second thread.
const PARALLEL_FROM: usize = 32;
const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// One partition that Python wants led here.
#[derive(Debug, Clone)]
pub struct OpenState {
    pub topic: String,
    pub topic_id: [u8; 16],
    pub partition: i32,
    pub leader_epoch: i32,
    pub log_dir: usize,
    pub config: Arc<Vec<(String, ConfigValue)>>,
}

/// Make all log directories safe, a volume at a time.
pub fn sync_volumes(shared: &Shared) -> Result<(), NodeError> {
    let paths: Vec<PathBuf> = lock(&shared.dirs)
        .dirs
        .iter()
        .map(|dir| dir.path.clone())
        .collect();
    paths
        .iter()
        .try_for_each(|path| shared.disk.sync_volume(path))
        .map_err(|error| storage(&error))
}

/// A topic's configuration for its log, and its `min.insync.replicas`.
fn parse_config(rows: &[(String, ConfigValue)]) -> Result<(LogConfig, i32), NodeError> {
    let mut config = LogConfig::default();
    let mut min_insync_replicas = 1;
    for (key, value) in rows {
        if key == MIN_INSYNC_REPLICAS {
            let wrong = || {
                NodeError::new(
                    "invalid",
                    format!("{key} must be a whole number, not {value:?}"),
                )
            };
            min_insync_replicas = match value {
                ConfigValue::Int(count) => i32::try_from(*count).map_err(|_| wrong())?,
                ConfigValue::Text(text) => text.trim().parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            };
            continue;
        }
        config
            .set(key, value)
            .map_err(|error| NodeError::new("invalid", error.text))?;
    }
    Ok((config, min_insync_replicas))
}

/// A topic id as Kafka writes it: base64 for URLs, without padding.
fn id_text(id: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from_be_bytes(id);
    let digit = |place: u32| char::from(DIGITS[((number >> (122 - 6 * place)) & 63) as usize]);
    let last = char::from(DIGITS[((number & 3) << 4) as usize]);
    (0..21).map(digit).chain([last]).collect()
}

impl Node {
    /// Create or load, then lead. None where it worked, else why not; the others are led all the same.
    pub fn open_partitions(
        &self,
        states: Vec<OpenState>,
    ) -> Result<Vec<Option<String>>, NodeError> {
        self.call(|shared| {
            let outcomes: Vec<Mutex<Option<String>>> =
                states.iter().map(|_| Mutex::new(None)).collect();
            let next = std::sync::atomic::AtomicUsize::new(0);
            let many = states.len() >= PARALLEL_FROM;
            let work = || {
                loop {
                    let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(state) = states.get(place) else {
                        return;
                    };
                    if let Err(error) = open_one(shared, state, many) {
                        let key = (state.topic.clone(), state.partition);
                        lock(&shared.dirs).unopened.insert(key);
                        *lock(&outcomes[place]) = Some(error.text);
                    }
                }
            };
            std::thread::scope(|scope| {
                let other = many.then(|| scope.spawn(work));
                work();
                if let Some(Err(panic)) = other.map(std::thread::ScopedJoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
            });
            // Names and ids of new folders become safe soon, all at once, without making the caller wait.
            if let Some(runtime) = lock(&shared.runtime).clone() {
                let shared = Arc::clone(shared);
                runtime.spawn_blocking(move || {
                    let _ = sync_volumes(&shared);
                });
            }
            Ok(outcomes
                .into_iter()
                .map(|outcome| lock(&outcome).take())
                .collect())
        })
    }

    /// Take a topic's configuration for all of its partitions here; a topic that is not here is none of ours.
    pub fn configure_topic(
        &self,
        topic: &str,
        rows: &[(String, ConfigValue)],
    ) -> Result<(), NodeError> {
        self.call(|shared| {
            let (config, min_insync_replicas) = parse_config(rows)?;
            let cells: Vec<_> = shared
                .hosted()
                .topic(topic)
                .into_iter()
                .flat_map(Topic::cells)
                .cloned()
                .collect();
            for cell in cells {
                if let Some(partition) = lock(&cell.partition).as_mut() {
                    partition.log_mut().set_config(config.clone());
                    let state = PartitionState {
                        min_insync_replicas,
                        ..(**partition.state()).clone()
                    };
                    partition.set_state(state);
                }
            }
            Ok(())
        })
    }

    /// Stop leading these and rename their folders; the files go when `delete_renamed` finds them due.
    pub fn delete_partitions(&self, partitions: &[(String, i32)]) -> Result<(), NodeError> {
        self.call(|shared| {
            for (topic, index) in partitions {
                let taken = shared.hosted_mut().take(topic, *index);
                let Some(cell) = taken else { continue };
                let Some(mut partition) = lock(&cell.partition).take() else {
                    continue;
                };
                partition.wake_all();
                let log = partition.into_log();
                let (path, delay_ms) = (log.dir().to_owned(), log.config().file_delete_delay_ms);
                log.close(false).map_err(|error| storage(&error))?;
                let doomed = mark_folder(shared, &path, (topic, *index), FolderKind::Deleted)?;
                let due_ms = Some(shared.clock.now_ms().saturating_add(delay_ms));
                let mut dirs = lock(&shared.dirs);
                dirs.doomed.push(Doomed {
                    path: doomed,
                    due_ms,
                });
                if let Some(dir) = dirs.dirs.get_mut(cell.log_dir) {
                    dir.forget(topic, *index);
                }
            }
            // Before a namesake can come: it must not be opened with the old one's recovery point.
            self.write_checkpoints(shared)
        })
    }

    /// Folders of partitions that were not opened: (topic, partition, path).
    pub fn strays(&self) -> Result<Vec<(String, i32, String)>, NodeError> {
        self.call(|shared| {
            let is_hosted = |topic: &str, index| shared.hosted().find(topic, index).is_ok();
            let strays = lock(&shared.dirs).strays(&shared.disk, is_hosted)?;
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            Ok(strays
                .into_iter()
                .map(|stray| (stray.topic, stray.partition, text(stray.path)))
                .collect())
        })
    }

    /// Rename such folders to `-stray`, as Kafka does; what they hold is kept.
    pub fn set_strays_aside(&self) -> Result<Vec<String>, NodeError> {
        self.call(|shared| {
            let is_hosted = |topic: &str, index| shared.hosted().find(topic, index).is_ok();
            let strays = lock(&shared.dirs).strays(&shared.disk, is_hosted)?;
            let mut done = Vec::new();
            for stray in strays {
                let key = (stray.topic.as_str(), stray.partition);
                let there = mark_folder(shared, &stray.path, key, FolderKind::Stray)?;
                done.push(there.to_string_lossy().into_owned());
            }
            Ok(done)
        })
    }

    fn with_partition<T>(
        &self,
        topic: &str,
        index: i32,
        work: impl FnOnce(&Arc<Shared>, &Arc<Cell>, &mut LedPartition) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        self.call(|shared| {
            let unknown = || {
                NodeError::new(
                    "unknown-partition",
                    format!("{topic}-{index} is not hosted here"),
                )
            };
            let cell = shared
                .hosted()
                .find(topic, index)
                .cloned()
                .map_err(|_| unknown())?;
            let mut guard = lock(&cell.partition);
            cell.touch();
            work(shared, &cell, guard.as_mut().ok_or_else(unknown)?)
        })
    }

    /// Offsets, leader epoch and size in bytes.
    pub fn partition_offsets(
        &self,
        topic: &str,
        index: i32,
    ) -> Result<(Offsets, i32, u64), NodeError> {
        self.with_partition(topic, index, |_, _, partition| {
            Ok((
                partition.offsets(),
                partition.state().leader_epoch,
                partition.log().size(),
            ))
        })
    }

    /// Append a coordinator's batches; the first and the last offset.
    pub fn append(
        &self,
        topic: &str,
        index: i32,
        mut records: Vec<u8>,
    ) -> Result<(i64, i64), NodeError> {
        let (first, last, owed) =
            self.with_partition(topic, index, |shared, cell, partition| {
                let context = AppendContext {
                    now_ms: shared.clock.now_ms(),
                    leader_epoch: -1,
                    origin: Origin::Coordinator,
                    produce_version: i16::MAX,
                };
                match partition.append(&mut records, &context, true) {
                    Ok(done) => {
                        if done.appended.rolled {
                            crate::flush::flush_in_background(shared, cell);
                        }
                        let owed = partition.log().flush_is_owed().then(|| Arc::clone(cell));
                        Ok((done.appended.base_offset, done.appended.last_offset, owed))
                    }
                    Err(refused) => {
                        if let Some(text) = partition.offline().map(str::to_owned) {
                            crate::flush::fail(shared, cell, partition, text);
                        }
                        let text = refused
                            .error_message
                            .unwrap_or_else(|| format!("error {}", refused.error_code));
                        Err(NodeError::new(
                            "storage",
                            format!("{topic}-{index}: {text}"),
                        ))
                    }
                }
            })?;
        if let Some(cell) = owed {
            self.call(|shared| {
                crate::flush::flush_cell(shared, &cell);
                Ok(())
            })?;
        }
        Ok((first, last))
    }

    /// Whole batches from the one that holds `offset` on, below the high watermark.
    pub fn read(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
        bytes_max: usize,
    ) -> Result<Vec<u8>, NodeError> {
        let slice = self.with_partition(topic, index, |_, _, partition| {
            let upper_bound = partition.offsets().high_watermark;
            partition
                .log_mut()
                .read(offset, bytes_max, upper_bound, true)
                .map_err(|error| match error {
                    ReadError::OffsetOutOfRange { .. } => {
                        NodeError::new("offset-out-of-range", format!("{topic}-{index}: {error}"))
                    }
                    ReadError::Log(error) => storage(&error),
                })
        })?;
        let mut bytes = vec![0; slice.len];
        if let Some(file) = &slice.file {
            file.read_exact_at(&mut bytes, slice.position)
                .map_err(|error| storage(&error))?;
        }
        bytes.truncate(whole_batches(&bytes));
        Ok(bytes)
    }

    /// ListOffsets: (offset, timestamp, leader epoch), all -1 if nothing is found. Isolation 1 is read_committed.
    pub fn list_offset(
        &self,
        topic: &str,
        index: i32,
        timestamp_ms: i64,
        isolation: i8,
    ) -> Result<(i64, i64, i32), NodeError> {
        let what = Lookup::from_timestamp(timestamp_ms).ok_or_else(|| {
            NodeError::new(
                "invalid",
                format!("{timestamp_ms} is no timestamp to look up"),
            )
        })?;
        self.with_partition(topic, index, |_, _, partition| {
            let offsets = partition.offsets();
            let upper_bound = if isolation == 1 {
                offsets.last_stable
            } else {
                offsets.high_watermark
            };
            let found = partition
                .log_mut()
                .lookup(what, upper_bound)
                .map_err(|error| storage(&error))?;
            Ok(found.map_or((-1, -1, -1), |found| {
                (found.offset, found.timestamp_ms, found.leader_epoch)
            }))
        })
    }

    pub fn epoch_end_offset(
        &self,
        topic: &str,
        index: i32,
        epoch: i32,
    ) -> Result<(i32, i64), NodeError> {
        self.with_partition(topic, index, |_, _, partition| {
            Ok(partition.epoch_end_offset(epoch))
        })
    }

    /// DeleteRecords: the new log start offset.
    pub fn delete_records(&self, topic: &str, index: i32, offset: i64) -> Result<i64, NodeError> {
        self.with_partition(topic, index, |_, _, partition| {
            let outcome = partition.log_mut().delete_records(offset);
            partition.log_start_moved();
            outcome.map_err(|error| match error {
                LogError::OutOfRange { text } => NodeError::new("offset-out-of-range", text),
                error => storage(&error),
            })
        })
    }

    /// What opening and recovery did, one line a log that needed any.
    pub fn load_report(&self) -> Result<Vec<String>, NodeError> {
        self.call(|shared| Ok(lock(&shared.dirs).report.clone()))
    }

    /// The broker epoch that the last clean stop wrote, -1 without one: the least of all log directories.
    pub fn previous_broker_epoch(&self) -> Result<i64, NodeError> {
        self.call(|shared| {
            let dirs = lock(&shared.dirs);
            Ok(dirs
                .dirs
                .iter()
                .map(|dir| dir.clean.unwrap_or(-1))
                .min()
                .unwrap_or(-1))
        })
    }
}

/// The length of the whole batches that `bytes` begin with.
fn whole_batches(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(length) = bytes.get(end + 8..end + 12) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if bytes.len() - end - 12 < length {
            break;
        }
        end += 12 + length;
    }
    end
}

fn mark_folder(
    shared: &Shared,
    path: &Path,
    (topic, index): (&str, i32),
    kind: FolderKind,
) -> Result<PathBuf, NodeError> {
    let unique = u128::from(shared.random()) << 64 | u128::from(shared.random());
    let there = path.with_file_name(Folder::marked_name(topic, index, unique, kind));
    shared.disk.rename(path, &there).map_err(|error| {
        storage(&format!(
            "renaming {} to {}: {error}",
            path.display(),
            there.display()
        ))
    })?;
    Ok(there)
}

fn open_one(shared: &Arc<Shared>, state: &OpenState, many: bool) -> Result<(), NodeError> {
    let (topic, index) = (state.topic.as_str(), state.partition);
    let (config, min_insync_replicas) = parse_config(&state.config)?;
    let local = shared.options.node_id;
    let partition_state = PartitionState {
        leader_epoch: state.leader_epoch,
        replicas: vec![local],
        isr: vec![local],
        min_insync_replicas,
    };
    let hosted = shared
        .hosted()
        .find_by_id(&state.topic_id, index)
        .ok()
        .cloned();
    if let Some(cell) = hosted
        && let Some(partition) = lock(&cell.partition).as_mut()
    {
        partition.log_mut().set_config(config);
        if partition.log().latest_epoch() != Some(state.leader_epoch) {
            partition
                .log_mut()
                .begin_epoch(state.leader_epoch)
                .map_err(|error| storage(&error))?;
        }
        partition.set_state(partition_state);
        return Ok(());
    }
    let (path, hints, high_watermark) = {
        let dirs = lock(&shared.dirs);
        let dir = dirs.get(state.log_dir)?;
        let high_watermark = dir
            .high_watermarks
            .get(&(state.topic.clone(), index))
            .copied();
        (
            dir.path.join(Folder::name(topic, index)),
            dir.hints(topic, index),
            high_watermark.unwrap_or(0),
        )
    };
    let known = known_topic_id(shared, &path)?;
    let named = known.as_deref() == Some(&*id_text(state.topic_id));
    let hints = if let Some(other) = known.filter(|_| !named) {
        set_namesake_aside(shared, state, &path, &other)?;
        OpenHints::default()
    } else {
        hints
    };
    let log = open_log(shared, state, path, config, hints, named)?;
    let partition = Partition::lead(local, log, partition_state, high_watermark);
    let mut hosted = shared.hosted_mut();
    let cell = Cell::new(
        hosted.topic_or_new(topic, state.topic_id),
        index,
        state.log_dir,
        partition,
    );
    if many && let Some(partition) = lock(&cell.partition).as_mut() {
        partition
            .log_mut()
            .release_files()
            .map_err(|error| storage(&error))?;
    }
    hosted.put(topic, state.topic_id, Arc::new(cell));
    Ok(())
}

/// A folder of an earlier topic of the same name is kept, but not used.
fn set_namesake_aside(
    shared: &Shared,
    state: &OpenState,
    path: &Path,
    id: &str,
) -> Result<(), NodeError> {
    let key = (state.topic.as_str(), state.partition);
    let there = mark_folder(shared, path, key, FolderKind::Stray)?;
    let mut dirs = lock(&shared.dirs);
    dirs.report.push(format!(
        "{}-{}: its folder belongs to an earlier topic {id}; it was set aside as {}",
        state.topic,
        state.partition,
        there.display()
    ));
    if let Some(dir) = dirs.dirs.get_mut(state.log_dir) {
        dir.forget(&state.topic, state.partition);
    }
    Ok(())
}

/// The topic id that a folder names. An empty file is none: power was lost before the name was safe.
fn known_topic_id(shared: &Shared, path: &Path) -> Result<Option<String>, NodeError> {
    let file = shared
        .disk
        .stat(&path.join(PARTITION_METADATA_FILE))
        .map_err(|error| storage(&error))?;
    if file.is_none_or(|file| file.len == 0) {
        return Ok(None);
    }
    read_partition_metadata(&shared.disk, path).map_err(|error| storage(&error))
}

fn open_log(
    shared: &Shared,
    state: &OpenState,
    path: PathBuf,
    config: LogConfig,
    hints: OpenHints,
    named: bool,
) -> Result<Log<NodeDisk>, NodeError> {
    let now_ms = shared.clock.now_ms();
    let opened = Log::open(shared.disk.clone(), path.clone(), config, now_ms, hints);
    let (mut log, recovery) = opened.map_err(|error| storage(&error))?;
    let text = recovery.to_string();
    if !text.is_empty() {
        lock(&shared.dirs)
            .report
            .push(format!("{}-{}: {text}", state.topic, state.partition));
    }
    if !named {
        write_partition_metadata(&shared.disk, &path, &id_text(state.topic_id), false)
            .map_err(|error| storage(&error))?;
    }
    if log.latest_epoch() != Some(state.leader_epoch) {
        log.begin_epoch(state.leader_epoch)
            .map_err(|error| storage(&error))?;
    }
    Ok(log)
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
    fn a_batch_that_is_cut_is_left_out() {
        let mut batch = vec![0; 12 + 5];
        batch[11] = 5;
        let mut two = [batch.clone(), batch].concat();
        assert_eq!(whole_batches(&two), 34);
        two.pop();
        assert_eq!(whole_batches(&two), 17);
        assert_eq!(whole_batches(&two[..11]), 0);
    }
}
