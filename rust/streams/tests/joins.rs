//! Joins and suppress as small scripts: each operator once, its rule in a few lines.
//!
//! What they give byte for byte is held against Kafka's recordings from Python; here it can be read.

mod scripts;

use scripts::{plan, run, run_all};

const STR: &str = r#"{"host": 0, "native": ["string"]}"#;
const JOINER: &str = r#"{"call": 0, "arguments": ["left", "right"]}"#;
const OUT: &str = r#"{"name": "out", "topic": "out"}"#;

fn streams(side_kind: &str, windows: &str, outer: bool) -> ottla_streams::plan::Plan {
    let side = |side: &str, other: &str| {
        let store = if outer { r#""o""# } else { "null" };
        format!(
            r#"{{"name": "join-{side}", "children": ["out"], "operator": {{"is": "StreamStreamJoin",
                "side": "{side}", "kind": "{side_kind}", "joiner": {JOINER}, "other_store": "{other}",
                "outer_store": {store}, "shared": "j",
                "windows": {{"is": "JoinWindows", {windows}, "spurious_results_fix": true}}}}}}"#
        )
    };
    let window = |name: &str| {
        format!(
            r#"{{"name": "{name}", "kind": "window", "retention_ms": 1000, "window_size_ms": 100,
                "segment_interval_ms": 500, "retain_duplicates": true}}"#
        )
    };
    plan(&format!(
        r#"{{"sources": [{{"name": "sa", "topics": ["a"], "children": ["keep-l"]}},
                         {{"name": "sb", "topics": ["b"], "children": ["keep-r"]}}],
            "nodes": [{{"name": "keep-l", "children": ["join-left"],
                        "operator": {{"is": "JoinWindow", "store": "l"}}}},
                      {{"name": "keep-r", "children": ["join-right"],
                        "operator": {{"is": "JoinWindow", "store": "r"}}}},
                      {}, {}],
            "sinks": [{OUT}],
            "stores": [{}, {}, {{"name": "o", "kind": "outer_join"}}]}}"#,
        side("left", "r"),
        side("right", "l"),
        window("l"),
        window("r"),
    ))
}

/// A join would find records outside of its window, or the right side's with before and after swapped.
#[test]
fn streams_join_within_a_window_that_may_be_asymmetric() {
    let windows = r#""before_ms": 10, "after_ms": 50, "grace_ms": 0"#;
    let script = "a k 1 100
        b k x 89
        b k y 90
        b k z 150
        b k w 151
        a k 2 101
        b - v 101
        b k - 101";
    let expected = [
        "out k 1|y 100",
        "out k 1|z 150",
        "out k 2|z 150",
        "out k 2|w 151",
    ];
    assert_eq!(run(streams("inner", windows, false), script), expected);
}

/// A result without the other side would come before its window is closed, or never, or twice.
#[test]
fn what_has_not_joined_comes_out_when_its_window_is_closed() {
    let windows = r#""before_ms": 10, "after_ms": 10, "grace_ms": 5"#;
    let script = "a k 1 100
        b j x 101
        a k 2 115
        b k y 116
        a m 3 117
        a - 4 118
        a z 9 1000";
    let expected = ["out k 2|y 116", "out j -|x 101", "out - 4|- 118"];
    let mut plan_of_outer = streams("outer", windows, true);
    plan_of_outer.settings.emit_interval = 0;
    let outer = run(plan_of_outer, script);
    assert_eq!(outer[0], "out k 1|- 100");
    assert!(
        expected
            .iter()
            .all(|line| outer.contains(&(*line).to_owned())),
        "{outer:?}"
    );
    assert_eq!(outer.last().map(String::as_str), Some("out m 3|- 117"));
    let mut left = streams("left", windows, true);
    left.settings.emit_interval = 0;
    assert!(!run(left, script).iter().any(|line| line.contains("-|x")));
}

/// A self-join would leave out a record's own result, or put it out of the order of time.
#[test]
fn a_stream_joins_itself() {
    let topology = plan(&format!(
        r#"{{"sources": [{{"name": "sa", "topics": ["a"], "children": ["keep"]}}],
            "nodes": [{{"name": "keep", "children": ["join"],
                        "operator": {{"is": "JoinWindow", "store": "w"}}}},
                      {{"name": "join", "children": ["out"], "operator": {{"is": "StreamSelfJoin",
                        "joiner": {JOINER}, "store": "w", "windows": {{"is": "JoinWindows",
                        "before_ms": 10, "after_ms": 10, "grace_ms": 0}}}}}}],
            "sinks": [{OUT}],
            "stores": [{{"name": "w", "kind": "window", "retention_ms": 1000,
                         "window_size_ms": 20, "segment_interval_ms": 500,
                         "retain_duplicates": true}}]}}"#
    ));
    let expected = [
        "out k 1|1 100",
        "out k 2|1 105",
        "out k 1|2 105",
        "out k 2|2 105",
        "out k 3|1 100",
        "out k 3|2 105",
        "out k 1|3 100",
        "out k 3|3 99",
        "out k 2|3 105",
    ];
    let mut got = run(topology, "a k 1 100\na k 2 105\na k 3 99");
    let mut expected = expected.map(str::to_owned).to_vec();
    assert_eq!(got[..4], expected[..4]);
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

fn with_table(kind: &str, table: &str, more: &str, stores: &str) -> ottla_streams::plan::Plan {
    plan(&format!(
        r#"{{"sources": [{{"name": "st", "topics": ["t"], "children": ["table"]}},
                         {{"name": "sa", "topics": ["a"], "children": ["join"]}}],
            "nodes": [{{"name": "table", "children": [],
                        "operator": {{"is": "TableSource", "store": "t"}}}},
                      {{"name": "join", "children": ["out"], "operator": {{"is": "StreamTableJoin",
                        "kind": "{kind}", "joiner": {JOINER}, {more}
                        "table": {{"is": "Stored", "store": "t"}}}}}}],
            "sinks": [{OUT}],
            "stores": [{{"name": "t", {table}}}{stores}]}}"#
    ))
}

/// A left join would lose what has no table value or no key; an inner one would keep it.
#[test]
fn a_stream_looks_a_table_up() {
    let script = "a k 0 1\nt k x 2\na k 1 3\na - 2 4\na k - 5\nt k - 6\na k 3 7";
    let table = r#""kind": "key_value""#;
    assert_eq!(
        run(with_table("inner", table, "", ""), script),
        ["out k 1|x 3"]
    );
    let left = ["out k 0|- 1", "out k 1|x 3", "out - 2|- 4", "out k 3|- 7"];
    assert_eq!(run(with_table("left", table, "", ""), script), left);
}

/// A record would meet the table of another time, or wait longer than its grace.
#[test]
fn a_record_waits_for_the_table_of_its_time() {
    let table = r#""kind": "versioned", "history_retention_ms": 1000"#;
    let more = r#""versioned": true, "buffer": "b", "grace_ms": 10,"#;
    let buffer = r#", {"name": "b", "kind": "grace_buffer", "grace_ms": 10}"#;
    let script = "t k new 100\na k 1 95\nt k old 90\na k 2 104\na k 3 114\na k 4 103";
    let got = run_all(with_table("inner", table, more, buffer), script);
    let got: Vec<_> = got.iter().filter(|line| line.starts_with("out")).collect();
    assert_eq!(
        got,
        ["out k 1|old 95", "out k 2|new 104", "out k 4|new 103"]
    );
}

fn tables(kind: &str) -> ottla_streams::plan::Plan {
    let side = |side: &str, other: &str| {
        format!(
            r#"{{"name": "{side}", "children": ["merge"], "operator": {{"is": "TableTableJoin",
                "side": "{side}", "kind": "{kind}", "joiner": {JOINER},
                "other": {{"is": "Stored", "store": "{other}"}}}}}}"#
        )
    };
    let source = |name: &str, child: &str| {
        format!(
            r#"{{"name": "t{name}", "children": ["{child}"],
                "operator": {{"is": "TableSource", "store": "{name}", "send_old": true}}}}"#
        )
    };
    plan(&format!(
        r#"{{"sources": [{{"name": "sa", "topics": ["a"], "children": ["ta"]}},
                         {{"name": "sb", "topics": ["b"], "children": ["tb"]}}],
            "nodes": [{}, {}, {}, {},
                      {{"name": "merge", "children": ["stream"],
                        "operator": {{"is": "TableTableMerge", "store": null}}}},
                      {{"name": "stream", "children": ["out"],
                        "operator": {{"is": "TableToStream"}}}}],
            "sinks": [{OUT}],
            "stores": [{{"name": "a", "kind": "key_value"}}, {{"name": "b", "kind": "key_value"}}]}}"#,
        source("a", "left"),
        source("b", "right"),
        side("left", "b"),
        side("right", "a"),
    ))
}

/// A joined table would hold what it must not, or keep what has gone on one side.
#[test]
fn tables_join_by_kind() {
    let script = "a k 1 10\nb k x 5\nb k - 6\na k - 7";
    assert_eq!(run(tables("inner"), script), ["out k 1|x 10", "out k - 10"]);
    let left = ["out k 1|- 10", "out k 1|x 10", "out k 1|- 10", "out k - 7"];
    assert_eq!(run(tables("left"), script), left);
    let outer = ["out k -|x 5", "out k 1|x 10", "out k 1|- 10", "out k - 8"];
    assert_eq!(
        run(tables("outer"), "b k x 5\na k 1 10\nb k - 7\na k - 8"),
        outer
    );
}

/// Changes would pass at once, out of their order, or not be counted against the buffer's room.
#[test]
fn suppress_holds_changes_back() {
    let topology = |bounds: &str| {
        plan(&format!(
            r#"{{"sources": [{{"name": "sa", "topics": ["a"], "children": ["table"]}}],
                "nodes": [{{"name": "table", "children": ["hold"],
                            "operator": {{"is": "TableSource", "store": "t", "send_old": true}}}},
                          {{"name": "hold", "children": ["stream"], "operator": {{"is": "Suppress",
                            "store": "s", "wait_ms": 10, "until_window_closes": false,
                            "safe_to_drop_tombstones": false, {bounds}}}}},
                          {{"name": "stream", "children": ["out"],
                            "operator": {{"is": "TableToStream"}}}}],
                "sinks": [{OUT}],
                "stores": [{{"name": "t", "kind": "key_value"}},
                           {{"name": "s", "kind": "suppress_buffer"}}]}}"#
        ))
    };
    let waits = topology(r#""records_max": null, "bytes_max": null, "when_full": "emit""#);
    let script = "a k 1 100\na k 2 105\na j 3 103\na m - 110\na m 4 113";
    assert_eq!(run(waits, script), ["out k 2 105", "out j 3 103"]);
    let early = topology(r#""records_max": 1, "bytes_max": null, "when_full": "emit""#);
    assert_eq!(
        run(early, "a k 1 100\na j 2 101\na j 3 102"),
        ["out k 1 100"]
    );
    let stops = topology(r#""records_max": 1, "bytes_max": null, "when_full": "shut_down""#);
    let stopped = run(stops, "a k 1 100\na j 2 101");
    assert!(stopped.len() == 1 && stopped[0].contains("the buffer s is too full: 2 records"));
}

fn foreign(kind: &str) -> ottla_streams::plan::Plan {
    let extractor = r#"{"call": 1, "arguments": ["value"]}"#;
    let keys = format!(
        r#""foreign_key": {STR}, "foreign_key_topic": "f", "primary_key": {STR}, "primary_key_topic": "p""#
    );
    plan(&format!(
        r#"{{"sources": [{{"name": "sa", "topics": ["a"], "children": ["ta"]}},
                         {{"name": "sb", "topics": ["b"], "children": ["tb"]}},
                         {{"name": "s1", "topics": ["ask"], "children": ["receive"]}},
                         {{"name": "s2", "topics": ["reply"], "children": ["respond"]}}],
            "internal_topics": [],
            "nodes": [{{"name": "ta", "children": ["send"],
                        "operator": {{"is": "TableSource", "store": "a", "send_old": true}}}},
                      {{"name": "tb", "children": ["changed"],
                        "operator": {{"is": "TableSource", "store": "b", "send_old": true}}}},
                      {{"name": "send", "children": ["to-ask"], "operator": {{
                        "is": "SubscriptionSend", "extractor": {extractor}, "value": {STR},
                        "kind": "{kind}", "value_topic": "v", {keys}}}}},
                      {{"name": "receive", "children": ["answer"], "operator": {{
                        "is": "SubscriptionReceive", "store": "subs", {keys}}}}},
                      {{"name": "answer", "children": ["to-reply"], "operator": {{
                        "is": "SubscriptionJoin", "table": {{"is": "Stored", "store": "b"}}}}}},
                      {{"name": "changed", "children": ["to-reply"], "operator": {{
                        "is": "ForeignTableJoin", "store": "subs", {keys}}}}},
                      {{"name": "respond", "children": ["out"], "operator": {{
                        "is": "ResponseJoin", "table": {{"is": "Stored", "store": "a"}},
                        "value": {STR}, "value_topic": "v", "joiner": {JOINER},
                        "kind": "{kind}"}}}}],
            "sinks": [{OUT}, {{"name": "to-ask", "topic": "ask"}},
                      {{"name": "to-reply", "topic": "reply"}}],
            "stores": [{{"name": "a", "kind": "key_value"}}, {{"name": "b", "kind": "key_value"}},
                       {{"name": "subs", "kind": "subscription"}}]}}"#
    ))
}

/// A foreign key's change would leave old subscriptions, or a right value would not reach those who asked.
#[test]
fn a_foreign_key_is_subscribed_to() {
    let script = "a k f1 1\nb f x 2\na k f2 3\na k g 4\nb f y 5\nb g z 6\na k - 7\na n x1 8";
    let out = |kind: &str| -> Vec<String> {
        let all = run(foreign(kind), script);
        all.into_iter()
            .filter(|line| line.starts_with("out "))
            .collect()
    };
    let inner = [
        "out k f1|x 2",
        "out k f2|x 3",
        "out k - 4",
        "out k g|z 6",
        "out k - 7",
    ];
    assert_eq!(out("inner"), inner);
    let left = [
        "out k f1|- 1",
        "out k f1|x 2",
        "out k f2|x 3",
        "out k g|- 4",
        "out k g|z 6",
        "out k - 7",
        "out n x1|- 8",
    ];
    assert_eq!(out("left"), left);
}
