//! Fetch: read, or parked until bytes or time arrive, and then read again.
//!
//! A parked request is rung by its partitions when enough bytes were added, or when one of them changed; then
//! everything is read again. What is read are places in files: whoever sends decides how the bytes get from there to
//! the peer.

use std::sync::Arc;
use std::time::Duration;

use super::permitted::{Kept, Named, permitted};
use super::{Header, Step, busy_for, patience};
use crate::code::Code;
use crate::connection::put_response_header;
use crate::disk::{Disk, DiskFile};
use crate::hosting::{Cell, Guard, Host, Operation, Traffic, add};
use crate::hot::{
    FetchHead, FetchRequest, Isolation, Malformed, PartitionReply, TopicRef, parse_fetch,
    put_fetch_response, session_named,
};
use crate::log::Slice;
use crate::partition::{For, Partition, Read, ReadDone, Waiter};
use crate::session::{Kind, Wanted};

const FIRST_WITH_LEADER: i16 = 16;
/// Lists for no more partitions are kept for the next request.
const PARTITIONS_FEW: usize = 64;

/// A part of a reply that is sent from its file, at this place of what stands around it.
pub struct Piece<F> {
    pub at: usize,
    pub file: Arc<F>,
    pub position: u64,
    pub len: usize,
}

/// What one pass over the partitions found.
struct Found<F> {
    replies: Vec<PartitionReply>,
    slices: Vec<Option<Slice<F>>>,
    traffic: Vec<Option<Arc<Traffic>>>,
    bytes: usize,
    /// Something that the reader has to be told at once.
    urgent: bool,
}

impl<F> Default for Found<F> {
    fn default() -> Self {
        Self {
            replies: Vec::new(),
            slices: Vec::new(),
            traffic: Vec::new(),
            bytes: 0,
            urgent: false,
        }
    }
}

impl<F> Found<F> {
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
        slice: Option<Slice<F>>,
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

/// One Fetch request after the other.
pub struct Fetch<D: Disk> {
    request: FetchRequest,
    head: FetchHead,
    kind: Kind,
    wanted: Vec<Wanted>,
    found: Found<D::File>,
    /// What the answer may still hold.
    left: usize,
    /// Partitions tell this request what is added, unless enough was found before.
    waits: bool,
    /// Its time is up: who holds a partition is waited for no more.
    hurried: bool,
    throttle_ms: i32,
    /// An error of the whole request.
    error_code: Code,
    session_id: i32,
}

impl<D: Disk> Default for Fetch<D> {
    fn default() -> Self {
        Self {
            request: FetchRequest::default(),
            head: FetchHead::default(),
            kind: Kind::Sessionless,
            wanted: Vec::new(),
            found: Found::default(),
            left: 0,
            waits: false,
            hurried: false,
            throttle_ms: 0,
            error_code: Code::None,
            session_id: 0,
        }
    }
}

impl<D: Disk> Fetch<D> {
    /// How many partitions the session remembers that this frame names, looked up before the frame is read.
    pub fn size_of_session<W: Waiter>(host: &Host<D, W>, frame: &[u8], header: &Header) -> usize {
        let id = session_named(frame, header.body_at, header.version);
        host.sessions().size(id)
    }

    /// Read the frame; how many partitions its session remembers.
    ///
    /// # Errors
    /// What is wrong with the frame; the peer is to be hung up on.
    pub fn parse<W: Waiter>(
        &mut self,
        host: &Host<D, W>,
        frame: &[u8],
        header: &Header,
    ) -> Result<usize, Malformed> {
        parse_fetch(frame, header.body_at, header.version, &mut self.request)?;
        self.head = self.request.head;
        Ok(host.sessions().size(self.head.session_id))
    }

    /// Learn from the session what is wanted; the frame is needed no more. `now_ms` is steady.
    pub fn begin<W: Waiter>(&mut self, host: &Host<D, W>, frame: &[u8], now_ms: i64) {
        let began = (host.sessions()).begin(&self.request, frame, now_ms);
        self.request.shrink_to(PARTITIONS_FEW);
        self.error_code = Code::None;
        self.session_id = 0;
        self.hurried = false;
        self.throttle_ms = 0;
        (self.kind, self.wanted) = began.unwrap_or_else(|code| {
            self.error_code = code;
            (Kind::Sessionless, Vec::new())
        });
        let may_wait = self.head.max_wait_ms > 0 && self.bytes_min() > 0;
        self.look_again(host, may_wait && !self.wanted.is_empty());
    }

    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    pub fn max_wait_ms(&self) -> u64 {
        u64::try_from(self.head.max_wait_ms).unwrap_or(0)
    }

    /// How long it is tried again that is `Busy` before it is parked; once it is, `BUSY_MIN` longer than it waits.
    pub fn busy_for(&self) -> Duration {
        busy_for(self.max_wait_ms())
    }

    /// How many bytes of records were found.
    pub fn found_bytes(&self) -> usize {
        self.found.bytes
    }

    /// What the whole and each partition's reader is told, in Kafka's numbers.
    pub fn codes(&self) -> impl Iterator<Item = i16> {
        let parts = self.found.replies.iter().map(|reply| reply.error_code);
        parts.chain([self.error_code]).map(Code::code)
    }

    fn bytes_min(&self) -> usize {
        usize::try_from(self.head.min_bytes).unwrap_or(0)
    }

    /// What was found is let go: it is read again when there is enough.
    pub fn rest(&mut self) {
        self.found = Found::default();
    }

    /// Read everything again from the first partition on; to wait if there is not enough, or to be done.
    pub fn look_again<W: Waiter>(&mut self, host: &Host<D, W>, waits: bool) {
        self.found = Found::with_room(self.wanted.len());
        self.left = usize::try_from(self.head.max_bytes)
            .unwrap_or(0)
            .min(host.fetch_bytes_max);
        self.waits = waits;
    }

    /// Its time is up: from here on no step is `Busy`. A partition that somebody holds is told to be tried again, in
    /// a code that clients know of Fetch, and the others come with their records.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// As `Produce::throttle`.
    pub fn throttle(&mut self, throttle_ms: i32) {
        self.throttle_ms = throttle_ms.max(0);
    }

    pub fn throttle_ms(&self) -> i32 {
        self.throttle_ms
    }

    /// Read what is not read. Parked is who is to wait for more, `waiter.wants()` counting it: what is found counts too.
    pub fn step<W: Waiter>(&mut self, host: &Host<D, W>, header: &Header, waiter: &Arc<W>) -> Step {
        if self.waits && self.found.replies.is_empty() {
            let bytes_min = i64::try_from(self.bytes_min()).unwrap_or(i64::MAX);
            waiter.wants().begin(bytes_min);
        }
        while self.found.replies.len() < self.wanted.len() {
            if !self.read_next(host, header, waiter) {
                return Step::Busy;
            }
        }
        if self.waits && !self.found.urgent && self.found.bytes < self.bytes_min() {
            Step::Parked
        } else {
            Step::Done
        }
    }

    /// Read the next partition; false if somebody holds it.
    fn read_next<W: Waiter>(
        &mut self,
        host: &Host<D, W>,
        header: &Header,
        waiter: &Arc<W>,
    ) -> bool {
        let Wanted { topic, part } = &self.wanted[self.found.replies.len()];
        let named = match topic {
            TopicRef::Name(name) => Named::Name(name),
            TopicRef::Id(id) => Named::Id(id),
        };
        let is_replica = self.head.replica_id >= 0;
        let operation = if is_replica {
            Operation::ClusterAction
        } else {
            Operation::Read
        };
        let cell = match permitted(host, waiter.principal(), operation, named, part.index) {
            Ok(cell) => cell,
            Err(Kept::Unknown) if !self.hurried => return false,
            Err(kept) => {
                let code = match kept {
                    Kept::Refused(code) => code,
                    Kept::Unknown => Code::KafkaStorageError,
                };
                let reply = PartitionReply::unknown(topic.clone(), part.index, code);
                self.found.refuse(reply);
                return true;
            }
        };
        let refused = |code| PartitionReply::refused(topic.clone(), part.index, code);
        if is_replica {
            // No replica of this cluster is known here: what Kafka answers one that it does not know.
            let reply = refused(Code::UnknownLeaderEpoch);
            self.found.refuse(reply);
            return true;
        }
        cell.touch();
        if let Some(code) = cell.refusal() {
            add(&cell.traffic.fetch_requests, 1);
            add(&cell.traffic.fetch_failed, 1);
            let reply = refused(code);
            self.found.refuse(reply);
            return true;
        }
        let Some(guard) = host.hold_within(&cell, patience(self.hurried)) else {
            if self.hurried {
                add(&cell.traffic.fetch_requests, 1);
                add(&cell.traffic.fetch_failed, 1);
                let reply = refused(Code::KafkaStorageError);
                self.found.refuse(reply);
            }
            return self.hurried;
        };
        add(&cell.traffic.fetch_requests, 1);
        self.read_held(&cell, guard, header, waiter);
        true
    }

    /// Read the partition that is locked; park where there is not enough.
    fn read_held<W: Waiter>(
        &mut self,
        cell: &Cell<D, W>,
        mut guard: Guard<'_, D, W>,
        header: &Header,
        waiter: &Arc<W>,
    ) {
        let Wanted { topic, part } = &self.wanted[self.found.replies.len()];
        let Some(partition) = guard.as_mut() else {
            let reply = PartitionReply::unknown(topic.clone(), part.index, cell.absence());
            self.found.refuse(reply);
            return;
        };
        let partition_max = usize::try_from(part.bytes_max).unwrap_or(0);
        let read = Read {
            part: *part,
            isolation: self.head.isolation,
            bytes_max: partition_max.min(self.left),
            min_one: self.found.bytes == 0,
        };
        match partition.read(&read) {
            Ok(done) => {
                let bytes_min = usize::try_from(self.head.min_bytes).unwrap_or(0);
                let enough = !self.waits || self.found.bytes + done.slice.len >= bytes_min;
                if !enough && !self.found.urgent {
                    let what = match self.head.isolation {
                        Isolation::ReadCommitted => For::Committed,
                        Isolation::ReadUncommitted => For::Readable,
                    };
                    partition.park(waiter, what);
                }
                drop(guard);
                let (topic, index) = (topic.clone(), part.index);
                self.put(cell, (topic, index), done);
            }
            Err(code) => {
                let mut reply = PartitionReply::refused(topic.clone(), part.index, code);
                reply.current_leader = leader_told(code, header.version, partition);
                drop(guard);
                add(&cell.traffic.fetch_failed, 1);
                self.found.refuse(reply);
            }
        }
    }

    fn put<W: Waiter>(
        &mut self,
        cell: &Cell<D, W>,
        (topic, index): (TopicRef, i32),
        done: ReadDone<D::File>,
    ) {
        self.found.urgent |= done.diverging_epoch.is_some();
        self.found.bytes += done.slice.len;
        self.left = self.left.saturating_sub(done.slice.len);
        let reply = PartitionReply {
            error_code: Code::None,
            high_watermark: done.offsets.high_watermark,
            last_stable_offset: done.offsets.last_stable,
            log_start_offset: done.offsets.log_start,
            aborted: done.aborted,
            diverging_epoch: done.diverging_epoch,
            ..PartitionReply::refused(topic, index, Code::None)
        };
        let traffic = Some(Arc::clone(&cell.traffic));
        self.found.put(reply, Some(done.slice), traffic);
    }

    /// After `Done`: remember what the session is told, leave out what has nothing new, count what is sent. A new
    /// session asks for the steady time.
    pub fn settle<W: Waiter>(&mut self, host: &Host<D, W>, now_ms: impl FnOnce() -> i64) {
        let found = &mut self.found;
        match self.kind {
            Kind::Sessionless => {}
            Kind::Full => {
                let wanted = std::mem::take(&mut self.wanted);
                let number = host.around.random() as u32;
                let mut sessions = host.sessions();
                let id = sessions.create(wanted, self.head.by_id, now_ms(), number);
                if id != 0 {
                    sessions.finish(id, &found.replies, |place| found.records_bytes(place) > 0);
                }
                self.session_id = id;
            }
            Kind::Incremental(id) => {
                let has_records = |place| found.records_bytes(place) > 0;
                let keep = host.sessions().finish(id, &found.replies, has_records);
                found.keep(&keep);
                self.session_id = id;
            }
        }
        for (place, traffic) in found.traffic.iter().enumerate() {
            if let Some(traffic) = traffic {
                add(&traffic.bytes_out, found.records_bytes(place));
            }
        }
    }

    /// Put the reply, whose length is not written yet: the place of its length, and how many bytes are in `pieces`.
    /// Pieces from `piece_bytes_min` on are sent from their files, others are copied.
    pub fn put_reply(
        &mut self,
        out: &mut Vec<u8>,
        pieces: &mut Vec<Piece<D::File>>,
        header: &Header,
        piece_bytes_min: usize,
    ) -> (usize, usize) {
        let size_at = put_response_header(out, header.correlation_id, header.flexible);
        let found = &self.found;
        let mut in_files = 0;
        put_fetch_response(
            out,
            header.version,
            (self.throttle_ms, self.error_code, self.session_id),
            &found.replies,
            |place| found.records_bytes(place),
            |out, place| {
                let Some(slice) = &found.slices[place] else {
                    return true;
                };
                let Some(file) = &slice.file else {
                    return slice.len == 0;
                };
                if slice.len >= piece_bytes_min {
                    in_files += slice.len;
                    pieces.push(Piece {
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
        (size_at, in_files)
    }

    /// The request is over.
    pub fn end(&mut self) {
        self.wanted = Vec::new();
        self.found = Found::default();
    }
}

/// Who leads, for a client that has to go elsewhere and understands it.
fn leader_told<D: Disk, W: Waiter>(
    code: Code,
    version: i16,
    partition: &Partition<D, W>,
) -> Option<(i32, i32)> {
    let elsewhere = code == Code::FencedLeaderEpoch || code == Code::NotLeaderOrFollower;
    let state = partition.state();
    (elsewhere && version >= FIRST_WITH_LEADER && state.leader >= 0)
        .then_some((state.leader, state.leader_epoch))
}
