//! Fetch, driven on the thread that received it: the machine decides, here it is waited, for memory and for bytes.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::serving::crowd::{FRAME_BYTES_FEW, PARTITIONS_FEW};
use ottla_core::serving::{BUSY_MIN, Fetch, Header, PAUSE, Step, is_let_go};
use tokio::time::Instant;

use super::task::{Over, Task, Woken};
use crate::weight::Weight;

/// From this size on a piece is sent from its file instead of through memory; while memory is short nearly all
/// are, whatever it costs, so that readers who do not read hold next to nothing.
const SENDFILE_BYTES_MIN: usize = 32 * 1024;
const SENDFILE_BYTES_MIN_TIGHT: usize = 512;

impl Task {
    /// Handle a Fetch request and consume its frame. Returns for how long it was parked.
    pub(super) async fn fetch(
        &mut self,
        frame: Range<usize>,
        header: &Header,
        began: std::time::Instant,
    ) -> Result<Duration, Over> {
        let node = Arc::clone(&self.node);
        let mut weight = Weight::default();
        self.begin_fetch(&frame, header, began, &mut weight).await?;
        self.inbox.consume(&frame);
        node.watch.note();
        let mut busy_until = None;
        let mut parked = Duration::ZERO;
        if self.read(header, &mut busy_until).await? == Step::Parked
            && weight.may_park(&node.weights, self.fetch.wanted())
        {
            node.metrics.parked_fetch.fetch_add(1, Ordering::Relaxed);
            let since = Instant::now();
            let outcome = self.wait_and_read(header, &mut weight).await;
            parked = since.elapsed();
            node.metrics.parked_fetch.fetch_sub(1, Ordering::Relaxed);
            outcome?;
        }
        let now_ms = || node.uptime_ms().cast_signed();
        self.fetch.settle(&node.host, now_ms);
        let counters = node.metrics.api(crate::apis::FETCH);
        let refused = counters.tell(self.fetch.codes());
        counters.errors.fetch_add(refused.into(), Ordering::Relaxed);
        let sendfile_bytes_min = match (cfg!(target_os = "linux"), node.budget.is_tight()) {
            (false, _) => usize::MAX,
            (true, true) => SENDFILE_BYTES_MIN_TIGHT,
            (true, false) => SENDFILE_BYTES_MIN,
        };
        let (size_at, in_files) = self.fetch.put_reply(
            &mut self.outbox,
            &mut self.files,
            header,
            sendfile_bytes_min,
        );
        self.close_reply(size_at, in_files, crate::apis::FETCH);
        self.fetch.end();
        Ok(parked)
    }

    /// Read the request and learn from its session what it wants, when there is memory for what that takes.
    async fn begin_fetch(
        &mut self,
        frame: &Range<usize>,
        header: &Header,
        began: std::time::Instant,
        weight: &mut Weight,
    ) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let is_large = frame.len() > FRAME_BYTES_FEW;
        if is_large {
            let bytes = &*self.inbox.frame_mut(frame);
            let size = Fetch::size_of_session(&node.host, bytes, header);
            self.take_to_read(weight, frame.len(), size).await?;
        }
        let bytes = &*self.inbox.frame_mut(frame);
        let size = (self.fetch)
            .parse(&node.host, bytes, header)
            .map_err(|malformed| Over::Refused(format!("a Fetch request with {malformed}")))?;
        if !is_large && size > PARTITIONS_FEW {
            self.take_to_read(weight, 0, size).await?;
        }
        let now_ms = node.uptime_ms_at(began).cast_signed();
        let bytes = &*self.inbox.frame_mut(frame);
        self.fetch.begin(&node.host, bytes, now_ms);
        self.fetch.throttle(node.options.hot_throttle_ms);
        Ok(())
    }

    /// One pass over the partitions.
    async fn read(
        &mut self,
        header: &Header,
        busy_until: &mut Option<Instant>,
    ) -> Result<Step, Over> {
        loop {
            let step = self.fetch.step(&self.node.host, header, &self.connection);
            if step != Step::Busy {
                return Ok(step);
            }
            let wait = self.fetch.busy_for();
            if Instant::now() >= *busy_until.get_or_insert_with(|| Instant::now() + wait) {
                self.fetch.hurry();
            } else {
                self.flush().await?;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn wait_and_read(&mut self, header: &Header, weight: &mut Weight) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let deadline = Instant::now() + Duration::from_millis(self.fetch.max_wait_ms());
        let mut busy_until = Some(deadline + BUSY_MIN);
        // What is answered already must not wait with this one.
        self.flush().await?;
        loop {
            // What was added since has been subtracted by the partitions.
            let mut waits = true;
            if !self.connection.wants.found(self.fetch.found_bytes()) {
                self.fetch.rest();
                let is_counted = weight.is_parked();
                if is_counted {
                    weight.is_read();
                    self.shrink_inbox();
                }
                let enough = tokio::time::timeout_at(deadline, self.await_enough(is_counted));
                // None: time is up.
                let enough = enough.await.ok().transpose()?;
                if enough.is_none() {
                    (node.metrics.expired_fetch).fetch_add(1, Ordering::Relaxed);
                }
                waits = enough.unwrap_or(false);
                if is_counted {
                    let partitions = self.fetch.wanted().len();
                    self.take_to_read(weight, 0, partitions).await?;
                }
            }
            node.watch.note();
            self.fetch.look_again(&node.host, waits);
            if self.read(header, &mut busy_until).await? == Step::Done {
                return Ok(());
            }
        }
    }

    /// Wait until enough was added. False if the wait is over before: its room is needed, or its peer sent so much
    /// behind it that what comes next, an end maybe, can only be seen when this is answered, or it has asked something
    /// that is answered sooner (`is_let_go`).
    async fn await_enough(&mut self, is_counted: bool) -> Result<bool, Over> {
        let node = Arc::clone(&self.node);
        let size_max = node.options.request_size_bytes_max;
        let mut crowded = pin!(is_counted.then(|| node.weights.crowded()));
        while !self.connection.wants.has_enough() {
            if self.takes_no_more() || is_let_go(&self.inbox, size_max) {
                return Ok(false);
            }
            let woken = match crowded.as_mut().as_pin_mut() {
                None => self.park(false).await?,
                Some(crowded) => tokio::select! {
                    woken = self.park(false) => woken?,
                    () = crowded => return Ok(false),
                },
            };
            match woken {
                Woken::PeerClosed => return Err(Over::Gone),
                Woken::Received | Woken::Signal => self.check_ending()?,
            }
        }
        Ok(true)
    }

    /// Wait for what is made of so many bytes of a request, and of so many partitions of a session.
    async fn take_to_read(
        &mut self,
        weight: &mut Weight,
        frame_bytes: usize,
        partitions: usize,
    ) -> Result<(), Over> {
        // How long a peer takes for what was answered before is for it to say; others don't wait for that.
        self.flush().await?;
        let weights = &self.node.weights;
        if let Err(cost) = weight.take(weights, frame_bytes, partitions) {
            weight.taken(self.unless_gone(weights.in_line(cost)).await?);
        }
        Ok(())
    }
}
