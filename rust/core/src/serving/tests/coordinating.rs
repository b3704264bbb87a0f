//! A coordinator's appends on the same partitions: what is refused, and what is a fault of the disk.

use super::Happens::*;
use super::*;
use crate::hosting::Standing;
use crate::partition::LeaderAndIsr;

/// A partition that only has too few replicas, or a small bound, would be called faulty, its reader told to see to the
/// disk, and its coordinator to look for another.
#[test]
fn a_refusal_is_no_fault_of_the_disk() {
    for (isr, rows, led, kind, code) in [
        (&[1][..], &[][..], None, "refused", 19),
        (&[1, 2], &[("max.message.bytes", 10)], None, "refused", 10),
        (&[1, 2], &[], Some(Led(2, 1, &[1, 2], 2)), "not-leader", 6),
    ] {
        let mut world = World::configured(isr, 2, rows);
        if let Some(led) = led {
            world.happen(led);
        }
        let refused = world.host.append(TOPIC, 0, batch(1), 0).unwrap_err();
        assert_eq!((refused.kind, refused.error_code), (kind, code));
        assert_eq!(world.cell().standing(), Standing::Serving);
        assert!(world.around.events.lock().unwrap().is_empty(), "{code}");
    }
}

/// A full disk would go unnoticed.
#[test]
fn a_disk_that_refuses_is_told() {
    let world = World::new(&[1], 1);
    world.host.append(TOPIC, 0, batch(1), 0).unwrap();
    world.disk.set_capacity(world.disk.used());
    let refused = world.host.append(TOPIC, 0, batch(1), 0).unwrap_err();
    assert_eq!((refused.kind, refused.error_code), ("storage", 56));
    assert_eq!(world.cell().standing(), Standing::Faltering);
    let events = world.around.events.lock().unwrap();
    assert!(matches!(events[..], [Event::LogFailed { .. }]));
}

/// A coordinator's replies would wait for the next turn that something else brings about.
#[test]
fn whoever_waits_for_the_high_watermark_outside_is_woken() {
    for (config, happens) in [
        (&[][..], Reached(1)),
        (&[], Led(1, 0, &[1], 1)),
        (&[("flush.messages", 1)], Led(1, 0, &[1], 1)),
    ] {
        let mut world = World::coordinating(&[1, 2], config);
        world.happen(Appended(1));
        assert_eq!(world.woken(), 0);
        world.happen(happens);
        world.chores();
        assert!(world.woken() > 0);
        assert_eq!(world.marks(), (1, 1));
    }
}

/// A state that was overtaken on its way would bring back replicas that were taken out, or an ISR that has shrunk.
#[test]
fn a_state_of_an_earlier_partition_epoch_is_not_taken() {
    for held in [false, true] {
        let mut world = World::new(&[1, 2], 1);
        world.happen(Led(1, 0, &[1], 1));
        world.partition_epoch -= 2;
        let cell = world.cell();
        let guard = held.then(|| cell.hold());
        world.happen(Led(1, 0, &[1, 2, 3], 1));
        drop(guard);
        world.chores();
        assert_eq!(cell.desired.lock().state.isr, [1]);
        let mut partition = cell.hold();
        let partition = partition.as_mut().unwrap();
        assert_eq!(partition.state().isr, [1]);
        let late = LeaderAndIsr {
            isr: vec![1, 2, 3],
            partition_epoch: 0,
            ..(**partition.state()).clone()
        };
        let _ = partition.set_state(late).unwrap();
        assert_eq!(partition.state().isr, [1]);
    }
}

/// A topic would be kept by one half of its configuration and written by another.
#[test]
fn the_configuration_of_an_earlier_state_is_taken_whole() {
    for held in [false, true] {
        let mut world = World::new(&[1], 1);
        world.happen(Led(1, 0, &[1], 1));
        world.partition_epoch -= 2;
        let cell = world.cell();
        let guard = held.then(|| cell.hold());
        world.place(1, 0, &[1, 2], 2, &[("retention.ms", 5)]);
        drop(guard);
        world.chores();
        let mut partition = cell.hold();
        let partition = partition.as_mut().unwrap();
        assert_eq!(partition.state().isr, [1]);
        assert_eq!(partition.log().config().retention_ms, 5);
        assert_eq!(partition.min_insync_replicas(), 2);
    }
}

/// Whoever decides would believe a partition where it is not, or open to clients what is not.
#[test]
fn a_partition_that_is_hosted_stays_where_and_what_it_is() {
    let world = World::new(&[1], 1);
    let cell = world.cell();
    let state = |partition, log_dir, internal| PartitionState {
        topic: TOPIC.to_owned(),
        topic_id: ID,
        partition,
        log_dir,
        internal,
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 9,
        replicas: vec![1],
        isr: vec![1],
        config: Arc::default(),
    };
    for (log_dir, internal, says) in [
        (
            1,
            false,
            "t-0: it is hosted in log dir 0 and cannot be in 1 before it is deleted here",
        ),
        (
            0,
            true,
            "t-0: it is hosted with internal=false and cannot have internal=true before it is deleted here",
        ),
    ] {
        let states = vec![state(1, 0, false), state(0, log_dir, internal)];
        let refused = world.host.place(states).unwrap_err();
        assert_eq!((refused.kind, &*refused.text), ("invalid", says));
        assert!(world.host.hosted().find(TOPIC, 1).is_err(), "all or none");
        assert_eq!(cell.desired.lock().state.partition_epoch, 1);
    }
    let delete = [(TOPIC.to_owned(), 0)];
    world.host.delete_partitions(&delete);
    assert_eq!(world.host.place(vec![state(0, 1, false)]), Ok(()));
}

/// A replica that was moved away would keep its descriptors, its folder, and whoever waits for it.
#[test]
fn a_replica_that_lies_elsewhere_is_let_go_of() {
    let mut world = World::new(&[1, 2], 1);
    world.happen(Appended(1));
    world.happen(Led(2, 1, &[2], 1));
    world.happen(Deleted);
    world.chores();
    let names: Vec<_> = (world
        .disk
        .list(&PathBuf::from("/data"))
        .unwrap()
        .into_iter())
    .filter(|entry| entry.is_dir)
    .map(|entry| entry.name)
    .collect();
    assert!(
        matches!(&names[..], [name] if name.ends_with("-delete")),
        "{names:?}"
    );
    assert!(world.host.hosted().find(TOPIC, 0).is_err());
    // It may come back.
    world.happen(Led(2, 2, &[2], 1));
    world.chores();
    assert_eq!(world.marks(), (0, 0));
}
