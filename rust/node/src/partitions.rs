//! Partitions as Python asks for them: opened, configured, read, looked up, cut, deleted.

use std::borrow::Borrow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ottla_core::disk::{Disk, DiskFile};
use ottla_core::log::files::FolderKind;
use ottla_core::log::{AppendContext, ConfigValue, LogConfig, LogError, Lookup, Origin, ReadError};
use ottla_core::partition::{Offsets, PartitionState};

use crate::dirs::{Doomed, NAMESAKE, storage};
use crate::error::NodeError;
use crate::flush::{append_failed, appended};
use crate::hosted::{Cell, LedPartition, Topic};
use crate::node::Node;
use crate::opening::{mark_folder, open_one};
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
        .filter(|dir| dir.lost.is_none())
        .map(|dir| dir.path.clone())
        .collect();
    paths
        .iter()
        .try_for_each(|path| shared.disk.sync_volume(path))
        .map_err(|error| storage(&error))
}

/// A topic's configuration for its log, and its `min.insync.replicas`.
pub fn parse_config(rows: &[(String, ConfigValue)]) -> Result<(LogConfig, i32), NodeError> {
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

type Opened = Result<(), NodeError>;

fn open_all<S: Borrow<OpenState> + Sync>(shared: &Arc<Shared>, states: &[S]) -> Vec<Opened> {
    let outcomes: Vec<Mutex<Opened>> = states.iter().map(|_| Mutex::new(Ok(()))).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let many = states.len() >= PARALLEL_FROM;
    let work = || {
        loop {
            let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(state) = states.get(place) else {
                return;
            };
            *lock(&outcomes[place]) = open_one(shared, state.borrow(), many);
        }
    };
    std::thread::scope(|scope| {
        let other = many.then(|| scope.spawn(work));
        work();
        if let Some(Err(panic)) = other.map(std::thread::ScopedJoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    });
    let done = outcomes.into_iter();
    done.map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

/// Those whose name an earlier partition had, once the checkpoints have forgotten that: one writing for all. Where
/// that takes long they are offline for now, and opened by and by.
fn open_namesakes(shared: &Arc<Shared>, states: &[OpenState], outcomes: &mut [Opened]) {
    let waits = |place: &usize| {
        let refused = outcomes[*place].as_ref().err();
        refused.is_some_and(|error| error.kind == NAMESAKE)
    };
    let mut waiting: Vec<usize> = (0..states.len()).filter(waits).collect();
    if waiting.is_empty() {
        return;
    }
    let dirs = waiting.iter().map(|place| states[*place].log_dir).collect();
    let written = shared.forget_namesakes(dirs);
    waiting.retain(|place| match written.get(&states[*place].log_dir) {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            outcomes[*place] = Err(error.clone());
            false
        }
        None => false,
    });
    let again: Vec<&OpenState> = waiting.iter().map(|place| &states[*place]).collect();
    for (place, outcome) in waiting.into_iter().zip(open_all(shared, &again)) {
        outcomes[place] = outcome;
    }
}

impl Node {
    /// Create or load, then lead. None where it worked, else why not; the others are led all the same.
    pub fn open_partitions(
        &self,
        states: Vec<OpenState>,
    ) -> Result<Vec<Option<String>>, NodeError> {
        self.call(|shared| {
            let mut outcomes = open_all(shared, &states);
            open_namesakes(shared, &states, &mut outcomes);
            // Names and ids of new folders become safe soon, all at once, without making the caller wait.
            shared.in_background(|shared| {
                let _ = sync_volumes(shared);
            });
            let texts = outcomes
                .into_iter()
                .map(|outcome| Some(outcome.err()?.text));
            Ok(texts.collect())
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
                if let Some(partition) = cell.hold().as_mut() {
                    partition.log_mut().set_config(config.clone());
                    let state = PartitionState {
                        min_insync_replicas,
                        ..(**partition.state()).clone()
                    };
                    partition.set_state(state);
                } else if let Some(opening) = lock(&cell.opening).as_mut() {
                    opening.config = config.clone();
                    opening.min_insync_replicas = min_insync_replicas;
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
                if let Some(cell) = taken
                    && let Err(error) = delete_one(shared, &cell)
                {
                    let text = format!("{error}; it is set aside at the next start");
                    shared.queue.tell_of("log-strained", topic, *index, text);
                }
            }
            Ok(())
        })
    }

    /// Folders of partitions that were not opened: (topic, partition, path).
    pub fn strays(&self) -> Result<Vec<(String, i32, String)>, NodeError> {
        self.call(|shared| {
            let strays = lock(&shared.dirs).strays(&shared.disk, hosted_in(shared))?;
            let text = |path: PathBuf| path.to_string_lossy().into_owned();
            Ok(strays
                .into_iter()
                .map(|stray| (stray.topic, stray.partition, text(stray.path)))
                .collect())
        })
    }

    /// Rename such folders to `-stray`, as Kafka does; what they hold is kept. Those of `ours` stay: a partition of
    /// this node that is not led now comes back.
    pub fn set_strays_aside(&self, ours: &[(String, i32)]) -> Result<Vec<String>, NodeError> {
        self.call(|shared| {
            let is_hosted = hosted_in(shared);
            let is_ours = |dir, topic: &str, index| {
                is_hosted(dir, topic, index)
                    || ours.iter().any(|(ours, of)| ours == topic && *of == index)
            };
            let strays = lock(&shared.dirs).strays(&shared.disk, is_ours)?;
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
            if cell.is_offline() {
                return Err(storage(&format!("{topic}-{index} is offline")));
            }
            let mut guard = cell.hold();
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

    /// Append a coordinator's batches; the first and the last offset. A flush that `flush.messages` owes is made in
    /// the background: coordinators answer when the high watermark is there.
    pub fn append(
        &self,
        topic: &str,
        index: i32,
        mut records: Vec<u8>,
    ) -> Result<(i64, i64), NodeError> {
        self.with_partition(topic, index, |shared, cell, partition| {
            let context = AppendContext {
                now_ms: shared.clock.now_ms(),
                leader_epoch: -1,
                origin: Origin::Coordinator,
                produce_version: i16::MAX,
            };
            match partition.append(&mut records, &context, true) {
                Ok(done) => {
                    appended(shared, cell, partition, &done);
                    Ok((done.appended.base_offset, done.appended.last_offset))
                }
                Err(refused) => {
                    let text = refused
                        .error_message
                        .unwrap_or_else(|| format!("error {}", refused.error_code));
                    append_failed(shared, cell, partition, &text);
                    Err(storage(&format!("{topic}-{index}: {text}")))
                }
            }
        })
    }

    /// Whole batches from the one that holds `offset` on: below the high watermark, or, for a coordinator that
    /// loads what it will hold back until that passes it, up to the log end.
    pub fn read(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
        bytes_max: usize,
        to_log_end: bool,
    ) -> Result<Vec<u8>, NodeError> {
        let slice = self.with_partition(topic, index, |_, _, partition| {
            let offsets = partition.offsets();
            let upper_bound = if to_log_end {
                offsets.log_end
            } else {
                offsets.high_watermark
            };
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
        if slice.len > 0 && bytes.is_empty() {
            let text = format!("{topic}-{index}: the batch at offset {offset} is cut or damaged");
            return Err(NodeError::new("storage", text));
        }
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

    /// What opening and recovery did since this was asked last, one line a log that needed any.
    pub fn load_report(&self) -> Result<Vec<String>, NodeError> {
        self.call(|shared| Ok(std::mem::take(&mut lock(&shared.dirs).report)))
    }

    /// Log directories that could not be opened at the start, by their place, and why.
    pub fn lost_log_dirs(&self) -> Result<Vec<(usize, String)>, NodeError> {
        self.call(|shared| {
            let dirs = lock(&shared.dirs);
            let known = dirs.dirs.iter().enumerate();
            Ok(known
                .filter_map(|(place, dir)| Some((place, dir.lost.clone()?)))
                .collect())
        })
    }

    /// The broker epoch that the last clean stop wrote, -1 without one: the least of all log directories.
    pub fn previous_broker_epoch(&self) -> Result<i64, NodeError> {
        self.call(|shared| {
            let dirs = lock(&shared.dirs);
            Ok(dirs
                .dirs
                .iter()
                .filter(|dir| dir.lost.is_none())
                .map(|dir| dir.clean.unwrap_or(-1))
                .min()
                .unwrap_or(-1))
        })
    }
}

/// Whether a partition is hosted in the log directory of this place.
fn hosted_in(shared: &Shared) -> impl Fn(usize, &str, i32) -> bool {
    |dir, topic, index| {
        let hosted = shared.hosted();
        hosted
            .find(topic, index)
            .is_ok_and(|cell| cell.log_dir == dir)
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

/// Let go of a partition and rename its folder, if there is one.
fn delete_one(shared: &Shared, cell: &Cell) -> Result<(), NodeError> {
    let partition = cell.hold().take(); // after whoever tries to open it
    let opening = lock(&cell.opening).take();
    let mut delay_ms = opening.map(|opening| opening.config.file_delete_delay_ms);
    if let Some(mut partition) = partition {
        partition.wake_all();
        delay_ms = Some(partition.log().config().file_delete_delay_ms);
        let _ = partition.into_log().close(false); // nothing of it is needed any more
    }
    let path = lock(&shared.dirs).whereabouts(cell)?.0;
    let folder = shared.disk.stat(&path).map_err(|error| storage(&error))?;
    if folder.is_none() {
        return Ok(());
    }
    let doomed = mark_folder(
        shared,
        &path,
        (&cell.topic, cell.index),
        FolderKind::Deleted,
    )?;
    let steady_ms = shared.clock.steady_ms();
    let mut dirs = lock(&shared.dirs);
    dirs.doomed.push(Doomed {
        path: doomed,
        due_ms: Some(steady_ms.saturating_add(delay_ms.unwrap_or(0))),
    });
    if let Some(dir) = dirs.dirs.get_mut(cell.log_dir) {
        dir.forget(&cell.topic, cell.index);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
