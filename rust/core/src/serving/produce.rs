//! Produce: from the frame to the logs' files without a copy, then until the in-sync replicas have it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::permitted::{Kept, Named, permitted};
use super::verifying::{self, Said, Verifying, of_producer};
use super::{Header, Step, busy_for, patience};
use crate::code::Code;
use crate::connection::put_response_header;
use crate::disk::Disk;
use crate::hosting::{Cell, Guard, Host, Operation, Unverified, Verdict, add};
use crate::hot::{
    Malformed, ProducePart, ProduceRequest, Produced, TopicAt, parse_produce, put_produce_response,
};
use crate::log::{
    self, AppendContext, AppendError, LogConfig, Origin, Prepared, memory_to_prepare, prepare,
};
use crate::partition::{AppendDone, Awaited, For, Outcome, Waiter};

const ALL_IN_SYNC: i16 = -1;
/// The first version whose producers leave it to the broker to add partitions to their transactions.
const ADDS_FROM: i16 = 12;
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
    verifying: Verifying<W>,
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
                verification: 0,
                transaction_version: 0,
            },
            verifying: Verifying::default(),
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
    /// Its transaction is news here: nobody asked yet whether it may be written to.
    Unverified,
}

/// What came of an attempt to append.
enum Tried {
    Done(Produced, Option<Awaited>),
    Not(Part),
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
        self.verifying.begin(frame, &self.request);
        Ok(())
    }

    /// Whether the peer waits for a reply.
    pub fn wants_reply(&self) -> bool {
        self.request.acks != 0
    }

    /// Whether any partition was refused.
    pub fn is_refused(&self) -> bool {
        self.codes().any(|code| code != Code::None.code())
    }

    /// What each partition's producer is told, in Kafka's numbers.
    pub fn codes(&self) -> impl Iterator<Item = i16> {
        self.outcomes
            .iter()
            .map(|outcome| outcome.error_code.code())
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
        if let Some(step) = self.step_of_transaction(host, frame, waiter.principal()) {
            return step;
        }
        while self.outcomes.len() < self.request.parts.len() {
            match self.append_part(host, frame, header, waiter.principal()) {
                Part::Settled(outcome) => {
                    self.heavy = Heavy::None; // what was prepared for this part is no other one's
                    self.outcomes.push(outcome);
                }
                Part::Busy => return Step::Busy,
                Part::Heavy => return Step::Heavy,
                Part::Unverified => {
                    if let Some(step) = self.verify(host, frame, header, waiter) {
                        return step;
                    }
                }
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

    /// The producer's time is over: what has not reached the in-sync replicas is told so, and what was not appended
    /// since nobody said yet whether it may be. Nobody waits for that any more.
    pub fn time_is_up(&mut self) {
        let refused = || Produced::refused(Code::RequestTimedOut);
        for waiting in self.pending.drain(..) {
            self.outcomes[waiting.place] = refused();
        }
        self.outcomes.resize_with(self.request.parts.len(), refused);
        self.verifying.forget();
    }

    /// Whether it waits for whoever decides.
    pub fn is_asked(&self) -> bool {
        self.verifying.is_asked()
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
        self.verifying.forget();
        self.verifying.shrink_to(PARTITIONS_FEW);
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
        let place = self.outcomes.len();
        let part = &self.request.parts[place];
        let topic = named(&self.request, part, frame);
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
        let (said, size) = (self.verifying.said(place), records.len());
        let outcome = match (refusal(&cell, header, &self.request), said) {
            (Some(refused), _) => Err(refused),
            (None, Some(Said::Refused(told))) => Err(verifying::refused(told)),
            (None, _) => match self.append(host, &cell, records) {
                Ok(Tried::Done(outcome, awaited)) => {
                    if let Some(awaited) = awaited {
                        self.pending.push(Pending {
                            place,
                            cell: Arc::clone(&cell),
                            awaited,
                        });
                    }
                    Ok(outcome)
                }
                Ok(Tried::Not(Part::Busy | Part::Unverified)) if self.hurried => {
                    Err(Produced::refused(Code::RequestTimedOut))
                }
                Ok(Tried::Not(part)) => return part,
                Err(refused) => Err(*refused),
            },
        };
        add(&cell.traffic.produce_requests, 1);
        if let Err(refused) = &outcome {
            add(&cell.traffic.produce_failed, 1);
            cell.traffic.refused(refused.flaw, size);
        }
        Part::Settled(outcome.unwrap_or_else(|refused| refused))
    }

    /// Append, if that is light work or was prepared, and somebody said that it may be where somebody has to. Says what
    /// is to be waited for, if anything.
    fn append(
        &mut self,
        host: &Host<D, W>,
        cell: &Arc<Cell<D, W>>,
        records: &mut [u8],
    ) -> Result<Tried, Box<Produced>> {
        cell.touch();
        let Some(mut guard) = host.hold_within(cell, patience(self.hurried)) else {
            return Ok(Tried::Not(Part::Busy));
        };
        let Some(partition) = guard.as_mut() else {
            return Err(Box::new(Produced::refused(cell.absence())));
        };
        self.context.verification = 0;
        if self.verifying.producer().is_some()
            && let Some(batch) = of_producer(records)
        {
            match self.verifying.said(self.outcomes.len()) {
                Some(Said::GoOn(number)) => self.context.verification = number,
                _ if partition.is_unverified(&batch) => return Ok(Tried::Not(Part::Unverified)),
                _ => {}
            }
        }
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
                    return Ok(Tried::Not(Part::Heavy));
                }
            },
        };
        let (produced, awaited) = settle(host, cell, guard, done, self.request.acks)?;
        Ok(Tried::Done(produced, awaited))
    }

    /// What a request with transactional batches comes to before any of them is looked at: it waits for an answer, or is
    /// refused as a whole. None if it goes on.
    fn step_of_transaction(
        &mut self,
        host: &Host<D, W>,
        frame: &[u8],
        principal: &str,
    ) -> Option<Step> {
        if !self.verifying.is_transactional() {
            return None;
        }
        if self.verifying.waits() {
            return Some(Step::Parked);
        }
        if self.verifying.is_permitted {
            return None;
        }
        let verdict = match self.request.transactional_id(frame) {
            Some(id) => host.around.verdict(principal, Operation::Transact, id),
            None => Verdict::Denied,
        };
        let refused = match verdict {
            Verdict::Allowed => self.verifying.refusal(),
            Verdict::Denied => Some(Produced::refused(Code::TransactionalIdAuthorizationFailed)),
            Verdict::Ask if self.hurried => Some(Produced::refused(Code::RequestTimedOut)),
            Verdict::Ask => return Some(Step::Busy),
        };
        self.verifying.is_permitted = true;
        if let Some(refused) = refused {
            self.outcomes.resize(self.request.parts.len(), refused);
        }
        None
    }

    /// Ask about all that is new to its transaction from the part at hand on. None if nobody has to be asked.
    fn verify(
        &mut self,
        host: &Host<D, W>,
        frame: &[u8],
        header: &Header,
        waiter: &Arc<W>,
    ) -> Option<Step> {
        let at_hand = self.outcomes.len();
        for place in at_hand..self.request.parts.len() {
            if !self.verifying.has(place) && !self.look_over(host, frame, header, waiter, place) {
                return Some(Step::Busy);
            }
        }
        let partitions = self.verifying.open();
        if partitions.is_empty() {
            // What was unknown a moment ago is known, or refused.
            return self.verifying.said(at_hand).is_none().then_some(Step::Busy);
        }
        let (producer_id, producer_epoch) = self.verifying.producer()?;
        let asks = Unverified {
            transactional_id: self.request.transactional_id(frame)?.to_owned(),
            producer_id,
            producer_epoch,
            version: header.version,
            partitions,
        };
        self.verifying.asks(host.ask_of_transaction(asks, waiter));
        Some(Step::Parked)
    }

    /// Note whether this part has to be asked about. False if nobody can say yet.
    fn look_over(
        &mut self,
        host: &Host<D, W>,
        frame: &[u8],
        header: &Header,
        waiter: &Arc<W>,
        place: usize,
    ) -> bool {
        let part = &self.request.parts[place];
        let records = part.records.clone().map(|records| &frame[records]);
        let Some(batch) = records.and_then(of_producer) else {
            return true;
        };
        let topic = named(&self.request, part, frame);
        let principal = waiter.principal();
        let cell = match permitted(host, principal, Operation::Write, topic, part.index) {
            Ok(cell) => cell,
            Err(Kept::Refused(_)) => return true, // it is told so in its turn
            Err(Kept::Unknown) => return false,
        };
        if refusal(&cell, header, &self.request).is_some() {
            return true;
        }
        let Some(mut guard) = host.hold_within(&cell, patience(self.hurried)) else {
            return false;
        };
        let Some(partition) = guard.as_mut() else {
            return true;
        };
        let asked = log::Verifying {
            number: host.number(),
            adds: header.version >= ADDS_FROM,
            now_ms: self.context.now_ms,
        };
        let begun = partition.verify(&batch, &asked);
        if let Some(begun) = begun.transpose() {
            let name = (Arc::clone(&cell.topic), cell.index);
            self.verifying.add(place, name, begun);
        }
        true
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
        partition.park(waiter, For::Append(waiting.awaited));
    }
    Some(outcome)
}

/// The topic of a part, as the request names it.
fn named<'a>(request: &'a ProduceRequest, part: &ProducePart, frame: &'a [u8]) -> Named<'a> {
    match &request.topics[part.topic] {
        TopicAt::Id(id) => Named::Id(id),
        named @ TopicAt::Name(_) => Named::Name(named.name(frame)),
    }
}

/// What is refused before the log sees it.
fn refusal<D: Disk, W: Waiter>(
    cell: &Cell<D, W>,
    header: &Header,
    request: &ProduceRequest,
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
        if done.converted {
            (cell.traffic.produce_converted).fetch_add(appended.record_count, Ordering::Relaxed);
        }
    }
    let produced = Produced {
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start_offset,
        ..Produced::refused(Code::None)
    };
    Ok((produced, waits.then_some(done.awaited)))
}
