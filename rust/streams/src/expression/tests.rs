//! Held to what Python does: the cases of `tests/streams/expressions/expression_cases.py`.

use bytes::Bytes;

use super::Expression;
use crate::host::{Fault, FunctionId, Headers, Host, SerdeId};
use crate::json::{self, Noted};
use crate::row::Row;
use crate::serde::Serde;
use crate::value::Value;

/// A host that is never asked: no value is an object, every serde is native.
struct Nobody;

impl Host for Nobody {
    type Object = ();
    type Error = String;

    fn call(&mut self, _: FunctionId, _: &[Value<()>]) -> Result<Value<()>, String> {
        Err("no function".to_owned())
    }

    fn serialize(
        &mut self,
        _: SerdeId,
        _: &str,
        _: &mut Headers,
        _: &Value<()>,
    ) -> Result<Option<Bytes>, String> {
        Err("no serde".to_owned())
    }

    fn deserialize(
        &mut self,
        _: SerdeId,
        _: &str,
        _: &Headers,
        _: &Bytes,
    ) -> Result<Value<()>, String> {
        Err("no serde".to_owned())
    }

    fn native(&mut self, _: &()) -> Result<Value<()>, String> {
        Err("no object".to_owned())
    }
}

const TOPIC: &str = "orders";

/// A row as a line of the cases has it.
fn row(document: &Bytes, start: usize, end: usize) -> Row {
    match json::value_of::<()>(document, start, end) {
        Value::Null => Row::Null,
        Value::Bool(truth) => Row::Bool(truth),
        Value::Int(number) => Row::Int(number),
        Value::Float(number) => Row::Float(number),
        Value::Text(text) => Row::Text(text.as_str().to_owned()),
        Value::Json(list) if list.starts_with(b"[") => Row::List(
            json::entries(&list, 0)
                .map(|(start, end)| row(&list, start, end))
                .collect(),
        ),
        Value::Json(named) => {
            let field = |name: &str| {
                let (start, end) = json::Segment::field(name).find(&named, 0)?;
                Some(hex(row(&named, start, end).as_text()?))
            };
            match (field("float"), field("bytes")) {
                (Some(bits), _) => {
                    Row::Float(f64::from_be_bytes(bits.try_into().expect("eight bytes")))
                }
                (_, Some(bytes)) => Row::Bytes(bytes),
                // A refusal: its text and its hint.
                _ => {
                    let text = |name: &str| {
                        let (start, end) = json::Segment::field(name).find(&named, 0).expect(name);
                        row(&named, start, end)
                    };
                    Row::List(vec![
                        Row::Text("refused".to_owned()),
                        text("text"),
                        text("hint"),
                    ])
                }
            }
        }
        other => panic!("{other:?}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn value(of: &Row) -> Value<()> {
    match of.as_list() {
        Some([serde, Row::Text(data)]) => Serde::new(serde, 0)
            .deserialize(&mut Nobody, TOPIC, &Headers::new(), Some(&hex(data).into()))
            .expect("a value that can be read"),
        _ => Value::Null,
    }
}

fn text_of_bytes(bytes: &[u8]) -> Row {
    Row::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A value as a line has it, by the serde of its own type.
fn shown(of: &Value<()>) -> Row {
    let serde = match of {
        Value::Null => return Row::Null,
        Value::Bool(_) => vec![Row::Text("boolean".to_owned())],
        Value::Int(_) => vec![Row::Text("long".to_owned())],
        Value::Float(_) => vec![Row::Text("double".to_owned())],
        Value::Text(_) => vec![Row::Text("string".to_owned())],
        Value::Bytes(_) => vec![Row::Text("bytes".to_owned())],
        Value::Json(_) => vec![Row::Text("json".to_owned())],
        Value::Windowed(_) => {
            let string = Row::List(vec![Row::Text("string".to_owned())]);
            vec![Row::Text("session_windowed".to_owned()), string]
        }
        Value::Object(()) => panic!("an object"),
    };
    written(&Row::List(serde), of)
}

fn refused(fault: Fault<String>) -> Row {
    match fault {
        Fault::Host(text) => panic!("{text}"),
        Fault::Refused(refusal) => Row::List(vec![
            Row::Text("refused".to_owned()),
            Row::Text(refusal.text),
            Row::Text(refusal.hint.to_owned()),
        ]),
    }
}

/// A value as this serde writes it.
fn written(serde: &Row, of: &Value<()>) -> Row {
    let found = Serde::new(serde, 0).serialize(&mut Nobody, TOPIC, &mut Headers::new(), of);
    match found {
        Ok(None) => Row::Null,
        Ok(Some(data)) => Row::List(vec![serde.clone(), text_of_bytes(&data)]),
        Err(fault) => refused(fault),
    }
}

fn evaluated(case: &[Row]) -> Row {
    let [rows, key, of, Row::Int(timestamp), Row::List(headers)] = case else {
        panic!("{case:?}")
    };
    let expression = Expression::parse(rows).expect("rows");
    let header = |row: &Row| match row.as_list() {
        Some([Row::Text(name), data]) => {
            (name.clone(), data.as_text().map(|data| hex(data).into()))
        }
        _ => panic!("{row:?}"),
    };
    let headers: Headers = headers.iter().map(header).collect();
    let (host, noted) = (&mut Nobody, &mut Noted::default());
    match expression.evaluate(host, noted, &value(key), &value(of), *timestamp, &headers) {
        Ok(found) => shown(&found),
        Err(fault) => refused(fault),
    }
}

fn outcome(case: &[Row]) -> Row {
    match case {
        [Row::Text(kind), rest @ .., _] if kind == "evaluate" => evaluated(rest),
        [Row::Text(kind), serde, Row::Text(data), _] if kind == "read" => {
            let data = Some(&hex(data).into()).map(|data| {
                Serde::new(serde, 0).deserialize(&mut Nobody, TOPIC, &Headers::new(), Some(data))
            });
            match data {
                Some(Ok(found)) => written(serde, &found),
                Some(Err(fault)) => refused(fault),
                None => Row::Null,
            }
        }
        [Row::Text(kind), serde, of, _] if kind == "write" => match written(serde, &value(of)) {
            Row::List(row) if row.len() == 2 => row[1].clone(),
            row => row,
        },
        _ => panic!("{case:?}"),
    }
}

/// If this fails, the two executors give different results, or refuse in different words.
#[test]
fn cases_have_the_results_of_python() {
    let home = std::env::var("OTTLA_EXPRESSION_CASES").unwrap_or_else(|_| {
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/data/streams/expression_cases.jsonl"
        )
        .to_owned()
    });
    let lines = std::fs::read(home).expect("cases");
    let (mut count, mut wrong) = (0, Vec::new());
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = Bytes::copy_from_slice(line);
        let case = row(&line, 0, line.len());
        let case = case.as_list().expect("a list");
        let found = outcome(case);
        if Some(&found) != case.last() {
            wrong.push(format!("{}\n  {found:?}", String::from_utf8_lossy(&line)));
        }
        count += 1;
    }
    assert!(count > 300, "only {count} cases");
    let some: Vec<_> = wrong.iter().take(12).cloned().collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        some.join("\n")
    );
}
