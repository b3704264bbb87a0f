//! The part of a connection's task that waits for Python: its request is held, and its answer comes from elsewhere.
//!
//! What a decision takes of memory is taken before and given back when its reply is sent. An answer may mute its
//! connection: it is sent at once, and what the peer sends on is left unread until the time is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ottla_core::connection::patience::CLOSED_PATIENCE;
use ottla_core::connection::{Holding, answer_frame};
use ottla_core::serving::{Errors, Question, Reply};

use super::task::{OUTBOX_BYTES, Over, Task, Woken};
use crate::budget::Charge;
use crate::lock::lock;
use crate::metrics::{Course, add};
use crate::outlet::Outlet;
use crate::peer::{Answer, Answered, Connection, Ending};
use crate::queue::Asked;
use crate::shared::{Held, Shared};

/// What a request takes for each of its bytes while Python works on it, about: body, decoded form, reply.
const DECISION_COST: usize = 16;
/// Requests that take no more than this are handed over at once, however many wait for memory.
const DECISION_COST_SMALL: usize = 64 * 1024;

impl Task {
    /// Consume a frame whose body Python gets, and answer it.
    pub(super) async fn decide(
        &mut self,
        frame: std::ops::Range<usize>,
        body_at: usize,
        mut asked: Asked,
        flexible: bool,
        began: Instant,
    ) -> Result<(), Over> {
        let key = asked.api_key;
        let body = frame.start + body_at..frame.end;
        if Holding::is_full(self.outbox.len()) {
            self.flush().await?;
        }
        let asker = self.connection.asker();
        let asks = self.inbox.frame_mut(&body);
        let question = Question::of(key, asked.api_version, &asker, asks);
        let question = question.filter(|_| self.connection.fault.load(Ordering::Relaxed) == 0);
        if let Some(kept) = question.as_ref().and_then(|asks| self.node.kept.find(asks)) {
            // Each who asks gets bytes of their own, so each stands in line for them.
            let charge = self.take_for_decision(key, body.len()).await?;
            self.inbox.consume(&frame);
            let reply = answer_frame(asked.correlation_id, flexible, &kept.body);
            let charge = charge.instead(reply.len());
            count_answer(&self.node, key, reply.len(), &kept.errors);
            self.put_answer(reply, 0, charge).await?;
            self.is_handled(key, began, Duration::ZERO);
            return Ok(());
        }
        let charge = self.take_for_decision(key, body.len()).await?;
        asked.body = self.inbox.frame_mut(&body).to_vec();
        self.inbox.consume(&frame);
        self.rest_if_tight();
        let held = Held {
            connection: Arc::clone(&self.connection),
            api_key: key,
            correlation_id: asked.correlation_id,
            flexible,
            course: Course {
                began,
                taken: None,
                parked: None,
            },
            charge: Some(charge),
            question,
        };
        let mute = self.ask_python(asked, held).await?;
        if mute.is_zero() {
            return Ok(());
        }
        self.mute(Instant::now() + mute).await
    }

    /// Wait for the memory that a decision takes: its request in every form, and a reply as large as the last.
    async fn take_for_decision(&mut self, key: i16, body_bytes: usize) -> Result<Charge, Over> {
        let decisions = &self.node.decisions;
        let own = body_bytes.saturating_mul(DECISION_COST);
        let expected = self.node.metrics.api(key).reply_bytes_expected();
        let mut cost = own.max(expected);
        if own <= DECISION_COST_SMALL {
            // Others got a large reply: that is no reason to let who asks little wait for those who ask much.
            let small = &self.node.small_decisions;
            cost = cost.min(small.bytes_max() / 2);
            if cost <= DECISION_COST_SMALL {
                return Ok(Charge::anyway(decisions, cost));
            }
            if let Some(charge) = Charge::if_there(small, cost) {
                return Ok(charge);
            }
        }
        self.flush().await?;
        let decisions = &self.node.decisions;
        self.unless_gone(Charge::in_line(decisions, cost)).await
    }

    /// Let Python decide. How long the connection is to be muted then.
    async fn ask_python(&mut self, asked: Asked, held: Held) -> Result<Duration, Over> {
        let token = asked.token;
        lock(&self.node.held).insert(token, held);
        self.node.outside.queue.ask(asked);
        let answered = self.await_answer().await;
        let Answer {
            frame,
            sent,
            charge,
            mute,
        } = match answered {
            Ok(Answered::Here(answer)) => answer,
            Ok(Answered::Sent) => return Ok(Duration::ZERO),
            Err(over) => {
                lock(&self.node.held).remove(&token);
                return Err(over);
            }
        };
        self.put_answer(frame, sent, charge).await?;
        self.connection.touch(self.node.uptime_ms());
        Ok(mute)
    }

    /// A large reply is sent before another one is made; `charge` is what it takes until then. A part of it may be
    /// sent already.
    async fn put_answer(
        &mut self,
        frame: Vec<u8>,
        sent: usize,
        charge: Charge,
    ) -> Result<(), Over> {
        if self.outbox.is_empty() && sent == 0 {
            self.outbox = frame;
        } else {
            self.outbox.extend_from_slice(&frame[sent..]);
        }
        self.answered.push(charge);
        if self.outbox.len() >= OUTBOX_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// As `throttle_time_ms` of the reply tells the client.
    pub(super) async fn throttle(&mut self, throttle_ms: i32) -> Result<(), Over> {
        let wait = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
        self.mute(Instant::now() + wait).await
    }

    /// Send what there is, and leave what the peer sends on unread until a time: Kafka's throttle (KIP-219).
    ///
    /// A peer that goes meanwhile is noticed, unless it left requests behind, which may still have an effect.
    async fn mute(&mut self, until: Instant) -> Result<(), Over> {
        self.flush().await?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let is_empty = self.inbox.is_empty();
            let Self {
                connection, stream, ..
            } = &*self;
            tokio::select! {
                () = tokio::time::sleep(left) => return Ok(()),
                () = std::future::poll_fn(|context| connection.signal.poll(context)) => {}
                _ = stream.hung_up(), if is_empty => return Err(Over::Gone),
            }
            self.check_ending()?;
            if self.connection.is_ending(Ending::Rest) {
                self.rest();
            }
        }
    }

    /// Until when the replies that are ready wait for the one that is being made; None if there are none any more.
    async fn hold(&mut self) -> Result<Option<tokio::time::Instant>, Over> {
        if self.outbox.is_empty() {
            return Ok(None);
        }
        let began = self.node.started;
        let now = began.elapsed();
        let until = self.holding.until(now);
        if until <= now {
            self.flush().await?;
            return Ok(None);
        }
        Ok(Some((began + until).into()))
    }

    /// The way past this task for an answer, if nothing is to be sent before it or together with it, and this task hears
    /// what its peer sends next, by which it wakes then.
    fn outlet(&self) -> Option<Outlet> {
        let hears = self.inbox.is_empty() && self.inbox.has_room();
        if self.sends_alone || !self.outbox.is_empty() || !hears {
            return None;
        }
        // SAFETY: it is given to `take_answer` alone, and `Shut` takes it back before this task goes on or away.
        unsafe { self.stream.outlet() }
    }

    async fn await_answer(&mut self) -> Result<Answered, Over> {
        let connection = Arc::clone(&self.connection);
        let _shut = Shut(&connection);
        let mut closed: Option<tokio::time::Instant> = None;
        let mut held = self.hold().await?;
        loop {
            let outlet = self.outlet().filter(|_| closed.is_none());
            if let Some(answered) = connection.take_answer(outlet) {
                return Ok(answered);
            }
            if self.connection.is_ending(Ending::Drain) {
                return Err(Over::Gone);
            }
            let given_up = closed.map(|at| at + CLOSED_PATIENCE);
            let parked = self.park(closed.is_some());
            let woken = match held.or(given_up) {
                None => parked.await?,
                Some(at) => match tokio::time::timeout_at(at, parked).await {
                    Ok(woken) => woken?,
                    Err(_) if held.take().is_some() => {
                        self.flush().await?;
                        continue;
                    }
                    Err(_) => return Err(Over::Gone),
                },
            };
            match woken {
                Woken::PeerClosed => closed = Some(tokio::time::Instant::now()),
                Woken::Signal if self.connection.is_ending(Ending::Rest) => {
                    self.rest();
                }
                Woken::Received | Woken::Signal => {}
            }
        }
    }
}

/// The wait for an answer is over, however: nobody else sends any more.
struct Shut<'a>(&'a Connection);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        drop(self.0.take_answer(None));
    }
}

fn count_answer(node: &Shared, key: i16, bytes: usize, errors: &Errors) {
    let counters = node.metrics.api(key);
    add(&counters.response_bytes, bytes);
    counters.replied(bytes);
    for (code, count) in errors {
        counters.told(*code, *count);
    }
    let refused = errors.iter().any(|(code, _)| *code != 0);
    add(&counters.errors, usize::from(refused));
}

/// Answer a held request, and read no further one for so long; one whose connection has gone is forgotten. If it
/// stays true, others may get it as well.
pub fn reply(node: &Shared, token: u64, reply: &Reply<'_>) {
    let &Reply {
        body, mute, stays, ..
    } = reply;
    let Some(held) = lock(&node.held).remove(&token) else {
        return;
    };
    if let Some(question) = held.question.filter(|_| stays) {
        node.kept.keep(question, body, &reply.errors);
    }
    let frame = answer_frame(held.correlation_id, held.flexible, body);
    // Taken before what the request took is given back.
    let charge = match &held.charge {
        Some(charge) => charge.instead(frame.len()),
        None => Charge::anyway(&node.decisions, frame.len()),
    };
    count_answer(node, held.api_key, frame.len(), &reply.errors);
    let counters = node.metrics.api(held.api_key);
    counters.decided(&held.course);
    counters.throttled(mute); // which is no part of the time that the request took
    let answer = Answer {
        frame,
        sent: 0,
        charge,
        mute,
    };
    held.connection.answer(answer, node.uptime_ms());
}

/// Close the connection that a held request came from.
pub fn hang_up(node: &Shared, token: u64) {
    if let Some(held) = lock(&node.held).remove(&token) {
        held.connection.end(Ending::Close);
    }
}
