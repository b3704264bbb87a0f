//! One node's native half: made, told to listen and serve, asked, ended. Every method may be called from any
//! thread, and none runs after a poison.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::net::{IpAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use ottla_core::connection::limits::Most;
use ottla_core::hosting::{Event, Pass, Shown};
use ottla_core::serving::Reply;
use tokio::runtime::Runtime;

use crate::apis::{Api, Apis};
use crate::clock::ClockSet;
use crate::connection;
use crate::descriptors::Noted;
use crate::disk::NodeDisk;
use crate::error::NodeError;
use crate::listener::{accept_loop, bind, guarded};
use crate::listening::Listening;
use crate::lock::lock;
use crate::outside::{Life, NodeHost};
use crate::peer::{Ending, Listener};
use crate::pool::panic_text;
use crate::queue::Item;
use crate::releasing::make_room;
use crate::request_faults::RequestFaults;
use crate::shared::{Options, Shared};
use crate::sweep::sweep;

/// How long an abrupt end waits for tasks to let go of their sockets.
const ABRUPT_END: Duration = Duration::from_secs(2);
/// How long a clean end waits for those who are still at work in the folder.
const CLEAN_END: Duration = Duration::from_secs(10);
/// How long an end may take after connections had their time: what it waits for, one after the other.
const END_MAX: Duration = Duration::from_secs(2 + 2 + 10 + 2);

/// Work that a disk may keep waiting has threads of its own; who has a broker for each test has few of them idle.
const IDLE_THREAD_ENDS_AFTER: Duration = Duration::from_secs(1);

/// A listener that waits to be served. The note stands before the socket, so that it is dropped first.
struct Bound {
    listener: Arc<Listener>,
    noted: Noted,
    socket: TcpListener,
}

pub struct Node {
    shared: Arc<Shared>,
    // Never dropped in a forked child, where joining the parent's threads would wait for ever.
    runtime: ManuallyDrop<Mutex<Option<Runtime>>>,
    bound: ManuallyDrop<Mutex<Vec<Bound>>>,
    process_id: u32,
    /// Whether the end is over, for those who came second.
    ended: Mutex<bool>,
    ended_now: Condvar,
}

impl Node {
    pub fn new(options: Options) -> Result<Self, NodeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("ottla-io")
            .thread_keep_alive(IDLE_THREAD_ENDS_AFTER)
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                NodeError::new("storage", format!("no threads to serve with: {error}"))
            })?;
        let shared = Arc::new(Shared::new(options)?);
        let poisoned = Arc::downgrade(&shared);
        let on_panic = move |text: &str| {
            if let Some(node) = poisoned.upgrade() {
                node.poison(text);
            }
        };
        let pool = &shared.outside.pool;
        pool.open(runtime.handle().clone(), Box::new(on_panic));
        make_room(&shared.outside, &shared.host, &shared.disk);
        runtime.spawn(guarded(Arc::clone(&shared), sweep(Arc::clone(&shared))));
        Ok(Self {
            shared,
            runtime: ManuallyDrop::new(Mutex::new(Some(runtime))),
            bound: ManuallyDrop::default(),
            process_id: std::process::id(),
            ended: Mutex::new(false),
            ended_now: Condvar::new(),
        })
    }

    /// Do something for a caller; a panic poisons the node and comes back as an error.
    pub fn call<T>(
        &self,
        work: impl FnOnce(&Arc<Shared>) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        self.shared.check_usable()?;
        catch_unwind(AssertUnwindSafe(|| work(&self.shared))).unwrap_or_else(|panic| {
            let text = panic_text(&*panic);
            self.shared.poison(&text);
            Err(NodeError::new("poisoned", text))
        })
    }

    /// Ask the node's partitions something, as `call`.
    pub fn ask<T>(
        &self,
        work: impl FnOnce(&NodeHost) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        self.call(|shared| work(&shared.host))
    }

    /// Begin a pass over all partitions, by its name; if one of its kind still runs, another follows it.
    pub fn begin(&self, pass: &str) -> Result<(), NodeError> {
        self.call(|shared| {
            let found = Pass::from_name(pass)
                .ok_or_else(|| NodeError::new("invalid", format!("there is no pass {pass:?}")))?;
            shared.passes.begin(found, &shared.outside, &shared.host);
            Ok(())
        })
    }

    /// Do this where one may block; `Event::Written` with this number says that it is done, or why not.
    pub fn write(
        &self,
        job: i64,
        work: impl FnOnce() -> Result<(), NodeError> + Send + 'static,
    ) -> Result<(), NodeError> {
        self.call(|shared| {
            let outside = Arc::clone(&shared.outside);
            shared.outside.pool.run(move || {
                let refused = work().err();
                outside.queue.tell(Event::Written { job, refused });
            });
            Ok(())
        })
    }

    /// Wait until nothing is wanted of the partitions that is not so; false at the timeout.
    pub fn await_wanted(&self, timeout: Duration) -> Result<bool, NodeError> {
        self.call(|shared| Ok(shared.outside.await_wanted(&shared.host, timeout)))
    }

    /// Wait until nothing runs in the background; whether that is so within the timeout.
    pub fn settle(&self, timeout: Duration) -> Result<bool, NodeError> {
        self.call(|shared| Ok(shared.outside.pool.settle(timeout)))
    }

    /// The disk of all that this node keeps, for logs that it does not host itself.
    pub fn disk(&self) -> NodeDisk {
        self.shared.disk.clone()
    }

    pub fn now_ms(&self) -> i64 {
        self.shared.outside.clock.now_ms()
    }

    pub fn steady_ms(&self) -> i64 {
        self.shared.outside.clock.steady_ms()
    }

    /// A fault for tests: set the wall clock forward or back under a running node.
    pub fn jump_wall_clock(&self, by_ms: i64) {
        self.shared.outside.clock.jump_wall(by_ms);
    }

    pub fn advance_clock(&self, by_ms: u64) -> i64 {
        self.shared.outside.clock.advance(by_ms)
    }

    pub fn freeze_clock(&self, frozen: bool) {
        self.shared.outside.clock.freeze(frozen);
    }

    /// How long until the steady clock shows this; None if it stands still before that.
    pub fn until_steady_ms(&self, at_ms: i64) -> Option<i64> {
        self.shared.outside.clock.until_steady_ms(at_ms)
    }

    /// What tests made of the clock, for the next node in its place.
    pub fn set_clock(&self) -> ClockSet {
        self.shared.outside.clock.set()
    }

    /// Let requests fare as these rules say, for tests. Later ones are not taken: a node has one test.
    pub fn set_request_faults(&self, faults: Arc<RequestFaults>) {
        let _ = self.shared.request_faults.set(faults);
    }

    /// Bind a listener and return its port; connections wait in the backlog until `serve`.
    pub fn listen(
        &self,
        name: &str,
        host: &str,
        port: u16,
        controller: bool,
        backlog: i32,
    ) -> Result<u16, NodeError> {
        self.call(|shared| {
            let socket = bind(host, port, backlog, &shared.options)?;
            let port = socket
                .local_addr()
                .map_err(|error| {
                    NodeError::new("bind", format!("the bound port is unknown: {error}"))
                })?
                .port();
            let listener = Arc::new(Listener {
                name: name.to_owned(),
                controller,
            });
            let noted = shared.descriptors.note(&socket);
            lock(&self.bound).push(Bound {
                listener,
                noted,
                socket,
            });
            Ok(port)
        })
    }

    /// Which requests are taken; connections made before keep the table that they came in with.
    pub fn set_apis(&self, rows: impl IntoIterator<Item = Api>) -> Result<(), NodeError> {
        self.call(|shared| {
            let apis = Arc::new(Apis::new(rows));
            *shared.apis.write().unwrap_or_else(PoisonError::into_inner) = apis;
            Ok(())
        })
    }

    /// Note that the hot handlers were held against the declared messages.
    pub fn bind(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            shared
                .bound_to_messages
                .store(true, std::sync::atomic::Ordering::Release);
            Ok(())
        })
    }

    /// Begin to accept on every listener that was bound since the last call.
    pub fn serve(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            let bound = shared
                .bound_to_messages
                .load(std::sync::atomic::Ordering::Acquire);
            if !bound && shared.serves_hot_requests() {
                let text = "the hot handlers were not held against the declared messages: call \
                            Node.bind(produce_request=plan_of(ProduceRequest), ...) first";
                return Err(NodeError::new("invalid", text));
            }
            let runtime = lock(&self.runtime);
            let Some(runtime) = runtime.as_ref() else {
                return shared.check_usable();
            };
            let _entered = runtime.enter();
            for Bound {
                listener,
                noted,
                socket,
            } in lock(&self.bound).drain(..)
            {
                let socket = tokio::net::TcpListener::from_std(socket).map_err(|error| {
                    NodeError::new("bind", format!("a listener cannot be served: {error}"))
                })?;
                let listening = Arc::new(Listening::new(noted, socket));
                lock(&shared.listening).push(Arc::clone(&listening));
                let task = accept_loop(Arc::clone(shared), listener, listening);
                runtime.spawn(guarded(Arc::clone(shared), task));
            }
            Ok(())
        })
    }

    /// All that waits for Python. After an end it returns at once with an error.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Vec<Item>, NodeError> {
        let usable = self.shared.check_usable().is_ok();
        let timeout = if usable {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        self.shared.end_turn();
        let items = self.shared.outside.queue.next(timeout);
        self.shared.begin_turn(&items);
        if items.is_empty() {
            self.shared.check_usable()?;
        }
        Ok(items)
    }

    pub fn wake(&self) {
        self.shared.outside.queue.wake();
    }

    /// Answer a request, and read nothing more from its connection for as long as `mute` says.
    ///
    /// One that `stays` true is kept for whoever asks the same, until `forget_replies`.
    pub fn reply(&self, token: u64, reply: &Reply<'_>) -> Result<(), NodeError> {
        self.call(|shared| {
            connection::reply(shared, token, reply);
            Ok(())
        })
    }

    /// What was kept of replies is no longer so.
    pub fn forget_replies(&self) -> Result<(), NodeError> {
        self.call(|shared| {
            shared.kept.forget();
            Ok(())
        })
    }

    /// Say who speaks on a connection; refused if somebody else did.
    pub fn identify(&self, connection_id: u64, principal: &str) -> Result<(), NodeError> {
        self.call(|shared| {
            if shared.identify(connection_id, principal) {
                return Ok(());
            }
            let text = format!("{principal} cannot speak on a connection that is somebody else's");
            Err(NodeError::new("invalid", text))
        })
    }

    pub fn hang_up(&self, token: u64) -> Result<(), NodeError> {
        self.call(|shared| {
            connection::hang_up(shared, token);
            Ok(())
        })
    }

    /// Let no more connect than this: by listener ("" for all), by address, and from any other address.
    pub fn limit_connections(
        &self,
        listeners: HashMap<String, Most>,
        per_address: usize,
        addresses: HashMap<IpAddr, usize>,
    ) -> Result<(), NodeError> {
        self.call(|shared| {
            lock(&shared.limits).set(listeners, per_address, addresses);
            shared.connection_freed.notify_waiters();
            Ok(())
        })
    }

    /// Who is connected, by the numbers that requests carry.
    pub fn connections(&self) -> Result<Vec<u64>, NodeError> {
        self.call(|shared| Ok(lock(&shared.connections).keys().copied().collect()))
    }

    #[allow(clippy::cast_precision_loss)]
    pub fn metrics(&self, late_ms: i64) -> Result<Vec<(String, f64)>, NodeError> {
        let busy = lock(&self.runtime).as_ref().map(|runtime| {
            let workers = runtime.metrics();
            let busy = |worker| workers.worker_total_busy_duration(worker).as_secs_f64();
            (0..workers.num_workers()).map(busy).collect::<Vec<_>>()
        });
        self.call(|shared| {
            let mut out = Vec::new();
            for (worker, busy) in busy.into_iter().flatten().enumerate() {
                out.push((format!("network.busy_s.{worker}"), busy));
            }
            shared.measure(late_ms, &mut out);
            Ok(out)
        })
    }

    /// Lines of text about each partition, for each of these metrics.
    pub fn series(&self, metrics: &[(String, Shown)]) -> Result<Vec<String>, NodeError> {
        self.call(|shared| Ok(shared.host.series(metrics)))
    }

    /// End cleanly: no new requests; those being handled are finished and answered within `timeout`.
    ///
    /// Then logs are flushed and closed, checkpoints written, and the mark of a clean shutdown last. Whatever
    /// goes wrong on the way, nobody can connect any more when this returns.
    pub fn stop(&self, timeout: Duration, broker_epoch: i64) -> Result<(), NodeError> {
        if let Err(unusable) = self.shared.check_usable() {
            self.end(Ending::Reset);
            return Err(unusable);
        }
        if !self.shared.outside.enter(Life::Stopping) {
            self.await_end(timeout + END_MAX);
            return Ok(());
        }
        lock(&self.bound).clear();
        self.shared.close_listeners();
        self.shared.close_all(Ending::Drain);
        self.await_no_connections(timeout);
        self.shared.close_all(Ending::Close);
        let closed = self.call(|shared| shared.host.close_logs(broker_epoch));
        self.end(Ending::Close);
        closed
    }

    /// End as if the process had died: sockets are reset, nothing is flushed.
    pub fn kill(&self) {
        self.end(Ending::Reset);
    }

    /// End as if the machine had lost power: as a kill, and what was not synced is gone.
    pub fn power_cut(&self) -> Result<(), NodeError> {
        if !self.shared.options.power_cuts {
            let text =
                "this node was not made with power_cuts=True, so what was synced is not known";
            return Err(NodeError::new("invalid", text));
        }
        self.shared.check_usable()?;
        self.end(Ending::Reset);
        let lost = self.shared.disk.lose_unsynced();
        lost.map(|_| ())
            .map_err(|error| NodeError::new("storage", error.to_string()))
    }

    fn end(&self, ending: Ending) {
        if !self.shared.outside.enter(Life::Ended) {
            self.await_end(END_MAX);
            return;
        }
        self.shared.disk.die();
        lock(&self.bound).clear();
        self.shared.close_listeners();
        self.shared.close_all(ending);
        self.await_no_connections(ABRUPT_END);
        self.shared.outside.pool.close();
        self.shared.watch.end();
        let runtime = lock(&self.runtime).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_timeout(ABRUPT_END);
        }
        self.let_go_of_logs(match ending {
            Ending::Reset => ABRUPT_END,
            _ => CLEAN_END,
        });
        self.shared.outside.queue.wake();
        *lock(&self.ended) = true;
        self.ended_now.notify_all();
    }

    /// Who comes next may have the folder when this returns, unless a call to a disk outlasts this patience: that one
    /// is waited for by nobody but a thread of its own.
    fn let_go_of_logs(&self, patience: Duration) {
        if self.shared.host.drop_logs() {
            return;
        }
        let host = Arc::clone(&self.shared.host);
        let (done, awaited) = mpsc::channel();
        std::thread::spawn(move || {
            host.drop_logs_at_last();
            let _ = done.send(()); // nobody may wait any more
        });
        // Who comes too early is told that the folder is in use, and by whom.
        let _ = awaited.recv_timeout(patience);
    }

    /// Wait until another thread, which ends this node, is done with that.
    fn await_end(&self, timeout: Duration) {
        if self.is_foreign() {
            return; // that thread is the parent's
        }
        let ended = lock(&self.ended);
        let waited = self
            .ended_now
            .wait_timeout_while(ended, timeout, |ended| !*ended);
        drop(waited);
    }

    fn await_no_connections(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut connections = lock(&self.shared.connections);
        while !connections.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            connections = self
                .shared
                .connection_gone
                .wait_timeout(connections, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// In a forked child: close what the parent's node had open, and never touch its threads.
    pub fn after_fork_child(&self) {
        if self.process_id == std::process::id() {
            return;
        }
        self.shared.outside.enter(Life::Forked);
        self.shared.descriptors.close_in_child();
    }

    /// Whether this is a copy of a node that lives in another process.
    pub fn is_foreign(&self) -> bool {
        self.process_id != std::process::id()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.is_foreign() {
            return;
        }
        self.kill();
        // SAFETY: nothing uses either field after this drop.
        unsafe {
            ManuallyDrop::drop(&mut self.runtime);
            ManuallyDrop::drop(&mut self.bound);
        }
    }
}
