//! A host for tests: function 0 gives its first argument back, function 1 adds its arguments up.

use bytes::Bytes;
use sonic_rs::{JsonContainerTrait, JsonType, JsonValueTrait};

use crate::application::{Answer, Application, CallbackId, Description, Failure};
use crate::context::Context;
use crate::engine::Engine;
use crate::host::{Fault, FunctionId, Headers, Host, SerdeId};
use crate::plan::{ExtractorId, NodeId, PartitionerId, ProcessorId};
use crate::record::Record;
use crate::row::Row;
use crate::stop::Outcome;
use crate::value::Value;

pub struct TestHost;

type Given<T = Value<()>> = Result<T, String>;

fn never<T>() -> Given<T> {
    Err("the test has no such thing".to_owned())
}

impl Host for TestHost {
    type Object = ();
    type Error = String;

    fn call(&mut self, function: FunctionId, arguments: &[Value<()>]) -> Given {
        let sum = arguments.iter().map(|argument| match argument {
            Value::Int(number) => *number,
            _ => 0,
        });
        match function {
            0 => Ok(arguments[0].clone()),
            _ => Ok(Value::Int(sum.sum())),
        }
    }

    fn serialize(
        &mut self,
        _: SerdeId,
        _: &str,
        _: &mut Headers,
        _: &Value<()>,
    ) -> Given<Option<Bytes>> {
        never()
    }

    fn deserialize(&mut self, _: SerdeId, _: &str, _: &Headers, _: &Bytes) -> Given {
        never()
    }

    fn native(&mut self, _: &()) -> Given {
        never()
    }
}

impl Application for TestHost {
    fn start(&mut self, _: &mut Engine<Self>, _: ProcessorId, _: NodeId) -> Given<()> {
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
        _: &Value<()>,
        _: &Value<()>,
    ) -> Given {
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

    fn close(&mut self, _: &mut Engine<Self>, _: ProcessorId, _: NodeId) -> Given<()> {
        never()
    }

    fn pair(&mut self, _: &Value<()>) -> Given<(Value<()>, Value<()>)> {
        never()
    }

    fn iterate(&mut self, _: &Value<()>) -> Given<()> {
        never()
    }

    fn next(&mut self, (): &()) -> Given<Option<Value<()>>> {
        never()
    }

    fn transform_view(
        &mut self,
        _: &mut Engine<Self>,
        _: ProcessorId,
        _: NodeId,
        _: &Value<()>,
        _: &Value<()>,
    ) -> Given {
        never()
    }

    fn equal(&mut self, one: &Value<()>, other: &Value<()>) -> Given<bool> {
        Ok(one == other)
    }

    fn text(&mut self, _: &Value<()>) -> Given<String> {
        never()
    }

    fn truth(&mut self, _: &Value<()>) -> Given<bool> {
        never()
    }

    fn context(&mut self, _: &Context, _: Option<&str>) -> Value<()> {
        Value::Null
    }

    fn headers(&mut self, _: &Headers) -> Value<()> {
        Value::Null
    }

    fn extract_timestamp(
        &mut self,
        _: ExtractorId,
        _: &Record<()>,
        _: (&str, i32, i64),
        _: i64,
    ) -> Given<i64> {
        never()
    }

    fn partition(
        &mut self,
        _: PartitionerId,
        _: &str,
        _: &Value<()>,
        _: &Value<()>,
    ) -> Given<Option<Vec<i32>>> {
        never()
    }

    fn failed(&mut self, _: &Failure<'_, String>) -> Given<Answer> {
        Ok(Answer::Fail)
    }

    fn describe(&mut self, _: &Fault<String>) -> Description {
        Description {
            class: String::new(),
            message: String::new(),
            stack: String::new(),
        }
    }
}

/// A plan's tree, written as JSON.
pub fn tree(text: &str) -> Row {
    row(&sonic_rs::from_str(text).expect("JSON"))
}

fn row(value: &sonic_rs::Value) -> Row {
    match value.get_type() {
        JsonType::Null => Row::Null,
        JsonType::Boolean => Row::Bool(value.as_bool().expect("a truth value")),
        JsonType::Number => Row::Int(value.as_i64().expect("a whole number")),
        JsonType::String => Row::Text(value.as_str().expect("a text").to_owned()),
        JsonType::Array => Row::List(value.as_array().expect("a list").iter().map(row).collect()),
        JsonType::Object => {
            let fields = value.as_object().expect("a map").iter();
            Row::Map(
                fields
                    .map(|(name, value)| (name.to_owned(), row(value)))
                    .collect(),
            )
        }
    }
}
