//! Syncing to disk on blocking threads, never on those that serve, and without holding a partition's lock; and what
//! a disk that fails ends, as docs/design/faults.md says: a failed sync its log directory, for good; a failed append
//! itself and no more: the next one tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use ottla_core::log::{Flushed, LogError};
use ottla_core::partition::AppendDone;

use crate::heal::retry;
use crate::hosted::{Cell, LedPartition, Standing};
use crate::shared::{Shared, lock};

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
/// Something was appended or rolled since the flush that runs began.
const AGAIN: u8 = 2;

/// After how long a flush that is owed, and could not be made, is tried again.
const OWED_AGAIN: Duration = Duration::from_millis(200);

/// Make what a partition has appended so far safe.
pub fn flush_cell(node: &Arc<Shared>, cell: &Arc<Cell>) {
    if cell.flushing.swap(AGAIN, Ordering::AcqRel) != IDLE {
        return; // who flushes now will do it once more
    }
    while begin(&cell.flushing) {
        flush_once(node, cell);
    }
}

/// Whether there is a flush to make; it is ours until there is none.
fn begin(flushing: &AtomicU8) -> bool {
    if flushing
        .compare_exchange(AGAIN, RUNNING, Ordering::AcqRel, Ordering::Acquire)
        .is_ok()
    {
        return true;
    }
    flushing
        .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
}

fn flush_once(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let unflushed = match cell.hold().as_mut() {
        Some(partition) if !cell.is_offline() => partition.log_mut().unflushed(),
        _ => return,
    };
    let flushed = unflushed.map(ottla_core::log::Unflushed::sync);
    // Looked at before the partition is: a sync that failed beneath one that is gone by now tells of its disk too.
    let lost = flushed.as_ref().ok().and_then(Flushed::failed_sync);
    if let Some(partition) = cell.hold().as_mut() {
        match flushed.and_then(|flushed| partition.flushed(flushed)) {
            Ok(()) => {
                cell.strained.store(false, Ordering::Relaxed);
                if cell.internal {
                    node.queue.wake(); // a coordinator may wait for its high watermark
                }
            }
            Err(error) => {
                suffer(node, cell, partition, &error);
                if partition.log().failure().is_none() && partition.log().flush_is_owed() {
                    flush_again_soon(node, cell);
                }
            }
        }
    }
    if let Some(text) = lost {
        fail_dir(node, cell.log_dir, &text);
    }
}

/// Somebody waits for a flush that could not be made, for want of a descriptor, say.
fn flush_again_soon(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let Some(runtime) = lock(&node.runtime).clone() else {
        return;
    };
    let (node, cell) = (Arc::clone(node), Arc::clone(cell));
    runtime.spawn(async move {
        tokio::time::sleep(OWED_AGAIN).await;
        flush_in_background(&node, &cell);
    });
}

/// What comes of a disk that failed beneath one partition. After a failed sync `fail_dir` has to follow.
pub fn suffer(
    node: &Arc<Shared>,
    cell: &Arc<Cell>,
    partition: &mut LedPartition,
    error: &LogError,
) {
    if let Some(text) = partition.log().failure().map(str::to_owned) {
        partition.go_offline(text.clone());
        if !error.is_failed_sync() {
            tell_failed_append(node, cell, &text);
            retry(node, cell);
        }
    } else if !cell.strained.swap(true, Ordering::AcqRel) {
        node.queue
            .tell_of("log-strained", &cell.topic, cell.index, error.to_string());
    }
}

/// An append failed. The log goes on if it could be cut back: the next append tries again. Else it is opened anew.
pub fn append_failed(node: &Arc<Shared>, cell: &Arc<Cell>, partition: &LedPartition, text: &str) {
    if cell.standing() == Standing::Offline {
        return;
    }
    if partition.offline().is_some() {
        retry(node, cell);
    }
    tell_failed_append(node, cell, text);
}

/// What follows from an append: a flush that is owed, and the news where one failed before.
pub fn appended(node: &Arc<Shared>, cell: &Arc<Cell>, partition: &LedPartition, done: &AppendDone) {
    if done.appended.rolled || partition.log().flush_is_owed() {
        flush_in_background(node, cell);
    }
    if cell.standing() == Standing::Faltering {
        heal_writes(node, cell);
    }
}

fn tell_failed_append(node: &Shared, cell: &Cell, text: &str) {
    if cell.worsen(Standing::Faltering) {
        node.queue
            .tell_of("log-failed", &cell.topic, cell.index, text);
    }
}

/// An append succeeded where one failed before.
#[cold]
fn heal_writes(node: &Shared, cell: &Cell) {
    if cell.heal() {
        node.queue
            .tell_of("log-healed", &cell.topic, cell.index, "");
    }
}

/// A sync failed: what the page cache dropped is not known, so nothing in this directory is synced, written or read
/// again until a start, and its checkpoints stay. Not under a partition's lock.
pub fn fail_dir(node: &Arc<Shared>, index: usize, text: &str) {
    {
        let mut dirs = lock(&node.dirs);
        let Some(dir) = dirs.dirs.get_mut(index) else {
            return;
        };
        if dir.failed {
            return;
        }
        dir.failed = true;
    }
    let cells = node.cells();
    let there = || cells.iter().filter(|cell| cell.log_dir == index);
    for cell in there() {
        cell.worsen(Standing::Offline);
    }
    let number = i32::try_from(index).unwrap_or(i32::MAX);
    node.queue.tell_of("log-dir-failed", "", number, text);
    for cell in there() {
        if let Some(partition) = cell.hold().as_mut() {
            partition.go_offline(text.to_owned());
        }
    }
}

/// The same as `flush_cell`, soon, on a thread that may block.
pub fn flush_in_background(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let cell = Arc::clone(cell);
    node.in_background(move |node| flush_cell(node, &cell));
}
