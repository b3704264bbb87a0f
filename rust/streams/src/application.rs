//! What only the host can do while a task runs: a user's processors, and what its functions give back.
//!
//! Processors call back into the engine (forward, stores, schedules) while it waits for them; therefore the
//! engine holds nothing of its state while it is outside.

use crate::context::Context;
use crate::engine::Engine;
use crate::host::{Fault, FunctionId, Headers, Host};
use crate::plan::{ExtractorId, NodeId, PartitionerId, ProcessorId, SourceId};
use crate::record::Record;
use crate::stop::{Outcome, Stage};
use crate::value::Value;

/// A number that the host gave to a punctuation's callback.
pub type CallbackId = u32;

/// What a handler says about a record that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Resume,
    Fail,
}

/// What a handler is told: where, on which record, by which error. The context holds the source's record.
pub struct Failure<'a, E> {
    pub stage: Stage,
    pub node: &'a str,
    pub topic: Option<&'a str>,
    pub context: &'a Context,
    /// In production: the record that could not be written, as far as it was.
    pub fault: &'a Fault<E>,
}

/// A result for each of many values, or none where one of them raised.
pub type Batched<H> = Result<Option<Vec<Value<<H as Host>::Object>>>, <H as Host>::Error>;

pub trait Application: Host + Sized {
    /// The source whose pattern matches a topic's name.
    fn pattern_source(&mut self, _topic: &str) -> Option<SourceId> {
        None
    }

    /// Whether an exception of a serde is about the value's type.
    fn is_of_type(&mut self, _error: &Self::Error) -> bool {
        false
    }

    /// Asked now and then in a long run of records: whether somebody wants it to end.
    fn interrupted(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// An exception that may be forgotten, because it is met again or another one is told; else it comes back.
    fn forget(&mut self, _error: Self::Error) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The results of a function of many values, one for each; none where it raised, for any of them.
    fn call_batch(
        &mut self,
        _function: FunctionId,
        _values: &[Value<Self::Object>],
    ) -> Batched<Self> {
        Ok(None)
    }

    /// Make the processor of a node ready (`init`); it may schedule, not forward.
    fn start(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
    ) -> Result<(), Self::Error>;

    /// A stop that came out of a forward inside goes through as it is.
    fn process(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
        record: &Record<Self::Object>,
    ) -> Outcome<Self>;

    /// A table's transformer: the new value of a key.
    fn transform(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
        key: &Value<Self::Object>,
        value: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Self::Error>;

    /// As `transform`, for who reads the table: by a transformer of its own.
    fn transform_view(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
        key: &Value<Self::Object>,
        value: &Value<Self::Object>,
    ) -> Result<Value<Self::Object>, Self::Error>;

    fn punctuate(
        &mut self,
        engine: &mut Engine<Self>,
        callback: CallbackId,
        node: NodeId,
        timestamp: i64,
    ) -> Outcome<Self>;

    /// Close the processor of a node.
    fn close(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
    ) -> Result<(), Self::Error>;

    /// What a mapper of keys and values gave: its two.
    #[allow(clippy::type_complexity)]
    fn pair(
        &mut self,
        value: &Value<Self::Object>,
    ) -> Result<(Value<Self::Object>, Value<Self::Object>), Self::Error>;

    /// What goes through all that a flat mapper gave, by `next`.
    fn iterate(&mut self, value: &Value<Self::Object>) -> Result<Self::Object, Self::Error>;

    /// The next one; none after the last. It may run code of the user, who sees what was forwarded before.
    fn next(&mut self, iterator: &Self::Object)
    -> Result<Option<Value<Self::Object>>, Self::Error>;

    /// Whether two values are equal and of one type.
    fn equal(
        &mut self,
        one: &Value<Self::Object>,
        other: &Value<Self::Object>,
    ) -> Result<bool, Self::Error>;

    /// A value as text: the name of a topic that a function chose.
    fn text(&mut self, value: &Value<Self::Object>) -> Result<String, Self::Error>;

    /// Whether an object is true.
    fn truth(&mut self, value: &Value<Self::Object>) -> Result<bool, Self::Error>;

    /// The record's context as a function takes it (a sink's topic extractor).
    fn context(&mut self, context: &Context, topic: Option<&str>) -> Value<Self::Object>;

    /// Headers as a function takes them.
    fn headers(&mut self, headers: &Headers) -> Value<Self::Object>;

    /// The time of a source's record. It is taken before the context is set.
    fn extract_timestamp(
        &mut self,
        extractor: ExtractorId,
        record: &Record<Self::Object>,
        origin: (&str, i32, i64),
        partition_time: i64,
    ) -> Result<i64, Self::Error>;

    /// Where a sink's record goes; `None` leaves it to the producer.
    fn partition(
        &mut self,
        partitioner: PartitionerId,
        topic: &str,
        key: &Value<Self::Object>,
        value: &Value<Self::Object>,
    ) -> Result<Option<Vec<i32>>, Self::Error>;

    /// A fault of an operator, a serde or a function: go on without the record, or stop.
    fn failed(&mut self, failure: &Failure<'_, Self::Error>) -> Result<Answer, Self::Error>;

    /// What a fault is called in a dead letter's headers: the exception's class and its message.
    fn describe(&mut self, fault: &Fault<Self::Error>) -> Description;

    /// Called on the first record that a node leaves out for a reason; more are only counted.
    fn skipped(&mut self, _node: &str, _reason: &str, _topic: Option<&str>, _context: &Context) {}
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub class: String,
    pub message: String,
    pub stack: String,
}
