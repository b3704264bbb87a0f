//! Partitions whose name an earlier one had: its folder is set aside, and its checkpoints are forgotten first.

use std::path::Path;
use std::sync::Arc;

use crate::fault_tests::{Fixture, node_in};
use crate::{DiskFault, OpenState};

const MANY: i32 = 40;
const OLD: u8 = 1;
const NEW: u8 = 2;
const CHECKPOINT: &str = "first/recovery-point-offset-checkpoint";

fn states(id: u8, count: i32, leader_epoch: i32) -> Vec<OpenState> {
    let state = |partition| OpenState {
        topic: "a".into(),
        topic_id: [id; 16],
        partition,
        leader_epoch,
        log_dir: 0,
        config: Arc::new(Vec::new()),
    };
    (0..count).map(state).collect()
}

/// A node on folders and checkpoints of an earlier topic's partitions, as a kill leaves them.
fn after_a_kill(count: i32) -> Fixture {
    let mut fixture = Fixture::new();
    let opened = fixture.node.open_partitions(states(OLD, count, 0)).unwrap();
    assert!(opened.iter().all(Option::is_none), "{opened:?}");
    fixture.append("a").unwrap();
    fixture.node.flush().unwrap();
    assert!(fixture.checkpoint().contains("a 0 "));
    fixture.node.kill();
    fixture.node = node_in(&fixture.folder);
    fixture
}

fn count_of(folder: &Path, ending: &str) -> usize {
    let entries = std::fs::read_dir(folder.join("first")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).count()
}

/// Three files synced for each partition: a topic of a thousand would hold up every decision for seconds.
#[test]
fn checkpoints_are_written_once_for_all() {
    let fixture = after_a_kill(MANY);
    for id in [NEW, NEW + 1] {
        fixture.fault("create", "-point-offset-checkpoint.tmp", "");
        let opened = fixture.node.open_partitions(states(id, MANY, 0)).unwrap();
        assert!(opened.iter().all(Option::is_none), "{opened:?}");
        assert_eq!(fixture.node.disk().faults().fired(), [1]);
        let text = std::fs::read_to_string(fixture.folder.join(CHECKPOINT)).unwrap();
        assert!(!text.contains("a 0 "), "{text}");
        assert_eq!(fixture.append("a"), Ok((0, 0)));
        fixture.checkpoint();
        let names: Vec<_> = (0..MANY).map(|index| ("a".to_owned(), index)).collect();
        fixture.node.delete_partitions(&names).unwrap();
    }
    assert_eq!(count_of(&fixture.folder, "-stray"), MANY as usize);
}

/// A disk that is slow with the checkpoints would hold up every decision: the partitions come when it is done.
#[test]
fn nobody_waits_for_checkpoints_that_are_slow() {
    let fixture = after_a_kill(1);
    let row = (
        "create".into(),
        "-checkpoint.tmp".into(),
        String::new(),
        -1,
        false,
        0,
        -1,
    );
    let held = DiskFault::new(row).unwrap();
    fixture.node.disk().faults().set(vec![held]);
    let opened = fixture.node.open_partitions(states(NEW, 1, 0)).unwrap();
    assert!(opened[0].is_some());
    assert_eq!(fixture.append("a"), Err("storage".into()));
    fixture.mend();
    fixture.await_event("log-healed");
    assert_eq!(fixture.append("a"), Ok((0, 0)));
}

/// First a namesake's folder can't be set aside, then its checkpoints can't be written: the folder that went was set
/// aside by ourselves, and waiting for it would never end.
#[test]
fn a_folder_that_was_set_aside_is_not_waited_for() {
    let fixture = after_a_kill(1);
    fixture.fault("rename", "/a-0", "EIO");
    let opened = fixture.node.open_partitions(states(NEW, 1, 0)).unwrap();
    assert!(
        opened[0].as_ref().unwrap().contains("renaming"),
        "{opened:?}"
    );
    fixture.fault("create", "-checkpoint.tmp", "ENOSPC");
    let told = fixture.await_event("log-unopened");
    assert!(told.text.contains("checkpoint"), "{}", told.text);
    assert_eq!(count_of(&fixture.folder, "-stray"), 1);
    fixture.mend();
    fixture.await_event("log-healed");
    assert_eq!(fixture.append("a"), Ok((0, 0)));
}

/// A new leader's epoch comes while a damaged folder is away to be mended: an empty one would take its place.
#[test]
fn a_folder_that_is_away_is_waited_for_whatever_epoch_comes() {
    let fixture = after_a_kill(1);
    let place = fixture.folder.join("first/a-0");
    let name = place.join("partition.metadata");
    let whole = std::fs::read(&name).unwrap();
    std::fs::write(&name, "damaged").unwrap();
    let opened = fixture.node.open_partitions(states(OLD, 1, 1)).unwrap();
    assert!(opened[0].is_some());
    let away = fixture.folder.join("away");
    std::fs::rename(&place, &away).unwrap();
    let opened = fixture.node.open_partitions(states(OLD, 1, 2)).unwrap();
    assert!(
        opened[0].as_ref().unwrap().contains("bring it back"),
        "{opened:?}"
    );
    assert!(!place.exists());
    std::fs::write(away.join("partition.metadata"), whole).unwrap();
    std::fs::rename(&away, &place).unwrap();
    fixture.await_event("log-healed");
    assert_eq!(fixture.append("a"), Ok((1, 1)));
}
