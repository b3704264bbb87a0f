//! One node's native half in a simulation: what a real one offers, and the steps that its holder chooses from.
//!
//! Whatever a real node's threads, sockets and timers would bring about by themselves is a step here: a frame is
//! handled, a parked request is woken or its time is up, work of the background is done.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_core::CoreError;
use ottla_core::disk::SimDisk;
use ottla_core::hosting::{Event, HostOptions, Pass, Shown, Surroundings};
use ottla_core::serving::{Api, Apis, KeptReplies};

use crate::around::{Around, SimHost, Work};
use crate::connection::{Connection, Item};
use crate::line::{Line, LineFaults, Over};

/// What fetch sessions may remember.
const SESSIONS_BYTES_MAX: usize = 1 << 24;

/// How the node was asked to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub node_id: i32,
    pub log_dirs: Vec<PathBuf>,
    pub seed: u64,
    pub now_ms: i64,
    pub request_size_bytes_max: usize,
    pub fetch_session_slots: usize,
    pub fetch_max_bytes: usize,
    /// A fault for tests, which a simulation has to find: "early-answers", "forgotten-producers" or "patient-fetches";
    /// "" for none.
    pub plant: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The next frame of this connection is handled.
    Frame,
    /// This connection's parked request was rung, or its time is up.
    Parked,
    /// Work of the background at this place is done.
    Work,
    /// Python takes what waits for it: its holder's step, not one of the node's.
    Turn,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Parked => "parked",
            Self::Work => "work",
            Self::Turn => "turn",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Frame, Self::Parked, Self::Work, Self::Turn];
        all.into_iter().find(|verb| verb.name() == name)
    }
}

pub(crate) struct State {
    apis: Arc<Apis>,
    listeners: Vec<(String, bool, u16)>,
    pub(crate) lines: BTreeMap<u64, Line>,
    /// What was sent on connections that the node has closed, until it is received.
    parting: BTreeMap<u64, Vec<u8>>,
    /// Clients that have closed their connection, and when (steadily).
    deserted: Vec<(u64, i64)>,
    next_id: u64,
    bound: bool,
    serving: bool,
}

impl State {
    /// The node closes this connection: what was answered before is the client's.
    pub(crate) fn part(&mut self, id: u64) {
        if let Some(mut line) = self.lines.remove(&id) {
            line.flush();
            self.parting.insert(id, line.sent);
        }
    }
}

pub struct Node {
    pub options: Options,
    host: Arc<SimHost>,
    around: Arc<Around>,
    disk: SimDisk,
    pub(crate) kept: KeptReplies,
    state: Mutex<State>,
}

pub(crate) fn invalid(text: impl Into<String>) -> CoreError {
    CoreError::new("invalid", text)
}

impl Node {
    /// Take the log directories on this disk.
    ///
    /// # Errors
    /// As `Host::new`.
    pub fn new(options: Options, disk: &SimDisk) -> Result<Self, CoreError> {
        let around = Arc::new(Around::new(options.seed, options.now_ms));
        let disk = disk.mount();
        disk.set_now(options.now_ms);
        let host_options = HostOptions {
            node_id: options.node_id,
            log_dirs: options.log_dirs.clone(),
            fetch_session_slots: options.fetch_session_slots,
            fetch_sessions_bytes_max: SESSIONS_BYTES_MAX,
            fetch_bytes_max: options.fetch_max_bytes,
            skew: ottla_core::log::Skew::default(),
        };
        Ok(Self {
            host: SimHost::new(host_options, disk.clone(), |_| around.clone())?,
            around,
            disk,
            kept: KeptReplies::default(),
            state: Mutex::new(State {
                apis: Arc::default(),
                listeners: Vec::new(),
                lines: BTreeMap::new(),
                parting: BTreeMap::new(),
                deserted: Vec::new(),
                next_id: 1,
                bound: false,
                serving: false,
            }),
            options,
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Do something; a panic poisons the node and comes back as an error.
    ///
    /// # Errors
    /// What the work says; "stopped" after an end, "poisoned" after a panic.
    pub fn call<T>(&self, work: impl FnOnce() -> Result<T, CoreError>) -> Result<T, CoreError> {
        if let Some(text) = &self.around.state().poison {
            return Err(CoreError::new("poisoned", text.as_str()));
        }
        if !self.around.is_running() {
            return Err(CoreError::new("stopped", "this node was stopped"));
        }
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = format!("a broken invariant: {}", said.unwrap_or_default());
            self.around.state().poison = Some(text.clone());
            self.around.tell(Event::Poisoned { text: text.clone() });
            Err(CoreError::new("poisoned", text))
        })
    }

    /// Ask the partitions something.
    ///
    /// # Errors
    /// As `call`.
    pub fn ask<T>(
        &self,
        work: impl FnOnce(&SimHost) -> Result<T, CoreError>,
    ) -> Result<T, CoreError> {
        self.call(|| work(&self.host))
    }

    // ---------------------------------------------------------------- as a real node
    pub fn disk(&self) -> SimDisk {
        self.disk.clone()
    }

    pub fn now_ms(&self) -> i64 {
        self.around.now_ms()
    }

    pub fn steady_ms(&self) -> i64 {
        self.around.steady_ms()
    }

    pub fn jump_wall_clock(&self, by_ms: i64) {
        let mut state = self.around.state();
        state.wall_ms = state.wall_ms.saturating_add(by_ms);
        self.disk.set_now(state.wall_ms);
    }

    pub fn advance_clock(&self, by_ms: u64) -> i64 {
        let by_ms = i64::try_from(by_ms).unwrap_or(i64::MAX);
        self.jump_wall_clock(by_ms);
        let mut state = self.around.state();
        state.steady_ms = state.steady_ms.saturating_add(by_ms);
        state.wall_ms
    }

    /// A port of the simulated network: one that was asked for, or the listener's place.
    ///
    /// # Errors
    /// As `call`.
    pub fn listen(&self, name: &str, port: u16, controller: bool) -> Result<u16, CoreError> {
        self.call(|| {
            let mut state = self.state();
            let place = u16::try_from(state.listeners.len()).unwrap_or(0);
            let port = if port == 0 { 20_000 + place } else { port };
            state.listeners.push((name.to_owned(), controller, port));
            Ok(port)
        })
    }

    /// # Errors
    /// As `call`.
    pub fn set_apis(&self, rows: impl IntoIterator<Item = Api>) -> Result<(), CoreError> {
        self.call(|| {
            self.state().apis = Arc::new(Apis::new(rows));
            Ok(())
        })
    }

    /// # Errors
    /// As `call`.
    pub fn bind(&self) -> Result<(), CoreError> {
        self.call(|| {
            self.state().bound = true;
            Ok(())
        })
    }

    /// # Errors
    /// "invalid" before `bind`.
    pub fn serve(&self) -> Result<(), CoreError> {
        self.call(|| {
            let mut state = self.state();
            if !state.bound {
                return Err(invalid(
                    "the hot handlers were not held against the messages",
                ));
            }
            state.serving = true;
            Ok(())
        })
    }

    /// All that waits for Python; it never waits itself.
    ///
    /// # Errors
    /// As `call`, once nothing is left.
    pub fn next(&self) -> Result<Vec<Item>, CoreError> {
        let items = {
            let mut state = self.around.state();
            state.woken = false;
            state.queue.take()
        };
        if items.is_empty() {
            self.call(|| Ok(()))?;
        }
        Ok(items)
    }

    /// Let a turn be a step, even if nothing waits for Python.
    pub fn wake(&self) {
        self.around.wake();
    }

    /// # Errors
    /// "invalid" if there is no such pass.
    pub fn begin(&self, pass: &str) -> Result<(), CoreError> {
        self.call(|| {
            let found = Pass::from_name(pass);
            let found = found.ok_or_else(|| invalid(format!("there is no pass {pass:?}")))?;
            self.around.begin(found);
            Ok(())
        })
    }

    /// Do this as a step of its own; the news of it has this number.
    ///
    /// # Errors
    /// As `call`.
    pub fn write(
        &self,
        job: i64,
        work: impl FnOnce() -> Result<(), CoreError> + Send + 'static,
    ) -> Result<(), CoreError> {
        self.call(|| {
            self.around
                .leave(Work::Write(job, Box::new(work)), Duration::ZERO);
            Ok(())
        })
    }

    /// Do all work that is due.
    ///
    /// # Errors
    /// As `call`.
    pub fn settle(&self) -> Result<(), CoreError> {
        while let Some(work) = self.around.take_first() {
            self.carry_out(work)?;
        }
        Ok(())
    }

    /// Work until nothing is wanted that is not so; false if that has to wait for a later time.
    ///
    /// # Errors
    /// As `call`.
    pub fn await_wanted(&self) -> Result<bool, CoreError> {
        self.settle()?;
        self.ask(|host| Ok(host.is_as_wanted()))
    }

    /// # Errors
    /// As `call`.
    pub fn series(&self, metrics: &[(String, Shown)]) -> Result<Vec<String>, CoreError> {
        self.ask(|host| Ok(host.series(metrics)))
    }

    /// # Errors
    /// As `call`.
    #[allow(clippy::cast_precision_loss)]
    pub fn metrics(&self, late_ms: i64) -> Result<Vec<(String, f64)>, CoreError> {
        self.ask(|host| {
            let mut out = Vec::new();
            host.cleaner_metrics(&mut out);
            let hosted = host.hosted();
            let cells: usize = hosted.topics().map(|topic| topic.cells().count()).sum();
            hosted.traffic(&mut out);
            out.push(("partition.count".into(), cells as f64));
            drop(hosted);
            let (producers, late) = host.producer_counts(late_ms);
            out.push(("partition.producers".into(), producers as f64));
            out.push(("partition.late".into(), late as f64));
            let asked = host.verifications_asked() as f64;
            out.push(("produce.unverified".into(), asked));
            out.push(("connection.count".into(), self.state().lines.len() as f64));
            Ok(out)
        })
    }

    /// Who is connected.
    ///
    /// # Errors
    /// Never here.
    pub fn connections(&self) -> Result<Vec<u64>, CoreError> {
        Ok(self.state().lines.keys().copied().collect())
    }

    /// End cleanly.
    ///
    /// # Errors
    /// The first of what the disk refused.
    pub fn stop(&self, broker_epoch: i64) -> Result<(), CoreError> {
        self.state().lines.clear();
        let closed = self.ask(|host| host.close_logs(broker_epoch));
        self.kill();
        closed
    }

    /// End as if the process had died.
    pub fn kill(&self) {
        if self.end() {
            self.disk.kill();
        }
    }

    /// End as if the machine had lost power.
    ///
    /// # Errors
    /// "stopped" if it had ended.
    pub fn power_cut(&self) -> Result<(), CoreError> {
        if !self.end() {
            return Err(CoreError::new("stopped", "this node was stopped"));
        }
        self.disk.crash();
        Ok(())
    }

    fn end(&self) -> bool {
        let ran = std::mem::replace(&mut self.around.state().running, false);
        if ran {
            self.around.state().owed.clear();
            self.around.state().queue.forget_asked();
            self.state().lines.clear();
            self.host.drop_logs();
        }
        // Who died in the middle of a change has no disk to kill any more.
        ran && self.disk.is_mounted()
    }

    // ---------------------------------------------------------------- what a simulator does
    /// A client connects to the listener of this port; the connection's id.
    ///
    /// # Errors
    /// "invalid" if nobody listens there.
    pub fn connect(&self, port: u16) -> Result<u64, CoreError> {
        self.call(|| {
            let mut state = self.state();
            let found = (state.listeners.iter()).find(|(_, _, bound)| *bound == port);
            let Some((name, controller, _)) = found.cloned().filter(|_| state.serving) else {
                return Err(invalid(format!("nobody listens on port {port}")));
            };
            let id = state.next_id;
            state.next_id += 1;
            let connection = Arc::new(Connection::new(id, name, controller, port));
            let faults = LineFaults {
                answers_early: self.options.plant == "early-answers",
                is_patient: self.options.plant == "patient-fetches",
            };
            let size_max = self.options.request_size_bytes_max;
            let line = Line::new(connection, Arc::clone(&state.apis), size_max, faults);
            state.lines.insert(id, line);
            Ok(id)
        })
    }

    /// Bytes of a client arrive; false if the connection is gone.
    pub fn send(&self, id: u64, bytes: &[u8]) -> bool {
        let mut state = self.state();
        state.lines.get_mut(&id).is_some_and(|line| {
            line.receive(bytes);
            true
        })
    }

    /// What the node sent since this was asked last; None if it hung up.
    pub fn received(&self, id: u64) -> Option<Vec<u8>> {
        let mut state = self.state();
        match state.lines.get_mut(&id) {
            Some(line) => Some(std::mem::take(&mut line.sent)),
            None => state.parting.remove(&id),
        }
    }

    /// A client goes. What it sent before is still handled if its end was in order.
    pub fn close(&self, id: u64, reset: bool) {
        let mut state = self.state();
        state.parting.remove(&id);
        if reset {
            state.lines.remove(&id);
        } else {
            state.deserted.push((id, self.steady_ms()));
        }
    }

    /// The steps that can be taken now: a verb, and the connection or the place that it is about.
    pub fn pending(&self) -> Vec<(Verb, u64)> {
        let now_ms = self.steady_ms();
        let mut found = Vec::new();
        let mut state = self.state();
        let State {
            lines,
            deserted,
            parting,
            ..
        } = &mut *state;
        deserted.retain(|(id, closed_ms)| {
            let line = lines.get(id);
            let stays = line.is_some_and(|line| line.outlives_client(*closed_ms, now_ms));
            if !stays {
                lines.remove(id);
                parting.remove(id);
            }
            stays
        });
        for (id, line) in &state.lines {
            if line.has_frame(now_ms) {
                found.push((Verb::Frame, *id));
            }
            if line.is_due(now_ms) {
                found.push((Verb::Parked, *id));
            }
        }
        let around = self.around.state();
        for (place, owed) in around.owed.iter().enumerate() {
            if owed.due_ms <= now_ms {
                found.push((Verb::Work, place as u64));
            }
        }
        if around.woken || !around.queue.is_empty() {
            found.push((Verb::Turn, 0));
        }
        found
    }

    /// What the work is that waits at this place.
    pub fn work_at(&self, place: usize) -> &'static str {
        let around = self.around.state();
        around.owed.get(place).map_or("", |owed| owed.work.name())
    }

    /// When the next step becomes possible by time alone.
    pub fn next_due_ms(&self) -> Option<i64> {
        let now_ms = self.steady_ms();
        let state = self.state();
        let lines = state
            .lines
            .values()
            .filter_map(|line| line.deadline_ms(now_ms));
        let around = self.around.state();
        let owed = around.owed.iter().map(|owed| owed.due_ms);
        lines.chain(owed).filter(|due| *due > now_ms).min()
    }

    /// Take a step that was pending; false if it is not any more.
    ///
    /// # Errors
    /// As `call`.
    pub fn step(&self, verb: Verb, about: u64) -> Result<bool, CoreError> {
        match verb {
            Verb::Work => {
                let place = usize::try_from(about).unwrap_or(usize::MAX);
                let Some(work) = self.around.take(place) else {
                    return Ok(false);
                };
                self.carry_out(work)?;
                Ok(true)
            }
            Verb::Turn => Ok(false),
            Verb::Frame | Verb::Parked => self.call(|| Ok(self.serve_line(verb, about))),
        }
    }

    fn serve_line(&self, verb: Verb, id: u64) -> bool {
        let mut state = self.state();
        let token = state.next_id;
        state.next_id += 1;
        let Some(line) = state.lines.get_mut(&id) else {
            return false;
        };
        let outcome = match verb {
            Verb::Frame => line.handle(&self.host, token, &self.kept),
            _ => line.go_on(&self.host).map(|()| None),
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(asked)) => self.around.state().queue.ask(asked),
            Err(Over(why)) => {
                state.part(id);
                if let Some(text) = why {
                    let text = format!("closed connection {id}: {text}");
                    self.around.tell(Event::Refused { text });
                }
            }
        }
        true
    }

    fn carry_out(&self, work: Work) -> Result<(), CoreError> {
        self.ask(|host| {
            match work {
                Work::Pass(pass) => host.run(pass),
                Work::Write(job, work) => {
                    let refused = work().err();
                    self.around.tell(Event::Written { job, refused });
                }
                Work::Chore(chore) => {
                    let opens = matches!(chore, ottla_core::hosting::Chore::Places(_));
                    let before: Vec<_> = if opens { self.opened(host) } else { Vec::new() };
                    host.carry_out(chore);
                    if opens && self.options.plant == "forgotten-producers" {
                        self.forget_producers(host, &before);
                    }
                }
            }
            Ok(())
        })
    }

    fn opened(&self, host: &SimHost) -> Vec<([u8; 16], i32)> {
        let cells = host.cells().into_iter();
        let open = cells.filter(|cell| cell.hold().is_some());
        open.map(|cell| (cell.topic_id, cell.index)).collect()
    }

    /// A fault for tests: logs that were opened just now know nothing of their producers.
    fn forget_producers(&self, host: &SimHost, before: &[([u8; 16], i32)]) {
        for cell in host.cells() {
            if before.contains(&(cell.topic_id, cell.index)) {
                continue;
            }
            if let Some(partition) = cell.hold().as_mut() {
                partition.log_mut().expire_producers(i64::MAX);
            }
        }
    }
}
