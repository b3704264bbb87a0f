//! A partition's folder becomes a log that is led; what could not be opened is kept as it is and tried again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_core::disk::Disk;
use ottla_core::log::files::{
    Folder, FolderKind, PARTITION_METADATA_FILE, read_partition_metadata, write_partition_metadata,
};
use ottla_core::log::{Log, OpenHints};
use ottla_core::partition::{Partition, PartitionState};

use crate::dirs::storage;
use crate::disk::NodeDisk;
use crate::error::NodeError;
use crate::heal::{lay_down, retry, serve};
use crate::hosted::{Cell, LedPartition, Opening};
use crate::partitions::{OpenState, parse_config};
use crate::shared::{Shared, lock};

/// A topic id as Kafka writes it: base64 for URLs, without padding.
pub fn id_text(id: [u8; 16]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from_be_bytes(id);
    let digit = |place: u32| char::from(DIGITS[((number >> (122 - 6 * place)) & 63) as usize]);
    let last = char::from(DIGITS[((number & 3) << 4) as usize]);
    (0..21).map(digit).chain([last]).collect()
}

/// Rename a partition's folder so that it is none of a live partition any more.
pub fn mark_folder(
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

fn partition_state(local: i32, opening: &Opening) -> PartitionState {
    PartitionState {
        leader_epoch: opening.leader_epoch,
        replicas: vec![local],
        isr: vec![local],
        min_insync_replicas: opening.min_insync_replicas,
    }
}

/// Lead this partition from now on, or say why not; it is hosted either way, and tried again where that may help.
pub fn open_one(shared: &Arc<Shared>, state: &OpenState, many: bool) -> Result<(), NodeError> {
    let (topic, index) = (state.topic.as_str(), state.partition);
    let known = shared
        .hosted()
        .find_by_id(&state.topic_id, index)
        .ok()
        .cloned();
    let cell = known.clone().unwrap_or_else(|| {
        let mut hosted = shared.hosted_mut();
        let topic = hosted.topic_or_new(topic, state.topic_id);
        Arc::new(Cell::new(topic, index, state.log_dir))
    });
    let outcome = parse_config(&state.config).and_then(|(config, min_insync_replicas)| {
        let opening = Opening {
            leader_epoch: state.leader_epoch,
            config,
            min_insync_replicas,
            problem: String::new(),
            // It may have been tried before.
            existed: lock(&cell.opening)
                .as_deref()
                .is_some_and(|known| known.existed),
        };
        lead(shared, &cell, opening, (known.is_some(), many))
    });
    if known.is_none() {
        let mut hosted = shared.hosted_mut();
        hosted.put(topic, state.topic_id, Arc::clone(&cell));
    }
    if outcome.is_err() {
        retry(shared, &cell);
    }
    outcome
}

fn lead(
    shared: &Arc<Shared>,
    cell: &Cell,
    mut opening: Opening,
    (again, many): (bool, bool),
) -> Result<(), NodeError> {
    let mut place = cell.hold();
    let outcome = match place.take() {
        Some(partition) => go_on(shared, cell, partition, &opening),
        None => open_partition(shared, cell, &mut opening, again).inspect(|_| serve(shared, cell)),
    };
    match outcome {
        Ok(mut partition) => {
            *lock(&cell.opening) = None;
            if many {
                // What cannot be written now is written later: nothing depends on it.
                let _ = partition.log_mut().release_files();
            }
            *place = Some(partition);
            Ok(())
        }
        Err(error) => {
            refused(shared, cell, &mut opening, &error);
            *lock(&cell.opening) = Some(Box::new(opening));
            Err(error)
        }
    }
}

/// Remember why it could not be opened; whether that is news.
pub fn refused(shared: &Shared, cell: &Cell, opening: &mut Opening, error: &NodeError) -> bool {
    let place = lock(&shared.dirs).whereabouts(cell);
    opening.existed |=
        place.is_ok_and(|(path, ..)| !matches!(shared.disk.stat(&path), Ok(None) | Err(_)));
    let news = opening.problem != error.text;
    opening.problem.clone_from(&error.text);
    news
}

/// A partition that is led already hears how it is led from now on.
fn go_on(
    shared: &Shared,
    cell: &Cell,
    mut partition: LedPartition,
    opening: &Opening,
) -> Result<LedPartition, NodeError> {
    partition.log_mut().set_config(opening.config.clone());
    let begun = if partition.log().latest_epoch() == Some(opening.leader_epoch) {
        Ok(())
    } else {
        partition.log_mut().begin_epoch(opening.leader_epoch)
    };
    if let Err(error) = begun {
        lay_down(shared, cell, partition);
        return Err(storage(&error));
    }
    partition.set_state(partition_state(shared.options.node_id, opening));
    Ok(partition)
}

/// Make or load the log. `again`: this run has tried before, so that nothing is clean that is there. The kind of the
/// error is `NAMESAKE` while the checkpoints know an earlier partition of this name.
pub fn open_partition(
    shared: &Arc<Shared>,
    cell: &Cell,
    opening: &mut Opening,
    again: bool,
) -> Result<LedPartition, NodeError> {
    let (path, mut hints, high_watermark) = lock(&shared.dirs).whereabouts(cell)?;
    let dir = path.parent().unwrap_or(&path);
    let there = shared.disk.stat(dir).map_err(|error| storage(&error))?;
    if there.is_none() {
        // A disk that was unmounted: what were made at its place now would lie on another.
        return Err(storage(&format!(
            "the log directory {} is gone: bring it back",
            dir.display()
        )));
    }
    let known = known_topic_id(&shared.disk, &path)?;
    let own = id_text(cell.topic_id);
    let named = known.as_deref() == Some(&*own);
    let mut made = false;
    if let Some(other) = known.as_ref().filter(|_| !named) {
        if is_garbled(other, &own) {
            return Err(storage(&format!(
                "{} has the topic id {other}, which is almost this topic's: damaged, it should say {own}",
                path.join(PARTITION_METADATA_FILE).display()
            )));
        }
        set_namesake_aside(shared, cell, &path, other)?;
        made = true;
        opening.existed = false; // what was there was another's
    } else if !named {
        let folder = shared.disk.stat(&path).map_err(|error| storage(&error))?;
        made = folder.is_none();
    }
    if made && known.is_none() && opening.existed {
        return Err(storage(&format!(
            "{} was there and is gone: bring it back, or delete the topic",
            path.display()
        )));
    }
    if made {
        // A checkpoint must not know a namesake that came before: recovery would begin where that one ended.
        lock(&shared.dirs).begin_anew(cell)?;
        hints = OpenHints::default();
    }
    hints.clean_shutdown &= !again;
    let log = open_log(shared, cell, opening, path, hints, named)?;
    let state = partition_state(shared.options.node_id, opening);
    let high_watermark = if made { 0 } else { high_watermark };
    Ok(Partition::lead(
        shared.options.node_id,
        log,
        state,
        high_watermark,
    ))
}

/// Ids are drawn at random: one that is another's in all but two places was that one.
fn is_garbled(id: &str, own: &str) -> bool {
    let places = id.bytes().zip(own.bytes());
    id.len() == own.len() && places.filter(|(one, other)| one != other).count() <= 2
}

/// A folder of an earlier topic of the same name is kept, but not used.
fn set_namesake_aside(
    shared: &Shared,
    cell: &Cell,
    path: &Path,
    id: &str,
) -> Result<(), NodeError> {
    let there = mark_folder(shared, path, (&cell.topic, cell.index), FolderKind::Stray)?;
    lock(&shared.dirs).report.push(format!(
        "{}-{}: its folder belongs to an earlier topic {id}; it was set aside as {}",
        cell.topic,
        cell.index,
        there.display()
    ));
    Ok(())
}

/// The topic id that a folder names. An empty file is none: power was lost before the name was safe.
fn known_topic_id(disk: &NodeDisk, path: &Path) -> Result<Option<String>, NodeError> {
    let file = disk
        .stat(&path.join(PARTITION_METADATA_FILE))
        .map_err(|error| storage(&format!("looking at {}: {error}", path.display())))?;
    if file.is_none_or(|file| file.len == 0) {
        return Ok(None);
    }
    read_partition_metadata(disk, path).map_err(|error| storage(&error))
}

fn open_log(
    shared: &Shared,
    cell: &Cell,
    opening: &Opening,
    path: PathBuf,
    hints: OpenHints,
    named: bool,
) -> Result<Log<NodeDisk>, NodeError> {
    let now_ms = shared.clock.now_ms();
    let config = opening.config.clone();
    let opened = Log::open(shared.disk.clone(), path.clone(), config, now_ms, hints);
    let (mut log, recovery) = opened.map_err(|error| storage(&error))?;
    let text = recovery.to_string();
    if !text.is_empty() {
        lock(&shared.dirs)
            .report
            .push(format!("{}-{}: {text}", cell.topic, cell.index));
    }
    if !named {
        write_partition_metadata(&shared.disk, &path, &id_text(cell.topic_id), false)
            .map_err(|error| storage(&error))?;
    }
    if log.latest_epoch() != Some(opening.leader_epoch) {
        log.begin_epoch(opening.leader_epoch)
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
    fn a_garbled_id_is_no_other_topics() {
        let own = id_text([7; 16]);
        assert!(is_garbled(&own.replacen('B', "C", 1), &own));
        assert!(!is_garbled(&id_text([9; 16]), &own));
        assert!(!is_garbled("", &own));
    }
}
