//! One replica that this broker hosts: its log, its high watermark, and who waits for either.
//!
//! It alone writes the log end offset, the high watermark and the followers' positions. Who leads, who
//! follows and who is in sync comes down from above as one immutable `LeaderAndIsr`, from which it follows
//! whether this replica leads, and the high watermark is computed anew. A follower takes what its leader sent,
//! offsets and epochs as they came, and the leader's high watermark; clients are refused there. It is used under
//! one lock, reads no clock and wakes nobody by itself but the waiters that were parked with it.

mod awaited;
mod state;
mod unverified;
mod waiters;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::code::Code;
use crate::disk::Disk;
use crate::hot::{FetchPart, Isolation, Produced};
use crate::log::{
    AbortedTransaction, AppendContext, AppendError, Appended, Flushed, Log, LogError, Prepared,
    ReadError, Slice, prepare, prepare_light,
};

pub use awaited::Awaited;
use awaited::Reign;
pub use state::{LeaderAndIsr, TopicConfig};
use waiters::Waiters;
pub use waiters::{Bells, For, Waiter, Wants};

/// The offsets that a partition tells its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    pub log_start: i64,
    pub high_watermark: i64,
    pub last_stable: i64,
    pub log_end: i64,
}

/// How one partition is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    pub part: FetchPart,
    pub isolation: Isolation,
    pub bytes_max: usize,
    /// A first batch larger than `bytes_max` comes whole.
    pub min_one: bool,
}

/// What a read found. The slice stays readable without the partition.
#[derive(Debug)]
pub struct ReadDone<F> {
    pub offsets: Offsets,
    pub slice: Slice<F>,
    pub aborted: Option<Vec<AbortedTransaction>>,
    pub diverging_epoch: Option<(i32, i64)>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Waiting,
    Safe,
    /// It will not come, or is not known: the error code for the producer.
    Refused(Code),
}

/// Whether the high watermark moved. Who waits here has been rung; who waits elsewhere has to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a coordinator may wait for it: `Host::told_of`"]
pub struct Moved(pub bool);

/// What an append did.
#[derive(Debug)]
pub struct AppendDone {
    pub appended: Appended,
    /// Not as it came.
    pub converted: bool,
    pub awaited: Awaited,
}

pub struct Partition<D: Disk, W: Waiter> {
    local_id: i32,
    log: Log<D>,
    state: Arc<LeaderAndIsr>,
    /// Topic config `min.insync.replicas`; the rest of the configuration is the log's.
    min_insync_replicas: i32,
    reign: Reign,
    high_watermark: i64,
    /// Log end offsets of followers by id, as far as they have fetched.
    followers: BTreeMap<i32, i64>,
    waiters: Waiters<W>,
    offline: Option<String>,
}

impl<D: Disk, W: Waiter> Partition<D, W> {
    /// Lead or follow with this log, which has the topic's configuration but for the least ISR; `high_watermark` is what was known of it before. No other opening of a log has its
    /// `number`: who waited for an earlier one in its place waits for another reign.
    ///
    /// # Errors
    /// The disk refused the mark of a new leader epoch.
    pub fn new(
        local_id: i32,
        number: u64,
        log: Log<D>,
        (state, min_insync_replicas): (LeaderAndIsr, i32),
        high_watermark: i64,
    ) -> Result<Self, LogError> {
        let mut partition = Self {
            local_id,
            high_watermark: high_watermark.clamp(log.log_start_offset(), log.log_end_offset()),
            log,
            state: Arc::new(state),
            min_insync_replicas,
            reign: Reign {
                log: number,
                before: 0,
            },
            followers: BTreeMap::new(),
            waiters: Waiters::default(),
            offline: None,
        };
        partition.log.set_high_watermark(partition.high_watermark);
        let _ = partition.take_office()?; // nobody waits for it yet
        Ok(partition)
    }

    pub fn state(&self) -> &Arc<LeaderAndIsr> {
        &self.state
    }

    pub fn leads(&self) -> bool {
        self.state.leader == self.local_id
    }

    /// Take what the cluster says now. A new leader knows nothing of its followers yet; those that are gone are
    /// forgotten. What was overtaken is not taken.
    ///
    /// # Errors
    /// The disk refused the mark of a new leader epoch: this replica must not lead.
    pub fn set_state(&mut self, state: LeaderAndIsr) -> Result<Moved, LogError> {
        if state.is_before(&self.state) {
            return Ok(Moved(false));
        }
        // Each epoch has one leader: who led the last one and leads the next has led all the time.
        let follows = state.leader_epoch <= self.state.leader_epoch.saturating_add(1);
        if !(follows && self.leads() && state.leader == self.local_id) {
            self.reign = self.reign.next();
        }
        if state.leader_epoch == self.state.leader_epoch {
            self.followers.retain(|id, _| state.replicas.contains(id));
        } else {
            self.followers.clear();
        }
        self.state = Arc::new(state);
        self.waiters.changed();
        self.take_office()
    }

    /// Take the topic's configuration as it is now.
    pub fn set_config(&mut self, config: TopicConfig) -> Moved {
        self.log.set_config(config.log);
        if config.min_insync_replicas == self.min_insync_replicas {
            return Moved(false);
        }
        self.min_insync_replicas = config.min_insync_replicas;
        self.waiters.changed();
        Moved(self.raise_high_watermark())
    }

    pub fn min_insync_replicas(&self) -> i32 {
        self.min_insync_replicas
    }

    fn isr_is_too_small(&self) -> bool {
        self.state.isr_is_below(self.min_insync_replicas)
    }

    fn take_office(&mut self) -> Result<Moved, LogError> {
        if !self.leads() {
            return Ok(Moved(false));
        }
        if self.log.latest_epoch() != Some(self.state.leader_epoch) {
            self.log.begin_epoch(self.state.leader_epoch)?;
        }
        Ok(Moved(self.raise_high_watermark()))
    }

    pub fn log(&self) -> &Log<D> {
        &self.log
    }

    /// The log, for housekeeping. Whatever moves the log start offset is followed by `log_start_moved`.
    pub fn log_mut(&mut self) -> &mut Log<D> {
        &mut self.log
    }

    /// Go on with another log of the same batches, and let go of this one: nobody who waits for offsets notices.
    pub fn replace_log(&mut self, log: Log<D>) -> (Log<D>, Moved) {
        let old = std::mem::replace(&mut self.log, log);
        self.log.set_high_watermark(self.high_watermark);
        let moved = self.raise_high_watermark();
        self.waiters.changed();
        (old, Moved(moved))
    }

    pub fn into_log(self) -> Log<D> {
        self.log
    }

    pub fn offsets(&self) -> Offsets {
        Offsets {
            log_start: self.log.log_start_offset(),
            high_watermark: self.high_watermark,
            last_stable: self.log.last_stable_offset(),
            log_end: self.log.log_end_offset(),
        }
    }

    /// Why this log takes no more writes, if so.
    pub fn offline(&self) -> Option<&str> {
        self.offline.as_deref()
    }

    /// Take no more writes: the disk failed, and what it holds past the last good append is unknown.
    pub fn go_offline(&mut self, text: String) {
        self.offline.get_or_insert(text);
        self.waiters.changed();
    }

    /// Append as leader. `all_in_sync` is acks=all: refused while too few replicas are in sync.
    pub fn append(
        &mut self,
        batches: &mut [u8],
        context: &AppendContext,
        all_in_sync: bool,
    ) -> Result<AppendDone, Produced> {
        self.takes_appends(all_in_sync)?;
        let prepared = prepare(batches, self.log.config(), context);
        let prepared = prepared.map_err(|error| self.refusal(error))?;
        self.append_prepared(batches, prepared, context, all_in_sync)
    }

    /// The same, unless its records take long to look through: then None, and nothing was done. They can be prepared
    /// with the log's configuration and without the partition.
    pub fn append_light(
        &mut self,
        batches: &mut [u8],
        context: &AppendContext,
        all_in_sync: bool,
    ) -> Result<Option<AppendDone>, Produced> {
        self.takes_appends(all_in_sync)?;
        let prepared = prepare_light(batches, self.log.config(), context);
        match prepared.map_err(|error| self.refusal(error))? {
            Some(prepared) => self
                .append_prepared(batches, prepared, context, all_in_sync)
                .map(Some),
            None => Ok(None),
        }
    }

    fn takes_appends(&self, all_in_sync: bool) -> Result<(), Produced> {
        if let Some(text) = &self.offline {
            return Err(Produced::refused_with(
                Code::KafkaStorageError,
                text.as_str(),
            ));
        }
        if !self.leads() {
            return Err(Produced::refused(Code::NotLeaderOrFollower));
        }
        if all_in_sync && self.isr_is_too_small() {
            return Err(Produced::refused(Code::NotEnoughReplicas));
        }
        Ok(())
    }

    /// Append what was prepared of these batches before.
    pub fn append_prepared(
        &mut self,
        batches: &mut [u8],
        prepared: Prepared,
        context: &AppendContext,
        all_in_sync: bool,
    ) -> Result<AppendDone, Produced> {
        self.takes_appends(all_in_sync)?;
        let context = AppendContext {
            leader_epoch: self.state.leader_epoch,
            ..*context
        };
        let before = self.offsets();
        let converted = prepared.is_converted();
        match self.log.append_prepared(batches, prepared, &context) {
            Ok(appended) => {
                if self.raise_high_watermark() {
                    let stable_moved = self.log.last_stable_offset() > before.last_stable;
                    self.waiters.readable(appended.size_bytes, stable_moved);
                }
                let awaited = Awaited {
                    reign: self.reign,
                    offset: appended.last_offset.saturating_add(1),
                    all_in_sync,
                };
                Ok(AppendDone {
                    appended,
                    converted,
                    awaited,
                })
            }
            Err(error) => {
                // A full disk is no end: the next append may find room. What can't be known any more is one.
                if error.code == Code::KafkaStorageError
                    && let Some(text) = self.log.failure()
                {
                    let text = text.to_owned();
                    self.go_offline(text);
                }
                Err(self.refusal(error))
            }
        }
    }

    /// What came of an append that a producer waits for. It hears of each change that may be one of this, if it is
    /// parked here.
    pub fn outcome_of(&self, awaited: &Awaited) -> Outcome {
        if self.offline.is_some() {
            return Outcome::Refused(Code::KafkaStorageError);
        }
        if awaited.reign != self.reign || !self.leads() {
            return Outcome::Refused(Code::NotLeaderOrFollower);
        }
        let reached = if awaited.all_in_sync {
            self.high_watermark
        } else {
            self.log.acknowledged_offset()
        };
        if reached < awaited.offset {
            Outcome::Waiting
        } else if awaited.all_in_sync && self.isr_is_too_small() {
            Outcome::Refused(Code::NotEnoughReplicasAfterAppend)
        } else {
            Outcome::Safe
        }
    }

    /// Take what came of a flush: what waited for it may now be told.
    ///
    /// # Errors
    /// If nothing more is safe than before.
    pub fn flushed(&mut self, done: Flushed) -> Result<(Moved, Option<Bells<W>>), LogError> {
        let before = self.log.acknowledged_offset();
        self.log.flushed(done)?;
        let moved = self.raise_high_watermark();
        let further = moved || self.log.acknowledged_offset() > before;
        Ok((Moved(moved), further.then(|| self.reached())))
    }

    /// Who waited for what is reached by now.
    fn reached(&mut self) -> Bells<W> {
        let mut waiters = std::mem::take(&mut self.waiters);
        let bells = waiters.reached(|awaited| self.outcome_of(awaited) == Outcome::Waiting);
        self.waiters = waiters;
        bells
    }

    /// An append's error as a producer is told it. As in Kafka, the log start offset is told for errors of the
    /// records' contents and of the producer's state, not for those of their size or of the disk.
    pub fn refusal(&self, error: AppendError) -> Produced {
        // A partition's folder is called as the partition is.
        let name = self.log.dir().file_name().unwrap_or_default();
        let error = error.of_partition(&name.to_string_lossy());
        Produced {
            log_start_offset: if error.by_content {
                self.log.log_start_offset()
            } else {
                -1
            },
            record_errors: error.record_errors,
            flaw: error.flaw,
            ..Produced::refused_with(error.code, error.text)
        }
    }

    /// Read for a consumer, up to what it may see. Err is an error code.
    pub fn read(&mut self, read: &Read) -> Result<ReadDone<D::File>, Code> {
        if !self.leads() {
            return Err(Code::NotLeaderOrFollower);
        }
        self.check_leader_epoch(read.part.current_leader_epoch)?;
        let offsets = self.offsets();
        let nothing = |diverging_epoch, aborted| ReadDone {
            offsets,
            slice: Slice {
                file: None,
                position: 0,
                len: 0,
                first_batch_incomplete: false,
            },
            aborted,
            diverging_epoch,
        };
        let committed = read.isolation == Isolation::ReadCommitted;
        if let Some(diverging) = self.diverging_epoch(&read.part)? {
            return Ok(nothing(Some(diverging), None));
        }
        let offset = read.part.fetch_offset;
        if offset < offsets.log_start || offset > offsets.log_end {
            return Err(Code::OffsetOutOfRange);
        }
        let upper_bound = if committed {
            offsets.last_stable
        } else {
            offsets.high_watermark
        };
        if offset >= upper_bound {
            return Ok(nothing(None, committed.then(Vec::new)));
        }
        let mut slice = self
            .log
            .read(offset, read.bytes_max, upper_bound, read.min_one)
            .map_err(code_of)?;
        if slice.first_batch_incomplete {
            slice = Slice {
                file: None,
                len: 0,
                ..slice
            };
        }
        let aborted = if committed && slice.len > 0 {
            Some(
                self.log
                    .aborted_transactions(offset, upper_bound)
                    .map_err(|_| Code::KafkaStorageError)?,
            )
        } else {
            committed.then(Vec::new)
        };
        Ok(ReadDone {
            offsets,
            slice,
            aborted,
            diverging_epoch: None,
        })
    }

    /// Whether a client that knows this leader epoch may go on; -1 is one that does not check.
    pub fn check_leader_epoch(&self, epoch: i32) -> Result<(), Code> {
        match epoch {
            -1 => Ok(()),
            _ if epoch < self.state.leader_epoch => Err(Code::FencedLeaderEpoch),
            _ if epoch > self.state.leader_epoch => Err(Code::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// Where the reader's log parted from ours, if it says which epoch it fetched last.
    fn diverging_epoch(&self, part: &FetchPart) -> Result<Option<(i32, i64)>, Code> {
        if part.last_fetched_epoch < 0 {
            return Ok(None);
        }
        let (epoch, end_offset) = self.epoch_end_offset(part.last_fetched_epoch);
        if epoch < 0 || end_offset < 0 {
            return Err(Code::OffsetOutOfRange);
        }
        let parted = epoch < part.last_fetched_epoch || end_offset < part.fetch_offset;
        Ok(parted.then_some((epoch, end_offset)))
    }

    /// The largest epoch not above the asked one, and where it ended; (-1, -1) if there is none.
    pub fn epoch_end_offset(&self, epoch: i32) -> (i32, i64) {
        if epoch == self.state.leader_epoch {
            return (epoch, self.log.log_end_offset());
        }
        self.log.epoch_end_offset(epoch)
    }

    /// A follower's log ends here now. `Host::follower_reached` says so.
    pub fn follower_reached(&mut self, id: i32, log_end_offset: i64) -> Moved {
        if !self.state.replicas.contains(&id) {
            return Moved(false);
        }
        self.followers.insert(id, log_end_offset);
        let moved = self.raise_high_watermark();
        if moved {
            drop(self.reached());
        }
        Moved(moved)
    }

    /// Put what the leader sent at the end, and take its high watermark as far as there is something below it. Replication's
    /// fetcher will: what it reads of a leader over `outbound` goes here.
    ///
    /// # Errors
    /// `NotLeaderOrFollower` from one that leads; else as the log's.
    pub fn append_as_follower(
        &mut self,
        batches: &[u8],
        now_ms: i64,
        high_watermark: i64,
    ) -> Result<Appended, AppendError> {
        if self.leads() {
            let text = "a leader takes nothing from a leader";
            return Err(AppendError::new(Code::NotLeaderOrFollower, text));
        }
        let appended = self.log.append_as_follower(batches, now_ms)?;
        let reached = high_watermark.min(self.log.log_end_offset());
        if reached > self.high_watermark {
            self.high_watermark = reached;
            self.log.set_high_watermark(reached);
        }
        Ok(appended)
    }

    /// Cut what the leader does not have, below the high watermark too where an unclean election made it so. Replication's
    /// fetcher will, where the leader's answer diverges.
    ///
    /// # Errors
    /// From one that leads; else the disk's.
    pub fn truncate_as_follower(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        if self.leads() {
            let text = "a leader's log is not cut".to_owned();
            return Err(LogError::OutOfRange { text });
        }
        self.log.truncate_to(offset, now_ms)?;
        self.high_watermark = self.high_watermark.min(self.log.log_end_offset());
        self.log.set_high_watermark(self.high_watermark);
        Ok(())
    }

    pub fn log_start_moved(&mut self) {
        self.high_watermark = self.high_watermark.max(self.log.log_start_offset());
    }

    /// Tell this waiter when what it waits for may be there, or has changed. Parking twice is once.
    pub fn park(&mut self, waiter: &Arc<W>, what: For) {
        self.waiters.park(waiter, what);
    }

    /// Everyone who waits has to look again: the partition changes hands or goes.
    pub fn wake_all(&mut self) {
        self.waiters.changed();
    }

    #[cfg(test)]
    pub fn waiter_count(&self) -> usize {
        self.waiters.count()
    }

    /// The high watermark is the least log end offset of all in-sync replicas; it never goes back, and stands
    /// still while fewer replicas are in sync than the topic demands (KIP-966).
    fn raise_high_watermark(&mut self) -> bool {
        if !self.leads() || self.isr_is_too_small() {
            return false;
        }
        let ends = self.state.isr.iter().map(|id| {
            if *id == self.local_id {
                self.log.acknowledged_offset()
            } else {
                self.followers.get(id).copied().unwrap_or(0)
            }
        });
        let Some(reached) = ends.min() else {
            return false;
        };
        // A follower may claim anything.
        let reached = reached.min(self.log.log_end_offset());
        if reached <= self.high_watermark {
            return false;
        }
        self.high_watermark = reached;
        self.log.set_high_watermark(reached);
        true
    }
}

fn code_of(error: ReadError) -> Code {
    match error {
        ReadError::OffsetOutOfRange { .. } => Code::OffsetOutOfRange,
        ReadError::Log(LogError::OutOfRange { .. }) => Code::UnknownServerError,
        // What a consumer takes as final, as from Apache Kafka.
        ReadError::Log(LogError::Corrupt { .. }) => Code::CorruptMessage,
        ReadError::Log(_) => Code::KafkaStorageError,
    }
}

#[cfg(test)]
mod tests;
