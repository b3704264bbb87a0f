//! A partition moves that is compacted, which tombstones leave when their time is over.

use super::*;

const VALUE: &[u8] = b"a value that is deleted";

fn compacted() -> Arc<TopicConfig> {
    let rows = [
        ("cleanup.policy", ConfigValue::Text("compact".to_owned())),
        ("segment.bytes", ConfigValue::Int(300)),
        ("delete.retention.ms", ConfigValue::Int(0)),
        ("flush.messages", ConfigValue::Int(1)),
    ];
    let rows = rows.map(|(key, value)| (key.to_owned(), value));
    Arc::new(TopicConfig::parse(&rows).unwrap())
}

fn open(world: &mut World) -> Node {
    let node = world.open().unwrap();
    node.host.configure_topic(TOPIC, &compacted());
    node.work(5);
    node
}

fn put(node: &Node, key: &[u8], value: Option<&[u8]>) {
    let mut builder = Builder::new(BatchSpec::default()).unwrap();
    let record = RecordOut {
        timestamp_ms: 1,
        key: Some(key),
        value,
        headers: &[],
    };
    builder.append(&record).unwrap();
    let bytes = builder.finish(None).unwrap();
    node.host.append(TOPIC, 0, bytes, 0).unwrap();
    node.host.flush();
}

/// Whether the value can be read.
fn is_there(node: &Node) -> bool {
    let offsets = node.host.describe(TOPIC, 0).unwrap().offsets;
    (offsets.log_start..offsets.log_end).any(|offset| {
        let bytes = node.host.read(TOPIC, 0, offset, 1, true).unwrap();
        bytes.windows(VALUE.len()).any(|part| part == VALUE)
    })
}

/// Two rounds, after which even tombstones are gone.
fn clean(node: &Node) {
    for _ in 0..2 {
        for _ in 0..9 {
            put(node, b"other", Some(&[7; 90]));
        }
        node.host.run(Pass::Clean);
        node.work(200);
    }
}

fn begin(world: &mut World) -> Node {
    let node = open(world);
    put(&node, b"k", Some(VALUE));
    for _ in 0..5 {
        put(&node, b"other", Some(&[7; 90]));
    }
    node
}

/// A tombstone that went from the source while it was copied would never come to the copy, and what it deletes would be
/// there again for good.
#[test]
fn what_was_deleted_stays_so_where_it_moves() {
    let mut world = World::new(1);
    let node = begin(&mut world);
    node.host.limit_moves(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    node.work(3);
    put(&node, b"k", None);
    clean(&node);
    assert_eq!(node.place(), 0, "it still moves");
    node.host.limit_moves(0);
    world.settle(&node);
    assert_eq!(node.place(), 1);
    clean(&node);
    assert!(!is_there(&node));
}

/// A round that has begun when the move does, and goes on beside it, would leave the copy with less or more than it should.
#[test]
fn a_round_that_has_begun_goes_on_beside_a_move() {
    for steps in 0..60 {
        let mut world = World::new(1);
        let node = begin(&mut world);
        put(&node, b"k", None);
        clean_in_part(&node, steps);
        node.host.move_partition(TOPIC, 0, 1).unwrap();
        world.settle(&node);
        assert_eq!(node.place(), 1, "after {steps} steps");
        clean(&node);
        assert!(!is_there(&node), "after {steps} steps");
    }
}

/// One round, and so many steps of a second one.
fn clean_in_part(node: &Node, steps: usize) {
    for count in [200, steps] {
        for _ in 0..9 {
            put(node, b"other", Some(&[7; 90]));
        }
        node.host.run(Pass::Clean);
        node.work(count);
    }
}

/// An earlier run copied some, and the source was cleaned before somebody went on with it.
#[test]
fn a_copy_of_an_earlier_run_is_made_anew() {
    let mut world = World::new(1);
    let node = begin(&mut world);
    node.host.limit_moves(1);
    node.host.move_partition(TOPIC, 0, 1).unwrap();
    node.work(3);
    world.disk.kill();
    drop(node);
    let node = open(&mut world);
    put(&node, b"k", None);
    clean(&node);
    assert!(!is_there(&node));
    assert_eq!(node.host.resume_moves().len(), 1);
    world.settle(&node);
    assert_eq!(node.place(), 1);
    assert!(!is_there(&node));
}
