//! Produce: from the frame to the logs' files without a copy, then until the in-sync replicas have it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::permitted::{Kept, Named, permitted};
use super::{Header, Step, busy_for, patience};
use crate::batch::is_transactional;
use crate::code::Code;
use crate::connection::put_response_header;
use crate::disk::Disk;
use crate::hosting::{Cell, Guard, Host, Operation, add};
use crate::hot::{
    Malformed, ProducePart, ProduceRequest, Produced, TopicAt, parse_produce, put_produce_response,
};
use crate::log::{
    AppendContext, AppendError, LogConfig, Origin, Prepared, memory_to_prepare, prepare,
};
use crate::partition::{AppendDone, Awaited, Outcome, Waiter};

const ALL_IN_SYNC: i16 = -1;
/// Lists for no more partitions are kept for the next request.
const PARTITIONS_FEW: usize = 64;

/// An append whose producer waits for others to have it.
struct Pending<D: Disk, W: Waiter> {
    place: usize,
    cell: Arc<Cell<D, W>>,
    awaited: Awaited,
}

/// Records that are looked through beside their log's lock. They are for that log: meanwhile its topic may be deleted,
/// and made again with another config.
enum Heavy<D: Disk, W: Waiter> {
    None,
    Wanted(Arc<Cell<D, W>>, LogConfig),
    Ready(Arc<Cell<D, W>>, Result<Prepared, AppendError>),
}

/// One Produce request after the other. Its lists are kept from one to the next.
pub struct Produce<D: Disk, W: Waiter> {
    request: ProduceRequest,
    outcomes: Vec<Produced>,
    pending: Vec<Pending<D, W>>,
    heavy: Heavy<D, W>,
    context: AppendContext,
    /// Its time is up: who holds a partition is waited for no more.
    hurried: bool,
    throttle_ms: i32,
}

impl<D: Disk, W: Waiter> Default for Produce<D, W> {
    fn default() -> Self {
        Self {
            request: ProduceRequest::default(),
            outcomes: Vec::new(),
            pending: Vec::new(),
            heavy: Heavy::None,
            context: AppendContext {
                now_ms: 0,
                leader_epoch: -1, // the partition's own
                origin: Origin::Client,
                produce_version: 0,
            },
            hurried: false,
            throttle_ms: 0,
        }
    }
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a peer may have to be hung up on"]
pub enum Finished {
    /// By a reply, whose length is not written yet: the place of its length.
    Reply { size_at: usize },
    /// Nobody waits for one.
    Silent,
    /// Nobody waits for one, and a partition was refused: to hang up is Kafka's only way to tell it.
    HangUp,
}

/// What came of the part at hand.
enum Part {
    Settled(Produced),
    Busy,
    Heavy,
}

impl<D: Disk, W: Waiter> Produce<D, W> {
    /// Begin with a request.
    ///
    /// # Errors
    /// What is wrong with the frame; the peer is to be hung up on.
    pub fn begin(&mut self, frame: &[u8], header: &Header, now_ms: i64) -> Result<(), Malformed> {
        self.outcomes.clear();
        self.pending.clear();
        self.heavy = Heavy::None;
        self.hurried = false;
        self.throttle_ms = 0;
        self.context.now_ms = now_ms;
        self.context.produce_version = header.version;
        parse_produce(frame, header.body_at, header.version, &mut self.request)?;
        Ok(())
    }

    /// Whether the peer waits for a reply.
    pub fn wants_reply(&self) -> bool {
        self.request.acks != 0
    }

    /// Whether any partition was refused.
    pub fn is_refused(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.error_code != Code::None)
    }

    /// How long the producer waits for the in-sync replicas, once it is parked.
    pub fn timeout_ms(&self) -> u64 {
        u64::try_from(self.request.timeout_ms).unwrap_or(0)
    }

    /// How long it is tried again that is `Busy` before it is parked; once it is, no longer than it waits.
    pub fn busy_for(&self) -> Duration {
        busy_for(self.timeout_ms())
    }

    /// Append what is not appended, then see who has it.
    pub fn step(
        &mut self,
        host: &Host<D, W>,
        frame: &mut [u8],
        header: &Header,
        waiter: &Arc<W>,
    ) -> Step {
        while self.outcomes.len() < self.request.parts.len() {
            match self.append_part(host, frame, header, waiter.principal()) {
                Part::Settled(outcome) => {
                    self.heavy = Heavy::None; // what was prepared for this part is no other one's
                    self.outcomes.push(outcome);
                }
                Part::Busy => return Step::Busy,
                Part::Heavy => return Step::Heavy,
            }
        }
        if self.pending.is_empty() {
            return Step::Done;
        }
        self.look_at_pending(host, waiter)
    }

    /// What `prepare` will take beside the frame.
    pub fn memory_to_prepare(&self, frame: &[u8]) -> usize {
        match (&self.heavy, self.records_at_hand()) {
            (Heavy::Wanted(_, config), Some(records)) => memory_to_prepare(&frame[records], config),
            _ => 0,
        }
    }

    /// After `Heavy`: look the records of the part at hand through. It may take long and locks nothing.
    pub fn prepare(&mut self, frame: &mut [u8]) {
        if let (Heavy::Wanted(cell, config), Some(records)) = (&self.heavy, self.records_at_hand())
        {
            let prepared = prepare(&mut frame[records], config, &self.context);
            self.heavy = Heavy::Ready(Arc::clone(cell), prepared);
        }
    }

    /// Its time is up: from here on no step is `Busy`. What could not be appended because somebody holds its
    /// partition is told so, and the other parts come as they are.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Its client is over a quota: it is told to wait so long, and its driver reads nothing of it meanwhile (KIP-219).
    pub fn throttle(&mut self, throttle_ms: i32) {
        self.throttle_ms = throttle_ms.max(0);
    }

    /// After the reply.
    pub fn throttle_ms(&self) -> i32 {
        self.throttle_ms
    }

    /// The producer's time is over: what has not reached the in-sync replicas is told so.
    pub fn time_is_up(&mut self) {
        for waiting in self.pending.drain(..) {
            self.outcomes[waiting.place] = Produced::refused(Code::RequestTimedOut);
        }
    }

    /// What the producer hears of a request that is done, put where replies wait. The request is over: what a large one
    /// took is given back.
    pub fn finish(&mut self, out: &mut Vec<u8>, frame: &[u8], header: &Header) -> Finished {
        let finished = if self.wants_reply() {
            let size_at = put_response_header(out, header.correlation_id, header.flexible);
            let told = (header.version, self.throttle_ms);
            put_produce_response(out, told, frame, &self.request, &self.outcomes);
            Finished::Reply { size_at }
        } else if self.is_refused() {
            Finished::HangUp
        } else {
            Finished::Silent
        };
        self.request.shrink_to(PARTITIONS_FEW);
        self.outcomes.clear();
        self.outcomes.shrink_to(PARTITIONS_FEW);
        self.heavy = Heavy::None;
        finished
    }

    fn records_at_hand(&self) -> Option<Range<usize>> {
        self.request.parts.get(self.outcomes.len())?.records.clone()
    }

    fn append_part(
        &mut self,
        host: &Host<D, W>,
        frame: &mut [u8],
        header: &Header,
        principal: &str,
    ) -> Part {
        let part = &self.request.parts[self.outcomes.len()];
        let topic = match &self.request.topics[part.topic] {
            TopicAt::Id(id) => Named::Id(id),
            named @ TopicAt::Name(_) => Named::Name(named.name(frame)),
        };
        let cell = match permitted(host, principal, Operation::Write, topic, part.index) {
            Ok(cell) => cell,
            Err(Kept::Refused(code)) => return Part::Settled(Produced::refused(code)),
            Err(Kept::Unknown) if self.hurried => {
                return Part::Settled(Produced::refused(Code::RequestTimedOut));
            }
            Err(Kept::Unknown) => return Part::Busy,
        };
        let records = part.records.clone();
        let records = records.map_or(&mut [][..], |range| &mut frame[range]);
        let outcome = match refusal(&cell, header, &self.request, part, records) {
            Some(refused) => Err(refused),
            None => match self.append(host, &cell, records) {
                Ok(Some((outcome, awaited))) => {
                    if let Some(awaited) = awaited {
                        self.pending.push(Pending {
                            place: self.outcomes.len(),
                            cell: Arc::clone(&cell),
                            awaited,
                        });
                    }
                    Ok(outcome)
                }
                Ok(None) if matches!(self.heavy, Heavy::Wanted(..)) => return Part::Heavy,
                Ok(None) if self.hurried => Err(Produced::refused(Code::RequestTimedOut)),
                Ok(None) => return Part::Busy,
                Err(refused) => Err(*refused),
            },
        };
        add(&cell.traffic.produce_requests, 1);
        if outcome.is_err() {
            add(&cell.traffic.produce_failed, 1);
        }
        Part::Settled(outcome.unwrap_or_else(|refused| refused))
    }

    /// Append, if that is light work or was prepared. Says what is to be waited for, if anything; None if nothing was
    /// done.
    fn append(
        &mut self,
        host: &Host<D, W>,
        cell: &Arc<Cell<D, W>>,
        records: &mut [u8],
    ) -> Result<Option<(Produced, Option<Awaited>)>, Box<Produced>> {
        cell.touch();
        let Some(mut guard) = host.hold_within(cell, patience(self.hurried)) else {
            return Ok(None);
        };
        let Some(partition) = guard.as_mut() else {
            return Err(Box::new(Produced::refused(cell.absence())));
        };
        let all = self.request.acks == ALL_IN_SYNC;
        let done = match std::mem::replace(&mut self.heavy, Heavy::None) {
            Heavy::Ready(of, prepared) if Arc::ptr_eq(&of, cell) => match prepared {
                Ok(prepared) => partition.append_prepared(records, prepared, &self.context, all),
                Err(error) => Err(partition.refusal(error)),
            },
            _ => match partition.append_light(records, &self.context, all) {
                Ok(Some(done)) => Ok(done),
                Err(refused) => Err(refused),
                Ok(None) => {
                    let config = partition.log().config().clone();
                    self.heavy = Heavy::Wanted(Arc::clone(cell), config);
                    return Ok(None);
                }
            },
        };
        settle(host, cell, guard, done, self.request.acks).map(Some)
    }

    /// Who waits hears of what happens to its partitions from here on.
    fn look_at_pending(&mut self, host: &Host<D, W>, waiter: &Arc<W>) -> Step {
        waiter.wants().begin(i64::MAX);
        let mut busy = false;
        for waiting in std::mem::take(&mut self.pending) {
            match look_at(host, &waiting, patience(self.hurried), waiter) {
                Some(Outcome::Safe) => {}
                Some(Outcome::Refused(code)) => {
                    self.outcomes[waiting.place] = Produced::refused(code);
                }
                Some(Outcome::Waiting) => self.pending.push(waiting),
                None if self.hurried => {
                    self.outcomes[waiting.place] = Produced::refused(Code::RequestTimedOut);
                }
                None => {
                    self.pending.push(waiting);
                    busy = true;
                }
            }
        }
        match (self.pending.is_empty(), busy) {
            (true, _) => Step::Done,
            (false, true) => Step::Busy, // it is not parked there yet
            (false, false) => Step::Parked,
        }
    }
}

/// What came of an append that is waited for; parked if it is waited for on. None while somebody holds its partition.
fn look_at<D: Disk, W: Waiter>(
    host: &Host<D, W>,
    waiting: &Pending<D, W>,
    patience: Duration,
    waiter: &Arc<W>,
) -> Option<Outcome> {
    let cell = &waiting.cell;
    if let Some(code) = cell.refusal() {
        return Some(Outcome::Refused(code)); // whoever holds it, it is lost or gone
    }
    let mut guard = host.hold_within(cell, patience)?;
    let Some(partition) = guard.as_mut() else {
        return Some(Outcome::Refused(cell.absence()));
    };
    let outcome = partition.outcome_of(&waiting.awaited);
    if outcome == Outcome::Waiting {
        partition.park(waiter, false);
    }
    Some(outcome)
}

/// What is refused before the log sees it.
fn refusal<D: Disk, W: Waiter>(
    cell: &Cell<D, W>,
    header: &Header,
    request: &ProduceRequest,
    part: &ProducePart,
    records: &[u8],
) -> Option<Produced> {
    if !(-1..=1).contains(&request.acks) {
        return Some(Produced::refused(Code::InvalidRequiredAcks));
    }
    if cell.internal && !header.from_admin {
        return Some(Produced::refused(Code::InvalidTopicException));
    }
    if let Some(code) = cell.refusal() {
        return Some(Produced::refused(code));
    }
    if request.transactional || is_transactional(records) {
        // A code that the Java producer takes as fatal: it stops at once instead of trying again.
        let text = format!(
            "{}-{}: transactions are not served yet",
            cell.topic, part.index
        );
        return Some(Produced::refused_with(Code::UnsupportedVersion, text));
    }
    None
}

/// What follows from an append, while the partition is still locked.
fn settle<D: Disk, W: Waiter>(
    host: &Host<D, W>,
    cell: &Arc<Cell<D, W>>,
    mut guard: Guard<'_, D, W>,
    done: Result<AppendDone, Produced>,
    acks: i16,
) -> Result<(Produced, Option<Awaited>), Box<Produced>> {
    let Some(partition) = guard.as_mut() else {
        return Err(Box::new(Produced::refused(cell.absence())));
    };
    let done = match done {
        Ok(done) => done,
        Err(refused) => {
            host.append_refused(cell, partition, &refused);
            return Err(Box::new(refused));
        }
    };
    host.appended(cell, partition, &done);
    // Where `flush.messages` owes a flush, nobody is told before it.
    let waits = acks != 0 && partition.outcome_of(&done.awaited) == Outcome::Waiting;
    drop(guard);
    let appended = done.appended;
    if !appended.duplicate {
        cell.traffic
            .messages_in
            .fetch_add(appended.record_count, Ordering::Relaxed);
        cell.traffic
            .bytes_in
            .fetch_add(appended.size_bytes, Ordering::Relaxed);
    }
    let produced = Produced {
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start_offset,
        ..Produced::refused(Code::None)
    };
    Ok((produced, waits.then_some(done.awaited)))
}
