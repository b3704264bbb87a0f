//! Fetch, on the thread that received it: read, or parked until bytes or time arrive, then sent.
//!
//! A parked request is woken by its partitions when enough bytes were added, or when one of them changed;
//! then everything is read again. Large pieces are sent from their files, small ones are copied.

use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::connection::put_response_header;
use ottla_core::disk::DiskFile;
use ottla_core::hot::{
    FENCED_LEADER_EPOCH, FetchHead, FetchRequest, Isolation, KAFKA_STORAGE_ERROR, PartitionReply,
    UNKNOWN_LEADER_EPOCH, parse_fetch, put_fetch_response, session_named,
};
use ottla_core::log::Slice;
use ottla_core::partition::Read;
use ottla_core::session::{Kind, Wanted};

use crate::connection::{FilePiece, Over, Task, Woken};
use crate::disk::NodeFile;
use crate::hosted::Traffic;
use crate::metrics::add;
use crate::produce::HotHeader;
use crate::shared::lock;
use crate::weight::{FRAME_BYTES_FEW, PARTITIONS_FEW, Weight};

const FIRST_FLEXIBLE: i16 = 12;
const FIRST_BY_ID: i16 = 13;
const FIRST_WITH_LEADER: i16 = 16;
/// From this size on a piece is sent from its file instead of through memory; while memory is short nearly all
/// are, whatever it costs, so that readers who do not read hold next to nothing.
const SENDFILE_BYTES_MIN: usize = 32 * 1024;
const SENDFILE_BYTES_MIN_TIGHT: usize = 512;

/// What one pass over the partitions found.
#[derive(Default)]
struct Found {
    replies: Vec<PartitionReply>,
    slices: Vec<Option<Slice<NodeFile>>>,
    traffic: Vec<Option<Arc<Traffic>>>,
    bytes: usize,
    /// Something that the reader has to be told at once.
    urgent: bool,
}

impl Found {
    fn with_room(partitions: usize) -> Self {
        Self {
            replies: Vec::with_capacity(partitions),
            slices: Vec::with_capacity(partitions),
            traffic: Vec::with_capacity(partitions),
            ..Self::default()
        }
    }

    fn refuse(&mut self, reply: PartitionReply) {
        self.urgent = true;
        self.put(reply, None, None);
    }

    fn put(
        &mut self,
        reply: PartitionReply,
        slice: Option<Slice<NodeFile>>,
        traffic: Option<Arc<Traffic>>,
    ) {
        self.replies.push(reply);
        self.slices.push(slice);
        self.traffic.push(traffic);
    }

    fn records_bytes(&self, place: usize) -> usize {
        self.slices[place].as_ref().map_or(0, |slice| slice.len)
    }

    fn keep(&mut self, keep: &[bool]) {
        let mut flags = keep.iter();
        self.replies.retain(|_| *flags.next().unwrap_or(&true));
        let mut flags = keep.iter();
        self.slices.retain(|_| *flags.next().unwrap_or(&true));
        let mut flags = keep.iter();
        self.traffic.retain(|_| *flags.next().unwrap_or(&true));
    }
}

impl Task {
    /// Handle a Fetch request and consume its frame. Returns whether any partition was refused.
    pub(crate) async fn fetch(
        &mut self,
        frame: Range<usize>,
        header: &HotHeader,
    ) -> Result<bool, Over> {
        let mut weight = Weight::default();
        let mut request = std::mem::take(&mut self.fetch_request);
        let by_id = header.version >= FIRST_BY_ID;
        let began = self
            .begin_fetch(&frame, header, &mut request, &mut weight)
            .await?;
        self.inbox.consume(&frame);
        let head = request.head;
        request.shrink_to(PARTITIONS_FEW);
        self.fetch_request = request;
        let (kind, wanted) = match began {
            Ok(began) => began,
            Err(code) => {
                self.put_fetch(header, (code, 0), &Found::default());
                return Ok(true);
            }
        };
        let mut found = self
            .read_or_wait(&head, &wanted, header.version, &mut weight)
            .await?;
        let refused = found.replies.iter().any(|reply| reply.error_code != 0);
        let session_id = self.settle_session(kind, wanted, by_id, &mut found);
        for (place, traffic) in found.traffic.iter().enumerate() {
            if let Some(traffic) = traffic {
                add(&traffic.bytes_out, found.records_bytes(place));
            }
        }
        self.put_fetch(header, (0, session_id), &found);
        Ok(refused)
    }

    /// Read the request and learn from its session what it wants, when there is memory for what that takes.
    async fn begin_fetch(
        &mut self,
        frame: &Range<usize>,
        header: &HotHeader,
        request: &mut FetchRequest,
        weight: &mut Weight,
    ) -> Result<Result<(Kind, Vec<Wanted>), i16>, Over> {
        let node = Arc::clone(&self.node);
        let by_id = header.version >= FIRST_BY_ID;
        let is_large = frame.len() > FRAME_BYTES_FEW;
        if is_large {
            let bytes = &*self.inbox.frame_mut(frame);
            let session_id = session_named(bytes, header.body_at, header.version);
            let size = lock(&node.sessions).size(session_id);
            self.take_to_read(weight, frame.len(), size).await?;
        }
        let bytes = &*self.inbox.frame_mut(frame);
        parse_fetch(bytes, header.body_at, header.version, request)
            .map_err(|malformed| Over::Refused(format!("a Fetch request with {malformed}")))?;
        let now_ms = node.uptime_ms_at(header.began).cast_signed();
        let size = {
            let mut sessions = lock(&node.sessions);
            let size = sessions.size(request.head.session_id);
            if is_large || size <= PARTITIONS_FEW {
                return Ok(sessions.begin(request, bytes, by_id, now_ms));
            }
            size
        };
        self.take_to_read(weight, 0, size).await?;
        let bytes = &*self.inbox.frame_mut(frame);
        Ok(lock(&node.sessions).begin(request, bytes, by_id, now_ms))
    }

    /// Remember what the session is told, leave out what has nothing new, and say the session's number.
    fn settle_session(
        &self,
        kind: Kind,
        wanted: Vec<Wanted>,
        by_id: bool,
        found: &mut Found,
    ) -> i32 {
        let node = &self.node;
        match kind {
            Kind::Sessionless => 0,
            Kind::Full => {
                let now_ms = node.uptime_ms().cast_signed();
                let number = node.random() as u32;
                let mut sessions = lock(&node.sessions);
                let id = sessions.create(wanted, by_id, now_ms, number);
                if id != 0 {
                    sessions.finish(id, &found.replies, |place| found.records_bytes(place) > 0);
                }
                id
            }
            Kind::Incremental(id) => {
                let has_records = |place| found.records_bytes(place) > 0;
                let keep = lock(&node.sessions).finish(id, &found.replies, has_records);
                found.keep(&keep);
                id
            }
        }
    }

    async fn read_or_wait(
        &mut self,
        head: &FetchHead,
        wanted: &[Wanted],
        version: i16,
        weight: &mut Weight,
    ) -> Result<Found, Over> {
        let min_bytes = usize::try_from(head.min_bytes).unwrap_or(0);
        let wait = Duration::from_millis(u64::try_from(head.max_wait_ms).unwrap_or(0));
        let may_wait = !wait.is_zero() && min_bytes > 0 && !wanted.is_empty();
        let found = self
            .read_all(head, wanted, version, may_wait.then_some(min_bytes))
            .await;
        if !may_wait
            || found.urgent
            || found.bytes >= min_bytes
            || !weight.may_park(&self.node.weights, wanted)
        {
            return Ok(found);
        }
        let deadline = tokio::time::Instant::now() + wait;
        let node = Arc::clone(&self.node);
        node.metrics.parked_fetch.fetch_add(1, Ordering::Relaxed);
        let outcome = self
            .wait_and_read(head, wanted, version, (found, min_bytes), deadline, weight)
            .await;
        node.metrics.parked_fetch.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    async fn wait_and_read(
        &mut self,
        head: &FetchHead,
        wanted: &[Wanted],
        version: i16,
        (mut found, min_bytes): (Found, usize),
        deadline: tokio::time::Instant,
        weight: &mut Weight,
    ) -> Result<Found, Over> {
        // What is answered already must not wait with this one.
        self.flush().await?;
        loop {
            // What was added since has been subtracted by the partitions.
            if !self.connection.found(found.bytes) {
                drop(std::mem::take(&mut found));
                let is_counted = weight.is_parked();
                if is_counted {
                    weight.is_read();
                    self.shrink_inbox();
                }
                let waits = tokio::time::timeout_at(deadline, self.await_enough(is_counted));
                // None: time is up.
                let enough = waits.await.ok().transpose()?.unwrap_or(false);
                if is_counted {
                    self.take_to_read(weight, 0, wanted.len()).await?;
                }
                if !enough {
                    return Ok(self.read_all(head, wanted, version, None).await);
                }
            }
            found = self.read_all(head, wanted, version, Some(min_bytes)).await;
            if found.urgent || found.bytes >= min_bytes {
                return Ok(found);
            }
        }
    }

    /// Wait until enough was added. False if the wait is over before: its room is needed, or its peer sent so much
    /// behind it that what comes next, an end maybe, can only be seen when this is answered.
    async fn await_enough(&mut self, is_counted: bool) -> Result<bool, Over> {
        let node = Arc::clone(&self.node);
        let mut crowded = pin!(is_counted.then(|| node.weights.crowded()));
        while !self.connection.has_enough() {
            if self.takes_no_more() {
                return Ok(false);
            }
            let woken = match crowded.as_mut().as_pin_mut() {
                None => self.park(false).await?,
                Some(crowded) => tokio::select! {
                    woken = self.park(false) => woken?,
                    () = crowded => return Ok(false),
                },
            };
            match woken {
                Woken::PeerClosed => return Err(Over::Gone),
                Woken::Received | Woken::Signal => self.check_ending()?,
            }
        }
        Ok(true)
    }

    /// Read every partition once. With `wait_for`, partitions tell this connection what is added from here on,
    /// unless enough was found before.
    async fn read_all(
        &mut self,
        head: &FetchHead,
        wanted: &[Wanted],
        version: i16,
        wait_for: Option<usize>,
    ) -> Found {
        let mut left = usize::try_from(head.max_bytes)
            .unwrap_or(0)
            .min(self.node.options.fetch_max_bytes);
        let mut found = Found::with_room(wanted.len());
        if let Some(min_bytes) = wait_for {
            self.connection
                .wants(i64::try_from(min_bytes).unwrap_or(i64::MAX));
        }
        for Wanted { topic, part } in wanted {
            let cell = self.node.hosted().find_ref(topic, part.index).cloned();
            let cell = match cell {
                Ok(cell) => cell,
                Err(code) => {
                    found.refuse(PartitionReply::unknown(topic.clone(), part.index, code));
                    continue;
                }
            };
            if head.replica_id >= 0 {
                // No replica of this cluster is known here: what Kafka answers one that it does not know.
                found.refuse(PartitionReply::refused(
                    topic.clone(),
                    part.index,
                    UNKNOWN_LEADER_EPOCH,
                ));
                continue;
            }
            cell.touch();
            add(&cell.traffic.fetch_requests, 1);
            let partition_max = usize::try_from(part.bytes_max).unwrap_or(0);
            let read = Read {
                part: *part,
                isolation: head.isolation,
                bytes_max: partition_max.min(left),
                min_one: found.bytes == 0,
            };
            if cell.is_offline() {
                add(&cell.traffic.fetch_failed, 1);
                let code = KAFKA_STORAGE_ERROR;
                found.refuse(PartitionReply::refused(topic.clone(), part.index, code));
                continue;
            }
            let mut guard = cell.lock().await;
            let Some(partition) = guard.as_mut() else {
                let code = cell.absence();
                found.refuse(PartitionReply::unknown(topic.clone(), part.index, code));
                continue;
            };
            match partition.read(&read) {
                Ok(done) => {
                    let enough = wait_for.is_none_or(|min| found.bytes + done.slice.len >= min);
                    if !enough && !found.urgent {
                        let committed = head.isolation == Isolation::ReadCommitted;
                        partition.park(&self.connection, committed);
                    }
                    drop(guard);
                    found.urgent |= done.diverging_epoch.is_some();
                    found.bytes += done.slice.len;
                    left = left.saturating_sub(done.slice.len);
                    let reply = PartitionReply {
                        error_code: 0,
                        high_watermark: done.offsets.high_watermark,
                        last_stable_offset: done.offsets.last_stable,
                        log_start_offset: done.offsets.log_start,
                        aborted: done.aborted,
                        diverging_epoch: done.diverging_epoch,
                        ..PartitionReply::refused(topic.clone(), part.index, 0)
                    };
                    found.put(reply, Some(done.slice), Some(Arc::clone(&cell.traffic)));
                }
                Err(code) => {
                    let leader_epoch = partition.state().leader_epoch;
                    drop(guard);
                    add(&cell.traffic.fetch_failed, 1);
                    let mut reply = PartitionReply::refused(topic.clone(), part.index, code);
                    if code == FENCED_LEADER_EPOCH && version >= FIRST_WITH_LEADER {
                        reply.current_leader = Some((self.node.options.node_id, leader_epoch));
                    }
                    found.refuse(reply);
                }
            }
        }
        found
    }

    fn put_fetch(&mut self, header: &HotHeader, head: (i16, i32), found: &Found) {
        let sendfile_bytes_min = if self.node.budget.is_tight() {
            SENDFILE_BYTES_MIN_TIGHT
        } else {
            SENDFILE_BYTES_MIN
        };
        let Self { outbox, files, .. } = self;
        let flexible = header.version >= FIRST_FLEXIBLE;
        let size_at = put_response_header(outbox, header.correlation_id, flexible);
        let mut in_files = 0;
        let records_bytes = |place| found.records_bytes(place);
        put_fetch_response(
            outbox,
            header.version,
            head,
            &found.replies,
            records_bytes,
            |out, place| {
                let Some(slice) = &found.slices[place] else {
                    return true;
                };
                let Some(file) = &slice.file else {
                    return slice.len == 0;
                };
                if slice.len >= sendfile_bytes_min && cfg!(target_os = "linux") {
                    in_files += slice.len;
                    files.push(FilePiece {
                        at: out.len(),
                        file: Arc::clone(file),
                        position: slice.position,
                        len: slice.len,
                    });
                    return true;
                }
                let start = out.len();
                out.resize(start + slice.len, 0);
                file.read_exact_at(&mut out[start..], slice.position)
                    .is_ok()
            },
        );
        self.close_reply(size_at, in_files, crate::apis::FETCH);
    }
}
