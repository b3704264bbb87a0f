//! What is around the core in a simulation: a time that somebody moves, a seeded generator, news, and work that waits
//! until somebody chooses it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_core::CoreError;
use ottla_core::disk::SimDisk;
use ottla_core::hosting::{Chore, Event, Guard, Host, Lock, Pass, Surroundings};
use ottla_core::serving::Queue;

use crate::connection::Connection;

pub type SimHost = Host<SimDisk, Connection>;

/// Work that a real node does in the background.
pub enum Work {
    Chore(Chore<SimDisk, Connection>),
    Pass(Pass),
    /// Small files that were handed over; the news of it has this number.
    Write(i64, Box<dyn FnOnce() -> Result<(), CoreError> + Send>),
}

impl Work {
    /// What it is, for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Chore(Chore::Places(_)) => "places",
            Self::Chore(Chore::Flush(_)) => "flush",
            Self::Chore(Chore::Mend(..)) => "mend",
            Self::Chore(Chore::Answer(_)) => "answer",
            Self::Chore(Chore::Ended(_)) => "ended",
            Self::Chore(Chore::Measure(_)) => "measure",
            Self::Chore(Chore::Move(_)) => "move",
            Self::Chore(Chore::SyncVolumes) => "sync volumes",
            Self::Chore(Chore::Clean(_)) => "clean log",
            Self::Pass(Pass::Retention) => "retention",
            Self::Pass(Pass::Roll) => "roll",
            Self::Pass(Pass::Checkpoint) => "checkpoint",
            Self::Pass(Pass::Producers) => "producers",
            Self::Pass(Pass::Deleted) => "deleted",
            Self::Pass(Pass::Clean) => "clean",
            Self::Chore(Chore::Presence(_)) | Self::Pass(Pass::Presence) => "presence",
            Self::Write(..) => "write",
        }
    }
}

/// Work, and from when on (steadily) it may be done.
pub struct Owed {
    pub due_ms: i64,
    pub work: Work,
}

pub struct State {
    pub wall_ms: i64,
    pub steady_ms: i64,
    seed: u64,
    pub queue: Queue<Arc<Connection>>,
    pub owed: Vec<Owed>,
    /// Somebody wants a turn though nothing waits.
    pub woken: bool,
    pub running: bool,
    pub poison: Option<String>,
}

pub struct Around(Mutex<State>);

impl Around {
    pub fn new(seed: u64, wall_ms: i64) -> Self {
        Self(Mutex::new(State {
            wall_ms,
            steady_ms: 0,
            seed,
            queue: Queue::default(),
            owed: Vec::new(),
            woken: false,
            running: true,
            poison: None,
        }))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One pass of a kind waits at a time.
    pub fn begin(&self, pass: Pass) {
        let mut state = self.state();
        let waits = |owed: &Owed| matches!(&owed.work, Work::Pass(of) if *of == pass);
        if !state.owed.iter().any(waits) {
            let due_ms = state.steady_ms;
            let work = Work::Pass(pass);
            state.owed.push(Owed { due_ms, work });
        }
    }

    /// Do this after that time, as a step of its own.
    pub fn leave(&self, work: Work, after: Duration) {
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let mut state = self.state();
        let due_ms = state.steady_ms.saturating_add(after_ms);
        state.owed.push(Owed { due_ms, work });
    }

    /// Take the work at this place, if it is due.
    pub fn take(&self, place: usize) -> Option<Work> {
        let mut state = self.state();
        let due = state.owed.get(place)?.due_ms <= state.steady_ms;
        due.then(|| state.owed.remove(place).work)
    }

    /// The first work that is due.
    pub fn take_first(&self) -> Option<Work> {
        let mut state = self.state();
        let now_ms = state.steady_ms;
        let place = state.owed.iter().position(|owed| owed.due_ms <= now_ms)?;
        Some(state.owed.remove(place).work)
    }
}

impl Surroundings<SimDisk, Connection> for Around {
    fn now_ms(&self) -> i64 {
        self.state().wall_ms
    }

    fn steady_ms(&self) -> i64 {
        self.state().steady_ms
    }

    /// `SplitMix64`.
    fn random(&self) -> u64 {
        let mut state = self.state();
        state.seed = state.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn tell(&self, event: Event) {
        self.state().queue.tell(event);
    }

    fn owe(&self, chore: Chore<SimDisk, Connection>, after: Duration) {
        self.leave(Work::Chore(chore), after);
    }

    /// Nobody else holds anything in one thread.
    fn hold_within<'a>(
        &self,
        partition: &'a Lock<SimDisk, Connection>,
        _patience: Duration,
    ) -> Option<Guard<'a, SimDisk, Connection>> {
        partition.try_lock()
    }

    fn wake(&self) {
        self.state().woken = true;
    }

    fn is_running(&self) -> bool {
        self.state().running
    }
}
