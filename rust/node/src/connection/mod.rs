//! One connection: a task that takes one request at a time, in order, as Apache Kafka does.
//!
//! While a request is parked, with Python or in a fetch, the next ones wait unread or in the inbox, and the
//! task still notices that the peer has gone. Replies to frames that came together leave together.

mod deciding;
mod faults;
mod fetch;
mod handling;
mod produce;
mod receiving;
mod sending;
mod stream;
mod task;

use crate::metrics::add;
use crate::peer::Ending;
pub use deciding::{hang_up, reply};
pub(crate) use stream::Stream;
pub use task::Task;
use task::{OUTBOX_BYTES, Over};

/// After so many frames of one connection others have a turn on its thread: a kept reply or a quick one waits for nothing.
const FRAMES_PER_TURN: usize = 32;

impl Task {
    /// Serve until the peer or the node ends it.
    pub async fn run(&mut self) {
        let over = match self.serve().await {
            Ok(never) => match never {},
            Err(over) => over,
        };
        self.flush_last().await;
        if let Over::Refused(text) = over {
            add(&self.node.metrics.requests_malformed, 1);
            let peer = self.connection.peer;
            self.node
                .refuse(format!("closed the connection from {peer}: {text}"));
        }
        if self.connection.is_ending(Ending::Reset) {
            self.stream.reset_at_close();
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Over> {
        loop {
            self.take_frames().await?;
            self.flush().await?;
            self.connection.set_busy(false);
            self.check_ending()?;
            self.rest_if_tight();
            self.receive().await?;
        }
    }

    /// Handle every whole frame that has arrived.
    async fn take_frames(&mut self) -> Result<(), Over> {
        let size_max = self.node.options.request_size_bytes_max;
        let mut handled = 0;
        while let Some(frame) = self
            .inbox
            .next_frame(size_max)
            .map_err(|error| Over::Refused(error.to_string()))?
        {
            self.is_settled();
            self.connection.set_busy(true);
            let faults = self.node.request_faults.get();
            if let Some(faults) = faults.filter(|faults| faults.is_armed()) {
                let faults = std::sync::Arc::clone(faults);
                // In a box of its own: no other node's tasks are larger for it.
                self.sends_alone = true;
                Box::pin(self.handle_with_faults(frame, faults)).await?;
                self.sends_alone = false;
            } else {
                self.handle(frame, None).await?;
            }
            if self.outbox.len() >= OUTBOX_BYTES || !self.files.is_empty() {
                self.flush().await?;
            }
            if self.connection.is_ending(Ending::Drain) {
                break;
            }
            handled += 1;
            if handled % FRAMES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}
