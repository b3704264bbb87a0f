//! Scripts of events against one partition on the simulated disk.

mod durability;

use std::path::{Path, PathBuf};

use super::*;
use crate::batch::{BatchSpec, Builder, RecordOut};
use crate::disk::{DiskFile, SimDisk, SimFile};
use crate::log::{LogConfig, OpenHints, Origin};

/// Knows what it was told, and never has enough of bytes.
struct Told(Wants);

impl Default for Told {
    fn default() -> Self {
        let told = Self(Wants::default());
        told.0.begin(i64::MAX);
        told
    }
}

impl Told {
    /// How many bytes can be read more, and whether something else has changed.
    fn take(&self) -> (i64, bool) {
        let changed = self.0.has_enough();
        let bytes = if changed { 0 } else { i64::MAX - self.0.left() };
        self.0.begin(i64::MAX);
        (bytes, changed)
    }
}

const NOTHING: (i64, bool) = (0, false);
const CHANGED: (i64, bool) = (0, true);

impl Waiter for Told {
    fn principal(&self) -> &str {
        "User:nobody"
    }

    fn wants(&self) -> &Wants {
        &self.0
    }

    fn ring(&self) {}
}

type Led = Partition<SimDisk, Told>;

fn state(leader_epoch: i32, isr: &[i32]) -> LeaderAndIsr {
    LeaderAndIsr {
        leader: 1,
        leader_epoch,
        partition_epoch: leader_epoch,
        replicas: vec![1, 2, 3],
        isr: isr.to_vec(),
    }
}

fn asking_for(min_insync_replicas: i32) -> TopicConfig {
    TopicConfig {
        min_insync_replicas,
        ..TopicConfig::default()
    }
}

fn led(state: LeaderAndIsr) -> (SimDisk, Led) {
    replica(1, state)
}

fn replica(id: i32, state: LeaderAndIsr) -> (SimDisk, Led) {
    let disk = SimDisk::new(1);
    disk.create_dir_all(Path::new("/data")).unwrap();
    let dir = PathBuf::from("/data/topic-0");
    let opened = Log::open(
        disk.clone(),
        dir,
        LogConfig::default(),
        0,
        OpenHints::default(),
    );
    let log = opened.unwrap().0;
    (disk, Partition::new(id, 0, log, (state, 1), 0).unwrap())
}

fn batch(count: usize) -> Vec<u8> {
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    for _ in 0..count {
        let record = RecordOut {
            timestamp_ms: 1,
            key: None,
            value: Some(b"v"),
            headers: &[],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

fn append(partition: &mut Led, count: usize, all: bool) -> Result<AppendDone, Produced> {
    let context = AppendContext {
        now_ms: 1,
        leader_epoch: -1,
        origin: Origin::Client,
        produce_version: 11,
        verification: 0,
        transaction_version: 0,
    };
    partition.append(&mut batch(count), &context, all)
}

fn look(
    partition: &mut Led,
    fetch_offset: i64,
    epoch: i32,
    last: i32,
) -> Result<ReadDone<SimFile>, Code> {
    let part = FetchPart {
        index: 0,
        current_leader_epoch: epoch,
        fetch_offset,
        last_fetched_epoch: last,
        log_start_offset: -1,
        bytes_max: 1 << 20,
    };
    let read = Read {
        part,
        isolation: Isolation::ReadUncommitted,
        bytes_max: 1 << 20,
        min_one: true,
    };
    partition.read(&read)
}

fn read(partition: &mut Led, fetch_offset: i64, epoch: i32, last: i32) -> Result<usize, Code> {
    let done = look(partition, fetch_offset, epoch, last)?;
    assert_eq!(done.diverging_epoch, None);
    Ok(done.slice.len)
}

#[test]
fn the_high_watermark_follows_the_slowest_in_sync_replica() {
    let (_, mut partition) = led(state(0, &[1, 2]));
    let told = Arc::new(Told::default());
    partition.park(&told, For::Readable);
    let done = append(&mut partition, 3, true).unwrap();
    assert_eq!(partition.outcome_of(&done.awaited), Outcome::Waiting);
    assert_eq!(partition.offsets().high_watermark, 0);
    assert_eq!(told.take(), NOTHING, "nothing can be read yet");
    assert_eq!(read(&mut partition, 0, -1, -1), Ok(0));
    let _ = partition.follower_reached(3, 3);
    assert_eq!(partition.offsets().high_watermark, 0, "3 is not in sync");
    let _ = partition.follower_reached(9, 1);
    assert_eq!(partition.offsets().high_watermark, 0, "9 is no replica");
    let _ = partition.follower_reached(2, 2);
    assert_eq!(
        (partition.offsets().high_watermark, told.take()),
        (2, CHANGED)
    );
    partition.park(&told, For::Readable);
    let _ = partition.set_state(state(0, &[1])).unwrap();
    assert_eq!(
        partition.offsets().high_watermark,
        3,
        "who left the ISR is not waited for"
    );
    let _ = partition.follower_reached(2, 1);
    let _ = partition.set_state(state(0, &[1, 2])).unwrap();
    assert_eq!(partition.offsets().high_watermark, 3, "it never goes back");
    assert!(read(&mut partition, 0, -1, -1).unwrap() > 0);
}

#[test]
fn too_few_in_sync_replicas_stop_acks_all_and_the_high_watermark() {
    let (_, mut partition) = led(state(0, &[1]));
    assert_eq!(partition.set_config(asking_for(2)), Moved(false));
    let refused = append(&mut partition, 1, true).unwrap_err();
    assert_eq!(refused.error_code, Code::NotEnoughReplicas);
    assert_eq!(partition.offsets().log_end, 0);
    append(&mut partition, 1, false).unwrap();
    assert_eq!(partition.offsets().high_watermark, 0);
    let told = Arc::new(Told::default());
    partition.park(&told, For::Readable);
    assert_eq!(partition.set_config(asking_for(1)), Moved(true));
    assert_eq!(told.take(), CHANGED);
    assert_eq!(partition.offsets().high_watermark, 1);
    let _ = partition.set_config(asking_for(5));
    let alone = LeaderAndIsr {
        replicas: vec![1],
        ..state(0, &[1])
    };
    let _ = partition.set_state(alone).unwrap();
    assert!(
        append(&mut partition, 1, true).is_ok(),
        "no more than there are can be asked for"
    );
}

/// Whatever a replica says of its log's end, nothing above ours is told of.
#[test]
fn a_follower_may_claim_anything() {
    let (_, mut partition) = led(state(0, &[1, 2]));
    append(&mut partition, 2, false).unwrap();
    for claimed in [i64::MIN, -1, 0, 1] {
        let _ = partition.follower_reached(2, claimed);
        assert_eq!(partition.offsets().high_watermark, claimed.max(0));
    }
    assert_eq!(partition.follower_reached(2, i64::MAX), Moved(true));
    assert_eq!(partition.offsets().high_watermark, 2);
    assert_eq!(partition.follower_reached(2, 0), Moved(false));
}

#[test]
fn a_new_leader_epoch_fences_old_readers_and_wakes_all() {
    let (_, mut partition) = led(state(3, &[1]));
    append(&mut partition, 4, true).unwrap();
    let told = Arc::new(Told::default());
    partition.park(&told, For::Committed);
    assert!(read(&mut partition, 0, 3, -1).unwrap() > 0);
    let _ = partition.set_state(state(5, &[1])).unwrap();
    assert_eq!(told.take(), CHANGED);
    append(&mut partition, 2, true).unwrap();
    assert_eq!(read(&mut partition, 0, 3, -1), Err(Code::FencedLeaderEpoch));
    assert_eq!(
        read(&mut partition, 0, 6, -1),
        Err(Code::UnknownLeaderEpoch)
    );
    assert_eq!(
        (partition.epoch_end_offset(3), partition.epoch_end_offset(4)),
        ((3, 4), (3, 4))
    );
    assert_eq!(partition.epoch_end_offset(5), (5, 6));
    assert!(
        read(&mut partition, 4, 5, 3).unwrap() > 0,
        "it fetched all of epoch 3"
    );
    let parted = look(&mut partition, 6, 5, 3).unwrap();
    assert_eq!(
        (parted.diverging_epoch, parted.slice.len),
        (Some((3, 4)), 0)
    );
    assert_eq!(read(&mut partition, 7, 5, -1), Err(Code::OffsetOutOfRange));
}

#[test]
fn readers_are_told_once_each_and_forgotten_when_gone() {
    let (_, mut partition) = led(state(0, &[1]));
    let (stays, leaves) = (Arc::new(Told::default()), Arc::new(Told::default()));
    for waiter in [&stays, &stays, &leaves] {
        partition.park(waiter, For::Readable);
    }
    drop(leaves);
    append(&mut partition, 1, true).unwrap();
    let bytes = batch(1).len() as i64;
    assert_eq!(stays.take(), (bytes, false), "parking twice is once");
    assert_eq!(partition.waiter_count(), 1);
    partition.wake_all();
    assert_eq!((stays.take(), partition.waiter_count()), (CHANGED, 0));
}

/// A partition that a full disk took offline would stay so until a restart, with all the room in the world.
#[test]
fn a_full_disk_refuses_until_there_is_room_again() {
    let (disk, mut partition) = led(state(0, &[1]));
    append(&mut partition, 2, true).unwrap();
    disk.set_capacity(disk.used());
    let refused = append(&mut partition, 1, true).unwrap_err();
    assert_eq!(refused.error_code, Code::KafkaStorageError);
    assert_eq!(partition.offsets().log_end, 2);
    assert!(read(&mut partition, 0, -1, -1).unwrap() > 0);
    disk.set_capacity(u64::MAX);
    append(&mut partition, 1, true).unwrap();
    assert_eq!(partition.offsets().log_end, 3);
}

/// What a later sync calls safe may be lost already: after one that failed nothing is taken, and waiters hear of it.
#[test]
fn a_failed_sync_takes_it_offline_for_good() {
    let (disk, mut partition) = led(state(0, &[1]));
    append(&mut partition, 2, true).unwrap();
    let told = Arc::new(Told::default());
    partition.park(&told, For::Readable);
    disk.fail_sync_after(Some(0));
    let done = partition.log_mut().unflushed().unwrap().sync();
    let error = partition.flushed(done).err().unwrap();
    assert!(error.is_failed_sync(), "{error}");
    partition.go_offline(error.to_string());
    assert_eq!(told.take(), CHANGED);
    let refused = append(&mut partition, 1, true).unwrap_err();
    assert_eq!(refused.error_code, Code::KafkaStorageError);
    assert!(read(&mut partition, 0, -1, -1).unwrap() > 0);
}

/// With flush.messages=1 a record that is told, or read, and then lost in a power cut, breaks what was asked for.
#[test]
fn what_owes_a_flush_is_seen_when_it_is_safe() {
    let (_, mut partition) = led(state(0, &[1]));
    let config = LogConfig {
        flush_messages: 2,
        ..LogConfig::default()
    };
    partition.log_mut().set_config(config);
    append(&mut partition, 1, true).unwrap();
    assert_eq!(partition.offsets().high_watermark, 1);
    append(&mut partition, 1, true).unwrap();
    let told = Arc::new(Told::default());
    partition.park(&told, For::Readable);
    assert_eq!(partition.offsets().high_watermark, 1);
    let done = partition.log_mut().unflushed().unwrap().sync();
    let _ = partition.flushed(done).unwrap();
    assert_eq!(partition.offsets().high_watermark, 2);
    assert_eq!(told.take(), CHANGED);
}

#[test]
fn deleted_records_move_the_start_and_the_high_watermark_with_it() {
    let (_, mut partition) = led(state(0, &[1]));
    append(&mut partition, 3, true).unwrap();
    partition.log_mut().delete_records(2).unwrap();
    partition.log_start_moved();
    let offsets = partition.offsets();
    assert_eq!(
        (offsets.log_start, offsets.high_watermark, offsets.log_end),
        (2, 3, 3)
    );
    assert_eq!(read(&mut partition, 1, -1, -1), Err(Code::OffsetOutOfRange));
    assert!(read(&mut partition, 2, -1, -1).unwrap() > 0);
}

/// All that the leader has and the follower has not, as a fetch would bring it.
fn copy(leader: &mut Led, follower: &mut Led, upto: i64) {
    let from = follower.offsets().log_end;
    let slice = leader.log_mut().read(from, 1 << 20, upto, true).unwrap();
    let mut bytes = vec![0; slice.len];
    let file = slice.file.unwrap();
    file.read_exact_at(&mut bytes, slice.position).unwrap();
    let high_watermark = leader.offsets().high_watermark;
    follower
        .append_as_follower(&bytes, 1, high_watermark)
        .unwrap();
    let id = follower.local_id;
    let _ = leader.follower_reached(id, follower.offsets().log_end);
}

/// Followers are what replication stands on: clients must not be served by one, nor offsets be given by two.
#[test]
fn a_follower_takes_what_its_leader_sends_and_nothing_else() {
    let (_, mut leader) = led(state(0, &[1, 2]));
    let (_, mut follower) = replica(2, state(0, &[1, 2]));
    assert!(leader.leads() && !follower.leads());
    append(&mut leader, 3, true).unwrap();
    let refused = append(&mut follower, 1, true).unwrap_err();
    assert_eq!(refused.error_code, Code::NotLeaderOrFollower);
    assert_eq!(
        read(&mut follower, 0, -1, -1),
        Err(Code::NotLeaderOrFollower)
    );
    assert_eq!(follower.offsets().log_end, 0);
    copy(&mut leader, &mut follower, 3);
    assert_eq!(leader.offsets().high_watermark, 3);
    assert_eq!(follower.offsets().high_watermark, 0, "it hears of it next");
    append(&mut leader, 1, true).unwrap();
    copy(&mut leader, &mut follower, 4);
    assert_eq!(
        (
            follower.offsets().high_watermark,
            follower.offsets().log_end
        ),
        (3, 4)
    );
    let bytes = batch(1);
    assert!(leader.append_as_follower(&bytes, 1, 9).is_err());
    assert!(leader.truncate_as_follower(0, 1).is_err());
}

/// A leader that was cut off comes back with records that nobody else has: they have to go, and no others.
#[test]
fn leadership_moves_and_what_parted_is_cut() {
    let (_, mut one) = led(state(0, &[1, 2]));
    let (_, mut two) = replica(2, state(0, &[1, 2]));
    append(&mut one, 2, true).unwrap();
    copy(&mut one, &mut two, 2);
    append(&mut one, 5, false).unwrap(); // never reaches the other
    let told = Arc::new(Told::default());
    one.park(&told, For::Readable);
    let next = LeaderAndIsr {
        leader: 2,
        ..state(1, &[2])
    };
    let _ = two.set_state(next.clone()).unwrap();
    let _ = one.set_state(next).unwrap();
    assert_eq!(told.take(), CHANGED);
    append(&mut two, 1, true).unwrap();
    assert_eq!(two.offsets().high_watermark, 3);
    assert_eq!(two.epoch_end_offset(0), (0, 2), "where the old epoch ended");
    one.truncate_as_follower(2, 1).unwrap();
    copy(&mut two, &mut one, 3);
    assert_eq!(one.offsets(), two.offsets());
    let _ = one.set_state(state(0, &[1])).unwrap();
    assert!(!one.leads(), "an epoch that is over is not taken");
}

/// The log that is opened anew in the same place may lack what the producer appended: it would be told that all is safe.
#[test]
fn who_waits_for_an_earlier_opening_of_a_log_waits_for_nothing_of_the_next() {
    let (_disk, mut partition) = led(state(1, &[1, 2]));
    let done = append(&mut partition, 1, true).unwrap();
    assert_eq!(partition.outcome_of(&done.awaited), Outcome::Waiting);
    let log = partition.into_log();
    let next = Partition::<_, Told>::new(1, 1, log, (state(1, &[1]), 1), 1).unwrap();
    let refused = Outcome::Refused(Code::NotLeaderOrFollower);
    assert_eq!(next.outcome_of(&done.awaited), refused);
}
