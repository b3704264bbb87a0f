//! What aggregations write to their changelogs, as `ottla.streams.reference` writes it.

use std::sync::Arc;

use crate::engine::{Engine, Run};
use crate::host::Headers;
use crate::operators;
use crate::plan::Plan;
use crate::record::Record;
use crate::testing::{TestHost, tree};
use crate::value::Value;

const COUNT: &str = r#"{"is": "Count"}"#;
const COLUMNS: &str = r#"{"is": "Columns", "columns": [
    {"name": "n", "aggregate": "count"},
    {"name": "s", "aggregate": "sum", "of": {"call": 0, "arguments": ["value"]}}]}"#;

fn engine(operator: &str, windows: &str, aggregation: &str, emit: &str) -> Engine<TestHost> {
    let kind = match operator {
        "SessionAggregate" => "session",
        "StreamAggregate" => "key_value",
        _ => "window",
    };
    let text = format!(
        r#"{{"settings": {{"app_id": "app", "emit_interval_ms": 0}},
        "stores": [{{"name": "s", "kind": "{kind}", "logged": true, "timestamped": true,
            "persistent": true, "retention_ms": 100000, "window_size_ms": 10,
            "key": {{"host": 0, "native": ["string"]}},
            "value": {{"host": 0, "native": ["json"]}}}}],
        "nodes": [{{"name": "aggregate", "stores": ["s"], "operator": {{"is": "{operator}",
            "store": "s", "emit": "{emit}", "windows": {windows},
            "aggregation": {aggregation}}}}}]}}"#
    );
    Engine::new(Arc::new(Plan::read(&tree(&text)).expect("a plan")))
}

fn give(engine: &mut Engine<TestHost>, value: Value<()>, timestamp: i64) -> Result<(), String> {
    let plan = Arc::clone(&engine.plan);
    engine.context.timestamp = timestamp;
    let record = Record::plain(Value::text("k"), value, timestamp, Headers::new());
    let host = &mut TestHost;
    let mut run = Run {
        plan: &plan,
        engine,
        host,
    };
    operators::process(&mut run, &plan.nodes[0], 0, &record)
        .map_err(|stop| format!("{:?}", stop.fault))
}

/// Times given, with 1, 2, 3, … as values; what is written, as "numbers in the key: value @ time".
fn written(engine: &mut Engine<TestHost>, times: &[i64]) -> Vec<String> {
    for (place, time) in times.iter().enumerate() {
        give(engine, Value::Int(place as i64 + 1), *time).expect("processed");
    }
    let output = &engine.output;
    let lines = output.rows().iter().map(|row| {
        let key = output.key(row).unwrap_or_default();
        let numbers: Vec<i64> = key[1..]
            .chunks_exact(8)
            .map(|chunk| i64::from_be_bytes(chunk.try_into().unwrap_or_default()))
            .collect();
        let value = String::from_utf8_lossy(output.value(row).unwrap_or(b"-"));
        format!("{numbers:?} {value} @{}", row.timestamp)
    });
    lines.collect()
}

const TUMBLING: &str = r#"{"is": "TimeWindows", "size_ms": 10, "advance_ms": 10, "grace_ms": 5}"#;

/// Cells in place would give other sums or times than the plain way.
#[test]
fn columns_are_added_in_place() {
    let mut engine = engine("WindowAggregate", TUMBLING, COLUMNS, "on_window_update");
    assert_eq!(engine.plan.stores[0].columns.len(), 2);
    let lines = written(&mut engine, &[3, 1, 12, 4, 26, 13]);
    assert_eq!(
        lines,
        [
            r#"[0] {"n":1,"s":1} @3"#,
            r#"[0] {"n":2,"s":3} @3"#,
            r#"[10] {"n":1,"s":3} @12"#,
            r#"[0] {"n":3,"s":7} @4"#,
            r#"[20] {"n":1,"s":5} @26"#,
        ]
    );
    assert_eq!(engine.skipped()[0].reason, "its window is closed");
}

/// A sum that fails would leave the store half changed.
#[test]
fn what_does_not_fit_changes_nothing() {
    let mut engine = engine("WindowAggregate", TUMBLING, COLUMNS, "on_window_update");
    written(&mut engine, &[1]);
    let fault = give(&mut engine, Value::Int(i64::MAX), 2).expect_err("refused");
    assert!(
        fault.contains("an aggregation cannot add numbers beyond 64 bits"),
        "{fault}"
    );
    engine.output = Default::default();
    assert_eq!(written(&mut engine, &[2]), [r#"[0] {"n":2,"s":2} @2"#]);
}

/// A record would miss a window that it lies in.
#[test]
fn hopping_windows_overlap() {
    let windows = r#"{"is": "TimeWindows", "size_ms": 10, "advance_ms": 4, "grace_ms": 5}"#;
    let mut engine = engine("WindowAggregate", windows, COUNT, "on_window_update");
    let lines = written(&mut engine, &[9]);
    assert_eq!(lines, ["[0] 1 @9", "[4] 1 @9", "[8] 1 @9"]);
}

/// The window that ends at a record, or the one right after it, would be missing.
#[test]
fn sliding_windows_are_made_around_a_record() {
    let windows = r#"{"is": "SlidingWindows", "difference_ms": 10, "grace_ms": 50}"#;
    let mut engine = engine("SlidingAggregate", windows, COUNT, "on_window_update");
    let lines = written(&mut engine, &[20, 25]);
    assert_eq!(lines, ["[10] 1 @20", "[21] 1 @25", "[15] 2 @25"]);
}

/// Sessions within the gap would stay two.
#[test]
fn sessions_are_joined() {
    let windows = r#"{"is": "SessionWindows", "gap_ms": 5, "grace_ms": 50}"#;
    let mut engine = engine("SessionAggregate", windows, COLUMNS, "on_window_update");
    let lines = written(&mut engine, &[10, 18, 14]);
    assert_eq!(
        lines,
        [
            r#"[10, 10] {"n":1,"s":1} @10"#,
            r#"[18, 18] {"n":1,"s":2} @18"#,
            r#"[10, 10] - @14"#,
            r#"[18, 18] - @14"#,
            r#"[18, 10] {"n":3,"s":6} @14"#,
        ]
    );
}
