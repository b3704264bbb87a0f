//! A connection's task: what it has in its hands, and how it waits.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use ottla_core::connection::{Holding, Inbox, close_frame};
use ottla_core::serving::{Fetch, Piece, Produce};

use super::stream::Stream;
use crate::apis::Apis;
use crate::budget::Charge;
use crate::descriptors::Noted;
use crate::disk::{NodeDisk, NodeFile};
use crate::lock::lock;
use crate::metrics::add;
use crate::peer::{Connection, Ending};
use crate::shared::Shared;
use ottla_core::connection::patience::Owes;

/// Replies are sent when they are this many, even if more frames wait.
pub(super) const OUTBOX_BYTES: usize = 64 * 1024;
/// While a request is parked, at most this much of what the peer sends on is taken in.
pub(super) const READ_AHEAD_BYTES: usize = 64 * 1024;

/// While memory is short, a larger buffer than this is given back as soon as it is empty.
pub(super) const CAPACITY_KEPT: usize = 64 * 1024;

/// Why a connection is over; `Refused` is worth a line in the log.
#[derive(Debug)]
pub enum Over {
    Gone,
    Refused(String),
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// What ended a wait.
pub(super) enum Woken {
    Received,
    Signal,
    PeerClosed,
}

/// The task's own half. Its lists are kept from one request to the next.
pub struct Task {
    pub(super) node: Arc<Shared>,
    pub(super) connection: Arc<Connection>,
    pub(super) apis: Arc<Apis>,
    pub(super) inbox: Inbox,
    pub(super) outbox: Vec<u8>,
    /// What answers of Python's in the outbox take.
    pub(super) answered: Vec<Charge>,
    pub(super) holding: Holding,
    /// What the peer owes while the outbox is sent.
    pub(super) reply_owed: Owes,
    pub(super) files: Vec<Piece<NodeFile>>,
    /// A test wants what is answered to be lost.
    pub(super) discards: bool,
    /// No answer is sent past this task: a test may want to stop the node before it is.
    pub(super) sends_alone: bool,
    pub(super) produce: Produce<NodeDisk, Connection>,
    pub(super) fetch: Fetch<NodeDisk>,
    /// What the receive buffer takes of the budget, and beside it.
    pub(super) charged: usize,
    pub(super) charged_beside: usize,
    /// Whether the peer owes the rest of a frame.
    pub(super) is_owed: bool,
    // Before the stream, so that it is dropped before the stream closes its descriptor.
    _noted: Noted,
    pub(super) stream: Stream,
}

impl Task {
    pub fn new(node: Arc<Shared>, connection: Arc<Connection>, stream: Stream) -> Self {
        let apis = Arc::clone(
            &node
                .apis
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let noted = node.descriptors.note(&stream);
        Self {
            node,
            connection,
            apis,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            answered: Vec::new(),
            holding: Holding::default(),
            reply_owed: Owes::Reply,
            files: Vec::new(),
            discards: false,
            sends_alone: false,
            produce: Produce::default(),
            fetch: Fetch::default(),
            charged: 0,
            charged_beside: 0,
            is_owed: false,
            _noted: noted,
            stream,
        }
    }

    pub(super) fn rest_if_tight(&mut self) {
        if self.inbox.is_empty()
            && self.inbox.capacity() > CAPACITY_KEPT
            && self.node.budget.is_tight()
        {
            self.rest();
        }
    }

    /// Give the buffers of an idle connection back.
    pub(super) fn rest(&mut self) -> bool {
        self.connection.rested();
        if !self.inbox.is_empty() || !self.outbox.is_empty() {
            return false;
        }
        self.inbox.release();
        self.outbox = Vec::new();
        self.give_buffer();
        true
    }

    /// Nothing is held any more.
    pub(super) fn give_buffer(&mut self) {
        self.node.budget.give(std::mem::take(&mut self.charged));
        let beside = std::mem::take(&mut self.charged_beside);
        self.node.budget.give_beside(beside);
    }

    /// A request's reply is made, which was parked for so long: from here on its peer's silence counts.
    pub(super) fn is_handled(&self, key: i16, began: Instant, parked: Duration) {
        let now = self.node.metrics.api(key).took(began, parked);
        self.connection.touch(self.node.uptime_ms_at(now));
    }

    /// Note the length of a reply, of which so many bytes are sent from files.
    pub(super) fn close_reply(&mut self, size_at: usize, in_files: usize, key: i16) {
        let size = close_frame(&mut self.outbox, size_at, in_files);
        add(&self.node.metrics.api(key).response_bytes, size);
    }

    pub(super) fn check_ending(&self) -> Result<(), Over> {
        if self.connection.is_ending(Ending::Drain) {
            Err(Over::Gone)
        } else {
            Ok(())
        }
    }

    /// Wait for the signal alone: nothing is received, so frames stay where they are.
    pub(super) async fn hear(&mut self) -> Result<(), Over> {
        std::future::poll_fn(|context| self.connection.signal.poll(context)).await;
        self.check_ending()
    }

    /// Whether nothing more is taken in while a request is parked.
    pub(super) fn takes_no_more(&self) -> bool {
        let waiting = self.inbox.waiting_bytes();
        waiting >= READ_AHEAD_BYTES * 2 || (waiting > 0 && waiting >= self.inbox.capacity())
    }

    /// Wait for the signal, and meanwhile for the peer, whose further bytes are taken in up to a limit; beyond it
    /// only its going is noticed.
    pub(super) async fn park(&mut self, deaf: bool) -> Result<Woken, Over> {
        let Self {
            connection,
            inbox,
            stream,
            ..
        } = self;
        if !inbox.has_room() {
            inbox.make_room(inbox.capacity());
        }
        let signal = std::future::poll_fn(|context| connection.signal.poll(context));
        if deaf {
            signal.await;
            return Ok(Woken::Signal);
        }
        if inbox.waiting_bytes() >= READ_AHEAD_BYTES * 2 || !inbox.has_room() {
            return tokio::select! {
                () = signal => Ok(Woken::Signal),
                gone = stream.hung_up() => Ok(gone.map(|()| Woken::PeerClosed)?),
            };
        }
        std::future::poll_fn(|context| {
            if connection.signal.poll(context).is_ready() {
                return Poll::Ready(Ok(Woken::Signal));
            }
            poll_receive(inbox, stream, context)
        })
        .await
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.give_buffer();
        let connection = {
            let mut connections = lock(&self.node.connections);
            connections.remove(&self.connection.id)
        };
        drop(connection);
        add(&self.node.metrics.connections_closed, 1);
        self.node.connection_gone.notify_all();
        self.node.connection_freed.notify_waiters();
    }
}

/// Take in what has arrived, or be woken when something does.
pub(super) fn poll_receive(
    inbox: &mut Inbox,
    stream: &mut Stream,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<Woken, Over>> {
    match stream.poll_receive(inbox, context) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Ok(0)) => Poll::Ready(Ok(Woken::PeerClosed)),
        Poll::Ready(Ok(_)) => {
            inbox.received();
            Poll::Ready(Ok(Woken::Received))
        }
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
    }
}
