//! A node's native half, real or simulated: what `Node` asks of either, behind one name.
//!
//! `Partitions` is implemented once, for a host over any disk and any waiter. The rest differs: a real node's clock,
//! sockets and queue are its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::connection::limits::Most;
use ottla_core::disk::Disk as CoreDisk;
use ottla_core::hosting::{
    Answer, CleanerConfig, Described, Future, Host, Inquiry, LostLogDir, Moving, PartitionState,
    Report, Shown, Stray,
};
use ottla_core::log::Appended;
use ottla_core::partition::{TopicConfig, Waiter};
use ottla_core::serving::{self, Api, Reply};
use ottla_node::{ClockSet, NodeError};

use crate::disk::AnyDisk;

type Outcome<T> = Result<T, NodeError>;

/// What is asked of the partitions that a node hosts; each is documented at `Host`.
pub trait Partitions {
    fn place(&self, states: Vec<PartitionState>) -> Outcome<()>;
    fn configure_cleaner(&self, config: CleanerConfig);
    fn configure_topic(&self, topic: &str, config: &TopicConfig);
    fn delete_partitions(&self, partitions: &[(String, i32)]);
    fn mark(&self, mark: i64) -> bool;
    fn move_partition(&self, topic: &str, index: i32, log_dir: usize) -> Outcome<()>;
    fn finish_move(&self, topic: &str, index: i32);
    fn limit_moves(&self, bytes_per_second: u64);
    fn moves(&self) -> Vec<Moving>;
    fn futures(&self) -> Vec<Future>;
    fn resume_moves(&self) -> Vec<Moving>;
    fn lost_log_dirs(&self) -> Vec<LostLogDir>;
    fn strays(&self) -> Outcome<Vec<Stray>>;
    fn set_strays_aside(&self) -> Outcome<Vec<String>>;
    fn describe(&self, topic: &str, index: i32) -> Outcome<Described>;
    fn describe_lately(&self, topic: &str, index: i32) -> Outcome<Described>;
    fn append(
        &self,
        topic: &str,
        index: i32,
        records: Vec<u8>,
        transaction_version: i16,
    ) -> Outcome<Appended>;
    fn verified(&self, job: i64, told: Vec<(i16, Option<String>)>) -> Outcome<()>;
    fn read(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
        bytes_max: usize,
        to_log_end: bool,
    ) -> Outcome<Vec<u8>>;
    fn ask(&self, job: i64, inquiries: &[Inquiry]) -> Option<Vec<Answer>>;
    fn take_report(&self) -> Vec<Report>;
    fn previous_broker_epoch(&self) -> i64;
    fn flush(&self);
}

impl<D: CoreDisk, W: Waiter> Partitions for Host<D, W> {
    fn place(&self, states: Vec<PartitionState>) -> Outcome<()> {
        self.place(states)
    }

    fn configure_cleaner(&self, config: CleanerConfig) {
        self.configure_cleaner(config);
    }

    fn configure_topic(&self, topic: &str, config: &TopicConfig) {
        self.configure_topic(topic, config);
    }

    fn delete_partitions(&self, partitions: &[(String, i32)]) {
        self.delete_partitions(partitions);
    }

    fn mark(&self, mark: i64) -> bool {
        self.mark(mark)
    }

    fn move_partition(&self, topic: &str, index: i32, log_dir: usize) -> Outcome<()> {
        self.move_partition(topic, index, log_dir)
    }

    fn finish_move(&self, topic: &str, index: i32) {
        self.finish_move(topic, index);
    }

    fn limit_moves(&self, bytes_per_second: u64) {
        self.limit_moves(bytes_per_second);
    }

    fn moves(&self) -> Vec<Moving> {
        self.moves()
    }

    fn futures(&self) -> Vec<Future> {
        self.futures()
    }

    fn resume_moves(&self) -> Vec<Moving> {
        self.resume_moves()
    }

    fn lost_log_dirs(&self) -> Vec<LostLogDir> {
        self.lost_log_dirs()
    }

    fn strays(&self) -> Outcome<Vec<Stray>> {
        self.strays()
    }

    fn set_strays_aside(&self) -> Outcome<Vec<String>> {
        self.set_strays_aside()
    }

    fn describe(&self, topic: &str, index: i32) -> Outcome<Described> {
        self.describe(topic, index)
    }

    fn describe_lately(&self, topic: &str, index: i32) -> Outcome<Described> {
        self.describe_lately(topic, index)
    }

    fn append(
        &self,
        topic: &str,
        index: i32,
        records: Vec<u8>,
        transaction_version: i16,
    ) -> Outcome<Appended> {
        self.append(topic, index, records, transaction_version)
    }

    fn verified(&self, job: i64, told: Vec<(i16, Option<String>)>) -> Outcome<()> {
        self.verified(job, told)
    }

    fn read(
        &self,
        topic: &str,
        index: i32,
        offset: i64,
        bytes_max: usize,
        to_log_end: bool,
    ) -> Outcome<Vec<u8>> {
        self.read(topic, index, offset, bytes_max, to_log_end)
    }

    fn ask(&self, job: i64, inquiries: &[Inquiry]) -> Option<Vec<Answer>> {
        self.ask(job, inquiries)
    }

    fn take_report(&self) -> Vec<Report> {
        self.take_report()
    }

    fn previous_broker_epoch(&self) -> i64 {
        self.previous_broker_epoch()
    }

    fn flush(&self) {
        self.flush();
    }
}

/// Who asked, as far as Python is told.
pub trait Caller: Send + Sync {
    fn id(&self) -> u64;
    fn listener(&self) -> &str;
    /// Host and port of our end, then of the peer's.
    fn ends(&self) -> &[(Box<str>, u16); 2];
    fn principal(&self) -> &str;
    /// The error that a test wants its request answered with; 0 for none.
    fn fault(&self) -> i16 {
        0
    }
}

impl Caller for ottla_node::Connection {
    fn fault(&self) -> i16 {
        self.fault.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn listener(&self) -> &str {
        &self.listener.name
    }

    fn ends(&self) -> &[(Box<str>, u16); 2] {
        &self.ends
    }

    fn principal(&self) -> &str {
        self.principal()
    }
}

impl Caller for ottla_sim::Connection {
    fn id(&self) -> u64 {
        self.id
    }

    fn listener(&self) -> &str {
        &self.listener
    }

    fn ends(&self) -> &[(Box<str>, u16); 2] {
        &self.ends
    }

    fn principal(&self) -> &str {
        self.principal()
    }
}

/// What either half hands over.
pub type Asked = serving::Asked<Arc<dyn Caller>>;
pub type Item = serving::Item<Arc<dyn Caller>>;

fn handed_over<C: Caller + 'static>(items: Vec<serving::Item<Arc<C>>>) -> Vec<Item> {
    let items = items.into_iter();
    items
        .map(|item| item.map(|connection| connection as Arc<dyn Caller>))
        .collect()
}

/// Either half.
pub enum Half {
    Real(ottla_node::Node),
    Simulated(Arc<ottla_sim::Node>),
}

macro_rules! either {
    ($self:ident, $node:ident => $call:expr) => {
        match $self {
            Self::Real($node) => $call,
            Self::Simulated($node) => $call,
        }
    };
}

impl Half {
    /// Ask the node's partitions something; a panic poisons the node and comes back as an error.
    pub fn ask<T>(&self, work: impl FnOnce(&dyn Partitions) -> Outcome<T>) -> Outcome<T> {
        either!(self, node => node.ask(|host| work(host)))
    }

    pub fn now_ms(&self) -> i64 {
        either!(self, node => node.now_ms())
    }

    pub fn steady_ms(&self) -> i64 {
        either!(self, node => node.steady_ms())
    }

    pub fn jump_wall_clock(&self, by_ms: i64) {
        either!(self, node => node.jump_wall_clock(by_ms));
    }

    pub fn advance_clock(&self, by_ms: u64) -> i64 {
        either!(self, node => node.advance_clock(by_ms))
    }

    /// How long until the steady clock shows this; None if it stands still before that.
    pub fn until_steady_ms(&self, at_ms: i64) -> Option<i64> {
        match self {
            Self::Real(node) => node.until_steady_ms(at_ms),
            Self::Simulated(node) => Some(at_ms.saturating_sub(node.steady_ms()).max(0)),
        }
    }

    /// Nothing is set in a simulated one: whoever simulates has the time.
    pub fn set_clock(&self) -> ClockSet {
        match self {
            Self::Real(node) => node.set_clock(),
            Self::Simulated(_) => ClockSet::default(),
        }
    }

    /// A simulated clock stands still until it is moved.
    pub fn freeze_clock(&self, frozen: bool) {
        if let Self::Real(node) = self {
            node.freeze_clock(frozen);
        }
    }

    pub fn listen(
        &self,
        name: &str,
        host: &str,
        port: u16,
        controller: bool,
        backlog: i32,
    ) -> Outcome<u16> {
        match self {
            Self::Real(node) => node.listen(name, host, port, controller, backlog),
            Self::Simulated(node) => node.listen(name, port, controller),
        }
    }

    pub fn set_apis(&self, rows: impl IntoIterator<Item = Api>) -> Outcome<()> {
        either!(self, node => node.set_apis(rows))
    }

    pub fn bind(&self) -> Outcome<()> {
        either!(self, node => node.bind())
    }

    pub fn serve(&self) -> Outcome<()> {
        either!(self, node => node.serve())
    }

    pub fn next(&self, timeout: Option<Duration>) -> Outcome<Vec<Item>> {
        match self {
            Self::Real(node) => Ok(handed_over(node.next(timeout)?)),
            Self::Simulated(node) => Ok(handed_over(node.next()?)),
        }
    }

    pub fn wake(&self) {
        either!(self, node => node.wake());
    }

    pub fn reply(&self, token: u64, reply: &Reply<'_>) -> Outcome<()> {
        either!(self, node => node.reply(token, reply))
    }

    pub fn forget_replies(&self) -> Outcome<()> {
        either!(self, node => node.forget_replies())
    }

    pub fn identify(&self, connection_id: u64, principal: &str) -> Outcome<()> {
        either!(self, node => node.identify(connection_id, principal))
    }

    /// A simulated node takes whoever its simulator connects.
    pub fn limit_connections(
        &self,
        listeners: HashMap<String, Most>,
        per_address: usize,
        addresses: HashMap<IpAddr, usize>,
    ) -> Outcome<()> {
        match self {
            Self::Real(node) => node.limit_connections(listeners, per_address, addresses),
            Self::Simulated(_) => Ok(()),
        }
    }

    pub fn hang_up(&self, token: u64) -> Outcome<()> {
        either!(self, node => node.hang_up(token))
    }

    pub fn await_wanted(&self, timeout: Duration) -> Outcome<bool> {
        match self {
            Self::Real(node) => node.await_wanted(timeout),
            Self::Simulated(node) => node.await_wanted(),
        }
    }

    pub fn begin(&self, pass: &str) -> Outcome<()> {
        either!(self, node => node.begin(pass))
    }

    /// Do this where one may block; `Event::Written` with this number says that it is done, or why not.
    pub fn write(
        &self,
        job: i64,
        work: impl FnOnce() -> Result<(), NodeError> + Send + 'static,
    ) -> Outcome<()> {
        either!(self, node => node.write(job, work))
    }

    pub fn settle(&self, timeout: Duration) -> Outcome<bool> {
        match self {
            Self::Real(node) => node.settle(timeout),
            Self::Simulated(node) => node.settle().map(|()| true),
        }
    }

    pub fn disk(&self) -> AnyDisk {
        match self {
            Self::Real(node) => AnyDisk::Node(node.disk()),
            Self::Simulated(node) => AnyDisk::Sim(node.disk()),
        }
    }

    /// Who is connected, by the numbers that requests carry.
    pub fn connections(&self) -> Outcome<Vec<u64>> {
        either!(self, node => node.connections())
    }

    pub fn metrics(&self, late_ms: i64) -> Outcome<Vec<(String, f64)>> {
        either!(self, node => node.metrics(late_ms))
    }

    pub fn series(&self, metrics: Vec<(String, String)>) -> Outcome<Vec<String>> {
        let known = metrics.into_iter().map(|(name, shown)| {
            let unknown = || NodeError::new("invalid", format!("nothing is shown as {shown}"));
            Ok((name, Shown::named(&shown).ok_or_else(unknown)?))
        });
        let known = known.collect::<Outcome<Vec<_>>>()?;
        either!(self, node => node.series(&known))
    }

    pub fn stop(&self, timeout: Duration, broker_epoch: i64) -> Outcome<()> {
        match self {
            Self::Real(node) => node.stop(timeout, broker_epoch),
            Self::Simulated(node) => node.stop(broker_epoch),
        }
    }

    pub fn kill(&self) {
        either!(self, node => node.kill());
    }

    pub fn power_cut(&self) -> Outcome<()> {
        either!(self, node => node.power_cut())
    }

    pub fn after_fork_child(&self) {
        if let Self::Real(node) = self {
            node.after_fork_child();
        }
    }

    /// Let requests fare as a test says.
    ///
    /// # Errors
    /// "invalid" for a simulated one, whose connections fail as the simulation says.
    pub fn set_request_faults(&self, faults: Arc<ottla_node::RequestFaults>) -> Outcome<()> {
        match self {
            Self::Real(node) => {
                node.set_request_faults(faults);
                Ok(())
            }
            Self::Simulated(_) => {
                let text = "a simulated node's requests fare as its simulation says";
                Err(NodeError::new("invalid", text))
            }
        }
    }

    /// The disk that fails where a test says so.
    ///
    /// # Errors
    /// "invalid" for a simulated one, which fails in its own ways.
    pub fn faulty_disk(&self) -> Outcome<ottla_node::NodeDisk> {
        match self {
            Self::Real(node) => Ok(node.disk()),
            Self::Simulated(_) => {
                let text = "a simulated node's disk fails where its SimDisk is told to";
                Err(NodeError::new("invalid", text))
            }
        }
    }
}
