//! Partitions that could not be opened, or whose log broke under a write, are tried again, each by itself, with
//! longer and longer pauses of real time. What a failed sync ended is not tried: only a start may.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::dirs::NAMESAKE;
use crate::error::NodeError;
use crate::hosted::{Cell, LedPartition, Opening, Standing};
use crate::opening::{open_partition, refused};
use crate::shared::{Life, Shared, lock};

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Begin to try, unless someone does already.
pub fn retry(node: &Arc<Shared>, cell: &Arc<Cell>) {
    let Some(runtime) = lock(&node.runtime).clone() else {
        return;
    };
    if cell.retried.swap(true, Ordering::AcqRel) {
        return;
    }
    let (node, cell) = (Arc::clone(node), Arc::clone(cell));
    runtime.spawn(async move {
        let mut pause = PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            // One at a time: ten thousand may have failed together.
            let Ok(_turn) = node.heals.acquire().await else {
                return;
            };
            let (node, cell) = (Arc::clone(&node), Arc::clone(&cell));
            let tried = tokio::task::spawn_blocking(move || {
                let mut over = true;
                node.guard(|| over = attempt(&node, &cell));
                over
            });
            if tried.await.unwrap_or(true) {
                return;
            }
        }
    });
}

/// Try once; whether there is nothing left to try.
fn attempt(node: &Arc<Shared>, cell: &Arc<Cell>) -> bool {
    let mut place = cell.hold();
    let hosted = node
        .hosted()
        .find_by_id(&cell.topic_id, cell.index)
        .cloned();
    let gone = !hosted.is_ok_and(|hosted| Arc::ptr_eq(&hosted, cell));
    let whole = (place.as_ref()).is_some_and(|partition| partition.log().failure().is_none());
    let hopeless = gone || whole || lock(&node.dirs).has_failed(cell.log_dir);
    if hopeless || node.life() != Life::Running {
        cell.retried.store(false, Ordering::Release);
        return true;
    }
    if cell.flushing.load(Ordering::Acquire) != 0 {
        return false; // what comes of it must not be taken for the new log's
    }
    if let Some(broken) = place.take() {
        lay_down(node, cell, broken);
    }
    let Some(mut opening) = lock(&cell.opening).as_deref().cloned() else {
        cell.retried.store(false, Ordering::Release);
        return true;
    };
    match open_again(node, cell, &mut opening) {
        Ok(partition) => {
            *place = Some(partition);
            *lock(&cell.opening) = None;
            cell.retried.store(false, Ordering::Release);
            serve(node, cell);
            node.queue
                .tell_of("log-healed", &cell.topic, cell.index, "");
            true
        }
        Err(error) => {
            if refused(node, cell, &mut opening, &error) {
                node.queue
                    .tell_of("log-unopened", &cell.topic, cell.index, error.text);
            }
            *lock(&cell.opening) = Some(Box::new(opening));
            false
        }
    }
}

fn open_again(
    node: &Arc<Shared>,
    cell: &Cell,
    opening: &mut Opening,
) -> Result<LedPartition, NodeError> {
    match open_partition(node, cell, opening, true) {
        Err(error) if error.kind == NAMESAKE => {
            node.write_checkpoints(cell.log_dir)?;
            open_partition(node, cell, opening, true)
        }
        outcome => outcome,
    }
}

/// It is open; unless its log directory failed meanwhile, which whoever failed it may have said too early.
pub fn serve(node: &Shared, cell: &Cell) {
    cell.serve();
    if lock(&node.dirs).has_failed(cell.log_dir) {
        cell.worsen(Standing::Offline);
    }
}

/// Close a log that is not to be trusted any more, and remember how it is to be opened again.
pub fn lay_down(node: &Shared, cell: &Cell, mut partition: LedPartition) {
    let state = Arc::clone(partition.state());
    *lock(&cell.opening) = Some(Box::new(Opening {
        leader_epoch: state.leader_epoch,
        config: partition.log().config().clone(),
        min_insync_replicas: state.min_insync_replicas,
        problem: String::new(),
        existed: true,
    }));
    cell.worsen(Standing::Offline);
    partition.wake_all();
    let offsets = partition.offsets();
    let log = partition.into_log();
    let offsets = (
        log.recovery_point(),
        offsets.high_watermark,
        offsets.log_start,
    );
    if let Some(dir) = lock(&node.dirs).dirs.get_mut(cell.log_dir) {
        dir.note(&cell.topic, cell.index, offsets);
    }
    let _ = log.close(false); // lets go of the files; there is nothing to lose
}
