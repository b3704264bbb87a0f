//! One frame, from its header to whoever answers it: the hot handlers here, or Python.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ottla_core::serving::admit;

use super::task::{Over, Task};
use crate::apis::PRODUCE;
use crate::queue::Asked;

impl Task {
    /// Handle one frame and consume it. A test may want an error of Python's making for an answer, whatever it asks.
    pub(super) async fn handle(
        &mut self,
        frame: Range<usize>,
        fault: Option<i16>,
    ) -> Result<(), Over> {
        let began = Instant::now();
        let apis = Arc::clone(&self.apis);
        let controller = self.connection.listener.controller;
        let bytes = &*self.inbox.frame_mut(&frame);
        let size = bytes.len();
        let admitted = admit(bytes, &apis, controller).map_err(Over::Refused)?;
        let header = admitted.header;
        let key = header.api_key;
        assert!(
            self.node.options.panic_on_api != Some(key),
            "a fault was asked for on API key {key}"
        );
        let counters = self.node.metrics.api(key);
        counters.asked(header.api_version, size);
        if let Some(hot) = admitted.hot.filter(|_| fault.is_none()) {
            let (parked, throttle_ms) = if key == PRODUCE {
                let parked = self.produce(frame, &hot).await?;
                (parked, self.produce.throttle_ms())
            } else {
                let parked = self.fetch(frame, &hot, began).await?;
                (parked, self.fetch.throttle_ms())
            };
            self.is_handled(key, began, parked);
            if throttle_ms > 0 {
                let wait = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
                self.node.metrics.api(key).throttled(wait);
                self.throttle(throttle_ms).await?;
            }
            return Ok(());
        }
        let body_at = header.body_at;
        let flexible = admitted.flexible;
        let token = self.node.next_token.fetch_add(1, Ordering::Relaxed);
        let asked = Asked::new(token, &header, Arc::clone(&self.connection));
        if let Some(error) = fault {
            self.connection.fault.store(error, Ordering::Relaxed);
        }
        // What ends here by an error may still be looked at, and stays what it was.
        self.decide(frame, body_at, asked, flexible, began).await?;
        if fault.is_some() {
            self.connection.fault.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}
