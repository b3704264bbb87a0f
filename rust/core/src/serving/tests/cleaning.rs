//! A compacted partition that is cleaned while other things happen to it.

use std::path::Path;

use super::*;
use crate::hosting::{CleanerConfig, Pass};
use crate::log::ConfigValue;
use crate::log::files::{CLEANER_FILE, read_checkpoint};

fn keyed(keys: &[&str]) -> Vec<u8> {
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    for key in keys {
        let record = RecordOut {
            timestamp_ms: 1,
            key: Some(key.as_bytes()),
            value: Some(b"v"),
            headers: &[],
        };
        builder.append(&record).unwrap();
    }
    builder.finish(None).unwrap()
}

/// Segments of two batches, all of them with the same two keys.
fn world() -> World {
    let world = World::new(&[1], 1);
    let two = keyed(&["a", "b"]).len() * 2;
    let text = |text: &str| ConfigValue::Text(text.to_owned());
    let rows = [
        ("cleanup.policy", text("compact")),
        ("min.insync.replicas", ConfigValue::Int(1)),
        ("segment.bytes", ConfigValue::Int(two as i64)),
    ];
    let rows = rows.map(|(key, value)| (key.to_owned(), value));
    let config = Arc::new(TopicConfig::parse(&rows).unwrap());
    world.host.configure_topic(TOPIC, &config);
    world.chores();
    fill(&world, 0);
    world
}

fn fill(world: &World, partition: i32) {
    for _ in 0..9 {
        let batch = keyed(&["a", "b"]);
        world.host.append(TOPIC, partition, batch, 0).unwrap();
    }
}

/// A world after so many steps of a round, for each of its steps.
fn in_a_round() -> impl Iterator<Item = (usize, World)> {
    let all = (0..).map(|steps| {
        let world = world();
        world.host.run(Pass::Clean);
        let is_over = (0..steps).any(|_| !world.chore());
        assert!(!is_over || steps > 5, "{steps}");
        (!is_over).then_some((steps, world))
    });
    all.map_while(|one| one)
}

impl World {
    /// One step of what was left to do; false if there is nothing.
    fn chore(&self) -> bool {
        let chore = self.around.chores.lock().unwrap().pop_front();
        let is_some = chore.is_some();
        if let Some(chore) = chore {
            self.host.carry_out(chore);
        }
        is_some
    }

    fn size(&self) -> u64 {
        self.host.describe(TOPIC, 0).unwrap().size_bytes
    }

    fn clean_to(&self) -> Option<i64> {
        let points = read_checkpoint(&self.disk, &Path::new("/data").join(CLEANER_FILE)).unwrap();
        points.get(&(TOPIC.to_owned(), 0)).copied()
    }

    fn told(&self, part: &str) -> bool {
        let events = self.around.events.lock().unwrap();
        events
            .iter()
            .any(|event| format!("{event:?}").contains(part))
    }

    fn metric(&self, name: &str) -> f64 {
        let mut out = Vec::new();
        self.host.cleaner_metrics(&mut out);
        out.iter()
            .find(|row| row.0 == name)
            .map_or(-1.0, |row| row.1)
    }
}

/// If this failed, compacted topics would grow for ever, or be cleaned from their start each time.
#[test]
fn a_pass_cleans_what_is_dirty_and_remembers_it() {
    let world = world();
    let before = world.size();
    world.host.run(Pass::Clean);
    world.chores();
    assert!(world.size() < before / 3, "{} of {before}", world.size());
    assert_eq!(world.clean_to(), Some(16));
    assert!(world.told("compacted up to 16"));
    assert_eq!(world.metric("cleaner.rounds"), 1.0);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(
        world.metric("cleaner.rounds"),
        1.0,
        "there is nothing to do"
    );
    let config = CleanerConfig {
        enabled: false,
        ..CleanerConfig::default()
    };
    world.host.configure_cleaner(config);
    fill(&world, 0);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(world.metric("cleaner.rounds"), 1.0, "nobody may");
}

/// A partition can go at any moment of its cleaning, and one of its name can come: whose files must stay as they are.
#[test]
fn a_partition_that_goes_takes_its_round_with_it() {
    let mut steps = 0;
    loop {
        let world = world();
        world.host.run(Pass::Clean);
        (0..steps).for_each(|_| assert!(world.chore()));
        let is_over = world.metric("cleaner.rounds") > 0.0;
        world.host.delete_partitions(&[(TOPIC.to_owned(), 0)]);
        world.chores();
        let entries = world.disk.list(Path::new("/data")).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert!(!names.contains(&"t-0"), "{steps}: {names:?}");
        if is_over {
            break;
        }
        assert_eq!(
            world.clean_to(),
            None,
            "{steps}: a namesake's log would begin as if it was clean"
        );
        steps += 1;
    }
    assert!(steps > 5, "{steps}");
}

/// The round over a topic that was deleted, and that was made anew before its next step, would put the old records into the
/// new folder.
#[test]
fn a_namesake_is_left_alone_by_a_round_that_has_begun() {
    for (steps, world) in in_a_round() {
        let others = |world: &World| {
            let all: Vec<_> = world.around.chores.lock().unwrap().drain(..).collect();
            let (rounds, others): (Vec<_>, Vec<_>) = all
                .into_iter()
                .partition(|chore| matches!(chore, Chore::Clean(_)));
            others
                .into_iter()
                .for_each(|chore| world.host.carry_out(chore));
            world.around.chores.lock().unwrap().extend(rounds);
        };
        world.host.delete_partitions(&[(TOPIC.to_owned(), 0)]);
        others(&world);
        let rows = [("min.insync.replicas".to_owned(), ConfigValue::Int(1))];
        let placed = world.host.place(vec![PartitionState {
            topic: TOPIC.to_owned(),
            topic_id: [9; 16],
            partition: 0,
            log_dir: 0,
            internal: false,
            leader: 1,
            leader_epoch: 0,
            partition_epoch: 0,
            replicas: vec![1],
            isr: vec![1],
            config: Arc::new(TopicConfig::parse(&rows).unwrap()),
        }]);
        placed.unwrap();
        others(&world);
        fill(&world, 0);
        let names = || {
            let entries = world.disk.list(Path::new("/data/t-0")).unwrap();
            entries
                .into_iter()
                .map(|entry| entry.name)
                .collect::<Vec<_>>()
        };
        let before = names();
        while world.chore() {
            assert_eq!(names(), before, "after {steps} steps");
        }
    }
}

/// Retention would delete what a round puts in place under the names that it is to have, and an end of the node bring it
/// back: the log would end where it ended long ago.
#[test]
fn what_is_deleted_in_the_middle_of_a_round_stays_so() {
    for (steps, world) in in_a_round() {
        let end = world.marks().1;
        let rows = [
            ("min.insync.replicas".to_owned(), ConfigValue::Int(1)),
            ("retention.bytes".to_owned(), ConfigValue::Int(0)),
        ];
        let config = Arc::new(TopicConfig::parse(&rows).unwrap());
        world.host.configure_topic(TOPIC, &config);
        world.host.run(Pass::Retention);
        world.host.run(Pass::Clean);
        let offsets = world.host.describe(TOPIC, 0).unwrap().offsets;
        world.disk.kill();
        let log = crate::log::Log::open(
            world.disk.mount(),
            Path::new("/data/t-0").to_owned(),
            config.log.clone(),
            0,
            crate::log::OpenHints::default(),
        );
        let log = log.unwrap().0;
        assert_eq!(log.log_end_offset(), end, "after {steps} steps");
        assert!(log.log_start_offset() <= offsets.log_start);
    }
}

/// Damage is told once, and counted; it is not tried again with each pass, but when whoever runs the node changed
/// something.
#[test]
fn what_cannot_be_cleaned_is_named_and_left() {
    let world = world();
    let path = Path::new("/data/t-0/00000000000000000000.log");
    let file = world.disk.open(path, crate::disk::Open::Write).unwrap();
    crate::disk::DiskFile::write_all_at(&file, b"!", 70).unwrap();
    let before = world.size();
    for _ in 0..2 {
        world.host.run(Pass::Clean);
        world.chores();
    }
    assert_eq!(world.size(), before);
    let strained = |event: &Event| matches!(event, Event::LogStrained { text, .. } if text.contains("00000.log"));
    let count = |world: &World| {
        let events = world.around.events.lock().unwrap();
        events.iter().filter(|event| strained(event)).count()
    };
    assert_eq!(count(&world), 1);
    assert_eq!(world.metric("cleaner.uncleanable_partitions./data"), 1.0);
    assert_eq!(
        world.metric("cleaner.uncleanable_bytes./data"),
        before as f64
    );
    let config = CleanerConfig {
        threads: 2,
        ..CleanerConfig::default()
    };
    world.host.configure_cleaner(config);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(count(&world), 2);
}

/// A disk that fills up costs time and no record; there is room again once something was freed.
#[test]
fn a_full_disk_is_waited_for() {
    let world = world();
    let before = world.size();
    world.disk.set_capacity(world.disk.used() + 20);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(world.clean_to(), None);
    assert!(world.size() <= before);
    assert!(world.told("free some space"));
    world.disk.set_capacity(u64::MAX);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(world.clean_to(), Some(16));
}

/// A log for which the disk has no room would keep all others from being cleaned, which would have freed some.
#[test]
fn others_have_their_turn_where_one_does_not_fit() {
    let world = World::new(&[1], 1);
    let text = |text: &str| ConfigValue::Text(text.to_owned());
    let rows = [
        ("cleanup.policy", text("compact")),
        ("segment.bytes", ConfigValue::Int(2000)),
    ];
    let rows = rows.map(|(key, value)| (key.to_owned(), value));
    let config = Arc::new(TopicConfig::parse(&rows).unwrap());
    world.place_one(1, (1, 0), &[1], 1, &[]);
    world.host.configure_topic(TOPIC, &config);
    world.chores();
    for number in 0..200 {
        let unlike = format!("a-key-that-is-met-once-{number}");
        let batch = keyed(&[&unlike, "a"]);
        world.host.append(TOPIC, 0, batch, 0).unwrap();
        let batch = keyed(&["a", "b"]);
        world.host.append(TOPIC, 1, batch, 0).unwrap();
    }
    let size = |partition| world.host.describe(TOPIC, partition).unwrap().size_bytes;
    let before = (size(0), size(1));
    world.disk.set_capacity(world.disk.used() + 1000);
    world.host.run(Pass::Clean);
    world.chores();
    assert_eq!(size(0), before.0, "there is no room for it");
    assert!(size(1) < before.1 / 3, "{} of {}", size(1), before.1);
    assert_eq!(world.metric("cleaner.rounds"), 1.0);
}

/// After a failed sync nobody knows what the disk holds; the directory is not written any more.
#[test]
fn a_failed_sync_ends_the_directory() {
    for syncs in 0..4 {
        let world = world();
        world.host.flush();
        world.host.run(Pass::Clean);
        world.disk.fail_sync_after(Some(syncs));
        world.chores();
        assert!(world.told("LogDirFailed"), "{syncs}");
        assert!(world.host.describe(TOPIC, 0).is_err());
    }
}
