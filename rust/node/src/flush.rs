//! Syncing to disk on blocking threads, never on those that serve, and without holding a partition's lock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ottla_core::log::Unflushed;

use crate::hosted::Cell;
use crate::shared::{Shared, lock};

/// Make what a partition has appended so far safe. Its lock is held for no sync.
pub fn flush_cell(node: &Shared, cell: &Cell) {
    let unflushed = match lock(&cell.partition).as_mut() {
        Some(partition) => partition.log_mut().unflushed(),
        None => return,
    };
    let outcome = unflushed.map(Unflushed::sync);
    let mut guard = lock(&cell.partition);
    let Some(partition) = guard.as_mut() else {
        return;
    };
    if let Err(error) = outcome.and_then(|done| partition.flushed(done)) {
        fail(node, cell, partition, format!("syncing failed: {error}"));
    }
}

/// Take a partition's log out of use for writes, and tell Python once.
pub fn fail(node: &Shared, cell: &Cell, partition: &mut crate::hosted::LedPartition, text: String) {
    partition.go_offline(text.clone());
    if !cell.failed.swap(true, std::sync::atomic::Ordering::AcqRel) {
        node.queue
            .tell_of("log-failed", &cell.topic, cell.index, text);
    }
}

/// The same, soon, on a thread that may block; what is asked for meanwhile costs one flush more, however much it is.
pub fn flush_in_background(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let Some(runtime) = lock(&node.runtime).clone() else {
        return;
    };
    if cell.flushes_wanted.fetch_add(1, Ordering::AcqRel) != 0 {
        return;
    }
    let (node, cell) = (Arc::clone(node), Arc::clone(cell));
    runtime.spawn_blocking(move || {
        node.guard(|| {
            let mut wanted = 1;
            while wanted != 0 {
                flush_cell(&node, &cell);
                let done = cell.flushes_wanted.compare_exchange(
                    wanted,
                    0,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                wanted = done.err().unwrap_or(0);
            }
        });
    });
}
