//! The machines that serve, driven by hand: scripts of what happens to a partition while a request waits for it.
//!
//! A `World` is one broker, of id 1, over a simulated disk, with one partition that brokers 2 and 3 replicate too. Its
//! chores are done where a script says so. A step of a script is what happens, and what the request says of it:
//! `QUIET` where its bell was not rung, so that it would have gone on to wait.

mod cleaning;
mod coordinating;
mod ending;
mod fetching;
mod permitting;
mod producing;
mod verifying;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::batch::{BatchSpec, Builder, RecordOut};
use crate::compression::Codec;
use crate::disk::{Disk, SimDisk};
use crate::hosting::{
    Cell, Chore, Event, Guard, Host, HostOptions, Lock, Operation, PartitionState, Surroundings,
    Verdict,
};
use crate::partition::{TopicConfig, Waiter, Wants};

/// A request's bell.
#[derive(Default)]
pub struct Bell {
    wants: Wants,
    rung: AtomicUsize,
}

impl Bell {
    fn take(&self) -> bool {
        self.rung.swap(0, Ordering::AcqRel) > 0
    }
}

impl Waiter for Bell {
    fn principal(&self) -> &str {
        ALICE
    }

    fn wants(&self) -> &Wants {
        &self.wants
    }

    fn ring(&self) {
        self.rung.fetch_add(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct Around {
    chores: Mutex<VecDeque<Chore<SimDisk, Bell>>>,
    events: Mutex<Vec<Event>>,
    woken: AtomicUsize,
    /// What is not allowed, or not known: the rest is.
    verdicts: Mutex<Vec<(Operation, &'static str, Verdict)>>,
}

impl Surroundings<SimDisk, Bell> for Around {
    fn now_ms(&self) -> i64 {
        1_000
    }

    fn steady_ms(&self) -> i64 {
        0
    }

    fn random(&self) -> u64 {
        7
    }

    fn tell(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }

    fn owe(&self, chore: Chore<SimDisk, Bell>, _after: Duration) {
        self.chores.lock().unwrap().push_back(chore);
    }

    fn hold_within<'a>(
        &self,
        partition: &'a Lock<SimDisk, Bell>,
        _patience: Duration,
    ) -> Option<Guard<'a, SimDisk, Bell>> {
        partition.try_lock()
    }

    fn verdict(&self, principal: &str, operation: Operation, topic: &str) -> Verdict {
        assert_eq!(principal, ALICE);
        let verdicts = self.verdicts.lock().unwrap();
        let about = |row: &&(Operation, &str, Verdict)| (row.0, row.1) == (operation, topic);
        let found = verdicts.iter().find(about);
        found.map_or(Verdict::Allowed, |(_, _, verdict)| *verdict)
    }

    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::AcqRel);
    }

    fn is_running(&self) -> bool {
        true
    }
}

pub(crate) const TOPIC: &str = "t";
const OFFSETS: &str = "__consumer_offsets";
const ID: [u8; 16] = [7; 16];
const ALICE: &str = "User:alice";

/// What happens to a partition.
#[derive(Clone, Copy)]
enum Happens {
    /// The cluster says: (leader, epoch, in-sync replicas, min.insync.replicas). The partition's epoch grows too.
    Led(i32, i32, &'static [i32], i32),
    /// The follower's log ends there.
    Reached(i64),
    /// Somebody else appends so many records.
    Appended(usize),
    Deleted,
    /// A sync fails, and the log directory with it.
    SyncFails,
    /// What is left to who may block is done.
    Chores,
    /// The request's time is up.
    TimeUp,
}

pub(crate) struct World {
    pub disk: SimDisk,
    pub host: Arc<Host<SimDisk, Bell>>,
    around: Arc<Around>,
    topic: &'static str,
    partition_epoch: i32,
}

impl World {
    /// Broker 1 leads in epoch 0.
    pub fn new(isr: &'static [i32], min_insync_replicas: i32) -> Self {
        Self::configured(isr, min_insync_replicas, &[])
    }

    fn configured(isr: &'static [i32], min_insync_replicas: i32, rows: &[(&str, i64)]) -> Self {
        Self::named(TOPIC, isr, min_insync_replicas, rows)
    }

    fn named(topic: &'static str, isr: &[i32], min: i32, rows: &[(&str, i64)]) -> Self {
        let disk = SimDisk::new(1);
        let around = Arc::new(Around::default());
        let options = HostOptions {
            node_id: 1,
            log_dirs: vec![PathBuf::from("/data")],
            fetch_session_slots: 10,
            fetch_sessions_bytes_max: 1 << 20,
            fetch_bytes_max: 1 << 20,
            skew: crate::log::Skew::default(),
        };
        let mut world = Self {
            host: Host::new(options, disk.clone(), |_| around.clone()).unwrap(),
            disk,
            around,
            topic,
            partition_epoch: 0,
        };
        world.place(1, 0, isr, min, rows);
        world.chores();
        world
    }

    /// The partition is one that a coordinator keeps.
    fn coordinating(isr: &'static [i32], rows: &[(&str, i64)]) -> Self {
        Self::named(OFFSETS, isr, 1, rows)
    }

    /// From now on these hold, and all else is allowed.
    fn say(&self, verdicts: &[(Operation, &'static str, Verdict)]) {
        *self.around.verdicts.lock().unwrap() = verdicts.to_vec();
    }

    fn woken(&self) -> usize {
        self.around.woken.load(Ordering::Acquire)
    }

    /// (high watermark, log end)
    fn marks(&self) -> (i64, i64) {
        let offsets = self.host.describe(self.topic, 0).unwrap().offsets;
        (offsets.high_watermark, offsets.log_end)
    }

    fn place(&mut self, leader: i32, epoch: i32, isr: &[i32], min: i32, rows: &[(&str, i64)]) {
        self.partition_epoch += 1;
        self.place_one(0, (leader, epoch), isr, min, rows);
    }

    /// As `place`, any partition of the topic.
    fn place_one(
        &self,
        partition: i32,
        (leader, epoch): (i32, i32),
        isr: &[i32],
        min: i32,
        rows: &[(&str, i64)],
    ) {
        let mut rows: Vec<_> = rows
            .iter()
            .map(|(key, value)| ((*key).to_owned(), crate::log::ConfigValue::Int(*value)))
            .collect();
        let min = crate::log::ConfigValue::Int(i64::from(min));
        rows.push(("min.insync.replicas".to_owned(), min));
        let config = Arc::new(TopicConfig::parse(&rows).unwrap());
        let placed = self.host.place(vec![PartitionState {
            topic: self.topic.to_owned(),
            topic_id: ID,
            partition,
            log_dir: 0,
            internal: self.topic == OFFSETS,
            leader,
            leader_epoch: epoch,
            partition_epoch: self.partition_epoch,
            replicas: vec![1, 2, 3],
            isr: isr.to_vec(),
            config,
        }]);
        placed.unwrap();
    }

    fn cell(&self) -> Arc<Cell<SimDisk, Bell>> {
        Arc::clone(self.host.hosted().find(self.topic, 0).unwrap())
    }

    fn chores(&self) {
        loop {
            let chore = self.around.chores.lock().unwrap().pop_front();
            match chore {
                None => return,
                Some(Chore::Mend(..) | Chore::Ended(_)) => {} // its time has not come
                Some(chore) => self.host.carry_out(chore),
            }
        }
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::Led(leader, epoch, isr, min) => self.place(leader, epoch, isr, min, &[]),
            Happens::Reached(offset) => {
                self.host.follower_reached(&self.cell(), 2, offset);
            }
            Happens::Appended(count) => {
                self.host.append(self.topic, 0, batch(count), 0).unwrap();
            }
            Happens::Deleted => self.host.delete_partitions(&[(self.topic.to_owned(), 0)]),
            Happens::SyncFails => {
                self.disk.fail_sync_after(Some(0));
                self.host.flush();
            }
            Happens::Chores => self.chores(),
            Happens::TimeUp => {}
        }
    }
}

pub(crate) fn batch(count: usize) -> Vec<u8> {
    batch_of(BatchSpec::default(), count, b"v")
}

/// One whose records are unpacked beside the log's lock.
fn heavy_batch() -> Vec<u8> {
    let spec = BatchSpec {
        codec: Codec::Gzip,
        ..BatchSpec::default()
    };
    batch_of(spec, 20, &[0; 1 << 20])
}

fn batch_of(spec: BatchSpec, count: usize, value: &[u8]) -> Vec<u8> {
    let mut builder = Builder::new(spec).unwrap();
    for _ in 0..count {
        let record = RecordOut {
            timestamp_ms: 1,
            key: None,
            value: Some(value),
            headers: &[],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

/// A body of big-endian numbers and short strings.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn i8(mut self, number: i8) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn i16(mut self, number: i16) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn i32(mut self, number: i32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn i64(mut self, number: i64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn text(self, text: &str) -> Self {
        let mut body = self.i16(i16::try_from(text.len()).unwrap());
        body.0.extend(text.as_bytes());
        body
    }
}

fn header(version: i16) -> Header {
    Header {
        version,
        correlation_id: 5,
        flexible: false,
        body_at: 0,
        from_admin: false,
        client_id_bytes: 0,
    }
}

fn number<const N: usize>(reply: &[u8], at: usize) -> [u8; N] {
    reply[at..at + N].try_into().unwrap()
}

const QUIET: &str = "quiet";
const PARKED: &str = "parked";
