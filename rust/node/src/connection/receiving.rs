//! The receiving half of a connection's task: buffers that grow as bytes arrive and go back when idle.
//!
//! What memory all connections may hold is bounded by the node's budget; whoever waits for memory, or for
//! its peer, still hears the connection's signal.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use ottla_core::connection::Inbox;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Ending, Over, Task, Woken};

impl Task {
    /// Wait for more bytes. Idle connections hold no buffer.
    pub(super) async fn receive(&mut self) -> Result<(), Over> {
        if self.inbox.capacity() == 0 {
            self.await_first_byte().await?;
        }
        let capacity = self.inbox.capacity_wanted();
        let more = capacity.saturating_sub(self.inbox.capacity());
        if more > 0 {
            let node = Arc::clone(&self.node);
            // Over the budget, only one connection at a time goes on, and not for ever.
            let overdraft = self.unless_ending(node.budget.take(more)).await?;
            self.charged += more;
            if let Some(overdraft) = overdraft {
                self.inbox.make_room(capacity);
                return match tokio::time::timeout_at(overdraft.deadline, self.receive_frame()).await
                {
                    Ok(received) => received,
                    Err(_) => Err(Over::Refused(
                        "it did not finish its frame while memory was short".into(),
                    )),
                };
            }
        }
        self.inbox.make_room(capacity);
        self.receive_once().await
    }

    /// Wait for something else than the peer.
    async fn unless_ending<T>(&self, wait: impl Future<Output = T>) -> Result<T, Over> {
        let mut wait = pin!(wait);
        std::future::poll_fn(|context| {
            while self.connection.signal.poll(context).is_ready() {
                if self.connection.is_ending(Ending::Drain) {
                    return Poll::Ready(Err(Over::Gone));
                }
            }
            wait.as_mut().poll(context).map(Ok)
        })
        .await
    }

    /// Receive to the end of the frame that has begun, growing as bytes arrive.
    async fn receive_frame(&mut self) -> Result<(), Over> {
        loop {
            self.receive_once().await?;
            let size_max = self.node.options.request_size_bytes_max;
            match self.inbox.next_frame(size_max) {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return Ok(()),
            }
            let capacity = self.inbox.capacity_wanted();
            let more = capacity.saturating_sub(self.inbox.capacity());
            self.node.budget.take_anyway(more);
            self.charged += more;
            self.inbox.make_room(capacity);
        }
    }

    async fn receive_once(&mut self) -> Result<(), Over> {
        loop {
            let Self {
                connection,
                inbox,
                stream,
                ..
            } = self;
            let woken = std::future::poll_fn(|context| {
                if connection.signal.poll(context).is_ready() {
                    return Poll::Ready(Ok(Woken::Signal));
                }
                poll_receive(inbox, stream, context)
            })
            .await?;
            match woken {
                Woken::Received => return Ok(()),
                Woken::PeerClosed => return Err(Over::Gone),
                Woken::Signal if self.connection.is_ending(Ending::Drain) => {
                    return Err(Over::Gone);
                }
                Woken::Signal => {
                    if self.rest() {
                        self.await_first_byte().await?;
                        self.node.budget.take_anyway(self.inbox.capacity_wanted());
                        self.charged += self.inbox.capacity_wanted();
                        self.inbox.make_room(self.inbox.capacity_wanted());
                    }
                }
            }
        }
    }

    /// Give the buffers of an idle connection back.
    pub(super) fn rest(&mut self) -> bool {
        let _ = self.connection.ending.compare_exchange(
            Ending::Rest as u8,
            Ending::None as u8,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if !self.inbox.is_empty() {
            return false;
        }
        self.inbox.release();
        self.outbox = Vec::new();
        self.node.budget.give(std::mem::take(&mut self.charged));
        true
    }

    async fn await_first_byte(&mut self) -> Result<(), Over> {
        loop {
            let Self {
                connection, stream, ..
            } = self;
            let readable = std::future::poll_fn(|context| {
                if connection.signal.poll(context).is_ready() {
                    return Poll::Ready(Ok(false));
                }
                stream.poll_read_ready(context).map_ok(|()| true)
            })
            .await?;
            if readable {
                return Ok(());
            }
            if self.connection.is_ending(Ending::Drain) {
                return Err(Over::Gone);
            }
            self.rest();
        }
    }
}

/// Take in what has arrived, or be woken when something does.
pub(super) fn poll_receive(
    inbox: &mut Inbox,
    stream: &mut TcpStream,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<Woken, Over>> {
    let received = pin!(stream.read_buf(inbox.receive_buffer()));
    match std::future::Future::poll(received, context) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Ok(0)) => Poll::Ready(Ok(Woken::PeerClosed)),
        Poll::Ready(Ok(_)) => {
            inbox.received();
            Poll::Ready(Ok(Woken::Received))
        }
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
    }
}
