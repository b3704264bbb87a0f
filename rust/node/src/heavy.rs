//! Batches that unpack to far more than they are: looked through away from the threads that serve, one at a time.
//!
//! So a batch of a few kilobytes that holds gigabytes costs its sender time, and others neither memory nor a turn.

use ottla_core::log::{
    AppendContext, AppendError, LogConfig, Prepared, memory_to_prepare, prepare,
};

use crate::connection::{Over, Peer};
use crate::shared::Shared;

/// Prepare a batch for its log, without the log's lock. The task waits for its turn without a thread; in its turn
/// its thread's other tasks go on elsewhere. A batch whose producer has gone before that has no turn, unless it
/// wants no answer: such a one may go at once.
pub async fn prepare_in_turn<'a>(
    node: &Shared,
    peer: &Peer<'_>,
    batch: &'a mut [u8],
    config: &LogConfig,
    context: &AppendContext,
) -> Result<Result<Prepared<'a>, AppendError>, Over> {
    let _turn = peer.while_there(node.heavy.lock()).await?;
    Ok(tokio::task::block_in_place(|| {
        // Nobody waits for the budget with a frame in hand, which others may wait for; but it knows.
        let memory = memory_to_prepare(batch, config);
        node.budget.take_anyway(memory);
        let prepared = prepare(batch, config, context);
        node.budget.give(memory);
        prepared
    }))
}
