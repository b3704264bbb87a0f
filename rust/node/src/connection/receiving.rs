//! The receiving half of a connection's task: buffers that grow as bytes arrive and go back when idle.
//!
//! What memory all connections may hold is bounded by the node's budget; whoever waits for memory, or for
//! its peer, still hears the connection's signal. What the peer owes meanwhile is noted (see `connection/patience.rs` of the core).

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::stream::Stream;
use super::task::{CAPACITY_KEPT, Over, Task, Woken, poll_receive};
use crate::budget::Overdraft;
use crate::peer::{Connection, Ending};
use crate::shared::Shared;
use ottla_core::connection::patience::{CLOSED_PATIENCE, Owes};

/// What a connection gets to begin with while memory is short: it lies beside the budget, so that small requests
/// pass whatever waits.
const BESIDE_BYTES: usize = 4 * 1024;
/// The one connection over the budget may be silent for so long,
const OVERDRAFT_SILENCE: Duration = Duration::from_secs(1);
/// and has so long for each of so many bytes.
const OVERDRAFT_MAX: Duration = Duration::from_secs(5);
const OVERDRAFT_BYTES: usize = 8 * 1024 * 1024;

impl Task {
    /// Wait for more bytes. Idle connections hold no buffer.
    pub(super) async fn receive(&mut self) -> Result<(), Over> {
        loop {
            if self.inbox.capacity() == 0 {
                self.await_first_byte().await?;
            }
            if !self.inbox.is_empty() && !self.is_owed {
                self.is_owed = true;
                let now_ms = self.node.uptime_ms();
                self.connection.progress.began(now_ms);
            }
            let node = Arc::clone(&self.node);
            let overdraft = self.grow(&node).await?;
            let received = match overdraft {
                None => self.receive_once().await?,
                Some(_) => self.receive_frame().await?,
            };
            if received {
                return Ok(());
            }
        }
    }

    /// Note that the peer owes nothing any more.
    pub(super) fn is_settled(&mut self) {
        if self.is_owed {
            self.is_owed = false;
            self.connection.progress.settled();
        }
    }

    /// Have room to receive into, with memory from the budget: what only makes receiving faster does not wait.
    async fn grow<'a>(&mut self, node: &'a Shared) -> Result<Option<Overdraft<'a>>, Over> {
        let (have, wanted) = (self.inbox.capacity(), self.inbox.capacity_wanted());
        let more = wanted.saturating_sub(have);
        let mut overdraft = None;
        // However many connections there are, their first buffers alone do not make memory short.
        let is_first_of_many = have == 0 && node.budget.is_tight();
        if more == 0 || (!is_first_of_many && node.budget.try_take(more)) {
            self.charged += more;
        } else if have == 0 {
            self.have_beside();
            return Ok(None);
        } else if self.inbox.waiting_bytes() < have {
            self.inbox.make_room(have);
            return Ok(None);
        } else {
            // Nobody waits in line for memory that its peer has nothing for.
            self.await_readable().await?;
            let wait = node.budget.take_or_overdraw(more);
            self.connection.progress.owes(Owes::Nothing);
            overdraft = self.unless_ending(wait).await?;
            self.connection.progress.owes(Owes::Frame);
            self.charged += more;
        }
        self.inbox.make_room(wanted);
        Ok(overdraft)
    }

    /// Wait until there is something to receive, without receiving it.
    async fn await_readable(&self) -> Result<(), Over> {
        loop {
            match self.stream.try_peek() {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
                // A byte, or the end, which receiving will find.
                Ok(()) => return Ok(()),
            }
            let readable = std::future::poll_fn(|context| self.stream.poll_readable(context));
            self.unless_ending(readable).await??;
        }
    }

    /// Wait for something else than the peer.
    pub(super) async fn unless_ending<T>(&self, wait: impl Future<Output = T>) -> Result<T, Over> {
        unless_ending(&self.connection, Ending::Drain, wait).await
    }

    /// Wait in a line, for as long as the peer is there.
    pub(super) async fn unless_gone<T>(&self, wait: impl Future<Output = T>) -> Result<T, Over> {
        self.unless_ending(async {
            tokio::select! {
                done = wait => Ok(done),
                _ = self.stream.hung_up() => Err(Over::Gone),
            }
        })
        .await?
    }

    /// Keep no large buffer for a long wait; a small one still finds that the peer has gone.
    pub(super) fn shrink_inbox(&mut self) {
        if self.inbox.capacity() > CAPACITY_KEPT && self.rest() {
            self.have_beside();
        }
    }

    fn have_beside(&mut self) {
        self.node.budget.take_beside(BESIDE_BYTES);
        self.charged_beside += BESIDE_BYTES;
        self.inbox.make_room(BESIDE_BYTES);
    }

    /// Receive to the end of the frame that has begun, growing as bytes arrive, over the budget: so not for long.
    async fn receive_frame(&mut self) -> Result<bool, Over> {
        let size_max = self.node.options.request_size_bytes_max;
        let began = Instant::now();
        let had = self.inbox.waiting_bytes();
        loop {
            let pieces = (self.inbox.waiting_bytes() - had) / OVERDRAFT_BYTES + 1;
            let last = began + OVERDRAFT_MAX * u32::try_from(pieces).unwrap_or(u32::MAX);
            let deadline = last.min(Instant::now() + OVERDRAFT_SILENCE);
            if let Ok(received) = timeout_at(deadline, self.receive_once()).await {
                received?;
            } else {
                let text = "it did not finish its request while memory was short \
                            (queued.max.request.bytes)";
                return Err(Over::Refused(text.into()));
            }
            match self.inbox.next_frame(size_max) {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return Ok(true),
            }
            let capacity = self.inbox.capacity_wanted();
            let more = capacity.saturating_sub(self.inbox.capacity());
            self.node.budget.take_anyway(more);
            self.charged += more;
            self.inbox.make_room(capacity);
        }
    }

    /// Receive what has arrived; false if the buffer was given back instead.
    async fn receive_once(&mut self) -> Result<bool, Over> {
        loop {
            let before = self.inbox.waiting_bytes();
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
                Woken::Received => {
                    if self.is_owed {
                        let received = self.inbox.waiting_bytes() - before;
                        self.connection.progress.moved(received);
                        self.connection.touch(self.node.uptime_ms());
                    }
                    return Ok(true);
                }
                Woken::PeerClosed => return Err(Over::Gone),
                Woken::Signal if self.connection.is_ending(Ending::Drain) => {
                    return Err(Over::Gone);
                }
                Woken::Signal if self.rest() => return Ok(false),
                Woken::Signal => {}
            }
        }
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
                stream.poll_readable(context).map_ok(|()| true)
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

/// The peer of a request that waits for its turn.
pub(super) struct Waiting<'a> {
    connection: &'a Connection,
    stream: &'a Stream,
    listens: bool,
}

impl<'a> Waiting<'a> {
    /// `listens`: it wants an answer.
    pub fn new(connection: &'a Connection, stream: &'a Stream, listens: bool) -> Self {
        Self {
            connection,
            stream,
            listens,
        }
    }

    /// Wait for as long as somebody may want the answer, or wants none.
    pub async fn while_there<T>(&self, wait: impl Future<Output = T>) -> Result<T, Over> {
        let gone = async {
            if !self.listens || self.stream.hung_up().await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(CLOSED_PATIENCE).await;
        };
        unless_ending(self.connection, Ending::Close, async {
            tokio::select! {
                biased;
                done = wait => Ok(done),
                () = gone => Err(Over::Gone),
            }
        })
        .await?
    }
}

async fn unless_ending<T>(
    connection: &Connection,
    ending: Ending,
    wait: impl Future<Output = T>,
) -> Result<T, Over> {
    let mut wait = pin!(wait);
    std::future::poll_fn(|context| {
        while connection.signal.poll(context).is_ready() {
            if connection.is_ending(ending) {
                return Poll::Ready(Err(Over::Gone));
            }
        }
        wait.as_mut().poll(context).map(Ok)
    })
    .await
}
