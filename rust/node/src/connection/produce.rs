//! Produce, driven on the thread that received it: the machine decides, here it is waited.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::serving::{Finished, Header, PAUSE, Step};
use tokio::time::Instant;

use super::receiving::Waiting;
use super::task::{Over, Task};

impl Task {
    /// Handle a Produce request and consume its frame. Returns for how long it was parked.
    pub(super) async fn produce(
        &mut self,
        frame: Range<usize>,
        header: &Header,
    ) -> Result<Duration, Over> {
        let node = Arc::clone(&self.node);
        let now_ms = node.outside.clock.now_ms();
        let bytes = &*self.inbox.frame_mut(&frame);
        self.produce
            .begin(bytes, header, now_ms)
            .map_err(|malformed| Over::Refused(format!("a Produce request with {malformed}")))?;
        self.produce.throttle(node.options.hot_throttle_ms);
        node.watch.note();
        let mut busy_until = None;
        let mut parked = Duration::ZERO;
        loop {
            let bytes = self.inbox.frame_mut(&frame);
            let step = (self.produce).step(&node.host, bytes, header, &self.connection);
            match step {
                Step::Done => break,
                Step::Busy => {
                    let wait = self.produce.busy_for();
                    if Instant::now() >= *busy_until.get_or_insert_with(|| Instant::now() + wait) {
                        self.produce.hurry();
                    } else {
                        self.flush().await?;
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Step::Heavy => {
                    self.flush().await?;
                    self.prepare_in_turn(&frame).await?;
                }
                Step::Parked => {
                    // What is answered already must not wait with this one.
                    self.flush().await?;
                    let since = Instant::now();
                    self.await_outcome(&frame, header).await?;
                    parked = since.elapsed();
                    break;
                }
            }
        }
        let counters = node.metrics.api(crate::apis::PRODUCE);
        let refused = counters.tell(self.produce.codes());
        counters.errors.fetch_add(refused.into(), Ordering::Relaxed);
        let bytes = &*self.inbox.frame_mut(&frame);
        match self.produce.finish(&mut self.outbox, bytes, header) {
            Finished::Reply { size_at } => self.close_reply(size_at, 0, crate::apis::PRODUCE),
            Finished::Silent => {}
            Finished::HangUp => return Err(Over::Gone),
        }
        self.inbox.consume(&frame);
        Ok(parked)
    }

    /// Look through a batch that unpacks to far more than it is, away from the threads that serve, one at a time: so
    /// a few kilobytes that hold gigabytes cost their sender time, and others neither memory nor a turn. A batch whose
    /// producer has gone before has no turn, unless it wants no answer: such a one may go at once.
    async fn prepare_in_turn(&mut self, frame: &Range<usize>) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let Self {
            inbox,
            connection,
            stream,
            produce,
            ..
        } = self;
        let peer = Waiting::new(connection, stream, produce.wants_reply());
        let _turn = peer.while_there(node.heavy.lock()).await?;
        let bytes = inbox.frame_mut(frame);
        tokio::task::block_in_place(|| {
            // Nobody waits for the budget with a frame in hand, which others may wait for; but it knows.
            let memory = produce.memory_to_prepare(bytes);
            node.budget.take_anyway(memory);
            produce.prepare(bytes);
            node.budget.give(memory);
        });
        Ok(())
    }

    /// Wait until whoever decides has said what may be appended, and all in-sync replicas have it, for as long as the
    /// producer allows.
    async fn await_outcome(&mut self, frame: &Range<usize>, header: &Header) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let wait = Duration::from_millis(self.produce.timeout_ms());
        let deadline = Instant::now() + wait;
        node.metrics.parked_produce.fetch_add(1, Ordering::Relaxed);
        let mut step = Step::Parked;
        let outcome = loop {
            match step {
                Step::Done => break Ok(()),
                Step::Busy if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Step::Busy => self.produce.hurry(),
                Step::Heavy => {
                    if let Err(over) = self.prepare_in_turn(frame).await {
                        break Err(over);
                    }
                }
                Step::Parked => match tokio::time::timeout_at(deadline, self.hear()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(over)) => break Err(over),
                    Err(_) => {
                        (node.metrics.expired_produce).fetch_add(1, Ordering::Relaxed);
                        self.produce.time_is_up();
                        break Ok(());
                    }
                },
            }
            let bytes = self.inbox.frame_mut(frame);
            step = (self.produce).step(&node.host, bytes, header, &self.connection);
        };
        node.metrics.parked_produce.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}
