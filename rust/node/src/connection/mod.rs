//! One connection: a task that takes one request at a time, in order, as Apache Kafka does.
//!
//! While a request is parked, with Python or in a fetch, the next ones wait unread or in the inbox, and the
//! task still notices that the peer has gone. Replies to frames that came together leave together.

mod deciding;
mod receiving;
mod sending;
mod stream;
mod task;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ottla_core::connection::parse_header;
use ottla_core::serving::Header;

use crate::apis::{API_VERSIONS, FETCH, PRODUCE};
use crate::metrics::add;
use crate::peer::Ending;
use crate::queue::Asked;
pub use deciding::{hang_up, reply};
pub(crate) use receiving::Waiting;
pub(crate) use stream::Stream;
use task::OUTBOX_BYTES;
pub(crate) use task::{Over, Task, Woken};

impl Task {
    /// Serve until the peer or the node ends it.
    pub async fn run(&mut self) {
        let over = match self.serve().await {
            Ok(never) => match never {},
            Err(over) => over,
        };
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
        while let Some(frame) = self
            .inbox
            .next_frame(size_max)
            .map_err(|error| Over::Refused(error.to_string()))?
        {
            self.is_settled();
            self.connection.set_busy(true);
            self.handle(frame).await?;
            if self.outbox.len() >= OUTBOX_BYTES || !self.files.is_empty() {
                self.flush().await?;
            }
            if self.connection.is_ending(Ending::Drain) {
                break;
            }
        }
        Ok(())
    }

    /// Handle one frame and consume it.
    async fn handle(&mut self, frame: std::ops::Range<usize>) -> Result<(), Over> {
        let began = Instant::now();
        let apis = Arc::clone(&self.apis);
        let controller = self.connection.listener.controller;
        let bytes = &*self.inbox.frame_mut(&frame);
        let size = bytes.len();
        let header = parse_header(bytes, |key| apis.first_flexible(key))
            .map_err(|malformed| Over::Refused(format!("a request header with {malformed}")))?;
        let (key, version, correlation_id) =
            (header.api_key, header.api_version, header.correlation_id);
        let Some(api) = apis.get(key, controller) else {
            return Err(Over::Refused(format!(
                "API key {key} is not served on this listener"
            )));
        };
        // A client that asks ApiVersions at a version from the future is told which ones there are.
        let supported = (api.version_min..=api.version_max).contains(&version);
        if !supported && key != API_VERSIONS {
            return Err(Over::Refused(format!(
                "API key {key} is not served at version {version}"
            )));
        }
        assert!(
            self.node.options.panic_on_api != Some(key),
            "a fault was asked for on API key {key}"
        );
        let counters = self.node.metrics.api(key);
        add(&counters.requests, 1);
        add(&counters.request_bytes, size);
        if !controller && (key == PRODUCE || key == FETCH) {
            let hot = Header {
                version,
                correlation_id,
                body_at: header.body_at,
                from_admin: Header::is_admin(header.client_id),
            };
            let refused = if key == PRODUCE {
                self.produce(frame, &hot).await?
            } else {
                self.fetch(frame, &hot, began).await?
            };
            add(&self.node.metrics.api(key).errors, usize::from(refused));
            self.is_handled(key, began);
            return Ok(());
        }
        let body_at = header.body_at;
        let flexible = version >= api.first_flexible && key != API_VERSIONS;
        let asked = Asked {
            token: self.node.next_token.fetch_add(1, Ordering::Relaxed),
            api_key: key,
            api_version: version,
            correlation_id,
            client_id: header.client_id.map(str::to_owned),
            body: Vec::new(),
            connection: Arc::clone(&self.connection),
        };
        self.decide(frame, body_at, asked, flexible, began).await
    }
}
