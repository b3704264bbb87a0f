//! A connection's task in a node of a test: what comes over a request is carried out around its handling. Which one it
//! comes over is for `request_faults.rs` to say.

use std::ops::Range;
use std::sync::Arc;

use ottla_core::connection::Inbox;
use ottla_core::serving::admit;

use super::task::{Over, Task};
use crate::request_faults::{Arrived, Deed, RequestFaults, Stop};
use crate::shared::Shared;

impl Task {
    /// Handle one frame of a node that has rules, and consume it.
    pub(super) async fn handle_with_faults(
        &mut self,
        frame: Range<usize>,
        faults: Arc<RequestFaults>,
    ) -> Result<(), Over> {
        if self.connection.listener.controller {
            return self.handle(frame, None).await;
        }
        let apis = Arc::clone(&self.apis);
        let bytes = &*self.inbox.frame_mut(&frame);
        let header = admit(bytes, &apis, false).map_err(Over::Refused)?.header;
        let arrived = Arrived {
            api_key: header.api_key,
            version: header.api_version,
            client_id: header.client_id.unwrap_or(""),
            body: &bytes[header.body_at..],
        };
        let node = &self.node;
        let (deed, stops) = faults.on(&arrived, &|topic| id_of(node, topic));
        if deed.is_none() && stops.is_empty() {
            return self.handle(frame, None).await;
        }
        // What was answered before is not lost with this one, and does not wait for it.
        self.flush().await?;
        let is_dropped = deed == Some(Deed::DropReply);
        match deed {
            Some(Deed::Cut) => return Err(Over::Gone),
            Some(Deed::Hold) => return self.unless_gone(std::future::pending()).await,
            Some(Deed::Answer(error)) => return self.handle(frame, Some(error)).await,
            Some(Deed::Repeat) => self.handle_twice(frame).await?,
            Some(Deed::Slow(wait)) => {
                self.unless_ending(tokio::time::sleep(wait)).await?;
                self.handle(frame, None).await?;
            }
            Some(Deed::DropReply) => {
                self.discards = true;
                self.handle(frame, None).await?;
            }
            Some(Deed::Stop { .. }) | None => self.handle(frame, None).await?,
        }
        self.stop_if_due(&faults, stops).await?;
        if is_dropped {
            return Err(Over::Gone);
        }
        Ok(())
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

    /// Where a topic's logs have come as far as an end of the node waits for, what was just handled is not answered.
    async fn stop_if_due(&mut self, faults: &RequestFaults, stops: Vec<Stop>) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let due = |stop: &Stop| log_end(&node, &stop.topic) >= stop.log_end;
        let Some(stop) = stops.iter().find(|stop| due(stop)) else {
            return Ok(());
        };
        self.discard();
        faults.stop(stop.rule);
        self.unless_gone(std::future::pending()).await
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

/// The id that a topic has now, if partitions of it lie here.
fn id_of(node: &Shared, topic: &str) -> Option<[u8; 16]> {
    node.host.hosted().topic(topic).map(|topic| topic.of.id)
}

/// Where the logs of a topic's partitions end, together.
fn log_end(node: &Shared, topic: &str) -> i64 {
    let ends = (0..).map_while(|index| node.host.describe(topic, index).ok());
    ends.fold(0, |sum: i64, one| sum.saturating_add(one.offsets.log_end))
}
