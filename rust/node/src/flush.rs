//! Syncing to disk on blocking threads, never on those that serve, and without holding a partition's lock.

use std::sync::Arc;

use ottla_core::disk::DiskFile;

use crate::hosted::Cell;
use crate::shared::{Shared, lock};

/// Make what a partition has appended so far safe.
pub fn flush_cell(node: &Shared, cell: &Cell) {
    let unflushed = match lock(&cell.partition).as_mut() {
        Some(partition) => partition.log_mut().unflushed(),
        None => return,
    };
    let outcome = match unflushed {
        Ok((offset, files)) => files
            .iter()
            .try_for_each(|file| file.sync())
            .map(|()| offset)
            .map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut guard = lock(&cell.partition);
    let Some(partition) = guard.as_mut() else {
        return;
    };
    match outcome {
        Ok(offset) => partition.log_mut().flushed_to(offset),
        Err(text) => fail(node, cell, partition, format!("syncing failed: {text}")),
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

/// The same, soon, on a thread that may block.
pub fn flush_in_background(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let Some(runtime) = lock(&node.runtime).clone() else {
        return;
    };
    let (node, cell) = (Arc::clone(node), Arc::clone(cell));
    runtime.spawn_blocking(move || node.guard(|| flush_cell(&node, &cell)));
}
