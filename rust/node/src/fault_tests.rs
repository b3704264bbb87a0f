//! What disk faults end in a node without sockets: the table of docs/design/faults.md, seen from below.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ottla_core::batch::{BatchSpec, Builder, RecordOut};
use ottla_core::hosting::{Event, PartitionState};
use ottla_core::partition::TopicConfig;

use crate::outside::NodeHost;
use crate::{ClockSet, DiskFault, FaultRow, Item, Node, Options};

const GENEROUS: Duration = Duration::from_secs(20);
const FIRST: usize = 0;
const SECOND: usize = 1;

/// A node with two log directories, in a folder that goes with it.
pub struct Fixture {
    pub node: Node,
    pub folder: PathBuf,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.node.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn node_in(folder: &Path) -> Node {
    Node::new(Options {
        node_id: 1,
        log_dirs: vec![folder.join("first"), folder.join("second")],
        threads: 1,
        clock: ClockSet::default(),
        request_memory_bytes_max: 1 << 20,
        request_size_bytes_max: 1 << 20,
        connection_idle_ms_max: 1000,
        socket_send_buffer_bytes: 1 << 16,
        socket_receive_buffer_bytes: 1 << 16,
        fetch_session_slots: 1,
        fetch_max_bytes: 1 << 20,
        power_cuts: false,
        overflow: None,
        durable: false,
        panic_on_api: None,
        hot_throttle_ms: 0,
    })
    .unwrap()
}

/// A partition that is led, by (index, leader epoch).
pub fn led(
    topic: &str,
    topic_id: [u8; 16],
    (partition, leader_epoch): (i32, i32),
    log_dir: usize,
) -> PartitionState {
    PartitionState {
        topic: topic.into(),
        topic_id,
        partition,
        internal: false,
        log_dir,
        leader: 1,
        leader_epoch,
        partition_epoch: leader_epoch,
        replicas: vec![1],
        isr: vec![1],
        config: Arc::new(TopicConfig::parse(&[]).unwrap()),
    }
}

impl Fixture {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ottla-faults-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        Self {
            node: node_in(&folder),
            folder,
        }
    }

    /// Place these, and wait until they are as wanted; what could not be opened, and why.
    pub fn place(&self, states: Vec<PartitionState>) -> Vec<String> {
        self.node.ask(|host| host.place(states)).unwrap();
        assert!(self.node.await_wanted(GENEROUS).unwrap());
        let told = self.events().into_iter();
        told.filter_map(|event| match event {
            Event::LogUnopened { refused, .. } => Some(refused.text),
            _ => None,
        })
        .collect()
    }

    pub fn open(&self, topic: &str, log_dir: usize) -> Option<String> {
        let mut topic_id = [0; 16];
        topic_id[..topic.len()].copy_from_slice(topic.as_bytes());
        self.place(vec![led(topic, topic_id, (0, 0), log_dir)])
            .pop()
    }

    pub fn append(&self, topic: &str) -> Result<(i64, i64), String> {
        let mut builder = Builder::new(BatchSpec::default()).unwrap();
        let record = RecordOut {
            timestamp_ms: 1,
            key: None,
            value: None,
            headers: &[],
        };
        builder.append(&record).unwrap();
        let batch = builder.finish(None).unwrap();
        let appended = self.node.ask(|host| host.append(topic, 0, batch, 0));
        appended
            .map(|done| (done.base_offset, done.last_offset))
            .map_err(|error| error.kind.to_owned())
    }

    pub fn fault(&self, verb: &str, path: &str, errno: &str) {
        let fault = DiskFault::new(FaultRow::new(verb, path, errno)).unwrap();
        self.node.disk().faults().set(vec![fault]);
    }

    pub fn mend(&self) {
        self.node.disk().faults().set(Vec::new());
    }

    pub fn events(&self) -> Vec<Event> {
        let items = self.node.next(Some(Duration::ZERO)).unwrap();
        let event = |item| match item {
            Item::Event(event) => Some(event),
            Item::Asked(_) => None,
        };
        items.into_iter().filter_map(event).collect()
    }

    pub fn await_event(&self, is_it: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + GENEROUS;
        while Instant::now() < deadline {
            if let Some(event) = self.events().into_iter().find(&is_it) {
                return event;
            }
            std::thread::yield_now();
        }
        panic!("it never came");
    }

    pub fn await_healed(&self, topic: &str) {
        self.await_event(
            |event| matches!(event, Event::LogHealed { place } if &*place.topic == topic),
        );
    }

    pub fn read(&self, topic: &str) -> bool {
        self.node
            .ask(|host| host.read(topic, 0, 0, 100, true))
            .is_ok()
    }

    pub fn flush(&self) {
        let flushed = self.node.ask(|host| {
            host.flush();
            Ok(())
        });
        flushed.unwrap();
    }

    pub fn checkpoint(&self) -> String {
        self.node.begin("checkpoint").unwrap();
        assert!(self.node.settle(GENEROUS).unwrap());
        let path = self.folder.join("first/recovery-point-offset-checkpoint");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn is_clean(&self, dir: &str) -> bool {
        self.folder.join(dir).join(".kafka_cleanshutdown").exists()
    }
}

/// A later sync would call safe what is lost: the directory is over, its checkpoints stay, the other one goes on.
#[test]
fn a_failed_sync_ends_its_directory_and_no_other() {
    let fixture = Fixture::new();
    for (topic, dir) in [("a", FIRST), ("b", FIRST), ("c", SECOND)] {
        assert_eq!(fixture.open(topic, dir), None);
        fixture.append(topic).unwrap();
    }
    fixture.flush();
    let before = fixture.checkpoint();
    assert!(before.contains("a 0 "));
    fixture.append("a").unwrap();
    fixture.fault("sync", "/a-0/*.log", "EIO");
    fixture.flush();
    fixture.mend();
    let told = fixture.events();
    assert!(
        matches!(told[..], [Event::LogDirFailed { log_dir: 0, .. }]),
        "{told:?}"
    );
    for topic in ["a", "b"] {
        assert_eq!(fixture.append(topic), Err("offline".into()));
        assert!(!fixture.read(topic));
    }
    fixture.append("c").unwrap();
    assert!(
        fixture
            .open("d", FIRST)
            .unwrap()
            .contains("start the node again")
    );
    fixture.flush();
    assert_eq!(fixture.checkpoint(), before);
    fixture.node.stop(Duration::ZERO, 1).unwrap();
    assert!(!fixture.is_clean("first"));
    assert!(fixture.is_clean("second"));
}

/// What lacked a descriptor for a moment would be away until a restart, with a mark that says that it is clean.
#[test]
fn what_can_not_be_opened_is_tried_again_and_keeps_the_mark_away() {
    let fixture = Fixture::new();
    fixture.fault("create", "/a-0/partition.metadata", "EMFILE");
    assert!(fixture.open("a", FIRST).is_some());
    assert_eq!(fixture.append("a"), Err("offline".into()));
    fixture.mend();
    fixture.await_healed("a");
    fixture.append("a").unwrap();
    fixture.fault("create", "/b-0/partition.metadata", "EMFILE");
    assert!(fixture.open("b", SECOND).is_some());
    fixture.node.stop(Duration::ZERO, 1).unwrap();
    assert!(fixture.is_clean("first"));
    assert!(!fixture.is_clean("second"));
}

/// A pass that is asked for while one of its kind runs sees what was there when it was asked for.
#[test]
fn a_pass_that_is_asked_for_meanwhile_follows() {
    let fixture = Fixture::new();
    assert_eq!(fixture.open("a", FIRST), None);
    for _ in 0..3 {
        fixture.append("a").unwrap();
        fixture.node.begin("checkpoint").unwrap();
    }
    assert!(fixture.node.settle(GENEROUS).unwrap());
    assert!(fixture.node.begin("nonsense").is_err());
    let path = fixture.folder.join("first/replication-offset-checkpoint");
    assert!(std::fs::read_to_string(path).unwrap().contains("a 0 3"));
}

/// A descriptor that lacked for a moment would end a log to which nothing was written.
#[test]
fn an_append_whose_file_can_not_be_opened_is_no_end() {
    let fixture = Fixture::new();
    assert_eq!(fixture.open("a", FIRST), None);
    fixture.append("a").unwrap();
    fixture.checkpoint();
    fixture.checkpoint();
    assert_eq!(fixture.node.disk().files().count(), 0);
    fixture.fault("open", "/a-0/*.log", "EMFILE");
    assert_eq!(fixture.append("a"), Err("storage".into()));
    fixture.mend();
    assert_eq!(fixture.append("a"), Ok((1, 1)));
}

/// A program that stops a node and starts the next would find its own folder in use, where a thread is slow.
#[test]
fn who_comes_next_has_the_folder_though_somebody_was_at_work_there() {
    let fixture = Fixture::new();
    assert_eq!(fixture.open("a", FIRST), None);
    let slow = FaultRow {
        delay_ms: Some(300),
        ..FaultRow::new("write", "/a-0/*.log", "")
    };
    let faults = vec![DiskFault::new(slow).unwrap()];
    fixture.node.disk().faults().set(faults);
    std::thread::scope(|scope| {
        scope.spawn(|| fixture.append("a"));
        let is_held = |host: &NodeHost| Ok(host.cells()[0].try_hold().is_none());
        while !fixture.node.ask(is_held).unwrap() {
            std::thread::yield_now();
        }
        fixture.node.kill();
        node_in(&fixture.folder).kill();
    });
}
