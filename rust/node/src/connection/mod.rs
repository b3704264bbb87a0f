//! One connection: a task that takes one request at a time, in order, as Apache Kafka does.
//!
//! While a request is parked, with Python or in a fetch, the next ones wait unread or in the inbox, and the
//! task still notices that the peer has gone. Replies to frames that came together leave together.

mod deciding;
mod receiving;
mod sending;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use ottla_core::connection::{Inbox, parse_header};
use ottla_core::partition::{Waiter, Wants};
use ottla_core::serving::{Fetch, Header, Piece, Produce};

use crate::apis::{API_VERSIONS, Apis, FETCH, PRODUCE};
use crate::budget::Charge;
use crate::descriptors::Noted;
use crate::disk::{NodeDisk, NodeFile};
use crate::listener::Listener;
use crate::lock::lock;
use crate::metrics::add;
use crate::outside::Life;
use crate::patience::{Owes, Progress};
use crate::queue::Asked;
use crate::shared::Shared;
use crate::signal::Signal;
use deciding::Answer;
pub use deciding::{hang_up, reply};
pub(crate) use receiving::Peer;
use receiving::poll_receive;
pub(crate) use stream::Stream;

/// Replies are sent when they are this many, even if more frames wait.
const OUTBOX_BYTES: usize = 64 * 1024;
/// While a request is parked, at most this much of what the peer sends on is taken in.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// While memory is short, a larger buffer than this is given back as soon as it is empty.
const CAPACITY_KEPT: usize = 64 * 1024;

/// A peer that sends nothing more may still want the answer to its request, or have left one unread: so it gets
/// what is decided soon, and what is parked for longer is forgotten.
const CLOSED_PATIENCE: Duration = Duration::from_secs(1);

/// How a connection ends. Later ones outrank earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ending {
    None,
    /// Give the receive buffer back; nothing ends.
    Rest,
    /// End when the request that is under way is answered; at once if Python holds it.
    Drain,
    Close,
    /// Without a goodbye: the peer sees a reset.
    Reset,
}

/// Who speaks on a connection that did not say.
const ANONYMOUS: &str = "User:ANONYMOUS";

/// What others may know of a connection and do to it.
#[derive(Debug)]
pub struct Connection {
    pub id: u64,
    pub listener: Arc<Listener>,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    principal: OnceLock<Box<str>>,
    pub signal: Signal,
    ending: AtomicU8,
    reply: Mutex<Option<Answer>>,
    active_at_ms: AtomicU64,
    busy: AtomicBool,
    pub progress: Progress,
    /// How many more bytes a parked fetch waits for.
    pub wants: Wants,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signal")
    }
}

impl Connection {
    pub fn new(
        id: u64,
        listener: Arc<Listener>,
        (local, peer): (SocketAddr, SocketAddr),
        now_ms: u64,
    ) -> Self {
        Self {
            id,
            listener,
            local,
            peer,
            principal: OnceLock::new(),
            signal: Signal::default(),
            ending: AtomicU8::new(Ending::None as u8),
            reply: Mutex::new(None),
            active_at_ms: AtomicU64::new(now_ms),
            busy: AtomicBool::new(false),
            progress: Progress::default(),
            wants: Wants::default(),
        }
    }

    /// Who speaks here, as Kafka writes it: a type and a name.
    pub fn principal(&self) -> &str {
        self.principal.get().map_or(ANONYMOUS, |known| known)
    }

    /// From now on `principal` speaks here. False if another one did: nobody becomes somebody else on one
    /// connection (KIP-368).
    pub fn identify(&self, principal: &str) -> bool {
        **self.principal.get_or_init(|| principal.into()) == *principal
    }

    pub fn end(&self, ending: Ending) {
        self.ending.fetch_max(ending as u8, Ordering::AcqRel);
        self.signal.ring();
    }

    fn ending(&self) -> u8 {
        self.ending.load(Ordering::Acquire)
    }

    /// Whether it is about to go.
    pub fn is_closing(&self) -> bool {
        self.is_ending(Ending::Close)
    }

    fn is_ending(&self, ending: Ending) -> bool {
        self.ending() >= ending as u8
    }

    /// Whether a request is under way, until its reply is sent.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether its peer's silence is no idleness: a request is under way, and not for want of the peer's taking
    /// its reply.
    pub fn waits_for_us(&self) -> bool {
        self.is_busy() && !self.progress.owes_reply()
    }

    /// Note that something moved, in either direction.
    fn touch(&self, now_ms: u64) {
        self.active_at_ms.store(now_ms, Ordering::Relaxed);
    }

    pub fn active_at_ms(&self) -> u64 {
        self.active_at_ms.load(Ordering::Relaxed)
    }
}

impl Waiter for Connection {
    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn ring(&self) {
        self.signal.ring();
    }
}

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
pub(crate) enum Woken {
    Received,
    Signal,
    PeerClosed,
}

/// The task's own half. Its lists are kept from one request to the next.
pub struct Task {
    pub(crate) node: Arc<Shared>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) apis: Arc<Apis>,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Vec<u8>,
    /// What an answer of Python's in the outbox takes.
    answered: Option<Charge>,
    /// What the peer owes while the outbox is sent.
    reply_owed: Owes,
    pub(crate) files: Vec<Piece<NodeFile>>,
    pub(crate) produce: Produce<NodeDisk, Connection>,
    pub(crate) fetch: Fetch<NodeDisk>,
    /// What the receive buffer takes of the budget, and beside it.
    charged: usize,
    charged_beside: usize,
    /// Whether the peer owes the rest of a frame.
    is_owed: bool,
    // Before the stream, so that it is dropped before the stream closes its descriptor.
    _noted: Noted,
    pub(crate) stream: Stream,
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
            answered: None,
            reply_owed: Owes::Reply,
            files: Vec::new(),
            produce: Produce::default(),
            fetch: Fetch::default(),
            charged: 0,
            charged_beside: 0,
            is_owed: false,
            _noted: noted,
            stream,
        }
    }

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
            self.connection.busy.store(false, Ordering::Relaxed);
            self.check_ending()?;
            self.rest_if_tight();
            self.receive().await?;
        }
    }

    fn rest_if_tight(&mut self) {
        if self.inbox.is_empty()
            && self.inbox.capacity() > CAPACITY_KEPT
            && self.node.budget.is_tight()
        {
            self.rest();
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
            self.connection.busy.store(true, Ordering::Relaxed);
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

    /// A request's reply is made: from here on its peer's silence counts.
    fn is_handled(&self, key: i16, began: Instant) {
        let now = self.node.metrics.api(key).took(began);
        self.connection.touch(self.node.uptime_ms_at(now));
    }

    /// Note the length of a reply, of which so many bytes are sent from files.
    pub(crate) fn close_reply(&mut self, size_at: usize, in_files: usize, key: i16) {
        let size = self.outbox.len() - size_at - 4 + in_files;
        // Fetch replies are bounded by fetch.max.bytes and one batch, all others by their requests.
        let declared = i32::try_from(size).unwrap_or(i32::MAX);
        self.outbox[size_at..size_at + 4].copy_from_slice(&declared.to_be_bytes());
        add(&self.node.metrics.api(key).response_bytes, size + 4);
    }

    pub(crate) fn check_ending(&self) -> Result<(), Over> {
        if self.connection.is_ending(Ending::Drain) {
            Err(Over::Gone)
        } else {
            Ok(())
        }
    }

    /// Wait for the signal alone: nothing is received, so frames stay where they are.
    pub(crate) async fn hear(&mut self) -> Result<(), Over> {
        std::future::poll_fn(|context| self.connection.signal.poll(context)).await;
        self.check_ending()
    }

    /// Whether nothing more is taken in while a request is parked.
    pub(crate) fn takes_no_more(&self) -> bool {
        let waiting = self.inbox.waiting_bytes();
        waiting >= READ_AHEAD_BYTES * 2 || (waiting > 0 && waiting >= self.inbox.capacity())
    }

    /// Wait for the signal, and meanwhile for the peer, whose further bytes are taken in up to a limit; beyond it
    /// only its going is noticed.
    pub(crate) async fn park(&mut self, deaf: bool) -> Result<Woken, Over> {
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
        self.node.connection_freed.notify_one();
    }
}

/// Say who speaks on a connection. False if it said otherwise before; one that has gone says nothing.
pub fn identify(node: &Shared, connection_id: u64, principal: &str) -> bool {
    let found = lock(&node.connections).get(&connection_id).map(Arc::clone);
    found.is_none_or(|connection| connection.identify(principal))
}

/// Whether a node still takes new connections.
pub fn accepts(node: &Shared) -> bool {
    node.life() == Life::Running && !node.is_poisoned()
}
