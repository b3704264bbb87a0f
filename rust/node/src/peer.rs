//! A connection as others know it, and what they may do to it: who is on its other end, how busy it is, how it ends.
//!
//! Its task (see `connection/`) alone reads and writes its socket, but for the one answer that it is parked for: that
//! is sent by who has it, without waking the task. All else reaches it through here.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ottla_core::connection::shedding::Occupied;
use ottla_core::partition::{Waiter, Wants};
use ottla_core::serving::Asker;

use crate::budget::Charge;
use crate::lock::lock;
use crate::outlet::Outlet;
use crate::signal::Signal;
use ottla_core::connection::patience::Progress;

/// What connections know of where they came in.
#[derive(Debug)]
pub struct Listener {
    pub name: String,
    pub controller: bool,
}

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

/// A whole reply frame of Python's, and what it takes until it is sent.
pub struct Answer {
    pub frame: Vec<u8>,
    /// How much of it is sent already.
    pub sent: usize,
    pub charge: Charge,
    /// How long nothing more is read then.
    pub mute: Duration,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

/// What became of a request that was parked.
#[derive(Debug)]
pub enum Answered {
    /// It is to be sent, or the rest of it.
    Here(Answer),
    /// Its peer has it already.
    Sent,
}

/// Where an answer goes that somebody else makes: to the task, or past it to the peer.
#[derive(Debug, Default)]
struct Slot {
    answered: Option<Answered>,
    /// Open while the task has nothing to send before it, and waits for its peer as well.
    outlet: Option<Outlet>,
}

/// A larger one is sent by the task: whoever makes answers has others to make.
const SENT_PAST_BYTES_MAX: usize = 64 * 1024;

/// Who speaks on a connection that did not say.
const ANONYMOUS: &str = "User:ANONYMOUS";

/// What others may know of a connection and do to it.
#[derive(Debug)]
pub struct Connection {
    pub id: u64,
    pub listener: Arc<Listener>,
    pub peer: SocketAddr,
    /// Host and port of our end, then of the peer's, as they are told once a request.
    pub ends: [(Box<str>, u16); 2],
    principal: OnceLock<Box<str>>,
    pub signal: Signal,
    ending: AtomicU8,
    slot: Mutex<Slot>,
    active_at_ms: AtomicU64,
    busy: AtomicBool,
    pub progress: Progress,
    /// In a node of a test: the error that its present request is to be answered with; 0 for none.
    pub fault: AtomicI16,
    /// How many more bytes a parked fetch waits for.
    pub wants: Wants,
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
            peer,
            ends: [local, peer].map(|end| (end.ip().to_string().into(), end.port())),
            principal: OnceLock::new(),
            signal: Signal::default(),
            ending: AtomicU8::new(Ending::None as u8),
            slot: Mutex::default(),
            active_at_ms: AtomicU64::new(now_ms),
            busy: AtomicBool::new(false),
            progress: Progress::default(),
            fault: AtomicI16::new(0),
            wants: Wants::default(),
        }
    }

    /// Who speaks here, as Kafka writes it: a type and a name.
    pub fn principal(&self) -> &str {
        self.principal.get().map_or(ANONYMOUS, |known| known)
    }

    pub fn asker(&self) -> Asker<'_> {
        let [(local_host, local_port), (peer_host, _)] = &self.ends;
        Asker {
            listener: &self.listener.name,
            local_host,
            local_port: *local_port,
            peer_host,
            principal: self.principal(),
        }
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

    pub fn is_ending(&self, ending: Ending) -> bool {
        self.ending() >= ending as u8
    }

    /// Whether a request is under way, until its reply is sent.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// Whether its peer's silence is no idleness: a request is under way, and not for want of the peer's taking
    /// its reply.
    pub fn waits_for_us(&self) -> bool {
        self.is_busy() && !self.progress.owes_reply()
    }

    /// What decides whether it goes where there are too many.
    pub fn occupied(&self) -> Occupied {
        Occupied {
            id: self.id,
            closing: self.is_closing(),
            busy: self.is_busy(),
            owes_reply: self.progress.owes_reply(),
            active_at_ms: self.active_at_ms(),
        }
    }

    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Release);
    }

    /// Note that something moved, in either direction.
    pub fn touch(&self, now_ms: u64) {
        self.active_at_ms.store(now_ms, Ordering::Relaxed);
    }

    pub fn active_at_ms(&self) -> u64 {
        self.active_at_ms.load(Ordering::Relaxed)
    }

    /// Its buffers are given back, as it was told.
    pub fn rested(&self) {
        let _ = self.ending.compare_exchange(
            Ending::Rest as u8,
            Ending::None as u8,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Answer the request that is parked here: past its task if that lets it, who then sleeps on until its peer or
    /// somebody else wants something. Whether all of it is sent.
    pub fn answer(&self, mut answer: Answer, now_ms: u64) -> bool {
        let mut slot = lock(&self.slot);
        let is_small = answer.frame.len() <= SENT_PAST_BYTES_MAX;
        let outlet = slot.outlet.take();
        if let Some(outlet) = outlet.filter(|_| is_small && answer.mute.is_zero()) {
            answer.sent = outlet.try_send(&answer.frame).unwrap_or(0); // what is wrong with it the task finds too
            if answer.sent == answer.frame.len() {
                self.touch(now_ms); // it is idle from now on, and not since it asked
                self.set_busy(false);
                slot.answered = Some(Answered::Sent);
                return true;
            }
        }
        slot.answered = Some(Answered::Here(answer));
        drop(slot);
        self.signal.ring();
        false
    }

    /// What became of the request that is parked here. Until the next call an answer may be sent past the task, if
    /// an outlet is given.
    pub fn take_answer(&self, outlet: Option<Outlet>) -> Option<Answered> {
        let mut slot = lock(&self.slot);
        let answered = slot.answered.take();
        slot.outlet = outlet.filter(|_| answered.is_none());
        answered
    }
}

impl Waiter for Connection {
    fn principal(&self) -> &str {
        self.principal()
    }

    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn ring(&self) {
        self.signal.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::budget::Budget;

    const NOW_MS: u64 = 77;

    fn asked() -> Connection {
        let listener = Arc::new(Listener {
            name: "PLAINTEXT".into(),
            controller: false,
        });
        let end = SocketAddr::from(([127, 0, 0, 1], 9092));
        let connection = Connection::new(1, listener, (end, end), 0);
        connection.set_busy(true);
        connection
    }

    fn answer_of(bytes: usize, mute: Duration) -> Answer {
        Answer {
            frame: vec![7; bytes],
            sent: 0,
            charge: Charge::anyway(&Arc::new(Budget::new(1 << 20)), bytes),
            mute,
        }
    }

    fn is_rung(connection: &Connection) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        connection.signal.poll(&mut context).is_ready()
    }

    /// Every answer would go by its task again, which costs as much as to decide it, and no other test would notice.
    #[test]
    fn an_answer_passes_a_task_that_waits_for_it() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let connection = asked();
        // SAFETY: the pair outlives the connection.
        let outlet = unsafe { Outlet::of(&ours) };
        assert!(connection.take_answer(Some(outlet)).is_none());
        assert!(connection.answer(answer_of(100, Duration::ZERO), NOW_MS));
        let mut taken = [0; 100];
        theirs.read_exact(&mut taken).unwrap();
        assert_eq!(taken, [7; 100]);
        assert!(!is_rung(&connection), "its task is woken for nothing");
        assert!(!connection.is_busy() && connection.active_at_ms() == NOW_MS);
        assert!(matches!(connection.take_answer(None), Some(Answered::Sent)));
    }

    /// A large answer would keep whoever decides, one that mutes would be sent and its connection read on, and one whose
    /// task has something to send before it would come first.
    #[test]
    fn what_is_not_to_pass_its_task_wakes_it() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let cases = [
            (true, SENT_PAST_BYTES_MAX + 1, Duration::ZERO),
            (true, 100, Duration::from_millis(1)),
            (false, 100, Duration::ZERO),
        ];
        for (is_open, bytes, mute) in cases {
            let connection = asked();
            // SAFETY: the pair outlives the connection.
            let outlet = is_open.then(|| unsafe { Outlet::of(&ours) });
            assert!(connection.take_answer(outlet).is_none());
            assert!(!connection.answer(answer_of(bytes, mute), NOW_MS));
            assert!(is_rung(&connection) && connection.is_busy());
            let taken = connection.take_answer(None);
            assert!(matches!(taken, Some(Answered::Here(answer)) if answer.sent == 0));
            assert!((&theirs).read(&mut [0]).is_err(), "{bytes} bytes, {mute:?}");
        }
    }

    /// What was opened for one wait would be written to after it, when the task uses its socket again, or has closed it.
    #[test]
    fn who_looks_again_shuts_what_was_open() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let connection = asked();
        // SAFETY: the pair outlives the connection.
        let outlet = unsafe { Outlet::of(&ours) };
        assert!(connection.take_answer(Some(outlet)).is_none());
        assert!(connection.take_answer(None).is_none());
        assert!(!connection.answer(answer_of(1, Duration::ZERO), NOW_MS));
        assert!((&theirs).read(&mut [0]).is_err());
    }
}
