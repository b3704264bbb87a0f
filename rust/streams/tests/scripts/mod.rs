//! Topologies in a few lines of JSON, run by a host that only knows two functions, with scripts as tests.
//!
//! A script's line is `topic key value time`; `-` is null. What comes out is written the same way.

use std::sync::Arc;

use bytes::Bytes;
use ottla_streams::application::{Answer, Application, CallbackId, Description, Failure};
use ottla_streams::context::Context;
use ottla_streams::engine::Engine;
use ottla_streams::host::{Fault, FunctionId, Headers, Host, SerdeId};
use ottla_streams::plan::{ExtractorId, NodeId, PartitionerId, Plan, ProcessorId};
use ottla_streams::record::Record;
use ottla_streams::row::Row;
use ottla_streams::stop::Outcome;
use ottla_streams::task::{Input, Task};
use ottla_streams::value::Value as Seen;
use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value as Json};

type Value = Seen<()>;

/// Joins two sides as `left|right`, and takes the first letter of a value as a foreign key.
pub struct Joiner;

pub const JOIN: FunctionId = 0;

impl Host for Joiner {
    type Object = ();
    type Error = String;

    fn call(&mut self, function: FunctionId, arguments: &[Value]) -> Result<Value, String> {
        let texts: Vec<String> = arguments.iter().map(shown).collect();
        if function == JOIN {
            return Ok(Seen::text(&texts.join("|")));
        }
        Ok(texts[0]
            .get(..1)
            .filter(|first| *first != "x")
            .map_or(Seen::Null, Seen::text))
    }

    fn serialize(
        &mut self,
        _: SerdeId,
        _: &str,
        _: &mut Headers,
        _: &Value,
    ) -> Result<Option<Bytes>, String> {
        Err("every serde here is native".to_owned())
    }

    fn deserialize(
        &mut self,
        _: SerdeId,
        _: &str,
        _: &Headers,
        _: &Bytes,
    ) -> Result<Value, String> {
        Err("every serde here is native".to_owned())
    }

    fn native(&mut self, (): &()) -> Result<Value, String> {
        Err("there are no objects".to_owned())
    }
}

fn shown(value: &Value) -> String {
    match value {
        Seen::Text(text) => text.as_str().to_owned(),
        Seen::Null => "-".to_owned(),
        other => format!("{other:?}"),
    }
}

fn never<T>() -> Result<T, String> {
    Err("a test of joins asks for no such thing".to_owned())
}

impl Application for Joiner {
    fn start(&mut self, _: &mut Engine<Self>, _: ProcessorId, _: NodeId) -> Result<(), String> {
        never()
    }

    fn process(
        &mut self,
        _: &mut Engine<Self>,
        _: ProcessorId,
        _: NodeId,
        _: &Record<()>,
    ) -> Outcome<Self> {
        Ok(())
    }

    fn transform(
        &mut self,
        _: &mut Engine<Self>,
        _: ProcessorId,
        _: NodeId,
        _: &Value,
        _: &Value,
    ) -> Result<Value, String> {
        never()
    }

    fn transform_view(
        &mut self,
        _: &mut Engine<Self>,
        _: ProcessorId,
        _: NodeId,
        _: &Value,
        _: &Value,
    ) -> Result<Value, String> {
        never()
    }

    fn punctuate(
        &mut self,
        _: &mut Engine<Self>,
        _: CallbackId,
        _: NodeId,
        _: i64,
    ) -> Outcome<Self> {
        Ok(())
    }

    fn close(&mut self, _: &mut Engine<Self>, _: ProcessorId, _: NodeId) -> Result<(), String> {
        never()
    }

    fn pair(&mut self, _: &Value) -> Result<(Value, Value), String> {
        never()
    }

    fn iterate(&mut self, _: &Value) -> Result<(), String> {
        never()
    }

    fn next(&mut self, (): &()) -> Result<Option<Value>, String> {
        never()
    }

    fn equal(&mut self, one: &Value, other: &Value) -> Result<bool, String> {
        Ok(one == other)
    }

    fn text(&mut self, value: &Value) -> Result<String, String> {
        Ok(shown(value))
    }

    fn truth(&mut self, _: &Value) -> Result<bool, String> {
        never()
    }

    fn context(&mut self, _: &Context, _: Option<&str>) -> Value {
        Seen::Null
    }

    fn headers(&mut self, _: &Headers) -> Value {
        Seen::Null
    }

    fn extract_timestamp(
        &mut self,
        _: ExtractorId,
        _: &Record<()>,
        _: (&str, i32, i64),
        _: i64,
    ) -> Result<i64, String> {
        never()
    }

    fn partition(
        &mut self,
        _: PartitionerId,
        _: &str,
        _: &Value,
        _: &Value,
    ) -> Result<Option<Vec<i32>>, String> {
        Ok(None)
    }

    fn failed(&mut self, _: &Failure<'_, String>) -> Result<Answer, String> {
        Ok(Answer::Fail)
    }

    fn describe(&mut self, fault: &Fault<String>) -> Description {
        let (class, stack) = (String::new(), String::new());
        Description {
            class,
            message: format!("{fault:?}"),
            stack,
        }
    }
}

// ---------------------------------------------------------------- plans

/// A plan of sources, nodes, sinks and stores; what a row does not say has its usual value.
pub fn plan(json: &str) -> Plan {
    let tree: Json = sonic_rs::from_str(json).expect("the test's plan is JSON");
    let Row::Map(mut fields) = row(&tree) else {
        panic!("a plan is an object")
    };
    for (name, rows) in &mut fields {
        if let ("sources" | "sinks" | "stores", Row::List(rows)) = (name.as_str(), rows) {
            rows.iter_mut().for_each(|row| complete(name, row));
        }
    }
    let app = vec![
        ("app_id".to_owned(), Row::Text("app".to_owned())),
        flag("loop_back"),
    ];
    fields.push(("settings".to_owned(), Row::Map(app)));
    Plan::read(&Row::Map(fields)).expect("the test's plan can be read")
}

fn flag(name: &str) -> (String, Row) {
    (name.to_owned(), Row::Bool(true))
}

fn complete(list: &str, row: &mut Row) {
    let Row::Map(fields) = row else { return };
    let text = Row::List(vec![Row::Text("string".to_owned())]);
    let serde = Row::Map(vec![
        ("host".to_owned(), Row::Int(0)),
        ("native".to_owned(), text),
    ]);
    for side in ["key", "value"] {
        if !fields.iter().any(|(name, _)| name == side) {
            fields.push((side.to_owned(), serde.clone()));
        }
    }
    if list == "stores" {
        fields.extend([flag("logged"), flag("persistent"), flag("timestamped")]);
    }
}

fn row(json: &Json) -> Row {
    if let Some(list) = json.as_array() {
        return Row::List(list.iter().map(row).collect());
    }
    if let Some(map) = json.as_object() {
        return Row::Map(
            map.iter()
                .map(|(name, each)| (name.to_owned(), row(each)))
                .collect(),
        );
    }
    match (json.as_bool(), json.as_i64(), json.as_str()) {
        (Some(truth), _, _) => Row::Bool(truth),
        (_, Some(number), _) => Row::Int(number),
        (_, _, Some(text)) => Row::Text(text.to_owned()),
        _ => Row::Null,
    }
}

// ---------------------------------------------------------------- scripts

/// What a task makes of the lines of a script: records of all topics but changelogs.
pub fn run(plan: Plan, script: &str) -> Vec<String> {
    let all = run_all(plan, script);
    all.into_iter()
        .filter(|line| !line.contains("-changelog "))
        .collect()
}

/// As `run`, with changelogs.
pub fn run_all(plan: Plan, script: &str) -> Vec<String> {
    let plan = Arc::new(plan);
    let mut host = Joiner;
    let mut task = Task::start(Arc::clone(&plan), &mut host, 0).expect("the task starts");
    let mut lines = Vec::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split(' ').collect();
        let bytes = |word: &str| (word != "-").then(|| Bytes::copy_from_slice(word.as_bytes()));
        let input = Input {
            topic: plan
                .topic(words[0])
                .expect("the plan has the script's topic"),
            partition: 0,
            offset: -1,
            key: bytes(words[1]),
            value: bytes(words[2]),
            timestamp: words[3].parse().expect("the last word is a time"),
            headers: Headers::new(),
        };
        let outcome = task.process(&mut host, vec![input], 0);
        let output = &task.engine.output;
        for row in output.rows() {
            let text = |bytes: Option<&[u8]>| {
                bytes.map_or("-".to_owned(), |bytes| {
                    String::from_utf8_lossy(bytes).into_owned()
                })
            };
            let topic = plan.topic_name(row.topic);
            let (key, value) = (text(output.key(row)), text(output.value(row)));
            lines.push(format!("{topic} {key} {value} {}", row.timestamp));
        }
        task.engine.output.clear();
        if let Err(stop) = outcome {
            lines.push(format!("stopped: {:?}", stop.fault));
        }
    }
    lines
}
