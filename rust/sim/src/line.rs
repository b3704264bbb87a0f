//! One connection's half that serves: one request at a time, in order, as a real node's task does.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::connection::patience::CLOSED_PATIENCE;
use ottla_core::connection::{Holding, Inbox, close_frame};
use ottla_core::disk::{DiskFile, SimDisk, SimFile};
use ottla_core::partition::Waiter;
use ottla_core::serving::{
    Apis, BUSY_MIN, Fetch, Finished, Header, KeptReplies, PAUSE, PRODUCE, Piece, Produce, Question,
    Step, admit, is_let_go,
};

use crate::around::SimHost;
use crate::connection::{Asked, Connection};

/// From this size on a piece of a reply lies in its file until it is sent, so that both ways are walked.
const PIECE_BYTES_MIN: usize = 512;

/// What the connection is doing.
enum Stage {
    Ready,
    /// Python has the request; its answer's header may be a flexible one.
    Asked {
        token: u64,
        correlation_id: i32,
        flexible: bool,
        /// Set if the answer may be kept for others.
        question: Option<Question>,
        since_ms: i64,
        /// Until when the replies before it wait for its own, if there are any.
        held_until_ms: Option<i64>,
    },
    Producing {
        frame: Vec<u8>,
        header: Header,
        wait: Wait,
    },
    Fetching {
        header: Header,
        wait: Wait,
    },
}

/// How long a request waits that is not done.
#[derive(Clone, Copy)]
struct Wait {
    /// When its own time is up; None until it was parked.
    until_ms: Option<i64>,
    /// When it is told to hurry, should it be busy then.
    busy_until_ms: i64,
    /// Busy: when it is tried again.
    again_ms: Option<i64>,
}

impl Wait {
    fn new(now_ms: i64, busy_for: Duration) -> Self {
        Self {
            until_ms: None,
            busy_until_ms: after(now_ms, busy_for),
            again_ms: None,
        }
    }

    /// When it goes on even if nobody rings.
    fn due_ms(&self) -> Option<i64> {
        self.again_ms.or(self.until_ms)
    }

    fn busy(self, now_ms: i64) -> Self {
        Self {
            again_ms: Some(after(now_ms, PAUSE)),
            ..self
        }
    }

    /// The time of one that is parked first begins: so long it waits, and so much longer it may be busy.
    fn parked(self, now_ms: i64, wait_ms: u64, busy_for: Duration) -> Self {
        let until_ms = after(now_ms, Duration::from_millis(wait_ms));
        let first = Self {
            until_ms: Some(until_ms),
            busy_until_ms: after(until_ms, busy_for),
            again_ms: None,
        };
        let again = Self {
            again_ms: None,
            ..self
        };
        self.until_ms.map_or(first, |_| again)
    }
}

fn after(now_ms: i64, time: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// Why a connection is over.
pub struct Over(pub Option<String>);

/// Faults for tests, which a simulation has to find.
#[derive(Clone, Copy)]
pub struct LineFaults {
    /// Who waits for a high watermark is answered before it.
    pub answers_early: bool,
    /// A Fetch that waits lets nothing go on that stands behind it.
    pub is_patient: bool,
}

pub struct Line {
    pub connection: Arc<Connection>,
    apis: Arc<Apis>,
    size_max: usize,
    inbox: Inbox,
    /// Replies that are made and not sent.
    outbox: Vec<u8>,
    holding: Holding,
    /// Bytes for the client.
    pub sent: Vec<u8>,
    produce: Produce<SimDisk, Connection>,
    fetch: Fetch<SimDisk>,
    stage: Stage,
    muted_until_ms: i64,
    faults: LineFaults,
}

impl Line {
    pub fn new(
        connection: Arc<Connection>,
        apis: Arc<Apis>,
        size_max: usize,
        faults: LineFaults,
    ) -> Self {
        Self {
            connection,
            apis,
            size_max,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            holding: Holding::default(),
            sent: Vec::new(),
            produce: Produce::default(),
            fetch: Fetch::default(),
            stage: Stage::Ready,
            muted_until_ms: 0,
            faults,
        }
    }

    /// Bytes of the client arrive.
    pub fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.inbox.make_room(self.inbox.capacity_wanted());
            let buffer = self.inbox.receive_buffer();
            let room = (buffer.capacity() - buffer.len()).min(bytes.len());
            buffer.extend_from_slice(&bytes[..room]);
            self.inbox.received();
            bytes = &bytes[room..];
        }
    }

    /// Whether there is a frame to handle, or a fault in place of one.
    pub fn has_frame(&self, now_ms: i64) -> bool {
        matches!(self.stage, Stage::Ready) && self.muted_until_ms <= now_ms && self.is_asked()
    }

    fn is_asked(&self) -> bool {
        !matches!(self.inbox.next_frame(self.size_max), Ok(None))
    }

    /// Whether a client that closed its connection then is served on, as by a real node: what it sent is still handled, a
    /// producer's records are waited for, Python has a moment to decide; and a reader that left is forgotten at once.
    pub fn outlives_client(&self, closed_ms: i64, now_ms: i64) -> bool {
        match &self.stage {
            Stage::Ready => self.is_asked(),
            Stage::Asked { since_ms, .. } => {
                let from_ms = closed_ms.max(*since_ms);
                now_ms < after(from_ms, CLOSED_PATIENCE)
            }
            Stage::Producing { .. } => true,
            Stage::Fetching { .. } => false,
        }
    }

    /// Whether there is something to go on with: what it waits for is there, or its time has come.
    pub fn is_due(&self, now_ms: i64) -> bool {
        let is_woken = match &self.stage {
            Stage::Ready => return false,
            Stage::Asked { .. } => false,
            Stage::Producing { .. } => self.connection.is_rung(),
            Stage::Fetching { .. } => self.connection.is_rung() || self.is_let_go(),
        };
        is_woken || self.deadline_ms(now_ms).is_some_and(|at| at <= now_ms)
    }

    fn is_let_go(&self) -> bool {
        !self.faults.is_patient && is_let_go(&self.inbox, self.size_max)
    }

    /// When something is to be done here at the latest.
    pub fn deadline_ms(&self, now_ms: i64) -> Option<i64> {
        match &self.stage {
            Stage::Producing { wait, .. } | Stage::Fetching { wait, .. } => wait.due_ms(),
            Stage::Asked { held_until_ms, .. } => *held_until_ms,
            Stage::Ready => (self.muted_until_ms > now_ms).then_some(self.muted_until_ms),
        }
    }

    /// Whether Python holds a request of this connection by that token.
    pub fn waits_for(&self, asked: u64) -> bool {
        matches!(&self.stage, Stage::Asked { token, .. } if *token == asked)
    }

    /// Handle the next frame; the request, if Python is to decide it.
    pub fn handle(
        &mut self,
        host: &SimHost,
        token: u64,
        kept: &KeptReplies,
    ) -> Result<Option<Asked>, Over> {
        let refused = |text: String| Over(Some(text));
        let found = self.inbox.next_frame(self.size_max);
        let Some(place) = found.map_err(|error| refused(error.to_string()))? else {
            return Ok(None);
        };
        self.muted_until_ms = 0;
        let frame = self.inbox.frame_mut(&place).to_vec();
        self.inbox.consume(&place);
        let admitted = admit(&frame, &self.apis, self.connection.controller).map_err(refused)?;
        let request = admitted.header;
        if let Some(hot) = admitted.hot {
            if request.api_key == PRODUCE {
                self.begin_produce(host, frame, hot)?;
            } else {
                self.begin_fetch(host, &frame, hot)?;
            }
            return Ok(None);
        }
        if Holding::is_full(self.outbox.len()) {
            self.flush();
        }
        let (key, version) = (request.api_key, request.api_version);
        let body = &frame[request.body_at..];
        let question = Question::of(key, version, &self.connection.asker(), body);
        let reply = question.as_ref().and_then(|question| kept.find(question));
        let now_ms = host.around.steady_ms();
        self.stage = Stage::Asked {
            token,
            correlation_id: request.correlation_id,
            flexible: admitted.flexible,
            question,
            since_ms: now_ms,
            held_until_ms: None,
        };
        if let Some(reply) = reply {
            self.answer(&reply.body, 0);
            return Ok(None);
        }
        self.hold(now_ms);
        let asked = Asked::new(token, &request, Arc::clone(&self.connection));
        Ok(Some(Asked {
            body: body.to_vec(),
            ..asked
        }))
    }

    /// What was decided of the request that Python holds; what it was, if the answer may be kept.
    pub fn answer(&mut self, body: &[u8], muted_until_ms: i64) -> Option<Question> {
        match std::mem::replace(&mut self.stage, Stage::Ready) {
            Stage::Asked {
                correlation_id,
                flexible,
                question,
                ..
            } => {
                let frame = ottla_core::connection::answer_frame(correlation_id, flexible, body);
                self.outbox.extend_from_slice(&frame);
                self.muted_until_ms = muted_until_ms;
                self.is_handled();
                question
            }
            other => {
                self.stage = other;
                None
            }
        }
    }

    fn begin_produce(
        &mut self,
        host: &SimHost,
        frame: Vec<u8>,
        header: Header,
    ) -> Result<(), Over> {
        let begun = self.produce.begin(&frame, &header, host.around.now_ms());
        begun.map_err(|wrong| Over(Some(format!("a Produce request with {wrong}"))))?;
        let wait = Wait::new(host.around.steady_ms(), self.produce.busy_for());
        self.go_on_producing(host, frame, header, wait)
    }

    fn go_on_producing(
        &mut self,
        host: &SimHost,
        mut frame: Vec<u8>,
        header: Header,
        wait: Wait,
    ) -> Result<(), Over> {
        let now_ms = host.around.steady_ms();
        self.connection.hear();
        if wait.again_ms.is_some() && wait.busy_until_ms <= now_ms {
            self.produce.hurry();
        }
        let is_over = wait.until_ms.is_some_and(|until_ms| until_ms <= now_ms);
        let wait = loop {
            match (self.produce).step(host, &mut frame, &header, &self.connection) {
                Step::Heavy => self.produce.prepare(&mut frame),
                Step::Busy => break wait.busy(now_ms),
                // Without an answer of Python's there is none to give early.
                Step::Parked
                    if !is_over && (!self.faults.answers_early || self.produce.is_asked()) =>
                {
                    break wait.parked(now_ms, self.produce.timeout_ms(), Duration::ZERO);
                }
                Step::Parked | Step::Done => {
                    if is_over {
                        self.produce.time_is_up();
                    }
                    return self.end_produce(host, &frame, &header);
                }
            }
        };
        self.flush();
        self.stage = Stage::Producing {
            frame,
            header,
            wait,
        };
        Ok(())
    }

    fn end_produce(&mut self, host: &SimHost, frame: &[u8], header: &Header) -> Result<(), Over> {
        match self.produce.finish(&mut self.outbox, frame, header) {
            Finished::Reply { size_at } => {
                close_frame(&mut self.outbox, size_at, 0);
            }
            Finished::Silent => {}
            Finished::HangUp => return Err(Over(None)),
        }
        self.mute(host, self.produce.throttle_ms());
        self.flush();
        Ok(())
    }

    fn begin_fetch(&mut self, host: &SimHost, frame: &[u8], header: Header) -> Result<(), Over> {
        let parsed = self.fetch.parse(host, frame, &header);
        parsed.map_err(|wrong| Over(Some(format!("a Fetch request with {wrong}"))))?;
        let now_ms = host.around.steady_ms();
        self.fetch.begin(host, frame, now_ms);
        let wait = Wait::new(now_ms, self.fetch.busy_for());
        self.go_on_fetching(host, header, wait)
    }

    fn go_on_fetching(&mut self, host: &SimHost, header: Header, wait: Wait) -> Result<(), Over> {
        let now_ms = host.around.steady_ms();
        self.connection.hear();
        if wait.again_ms.is_none() {
            // One that was parked reads again; one that is busy goes on where it is.
            if let Some(until_ms) = wait.until_ms {
                let waits = now_ms < until_ms && !self.is_let_go();
                self.fetch.look_again(host, waits);
            }
        } else if wait.busy_until_ms <= now_ms {
            self.fetch.hurry();
        }
        let wait = match self.fetch.step(host, &header, &self.connection) {
            Step::Done => return self.end_fetch(host, &header),
            Step::Parked => {
                self.rest();
                wait.parked(now_ms, self.fetch.max_wait_ms(), BUSY_MIN)
            }
            Step::Busy => wait.busy(now_ms),
            Step::Heavy => unreachable!("nothing that is read has to be prepared"),
        };
        self.flush();
        self.stage = Stage::Fetching { header, wait };
        Ok(())
    }

    /// What was found counts, and is read again when there is enough.
    fn rest(&mut self) {
        self.connection.wants().found(self.fetch.found_bytes());
        self.fetch.rest();
    }

    fn end_fetch(&mut self, host: &SimHost, header: &Header) -> Result<(), Over> {
        self.fetch.settle(host, || host.around.steady_ms());
        let mut reply = Vec::new();
        let mut pieces = Vec::new();
        let (size_at, in_files) =
            (self.fetch).put_reply(&mut reply, &mut pieces, header, PIECE_BYTES_MIN);
        close_frame(&mut reply, size_at, in_files);
        let mut sent = 0;
        for Piece {
            at,
            file,
            position,
            len,
        } in pieces
        {
            self.outbox.extend_from_slice(&reply[sent..at]);
            sent = at;
            self.send_file(&file, position, len)?;
        }
        self.outbox.extend_from_slice(&reply[sent..]);
        self.fetch.end();
        self.mute(host, self.fetch.throttle_ms());
        self.flush();
        Ok(())
    }

    /// A file that became shorter than what was promised, or is not to be read: the peer can only be told by closing.
    fn send_file(&mut self, file: &SimFile, position: u64, len: usize) -> Result<(), Over> {
        let start = self.outbox.len();
        self.outbox.resize(start + len, 0);
        file.read_exact_at(&mut self.outbox[start..], position)
            .map_err(|_| Over(None))
    }

    /// What Python answered waits for its fellows while there are more to make. Produce and Fetch, between which no time
    /// passes in a real node, are sent at once: else whoever hears them would hold old news against what others know.
    fn is_handled(&mut self) {
        if !self.is_asked() || self.muted_until_ms > 0 {
            self.flush();
        }
    }

    /// What was answered before waits a moment for what Python makes.
    fn hold(&mut self, now_ms: i64) {
        if self.outbox.is_empty() {
            return;
        }
        let now = Duration::from_millis(now_ms.cast_unsigned());
        let until = self.holding.until(now);
        if until <= now {
            self.flush();
        } else if let Stage::Asked { held_until_ms, .. } = &mut self.stage {
            *held_until_ms = Some(after(now_ms, until - now));
        }
    }

    /// All that was answered is on its way.
    pub fn flush(&mut self) {
        self.sent.append(&mut self.outbox);
        self.holding.sent();
    }

    fn mute(&mut self, host: &SimHost, throttle_ms: i32) {
        if throttle_ms > 0 {
            let until_ms = host.around.steady_ms();
            self.muted_until_ms = until_ms.saturating_add(i64::from(throttle_ms));
        }
    }

    /// Go on with what is parked or busy: it was rung, or its time has come.
    pub fn go_on(&mut self, host: &SimHost) -> Result<(), Over> {
        match std::mem::replace(&mut self.stage, Stage::Ready) {
            Stage::Producing {
                frame,
                header,
                wait,
            } => self.go_on_producing(host, frame, header, wait),
            Stage::Fetching { header, wait } => self.go_on_fetching(host, header, wait),
            mut other => {
                if let Stage::Asked { held_until_ms, .. } = &mut other {
                    *held_until_ms = None;
                    self.flush();
                }
                self.stage = other;
                Ok(())
            }
        }
    }
}
