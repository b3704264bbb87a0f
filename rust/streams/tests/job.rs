//! The job of the design's table, in Rust alone: what one record costs where no Python is near.
//!
//! JSON of 75 bytes, filtered, counted and summed in a window of one second; an output and a changelog
//! record each. It is measured, not judged: run it with `cargo test --release --test job -- --ignored
//! --nocapture`.

// Of a room that tests share; this one has no scripts of its own.
#[allow(dead_code)]
mod scripts;

use std::sync::Arc;

use bytes::Bytes;
use ottla_streams::host::Headers;
use ottla_streams::plan::Plan;
use ottla_streams::task::{Input, Task};
use scripts::{Joiner, plan};

const JSON: &str = r#"{"host": 0, "native": ["json"]}"#;

fn job(segment_ms: i64) -> Plan {
    plan(&format!(
        r#"{{"sources": [{{"name": "source", "topics": ["in"], "children": ["filter"], "value": {JSON}}}],
            "nodes": [
              {{"name": "filter", "children": ["window"], "operator": {{"is": "Filter", "negate": false,
                "predicate": {{"call": 0, "arguments": ["key", "value", "timestamp", "headers"],
                               "expression": [">=", ["col", ["price"]], ["lit", 10]]}}}}}},
              {{"name": "window", "children": ["stream"], "stores": ["agg"], "operator": {{
                "is": "WindowAggregate", "store": "agg", "emit": "on_window_update",
                "windows": {{"is": "TimeWindows", "size_ms": 1000, "advance_ms": 1000, "grace_ms": 60000}},
                "aggregation": {{"is": "Columns", "columns": [
                  {{"is": "Column", "name": "n", "aggregate": "count", "of": null}},
                  {{"is": "Column", "name": "total", "aggregate": "sum", "of":
                    {{"call": 0, "arguments": ["key", "value", "timestamp", "headers"],
                      "expression": ["col", ["price"]]}}}}]}}}}}},
              {{"name": "stream", "children": ["sink"], "operator": {{"is": "TableToStream"}}}}],
            "sinks": [{{"name": "sink", "topic": "out", "value": {JSON}, "key":
                        {{"host": 0, "native": ["time_windowed", ["string"], 1000]}}}}],
            "stores": [{{"name": "agg", "kind": "window", "value": {JSON}, "retention_ms": 120000,
                         "window_size_ms": 1000, "segment_interval_ms": {segment_ms}}}]}}"#
    ))
}

/// `count` records of `keys` keys, one in twenty of them up to two seconds late.
fn records(plan: &Plan, first: u64, count: u64, keys: u64) -> Vec<Input> {
    let topic = plan.topic("in").expect("the plan reads it");
    let mut arena = Vec::new();
    let mut spans = Vec::new();
    for place in first..first + count {
        let random = place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let key = format!("key-{:06}", random % keys);
        let value = format!(
            r#"{{"id":{:08},"symbol":"{key}","price":{}.25,"side":"buy","venue":"XNYS"}}"#,
            10_000_000 + random % 80_000_000,
            5 + random % 95,
        );
        let start = arena.len();
        arena.extend_from_slice(key.as_bytes());
        let middle = arena.len();
        arena.extend_from_slice(value.as_bytes());
        let late = if random % 20 == 0 { random % 2000 } else { 0 };
        let time = 1_700_000_000_000 + place as i64 / 20 - late as i64;
        spans.push((start, middle, arena.len(), time));
    }
    let arena = Bytes::from(arena);
    let inputs = spans
        .into_iter()
        .map(|(start, middle, end, timestamp)| Input {
            topic,
            partition: 0,
            offset: -1,
            key: Some(arena.slice(start..middle)),
            value: Some(arena.slice(middle..end)),
            timestamp,
            headers: Headers::new(),
        });
    inputs.collect()
}

/// CPU of this thread in ns; what others run beside it does not count.
fn cpu() -> u64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = spent.split(' ').next().and_then(|first| first.parse().ok());
    first.unwrap_or_default()
}

/// ns of CPU a record, and how many records came out of it.
fn measure(batch: u64, count: u64, keys: u64) -> (f64, usize) {
    let plan = Arc::new(job(60_000));
    let mut host = Joiner;
    let mut task = Task::start(Arc::clone(&plan), &mut host, 0).expect("the task starts");
    let batches = (0..count / batch).map(|place| records(&plan, place * batch, batch, keys));
    let batches: Vec<_> = batches.collect();
    let (start, mut produced) = (cpu(), 0);
    for inputs in batches {
        task.process(&mut host, inputs, 0).expect("no record fails");
        produced += task.engine.output.len();
        task.engine.output.clear();
    }
    ((cpu() - start) as f64 / count as f64, produced)
}

/// The job would write other records than one output and one changelog record for each that passes.
#[test]
fn each_record_that_passes_gives_an_output_and_a_changelog_record() {
    let (_, of_ones) = measure(1, 2_000, 50);
    let (_, of_many) = measure(1_000, 2_000, 50);
    assert_eq!(of_ones, of_many);
    assert!(of_ones > 3_000 && of_ones % 2 == 0, "{of_ones}");
}

/// Not a test: the figures of the design's table.
#[test]
#[ignore = "it measures"]
fn what_a_record_costs() {
    for keys in [100, 1_000, 100_000] {
        for batch in [1, 1_000] {
            let (cost, produced) = measure(batch, 500_000, keys);
            println!("keys {keys}, batch {batch}: {cost:.0} ns a record, {produced} produced");
        }
    }
}
