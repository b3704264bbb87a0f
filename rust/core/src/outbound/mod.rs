//! Our end of connections to one address, apart from their sockets: requests in, bytes out; bytes in, answers out.
//!
//! An `Outbound` outlives its connections, one after another: it numbers requests, lets several be on their way at
//! once, holds each answer against the oldest request that waits, keeps every request's time-out, and says when to
//! dial again after a loss. It knows no socket, reads no clock and draws no number; whoever drives it tells it all three.
//! It does not know the APIs either: versions, SASL and the meaning of bodies are the driver's.
//!
//! What stays true:
//! - Every request that was taken completes once: with its answer, late, or lost. Answers come in the order of requests.
//! - A request that was sent and not answered ends its connection when its time is over (Kafka answers in order, so
//!   nothing behind it could be answered either). One that waited for room ends alone.
//! - After a fault nothing is sent and nothing that arrives counts; the driver closes its socket and says `lost`.
//! - Nothing is sent again by itself: whether a lost request was done is unknown, and a new connection may speak
//!   other versions.

mod backoff;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use crate::connection::{Inbox, answers_flexibly};
use crate::hot::Reader;

pub use backoff::Backoff;

/// An emptied buffer that grew beyond this for one large message is given back.
const BUFFER_KEPT_BYTES: usize = 512 * 1024;
/// From this size on an answer keeps the buffer that it came in, instead of being copied out of it.
const TAKEN_WHOLE_BYTES: usize = 64 * 1024;
/// The most that a buffer begins with after such an answer, where it would otherwise have to grow again.
const BUFFER_BEGINS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The least that an answer holds: its correlation id.
const ANSWER_BYTES_MIN: i32 = 4;

/// A request's number, for as long as its `Outbound` lives; the low 31 bits are its correlation id.
pub type Ticket = u64;

/// What is the same for all connections of one `Outbound`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests that are sent before the oldest is answered; further ones wait here.
    pub in_flight_max: usize,
    pub response_size_bytes_max: usize,
    pub backoff: Backoff,
}

/// One request, without the header that is put before it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub api_key: i16,
    pub api_version: i16,
    /// Whether this version's headers end in tagged fields.
    pub flexible: bool,
    /// False for a Produce with acks=0: it is completed, with nothing, when its last byte is sent.
    pub answered: bool,
    pub body: &'a [u8],
    pub timeout_ms: i64,
}

/// Why a request was not taken. Nothing of it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    NotConnected,
    TooLarge(usize),
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its own time was over.
    TimedOut,
    /// Its connection ended first; if it was sent, whether it was done is unknown.
    Lost,
}

/// The end of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    pub ticket: Ticket,
    pub outcome: Result<Body, Failure>,
}

/// An answer without its header. A large one lies where it was received, so the header may still be before it.
#[derive(Clone, Default)]
pub struct Body {
    bytes: Vec<u8>,
    at: usize,
}

impl Body {
    /// All bytes, and where among them the body begins; it reaches to their end.
    pub fn into_parts(self) -> (Vec<u8>, usize) {
        (self.bytes, self.at)
    }
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

/// Why the connection is to be hung up, found on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answered the dial.
    DialTimedOut,
    /// A request that was sent was not answered in its time.
    AnswerTimedOut,
    /// An answer announced a size that none has.
    Size(i32),
    /// An answer came to nothing that was sent.
    Unannounced,
    /// The answer of another request than the oldest that waits.
    WrongCorrelation { expected: i32, found: i32 },
    /// The answer's header ends too early.
    Header,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DialTimedOut => write!(f, "no connection in time"),
            Self::AnswerTimedOut => write!(f, "a request was not answered in time"),
            Self::Size(size) => {
                write!(
                    f,
                    "does not speak Kafka's protocol (a response of {size} bytes)"
                )
            }
            Self::Unannounced => write!(f, "answered a request that was never sent"),
            Self::WrongCorrelation { expected, found } => write!(
                f,
                "answered another request than the one that was sent (correlation id {found}, not {expected})"
            ),
            Self::Header => write!(f, "sent a response header that ends too early"),
        }
    }
}

/// Where the present connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is none; the next may be dialed from then on.
    Down {
        dial_at_ms: i64,
    },
    Dialing {
        deadline_ms: i64,
    },
    Connected,
    /// Found faulty and not closed yet.
    Faulty(Fault),
}

/// What is remembered of a request until it completes.
struct Pending {
    ticket: Ticket,
    deadline_ms: i64,
    flexible_answer: bool,
    answered: bool,
    /// Up to where in the stream of sent bytes it reaches; 0 while it waits.
    end: u64,
}

pub struct Outbound {
    client_id: String,
    limits: Limits,
    phase: Phase,
    /// Connections that failed, one after another, since one was answered last.
    failures: u32,
    next_ticket: Ticket,
    /// Oldest first; the first may be half sent, later ones only partly or not at all.
    in_flight: VecDeque<Pending>,
    /// Whole frames that wait for room in flight.
    waiting: VecDeque<(Pending, Vec<u8>)>,
    deadlines: BTreeSet<(i64, Ticket)>,
    out: Vec<u8>,
    out_at: usize,
    /// Counted over the life of one connection.
    bytes_sent: u64,
    inbox: Inbox,
    /// How large the next buffer begins, since answers as large came by this connection.
    begins_bytes: usize,
    completed: VecDeque<Completed>,
}

impl Outbound {
    /// One that may be dialed at once. A client id longer than a header can hold is cut.
    pub fn new(client_id: &str, limits: Limits) -> Self {
        let mut end = client_id.len().min(i16::MAX as usize);
        while !client_id.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            client_id: client_id[..end].to_owned(),
            limits,
            phase: Phase::Down {
                dial_at_ms: i64::MIN,
            },
            failures: 0,
            next_ticket: 1,
            in_flight: VecDeque::new(),
            waiting: VecDeque::new(),
            deadlines: BTreeSet::new(),
            out: Vec::new(),
            out_at: 0,
            bytes_sent: 0,
            inbox: Inbox::default(),
            begins_bytes: 0,
            completed: VecDeque::new(),
        }
    }

    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Requests that are on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Requests that wait for room among those on their way.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    // ------------------------------------------------------------ a connection's life

    /// A connection is being made, or another address of the same node is tried. When to dial is the driver's
    /// decision: `Phase::Down` says from when on it is polite.
    pub fn dial(&mut self, now_ms: i64, timeout_ms: i64) {
        if let Phase::Down { .. } | Phase::Dialing { .. } = self.phase {
            let deadline_ms = now_ms.saturating_add(timeout_ms);
            self.phase = Phase::Dialing { deadline_ms };
        }
    }

    /// The dial was answered: requests are taken from now on.
    pub fn connected(&mut self) {
        if let Phase::Dialing { .. } = self.phase {
            self.phase = Phase::Connected;
        }
    }

    /// The socket is closed, whoever closed it. `random` spreads the next dials of many clients.
    ///
    /// What arrived whole before counts as answered.
    pub fn lost(&mut self, now_ms: i64, random: u32) {
        if let Phase::Down { .. } = self.phase {
            return;
        }
        self.abandon();
        self.failures = self.failures.saturating_add(1);
        let wait_ms = self.limits.backoff.wait_ms(self.failures, random);
        self.phase = Phase::Down {
            dial_at_ms: now_ms.saturating_add(wait_ms),
        };
    }

    /// Time passed: what is late fails.
    pub fn time(&mut self, now_ms: i64) {
        match self.phase {
            Phase::Dialing { deadline_ms } if deadline_ms <= now_ms => {
                self.fault(Fault::DialTimedOut);
            }
            Phase::Connected => self.expire(now_ms),
            _ => {}
        }
    }

    /// When `time` is to be told next at the latest, if nothing else happens.
    pub fn deadline_ms(&self) -> Option<i64> {
        match self.phase {
            Phase::Dialing { deadline_ms } => Some(deadline_ms),
            Phase::Connected => self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms),
            Phase::Down { .. } | Phase::Faulty(_) => None,
        }
    }

    // ------------------------------------------------------------ requests

    /// Take a request; its ticket comes back with its end. Its time runs from now on, the wait for room included.
    pub fn request(&mut self, request: &Request<'_>, now_ms: i64) -> Result<Ticket, Refused> {
        if self.phase != Phase::Connected {
            return Err(Refused::NotConnected);
        }
        let header = 10 + self.client_id.len() + usize::from(request.flexible);
        let size = header.saturating_add(request.body.len());
        let announced = i32::try_from(size).map_err(|_| Refused::TooLarge(size))?;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let pending = Pending {
            ticket,
            deadline_ms: now_ms.saturating_add(request.timeout_ms),
            flexible_answer: answers_flexibly(request.api_key, request.flexible),
            answered: request.answered,
            end: 0,
        };
        self.deadlines.insert((pending.deadline_ms, ticket));
        let frame = self.frame(announced, ticket, request);
        self.waiting.push_back((pending, frame));
        self.launch();
        Ok(ticket)
    }

    /// What is to be sent; empty if nothing is.
    pub fn to_send(&self) -> &[u8] {
        &self.out[self.out_at..]
    }

    /// So many bytes of `to_send` are with the socket now.
    pub fn sent(&mut self, count: usize) {
        let count = count.min(self.out.len() - self.out_at);
        self.out_at += count;
        self.bytes_sent += count as u64;
        if self.out_at == self.out.len() {
            self.out_at = 0;
            self.out = Vec::new();
        }
        for one in std::mem::take(&mut self.in_flight) {
            if one.answered || one.end > self.bytes_sent {
                self.in_flight.push_back(one);
            } else {
                self.complete(&one, Ok(Body::default()));
            }
        }
        self.launch();
    }

    /// These bytes arrived.
    pub fn received(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.phase == Phase::Connected {
            let buffer = self.receive_buffer();
            let room = (buffer.capacity() - buffer.len()).min(bytes.len());
            buffer.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            self.cut_answers();
        }
    }

    /// Room to receive into without a copy on the way: bytes go to its end. Call `cut_answers` afterwards.
    pub fn receive_buffer(&mut self) -> &mut Vec<u8> {
        let wanted = match self.inbox.capacity() {
            0 => self.inbox.capacity_wanted().max(self.begins_bytes),
            _ => self.inbox.capacity_wanted(),
        };
        self.inbox.make_room(wanted);
        self.inbox.receive_buffer()
    }

    /// Hold what arrived against what was asked.
    pub fn cut_answers(&mut self) {
        if self.phase != Phase::Connected {
            self.inbox = Inbox::default();
            return;
        }
        self.inbox.received();
        loop {
            match self.next_answer() {
                Ok(Some((frame, body_at))) => self.answer(&frame, body_at),
                Ok(None) => break,
                Err(fault) => return self.fault(fault),
            }
        }
        if self.inbox.is_empty() && self.inbox.capacity() > BUFFER_KEPT_BYTES {
            self.inbox.release();
        }
    }

    /// The next request that ended, if any.
    pub fn completed(&mut self) -> Option<Completed> {
        self.completed.pop_front()
    }

    // ------------------------------------------------------------ inside

    fn frame(&self, announced: i32, ticket: Ticket, request: &Request<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.client_id.len() + request.body.len());
        out.extend_from_slice(&announced.to_be_bytes());
        out.extend_from_slice(&request.api_key.to_be_bytes());
        out.extend_from_slice(&request.api_version.to_be_bytes());
        out.extend_from_slice(&correlation_id(ticket).to_be_bytes());
        let length = i16::try_from(self.client_id.len()).unwrap_or(i16::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.client_id.as_bytes());
        if request.flexible {
            out.push(0);
        }
        out.extend_from_slice(request.body);
        out
    }

    /// Send what waits, as far as there is room in flight.
    fn launch(&mut self) {
        while self.in_flight.len() < self.limits.in_flight_max.max(1) {
            let Some((mut pending, frame)) = self.waiting.pop_front() else {
                return;
            };
            if self.to_send().is_empty() {
                self.out = frame;
            } else {
                self.out.extend_from_slice(&frame);
            }
            pending.end = self.bytes_sent.saturating_add(self.to_send().len() as u64);
            self.in_flight.push_back(pending);
        }
    }

    /// The next whole answer, and where its body begins. A head that is wrong is found before the rest arrives.
    fn next_answer(&mut self) -> Result<Option<(Range<usize>, usize)>, Fault> {
        let Some((size, rest)) = self.inbox.waiting().split_first_chunk::<4>() else {
            return Ok(None);
        };
        let size = i32::from_be_bytes(*size);
        if size < ANSWER_BYTES_MIN {
            return Err(Fault::Size(size));
        }
        let found = rest.first_chunk::<4>().map(|id| i32::from_be_bytes(*id));
        let sent = |one: &&Pending| one.answered && one.end <= self.bytes_sent;
        let oldest = self.in_flight.front().filter(sent);
        let oldest = oldest.ok_or(Fault::Unannounced)?;
        let expected = correlation_id(oldest.ticket);
        let size_max = self.limits.response_size_bytes_max;
        let frame = self.inbox.next_frame(size_max);
        let frame = frame.map_err(|_| Fault::Size(size))?;
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err(Fault::WrongCorrelation { expected, found });
        }
        let flexible = oldest.flexible_answer;
        let Some(frame) = frame else {
            return Ok(None);
        };
        let mut reader = Reader::from(self.inbox.frame_mut(&frame), ANSWER_BYTES_MIN as usize);
        if flexible {
            reader.skip_tags().map_err(|_| Fault::Header)?;
        }
        let body_at = reader.position();
        Ok(Some((frame, body_at)))
    }

    /// Complete the oldest request with this frame.
    fn answer(&mut self, frame: &Range<usize>, body_at: usize) {
        let body = self.body(frame, body_at);
        if let Some(oldest) = self.in_flight.pop_front() {
            self.complete(&oldest, Ok(body));
        }
        self.failures = 0;
        self.launch();
    }

    /// The body of a frame, which is consumed: in the buffer that it came in if it is most of that, and nothing follows.
    fn body(&mut self, frame: &Range<usize>, body_at: usize) -> Body {
        let size = frame.len();
        if size >= TAKEN_WHOLE_BYTES
            && size > self.inbox.capacity() / 2
            && let Some(bytes) = self.inbox.take_up_to(frame)
        {
            self.begins_bytes = bytes.capacity().min(BUFFER_BEGINS_BYTES_MAX);
            let at = frame.start + body_at;
            return Body { bytes, at };
        }
        let body = self.inbox.frame(frame)[body_at..].to_vec();
        self.inbox.consume(frame);
        if self.inbox.is_empty() {
            self.begins_bytes = 0;
        }
        Body::from(body)
    }

    fn expire(&mut self, now_ms: i64) {
        if self.deadlines.first().is_none_or(|(at, _)| *at > now_ms) {
            return;
        }
        let broken = self.in_flight.iter().any(|one| one.deadline_ms <= now_ms);
        if broken {
            for one in std::mem::take(&mut self.in_flight) {
                let late = one.deadline_ms <= now_ms;
                self.complete(
                    &one,
                    Err(if late {
                        Failure::TimedOut
                    } else {
                        Failure::Lost
                    }),
                );
            }
        }
        for (one, frame) in std::mem::take(&mut self.waiting) {
            if one.deadline_ms <= now_ms {
                self.complete(&one, Err(Failure::TimedOut));
            } else {
                self.waiting.push_back((one, frame));
            }
        }
        if broken {
            self.fault(Fault::AnswerTimedOut);
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.abandon();
        self.phase = Phase::Faulty(fault);
    }

    /// End everything that is not answered, and forget the stream.
    fn abandon(&mut self) {
        for one in std::mem::take(&mut self.in_flight) {
            self.complete(&one, Err(Failure::Lost));
        }
        for (one, _) in std::mem::take(&mut self.waiting) {
            self.complete(&one, Err(Failure::Lost));
        }
        self.out = Vec::new();
        self.out_at = 0;
        self.bytes_sent = 0;
        self.inbox = Inbox::default();
        self.begins_bytes = 0;
    }

    fn complete(&mut self, pending: &Pending, outcome: Result<Body, Failure>) {
        let ticket = pending.ticket;
        self.deadlines.remove(&(pending.deadline_ms, ticket));
        self.completed.push_back(Completed { ticket, outcome });
    }
}

/// What stands in the headers of a request and of its answer.
fn correlation_id(ticket: Ticket) -> i32 {
    (ticket & 0x7fff_ffff) as i32
}
