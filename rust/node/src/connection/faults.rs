//! A connection's task in a node of a test: what comes over a request is carried out around its handling. Which one it
//! comes over is for `request_faults.rs` to say.

use std::ops::Range;
use std::sync::Arc;

use ottla_core::connection::Inbox;
use ottla_core::serving::admit;

use super::task::{Over, Task};
use crate::request_faults::Deed;

impl Task {
    /// Handle one frame of a node that has rows, and consume it.
    pub(super) async fn handle_with_faults(&mut self, frame: Range<usize>) -> Result<(), Over> {
        let controller = self.connection.listener.controller;
        let apis = Arc::clone(&self.apis);
        let bytes = &*self.inbox.frame_mut(&frame);
        let header = admit(bytes, &apis, controller)
            .map_err(Over::Refused)?
            .header;
        let (key, client_id) = (header.api_key, header.client_id.unwrap_or(""));
        let node = Arc::clone(&self.node);
        let hit = (!controller).then(|| node.request_faults.hit(key, client_id, bytes));
        let Some(hit) = hit.flatten() else {
            return self.handle(frame, None).await;
        };
        // What was answered before is not lost with this one, and does not wait for it.
        self.flush().await?;
        match hit.deed {
            Deed::Cut => Err(Over::Gone),
            Deed::DropReply => {
                self.discards = true;
                self.handle(frame, None).await?;
                Err(Over::Gone)
            }
            Deed::Slow(wait) => {
                self.unless_ending(tokio::time::sleep(wait)).await?;
                self.handle(frame, None).await
            }
            Deed::Hold => self.unless_gone(std::future::pending()).await,
            Deed::Repeat => self.handle_twice(frame).await,
            Deed::Answer(error) => self.handle(frame, Some(error)).await,
            Deed::Stop(records) => {
                self.handle(frame, None).await?;
                if records_of(&node, &hit.topic) < records {
                    return Ok(());
                }
                self.discard();
                node.request_faults.stop(hit.id, key);
                self.unless_gone(std::future::pending()).await
            }
        }
    }

    /// A frame that arrives twice: the second time it is answered.
    async fn handle_twice(&mut self, frame: Range<usize>) -> Result<(), Over> {
        let again = self.inbox.frame_mut(&frame).to_vec();
        self.discards = true;
        self.handle(frame, None).await?;
        self.discard();
        self.discards = false;
        self.put_back(&again);
        let size_max = self.node.options.request_size_bytes_max;
        match self.inbox.next_frame(size_max) {
            Ok(Some(frame)) => self.handle(frame, None).await,
            _ => Err(Over::Gone),
        }
    }

    /// The payload of a frame that was consumed is there again, before all that waits.
    fn put_back(&mut self, payload: &[u8]) {
        let mut inbox = Inbox::default();
        inbox.make_room(payload.len() + self.inbox.waiting_bytes() + 4);
        let size = i32::try_from(payload.len()).unwrap_or(i32::MAX);
        for part in [&size.to_be_bytes(), payload, self.inbox.waiting()] {
            inbox.receive_buffer().extend_from_slice(part);
        }
        inbox.received();
        let more = inbox.capacity().saturating_sub(self.inbox.capacity());
        self.node.budget.take_anyway(more);
        self.charged += more;
        self.inbox = inbox;
    }
}

/// How many records were written to a topic, as far as its logs end now.
fn records_of(node: &crate::shared::Shared, topic: &str) -> i64 {
    let ends = (0..).map_while(|index| node.host.describe(topic, index).ok());
    ends.fold(0, |sum: i64, one| sum.saturating_add(one.offsets.log_end))
}
