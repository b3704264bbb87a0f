//! Partitions whose name an earlier one had: its folder is set aside, and its checkpoints are forgotten first.

use std::path::Path;

use ottla_core::hosting::{Event, PartitionState};

use crate::fault_tests::{Fixture, led, node_in};
use crate::{DiskFault, FaultRow};

const MANY: i32 = 40;
const OLD: u8 = 1;
const NEW: u8 = 2;
const CHECKPOINT: &str = "first/recovery-point-offset-checkpoint";

fn states(id: u8, count: i32, leader_epoch: i32) -> Vec<PartitionState> {
    (0..count)
        .map(|partition| led("a", [id; 16], (partition, leader_epoch), 0))
        .collect()
}

/// A node on folders and checkpoints of an earlier topic's partitions, as a kill leaves them.
fn after_a_kill(count: i32) -> Fixture {
    let mut fixture = Fixture::new();
    let opened = fixture.place(states(OLD, count, 0));
    assert!(opened.is_empty(), "{opened:?}");
    fixture.append("a").unwrap();
    fixture.flush();
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
        let opened = fixture.place(states(id, MANY, 0));
        assert!(opened.is_empty(), "{opened:?}");
        assert_eq!(fixture.node.disk().faults().fired(), [1]);
        let text = std::fs::read_to_string(fixture.folder.join(CHECKPOINT)).unwrap();
        assert!(!text.contains("a 0 "), "{text}");
        assert_eq!(fixture.append("a"), Ok((0, 0)));
        fixture.checkpoint();
        let names: Vec<_> = (0..MANY).map(|index| ("a".to_owned(), index)).collect();
        let gone = fixture.node.ask(|host| {
            host.delete_partitions(&names);
            Ok(())
        });
        gone.unwrap();
    }
    assert_eq!(count_of(&fixture.folder, "-stray"), MANY as usize);
}

/// A disk that is slow with the checkpoints would hold up every decision: the partitions come when it is done.
#[test]
fn nobody_waits_for_checkpoints_that_are_slow() {
    let fixture = after_a_kill(1);
    let row = FaultRow {
        delay_ms: None,
        ..FaultRow::new("create", "-checkpoint.tmp", "")
    };
    let held = DiskFault::new(row).unwrap();
    fixture.node.disk().faults().set(vec![held]);
    let placed = fixture.node.ask(|host| {
        host.place(states(NEW, 1, 0))?;
        Ok(host.mark(7))
    });
    assert_eq!(placed, Ok(false));
    assert_eq!(fixture.append("a"), Err("not-leader".into()));
    assert!(fixture.events().is_empty());
    fixture.mend();
    fixture.await_event(|event| *event == Event::Applied { mark: 7 });
    assert_eq!(fixture.append("a"), Ok((0, 0)));
}

/// First a namesake's folder can't be set aside, then its checkpoints can't be written: the folder that went was set
/// aside by ourselves, and waiting for it would never end.
#[test]
fn a_folder_that_was_set_aside_is_not_waited_for() {
    let fixture = after_a_kill(1);
    fixture.fault("rename", "/a-0", "EIO");
    let opened = fixture.place(states(NEW, 1, 0));
    assert!(opened[0].contains("renaming"), "{opened:?}");
    fixture.fault("create", "-checkpoint.tmp", "ENOSPC");
    fixture.await_event(
        |event| matches!(event, Event::LogUnopened { refused, .. } if refused.text.contains("checkpoint")),
    );
    assert_eq!(count_of(&fixture.folder, "-stray"), 1);
    fixture.mend();
    fixture.await_healed("a");
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
    let opened = fixture.place(states(OLD, 1, 1));
    assert_eq!(opened.len(), 1);
    let away = fixture.folder.join("away");
    std::fs::rename(&place, &away).unwrap();
    let opened = fixture.place(states(OLD, 1, 2));
    assert!(opened[0].contains("bring it back"), "{opened:?}");
    assert!(!place.exists());
    std::fs::write(away.join("partition.metadata"), whole).unwrap();
    std::fs::rename(&away, &place).unwrap();
    fixture.await_healed("a");
    assert_eq!(fixture.append("a"), Ok((1, 1)));
}
