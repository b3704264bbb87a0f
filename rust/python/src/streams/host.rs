//! The engine's host: functions, serdes and processors of Python.
//!
//! Each call takes the GIL, which costs nothing where the batch holds it already (`StreamsTask::process`).

use bytes::Bytes;
use ottla_streams::application::{Answer, Application, CallbackId, Description, Failure};
use ottla_streams::context::Context;
use ottla_streams::engine::Engine;
use ottla_streams::host::{By, Fault, FunctionId, Headers, Host, SerdeId};
use ottla_streams::plan::{ExtractorId, NodeId, PartitionerId, ProcessorId, SourceId};
use ottla_streams::record::Record;
use ottla_streams::stop::{Outcome, Stop, raised};
use ottla_streams::value::Value;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyTuple};

use super::convert::{Object, Words};
use super::scope::Slot;

/// What Python gave, by the numbers that the plan says.
pub struct PythonHost {
    pub words: Words,
    pub functions: Vec<Py<PyAny>>,
    /// (serialize, deserialize)
    pub serdes: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// `ottla.streams.fast.processing.Processing`: everything that is not hot.
    pub processing: Py<PyAny>,
    pub slot: Slot<PythonHost>,
    /// How inner forwards stopped, while their exceptions go through the user's code, which may keep them.
    pub stopped: Vec<(PyErr, Stop<PyErr>)>,
    /// How many processors and callbacks are at work, one inside the other.
    pub depth: usize,
}

type Native = Value<Object>;

pub fn headers_to_python<'py>(py: Python<'py>, headers: &Headers) -> PyResult<Bound<'py, PyTuple>> {
    let pairs = headers.iter().map(|(name, value)| {
        let value = value.as_ref().map(|value| PyBytes::new(py, value));
        (name.as_str(), value)
    });
    PyTuple::new(py, pairs.collect::<Vec<_>>())
}

pub fn headers_from_python(object: &Bound<'_, PyAny>) -> PyResult<Headers> {
    let mut headers = Headers::new();
    if object.is_none() {
        return Ok(headers);
    }
    for pair in object.try_iter()? {
        let (name, value): (String, Option<Vec<u8>>) = pair?.extract()?;
        headers.push((name, value.map(Bytes::from)));
    }
    Ok(headers)
}

/// The exception of a fault: Python's own, or the class that Python raises for the same refusal.
pub fn error_of(py: Python<'_>, fault: &Fault<PyErr>) -> PyErr {
    match fault {
        Fault::Host(error) => error.clone_ref(py),
        Fault::Refused(refusal) => {
            let found = || -> PyResult<PyErr> {
                let (module, class) = match refusal.by {
                    By::Serde => ("ottla.streams.serdes", "SerdeError"),
                    By::Type => ("ottla.streams.serdes", "WrongType"),
                    By::Expression => ("ottla.streams.expressions", "ExpressionError"),
                    By::Operator => ("ottla.streams.errors", "ProcessingError"),
                };
                let kwargs = pyo3::types::PyDict::new(py);
                kwargs.set_item("hint", refusal.hint)?;
                let class = py.import(module)?.getattr(class)?;
                Ok(PyErr::from_value(
                    class.call((&refusal.text,), Some(&kwargs))?,
                ))
            };
            found().unwrap_or_else(|error| error)
        }
    }
}

impl PythonHost {
    fn ask<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        arguments: impl pyo3::call::PyCallArgs<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.processing.bind(py).call_method1(method, arguments)
    }

    /// What a user's processor came to: an exception that came out of a forward is that stop again, all
    /// others are failures of its own.
    fn outcome(&mut self, outcome: PyResult<()>) -> Outcome<Self> {
        let outcome = outcome.map_err(|error| {
            let known = Python::attach(|py| {
                let raised = error.value(py);
                let mut kept = self.stopped.iter();
                kept.position(|(kept, _)| kept.value(py).is(raised))
            });
            match known {
                Some(place) => self.stopped.swap_remove(place).1,
                None => raised(error),
            }
        });
        self.depth -= 1;
        if self.depth == 0 {
            self.stopped.clear();
        }
        outcome
    }
}

impl Host for PythonHost {
    type Object = Object;
    type Error = PyErr;

    fn call(&mut self, function: FunctionId, arguments: &[Native]) -> PyResult<Native> {
        Python::attach(|py| {
            let function = self.functions[function as usize].bind(py);
            let words = &self.words;
            let result = match arguments {
                [] => function.call0()?,
                [one] => function.call1((words.to_python(py, one)?,))?,
                [one, two] => {
                    function.call1((words.to_python(py, one)?, words.to_python(py, two)?))?
                }
                more => {
                    let more = more.iter().map(|each| words.to_python(py, each));
                    function.call1(PyTuple::new(py, more.collect::<PyResult<Vec<_>>>()?)?)?
                }
            };
            words.from_python(result)
        })
    }

    fn serialize(
        &mut self,
        serde: SerdeId,
        topic: &str,
        headers: &mut Headers,
        value: &Native,
    ) -> PyResult<Option<Bytes>> {
        Python::attach(|py| {
            let serialize = self.serdes[serde as usize].0.bind(py);
            let given = headers_to_python(py, headers)?;
            let list = given.to_list();
            let value = self.words.to_python(py, value)?;
            let bytes = serialize.call1((value, topic, &list))?;
            let is_same = list.len() == given.len()
                && list.iter().zip(&given).all(|(one, other)| one.is(&other));
            if !is_same {
                *headers = headers_from_python(list.as_any())?;
            }
            if bytes.is_none() {
                return Ok(None);
            }
            if let Ok(bytes) = bytes.cast::<PyBytes>() {
                return Ok(Some(Bytes::copy_from_slice(bytes.as_bytes())));
            }
            self.ask(py, "not_bytes", (serialize, bytes, topic))?; // It raises.
            Ok(None)
        })
    }

    fn deserialize(
        &mut self,
        serde: SerdeId,
        topic: &str,
        headers: &Headers,
        bytes: &Bytes,
    ) -> PyResult<Native> {
        Python::attach(|py| {
            let deserialize = self.serdes[serde as usize].1.bind(py);
            let list = headers_to_python(py, headers)?.to_list();
            let value = deserialize.call1((PyBytes::new(py, bytes), topic, list))?;
            self.words.from_python(value)
        })
    }

    fn native(&mut self, object: &Object) -> PyResult<Native> {
        Python::attach(|py| self.words.native(&object.bind(py)))
    }

    fn type_name(&mut self, object: &Object) -> String {
        Python::attach(|py| match object.bind(py).get_type().name() {
            Ok(name) => name.to_string(),
            Err(_) => "object".to_owned(),
        })
    }
}

impl Application for PythonHost {
    fn start(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        node: NodeId,
    ) -> PyResult<()> {
        let _scope = self.slot.clone().lend(engine, self);
        Python::attach(|py| self.ask(py, "start", (processor, node)).map(|_| ()))
    }

    fn process(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        _node: NodeId,
        record: &Record<Object>,
    ) -> Outcome<Self> {
        self.depth += 1;
        let _scope = self.slot.clone().lend(engine, self);
        let outcome = Python::attach(|py| {
            let key = self.words.to_python(py, &record.key)?;
            let value = self.words.to_python(py, record.value())?;
            let headers = headers_to_python(py, &record.headers)?;
            let arguments = (processor, key, value, record.timestamp, headers);
            self.ask(py, "process", arguments).map(|_| ())
        });
        self.outcome(outcome)
    }

    fn transform(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        _node: NodeId,
        key: &Native,
        value: &Native,
    ) -> PyResult<Native> {
        let _scope = self.slot.clone().lend(engine, self);
        Python::attach(|py| {
            let key = self.words.to_python(py, key)?;
            let value = self.words.to_python(py, value)?;
            let result = self.ask(py, "transform", (processor, key, value))?;
            self.words.from_python(result)
        })
    }

    fn transform_view(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        _node: NodeId,
        key: &Native,
        value: &Native,
    ) -> PyResult<Native> {
        let _scope = self.slot.clone().lend(engine, self);
        Python::attach(|py| {
            let key = self.words.to_python(py, key)?;
            let value = self.words.to_python(py, value)?;
            let result = self.ask(py, "transform_view", (processor, key, value))?;
            self.words.from_python(result)
        })
    }

    fn punctuate(
        &mut self,
        engine: &mut Engine<Self>,
        callback: CallbackId,
        _node: NodeId,
        timestamp: i64,
    ) -> Outcome<Self> {
        self.depth += 1;
        let _scope = self.slot.clone().lend(engine, self);
        let outcome =
            Python::attach(|py| self.ask(py, "punctuate", (callback, timestamp)).map(|_| ()));
        self.outcome(outcome)
    }

    fn close(
        &mut self,
        engine: &mut Engine<Self>,
        processor: ProcessorId,
        _node: NodeId,
    ) -> PyResult<()> {
        let _scope = self.slot.clone().lend(engine, self);
        Python::attach(|py| self.ask(py, "close", (processor,)).map(|_| ()))
    }

    fn pair(&mut self, value: &Native) -> PyResult<(Native, Native)> {
        Python::attach(|py| {
            let pair = self.words.to_python(py, value)?;
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
                self.ask(py, "pair", (pair,))?.extract()?;
            Ok((self.words.from_python(key)?, self.words.from_python(value)?))
        })
    }

    fn iterate(&mut self, value: &Native) -> PyResult<Object> {
        Python::attach(|py| {
            let all = self.words.to_python(py, value)?.try_iter()?;
            Ok(Object::new(all.into_any()))
        })
    }

    fn next(&mut self, iterator: &Object) -> PyResult<Option<Native>> {
        Python::attach(|py| {
            let mut all = iterator.bind(py).cast_into::<PyIterator>()?;
            let next = all.next().transpose()?;
            next.map(|each| self.words.from_python(each)).transpose()
        })
    }

    fn call_batch(
        &mut self,
        function: FunctionId,
        values: &[Native],
    ) -> PyResult<Option<Vec<Native>>> {
        Python::attach(|py| {
            let function = self.functions[function as usize].bind(py);
            let values = values.iter().map(|each| self.words.to_python(py, each));
            let values = values.collect::<PyResult<Vec<_>>>()?;
            let results = function.call1((values,)).and_then(|results| {
                let results = results.try_iter()?;
                let results = results.map(|each| self.words.from_python(each?));
                results.collect::<PyResult<Vec<_>>>()
            });
            match results {
                Ok(results) => Ok(Some(results)),
                Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn equal(&mut self, one: &Native, other: &Native) -> PyResult<bool> {
        Python::attach(|py| {
            let one = self.words.to_python(py, one)?;
            let other = self.words.to_python(py, other)?;
            Ok(one.get_type().is(other.get_type()) && one.eq(other)?)
        })
    }

    fn text(&mut self, value: &Native) -> PyResult<String> {
        Python::attach(|py| Ok(self.words.to_python(py, value)?.str()?.to_str()?.to_owned()))
    }

    fn pattern_source(&mut self, topic: &str) -> Option<SourceId> {
        Python::attach(|py| {
            let found = self
                .ask(py, "pattern_source", (topic,))
                .and_then(|f| f.extract());
            found.unwrap_or_else(|error: PyErr| {
                error.write_unraisable(py, None);
                None
            })
        })
    }

    fn truth(&mut self, value: &Native) -> PyResult<bool> {
        Python::attach(|py| self.words.to_python(py, value)?.is_truthy())
    }

    fn context(&mut self, context: &Context, topic: Option<&str>) -> Native {
        let made = Python::attach(|py| -> PyResult<Native> {
            let headers = headers_to_python(py, &context.headers)?;
            let arguments = (
                topic,
                context.partition,
                context.offset,
                context.timestamp,
                headers,
            );
            Ok(Value::Object(Object::new(
                self.ask(py, "context", arguments)?,
            )))
        });
        made.unwrap_or(Value::Null)
    }

    fn headers(&mut self, headers: &Headers) -> Native {
        Python::attach(|py| match headers_to_python(py, headers) {
            Ok(headers) => Value::Object(Object::new(headers.into_any())),
            Err(_) => Value::Null,
        })
    }

    fn extract_timestamp(
        &mut self,
        extractor: ExtractorId,
        record: &Record<Object>,
        (topic, partition, offset): (&str, i32, i64),
        partition_time: i64,
    ) -> PyResult<i64> {
        Python::attach(|py| {
            let key = self.words.to_python(py, &record.key)?;
            let value = self.words.to_python(py, record.value())?;
            let headers = headers_to_python(py, &record.headers)?;
            let arguments = (
                extractor,
                topic,
                partition,
                offset,
                record.timestamp,
                key,
                value,
                headers,
                partition_time,
            );
            let given = self.ask(py, "extract_timestamp", arguments)?;
            match given.extract() {
                Ok(time) => Ok(time),
                Err(_) => self.ask(py, "time_of", (given,))?.extract(),
            }
        })
    }

    fn partition(
        &mut self,
        partitioner: PartitionerId,
        topic: &str,
        key: &Native,
        value: &Native,
    ) -> PyResult<Option<Vec<i32>>> {
        Python::attach(|py| {
            let key = self.words.to_python(py, key)?;
            let value = self.words.to_python(py, value)?;
            self.ask(py, "partition", (partitioner, topic, key, value))?
                .extract()
        })
    }

    fn failed(&mut self, failure: &Failure<'_, PyErr>) -> PyResult<Answer> {
        Python::attach(|py| {
            let context = failure.context;
            if let Fault::Host(error) = failure.fault
                && !error.is_instance_of::<PyException>(py)
            {
                return Err(error.clone_ref(py)); // Ctrl-C and its like are no failures of a record.
            }
            let bytes = |bytes: &Option<Bytes>| bytes.as_ref().map(|b| PyBytes::new(py, b));
            let arguments = (
                failure.stage.word(),
                failure.node,
                failure.topic,
                (context.partition, context.offset, context.timestamp),
                bytes(&context.raw_key),
                bytes(&context.raw_value),
                headers_to_python(py, &context.headers)?,
                error_of(py, failure.fault),
            );
            let resumes: bool = self.ask(py, "failed", arguments)?.extract()?;
            Ok(if resumes {
                Answer::Resume
            } else {
                Answer::Fail
            })
        })
    }

    fn describe(&mut self, fault: &Fault<PyErr>) -> Description {
        Python::attach(|py| {
            let error = error_of(py, fault);
            let words = self.ask(py, "describe", (error,)).and_then(|w| w.extract());
            let (class, message, stack) = words.unwrap_or_else(|error: PyErr| {
                ("Exception".to_owned(), error.to_string(), String::new())
            });
            Description {
                class,
                message,
                stack,
            }
        })
    }

    fn is_of_type(&mut self, error: &PyErr) -> bool {
        Python::attach(|py| {
            let kind = py.import("ottla.streams.serdes");
            let kind = kind.and_then(|serdes| serdes.getattr("WrongType"));
            kind.is_ok_and(|kind| error.matches(py, kind).unwrap_or(false))
        })
    }

    fn forget(&mut self, error: PyErr) -> PyResult<()> {
        Python::attach(|py| match error.is_instance_of::<PyException>(py) {
            true => Ok(()),
            false => Err(error), // Ctrl-C comes only once.
        })
    }

    fn interrupted(&mut self) -> PyResult<()> {
        Python::attach(|py| py.check_signals())
    }

    fn skipped(&mut self, node: &str, reason: &str, topic: Option<&str>, context: &Context) {
        Python::attach(|py| {
            let arguments = (node, reason, topic, context.partition, context.offset);
            if let Err(error) = self.ask(py, "skipped", arguments) {
                error.write_unraisable(py, None);
            }
        });
    }
}

pub fn busy() -> PyErr {
    PyRuntimeError::new_err(
        "this task is at work: on another thread, or in the call that made this one",
    )
}
