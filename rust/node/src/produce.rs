//! Produce, on the thread that received it: from the frame to the log's file without a copy.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ottla_core::connection::put_response_header;
use ottla_core::hot::{
    INVALID_REQUIRED_ACKS, INVALID_TOPIC_EXCEPTION, KAFKA_STORAGE_ERROR, ProducePart,
    ProduceRequest, Produced, REQUEST_TIMED_OUT, TopicAt, UNSUPPORTED_VERSION, parse_produce,
    put_produce_response,
};
use ottla_core::log::{AppendContext, Origin};
use ottla_core::partition::AppendDone;
use parking_lot::MutexGuard;

use crate::connection::{Over, Peer, Task};
use crate::flush::{append_failed, appended};
use crate::heavy::prepare_in_turn;
use crate::hosted::{Cell, LedPartition};
use crate::metrics::add;
use crate::shared::Shared;
use crate::weight::PARTITIONS_FEW;

const FIRST_FLEXIBLE: i16 = 9;
const ALL_IN_SYNC: i16 = -1;
/// Apache's admin client, which alone may write to internal topics (as tools that restore them do).
const ADMIN_CLIENT_ID: &str = "__admin_client";
/// Where a batch's attributes lie, and the bit that says that it belongs to a transaction.
const ATTRIBUTES: Range<usize> = 21..23;
const TRANSACTIONAL: i16 = 0x10;

/// What is known of the request before its body is read.
pub struct HotHeader {
    pub began: Instant,
    pub version: i16,
    pub correlation_id: i32,
    pub body_at: usize,
    pub from_admin: bool,
}

impl HotHeader {
    pub fn is_admin(client_id: Option<&str>) -> bool {
        client_id == Some(ADMIN_CLIENT_ID)
    }
}

/// An append whose producer waits for the high watermark.
struct Pending {
    place: usize,
    cell: Arc<Cell>,
    required_offset: i64,
}

impl Task {
    /// Handle a Produce request and consume its frame. Returns whether any partition was refused.
    pub(crate) async fn produce(
        &mut self,
        frame: Range<usize>,
        header: &HotHeader,
    ) -> Result<bool, Over> {
        let node = Arc::clone(&self.node);
        let mut request = std::mem::take(&mut self.produce_request);
        let Self {
            inbox,
            connection,
            stream,
            ..
        } = self;
        let bytes = inbox.frame_mut(&frame);
        parse_produce(bytes, header.body_at, header.version, &mut request)
            .map_err(|malformed| Over::Refused(format!("a Produce request with {malformed}")))?;
        let mut outcomes = std::mem::take(&mut self.produced);
        outcomes.clear();
        let mut pending = Vec::new();
        let peer = Peer::new(connection, stream, request.acks != 0);
        let sent = (bytes, header, &request);
        append_all(&node, &peer, sent, &mut outcomes, &mut pending).await?;
        if !pending.is_empty() {
            self.await_high_watermark(&request, &mut outcomes, pending)
                .await?;
        }
        let refused = outcomes.iter().any(|outcome| outcome.error_code != 0);
        if request.acks == 0 && refused {
            // Kafka's only way to tell a producer that does not listen.
            return Err(Over::Gone);
        }
        if request.acks != 0 {
            let flexible = header.version >= FIRST_FLEXIBLE;
            let size_at = put_response_header(&mut self.outbox, header.correlation_id, flexible);
            let bytes = &*self.inbox.frame_mut(&frame);
            put_produce_response(&mut self.outbox, header.version, bytes, &request, &outcomes);
            self.close_reply(size_at, 0, crate::apis::PRODUCE);
        }
        self.inbox.consume(&frame);
        request.shrink_to(PARTITIONS_FEW);
        outcomes.clear();
        outcomes.shrink_to(PARTITIONS_FEW);
        self.produce_request = request;
        self.produced = outcomes;
        Ok(refused)
    }

    /// Wait until all in-sync replicas have what was appended, for as long as the producer allows.
    async fn await_high_watermark(
        &mut self,
        request: &ProduceRequest,
        outcomes: &mut [Produced],
        mut pending: Vec<Pending>,
    ) -> Result<(), Over> {
        let node = Arc::clone(&self.node);
        let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let deadline = tokio::time::Instant::now() + wait;
        node.metrics.parked_produce.fetch_add(1, Ordering::Relaxed);
        let outcome = loop {
            self.connection.wants(i64::MAX);
            for waiting in std::mem::take(&mut pending) {
                let mut guard = waiting.cell.lock().await;
                let Some(partition) = guard.as_mut() else {
                    outcomes[waiting.place] = Produced::refused(waiting.cell.absence());
                    continue;
                };
                if waiting.cell.is_offline() {
                    outcomes[waiting.place] = Produced::refused(KAFKA_STORAGE_ERROR);
                    continue;
                }
                partition.park(&self.connection, false);
                let reached = partition.offsets().high_watermark >= waiting.required_offset;
                drop(guard);
                if !reached {
                    pending.push(waiting);
                }
            }
            if pending.is_empty() {
                break Ok(());
            }
            match tokio::time::timeout_at(deadline, self.hear()).await {
                Ok(Ok(())) => {}
                Ok(Err(over)) => break Err(over),
                Err(_) => {
                    for waiting in &pending {
                        outcomes[waiting.place] = Produced::refused(REQUEST_TIMED_OUT);
                    }
                    break Ok(());
                }
            }
        };
        node.metrics.parked_produce.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}

/// Why nothing was appended.
enum Unmade {
    Refused(Box<Produced>),
    Over(Over),
}

impl From<Produced> for Unmade {
    fn from(refused: Produced) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl From<Over> for Unmade {
    fn from(over: Over) -> Self {
        Self::Over(over)
    }
}

async fn append_all(
    node: &Arc<Shared>,
    peer: &Peer<'_>,
    (frame, header, request): (&mut [u8], &HotHeader, &ProduceRequest),
    outcomes: &mut Vec<Produced>,
    pending: &mut Vec<Pending>,
) -> Result<(), Over> {
    if !(-1..=1).contains(&request.acks) {
        outcomes.extend(
            request
                .parts
                .iter()
                .map(|_| Produced::refused(INVALID_REQUIRED_ACKS)),
        );
        return Ok(());
    }
    let context = AppendContext {
        now_ms: node.clock.now_ms(),
        leader_epoch: -1, // the partition's own
        origin: Origin::Client,
        produce_version: header.version,
    };
    for part in &request.parts {
        let cell = {
            let hosted = node.hosted();
            match &request.topics[part.topic] {
                TopicAt::Id(id) => hosted.find_by_id(id, part.index).cloned(),
                named @ TopicAt::Name(_) => hosted.find(named.name(frame), part.index).cloned(),
            }
        };
        let outcome = match cell {
            Err(code) => Produced::refused(code),
            Ok(cell) => {
                let records = part
                    .records
                    .clone()
                    .map_or(&mut [][..], |range| &mut frame[range]);
                let outcome = match refusal(&cell, header, request, part, records) {
                    Some(refused) => Err(refused.into()),
                    None => append_one(node, peer, (&cell, records), &context, request.acks).await,
                };
                add(&cell.traffic.produce_requests, 1);
                match outcome {
                    Ok((produced, required_offset)) => {
                        if let Some(required_offset) = required_offset {
                            pending.push(Pending {
                                place: outcomes.len(),
                                cell,
                                required_offset,
                            });
                        }
                        produced
                    }
                    Err(Unmade::Refused(refused)) => {
                        add(&cell.traffic.produce_failed, 1);
                        *refused
                    }
                    Err(Unmade::Over(over)) => return Err(over),
                }
            }
        };
        outcomes.push(outcome);
    }
    Ok(())
}

/// What is refused before the log sees it.
fn refusal(
    cell: &Cell,
    header: &HotHeader,
    request: &ProduceRequest,
    part: &ProducePart,
    records: &[u8],
) -> Option<Produced> {
    if cell.internal && !header.from_admin {
        return Some(Produced::refused(INVALID_TOPIC_EXCEPTION));
    }
    if cell.is_offline() {
        return Some(Produced::refused(KAFKA_STORAGE_ERROR));
    }
    let attributes = records
        .get(ATTRIBUTES)
        .map_or(0, |bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
    if request.transactional || attributes & TRANSACTIONAL != 0 {
        // A code that the Java producer takes as fatal: it stops at once instead of trying again.
        let text = format!(
            "{}-{}: transactions are not served yet",
            cell.topic, part.index
        );
        return Some(Produced::refused_with(UNSUPPORTED_VERSION, text));
    }
    None
}

/// Append: at once if that is light work, else when it is its turn. Says which high watermark to wait for if it is
/// not there yet.
async fn append_one(
    node: &Arc<Shared>,
    peer: &Peer<'_>,
    (cell, records): (&Arc<Cell>, &mut [u8]),
    context: &AppendContext,
    acks: i16,
) -> Result<(Produced, Option<i64>), Unmade> {
    cell.touch();
    let absent = || Produced::refused(cell.absence());
    let all = acks == ALL_IN_SYNC;
    let config = {
        let mut guard = cell.lock().await;
        let led = guard.as_mut().ok_or_else(absent)?;
        match led.append_light(records, context, all) {
            Ok(Some(done)) => return Ok(settle(node, cell, guard, Ok(done), acks)?),
            Ok(None) => led.log().config().clone(),
            Err(refused) => return Ok(settle(node, cell, guard, Err(refused), acks)?),
        }
    };
    let prepared = prepare_in_turn(node, peer, records, &config, context).await?;
    let mut guard = cell.lock().await;
    let led = guard.as_mut().ok_or_else(absent)?;
    let done = match prepared {
        Ok(prepared) => led.append_prepared(prepared, context, all),
        Err(error) => Err(led.refusal(error)),
    };
    Ok(settle(node, cell, guard, done, acks)?)
}

/// What follows from an append, while the partition is still locked.
fn settle(
    node: &Arc<Shared>,
    cell: &Arc<Cell>,
    mut guard: MutexGuard<'_, Option<LedPartition>>,
    done: Result<AppendDone, Produced>,
    acks: i16,
) -> Result<(Produced, Option<i64>), Produced> {
    let Some(partition) = guard.as_mut() else {
        return Err(Produced::refused(cell.absence()));
    };
    let done = match done {
        Ok(done) => done,
        Err(refused) => {
            if refused.error_code == KAFKA_STORAGE_ERROR {
                let text = refused.error_message.as_deref().unwrap_or_default();
                append_failed(node, cell, partition, text);
            }
            return Err(refused);
        }
    };
    appended(node, cell, partition, &done);
    // Where `flush.messages` owes a flush, nobody is told before it.
    let told_later = acks == ALL_IN_SYNC || (acks != 0 && partition.log().flush_is_owed());
    let waits = told_later && partition.offsets().high_watermark < done.required_offset;
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
        ..Produced::refused(0)
    };
    Ok((produced, waits.then_some(done.required_offset)))
}
