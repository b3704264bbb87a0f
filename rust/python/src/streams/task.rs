//! A task of the fast executor as Python holds it.

use std::sync::Arc;

use bytes::Bytes;
use ottla_streams::engine::{Clock, Engine};
use ottla_streams::output::Output;
use ottla_streams::plan::{NodeId, Plan, TopicId};
use ottla_streams::record::Record;
use ottla_streams::stop::{Stage, Stop, What};
use ottla_streams::task::{Input, Task};
use parking_lot::Mutex;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::batches::{Halt, work_on};
use super::convert::{Words, row_of};
use super::host::{PythonHost, busy, error_of, headers_from_python, headers_to_python};
use super::scope::Slot;
use super::sealed::Sealer;
use crate::errors::refusal_of;

/// To release the GIL costs as much as a record or two: fewer bytes than this are worked on with it.
const HELD_BYTES_MAX: usize = 1 << 10;

struct Inner {
    /// None until it is started.
    task: Option<Task<PythonHost>>,
    host: PythonHost,
    sealer: Sealer,
    names: Names,
}

/// Names of topics that crossed the border, so that they are made and looked up once.
#[derive(Default)]
struct Names {
    /// The topic that was named last.
    last: Option<(String, TopicId)>,
    shown: Vec<Option<Py<PyString>>>,
}

impl Names {
    fn number(&mut self, plan: &Plan, name: &str) -> TopicId {
        match &self.last {
            Some((known, topic)) if known == name => *topic,
            _ => {
                let topic = plan.topics.number(name);
                self.last = Some((name.to_owned(), topic));
                topic
            }
        }
    }

    fn shown<'py>(&mut self, py: Python<'py>, plan: &Plan, topic: TopicId) -> Bound<'py, PyString> {
        let place = topic as usize;
        if self.shown.len() <= place {
            self.shown.resize_with(place + 1, || None);
        }
        let name = &mut self.shown[place];
        let name = name.get_or_insert_with(|| PyString::new(py, plan.topic_name(topic)).unbind());
        name.bind(py).clone()
    }
}

/// One task. Calls from processors that it runs reach the engine through `slot`.
#[pyclass(frozen, module = "ottla._core")]
pub struct StreamsTask {
    inner: Mutex<Inner>,
    plan: Arc<Plan>,
    slot: Slot<PythonHost>,
    /// The plan asks Python at every record, so a batch holds the GIL; else it is released.
    holds_gil: bool,
}

/// (cause, topic, key, value, timestamp, headers, partition)
type Row<'py> = Bound<'py, PyTuple>;

#[pymethods]
impl StreamsTask {
    #[new]
    fn new(
        py: Python<'_>,
        tree: &Bound<'_, PyAny>,
        functions: Vec<Py<PyAny>>,
        serdes: Vec<(Py<PyAny>, Py<PyAny>)>,
        processing: Py<PyAny>,
        holds_gil: bool,
    ) -> PyResult<Self> {
        let plan = Plan::read(&row_of(tree)?).map_err(PyValueError::new_err)?;
        let slot = Slot::default();
        let host = PythonHost {
            words: Words::new(py)?,
            functions,
            serdes,
            processing,
            slot: slot.clone(),
            stopped: Vec::new(),
            depth: 0,
        };
        Ok(Self {
            inner: Mutex::new(Inner {
                task: None,
                host,
                sealer: Sealer::default(),
                names: Names::default(),
            }),
            plan: Arc::new(plan),
            slot,
            holds_gil,
        })
    }

    /// Make processors ready. What they forwarded meanwhile is refused by the engine.
    fn start<'py>(&self, py: Python<'py>, now: i64) -> PyResult<Option<Stopped<'py>>> {
        let mut inner = self.inner.try_lock().ok_or_else(busy)?;
        let inner = &mut *inner;
        match Task::start(Arc::clone(&self.plan), &mut inner.host, now) {
            Ok(task) => {
                inner.task = Some(task);
                Ok(None)
            }
            Err(stop) => Ok(Some(self.stopped(py, &stop, -1))),
        }
    }

    /// Process records, given as tuples (topic, key, value, timestamp, headers, partition, offset).
    fn process<'py>(
        &self,
        py: Python<'py>,
        records: &Bound<'py, PyAny>,
        now: i64,
    ) -> PyResult<(Vec<Row<'py>>, Option<Stopped<'py>>)> {
        let mut inputs = Vec::with_capacity(records.len().unwrap_or_default());
        let mut last: Option<(String, TopicId)> = None;
        for record in records.try_iter()? {
            inputs.push(self.input(record?.cast::<PyTuple>()?, &mut last)?);
        }
        self.run(py, |task, host| task.process(host, inputs, now))
    }

    /// The wall clock is `now`.
    fn advance<'py>(
        &self,
        py: Python<'py>,
        now: i64,
    ) -> PyResult<(Vec<Row<'py>>, Option<Stopped<'py>>)> {
        self.run(py, |task, host| task.advance(host, now))
    }

    /// Process the record batches of a topic's partition as a fetch brings them; what they cause comes back
    /// as one sealed batch for each topic and chosen partition: (topic, partition, batch).
    #[allow(clippy::type_complexity)]
    fn process_batches<'py>(
        &self,
        py: Python<'py>,
        topic: &str,
        partition: i32,
        data: &Bound<'py, PyBytes>,
        now: i64,
    ) -> PyResult<(Bound<'py, PyList>, Option<Stopped<'py>>)> {
        let data = Bytes::copy_from_slice(data.as_bytes());
        let mut inner = self.inner.try_lock().ok_or_else(busy)?;
        let Inner {
            task,
            host,
            sealer,
            names,
        } = &mut *inner;
        let task = task.as_mut().ok_or_else(not_started)?;
        let plan = &self.plan;
        let topic = names.number(plan, topic);
        let holds_gil = self.holds_gil || data.len() <= HELD_BYTES_MAX;
        let damaged = |text| refusal_of("corrupt-batch", text);
        task.engine.output.clear();
        let (built, outcome) = maybe_detached(py, holds_gil, || {
            task.begin(now);
            let outcome = work_on((topic, partition), &data, |inputs| task.go_on(host, inputs));
            let built = sealer.seal(&task.engine.output);
            task.engine.output.clear();
            (built, outcome)
        });
        let built = built.map_err(damaged)?;
        let stopped = match outcome {
            Ok(()) => None,
            Err(Halt::Stopped(stop)) => Some(self.stopped(py, &stop, task.engine.context.cause)),
            Err(Halt::Damaged(text)) if task.taken() == 0 => return Err(damaged(text)),
            // What came before has changed stores, so what it caused must not be lost.
            Err(Halt::Damaged(text)) => {
                let error = damaged(text).into_value(py).into_bound(py);
                Some((error.into_any(), None, None, task.taken()))
            }
        };
        let batches = PyList::empty(py);
        for open in built {
            let partition = (open.partition >= 0).then_some(open.partition);
            let batch = PyBytes::new(py, &open.batch);
            batches.append((names.shown(py, plan, open.topic), partition, batch))?;
        }
        Ok((batches, stopped))
    }

    fn close<'py>(&self, py: Python<'py>) -> PyResult<Option<Stopped<'py>>> {
        let mut inner = self.inner.try_lock().ok_or_else(busy)?;
        let Inner { task, host, .. } = &mut *inner;
        let outcome = match task {
            Some(task) => task.close(host),
            None => Ok(()),
        };
        Ok(outcome.err().map(|stop| self.stopped(py, &stop, -1)))
    }

    // ------------------------------------------------------------ what processors ask

    /// Send a record from a node to all its children, or to the child of this place; false where neither a
    /// processor nor a callback is at work, so that nothing could be the record's cause.
    fn forward(
        &self,
        node: NodeId,
        child: Option<usize>,
        key: Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        timestamp: i64,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = key.py();
        let headers = headers_from_python(headers)?;
        let forwarded = self.slot.with(|engine, host| {
            if host.depth == 0 {
                return Ok(false);
            }
            let key = host.words.from_python(key)?;
            let value = host.words.from_python(value)?;
            let record = Record::plain(key, value, timestamp, headers);
            engine.forward(host, node, child, &record).map_err(|stop| {
                let error = self.shown(py, host, &stop);
                host.stopped.push((error.clone_ref(py), stop));
                error
            })?;
            Ok(true)
        });
        forwarded.unwrap_or_else(|| match self.inner.try_lock() {
            Some(_) => Ok(false),
            None => Err(busy()),
        })
    }

    /// Call back number `callback` every `interval` ms; the number is for `cancel`.
    fn schedule(
        &self,
        node: NodeId,
        wall_clock: bool,
        start: Option<i64>,
        interval: i64,
        callback: u32,
    ) -> PyResult<u64> {
        let clock = if wall_clock {
            Clock::WallClock
        } else {
            Clock::StreamTime
        };
        self.with_engine(|engine, _| engine.schedule(node, clock, start, interval, callback))
    }

    fn cancel(&self, schedule: u64) -> PyResult<()> {
        self.with_engine(|engine, _| engine.cancel(schedule))
    }

    /// (topic, partition, offset, timestamp, headers, stream time, wall clock) of the record at hand.
    #[allow(clippy::type_complexity)]
    fn context<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Option<String>, i32, i64, i64, Bound<'py, PyTuple>, i64, i64)> {
        self.with_engine(|engine, _| {
            let context = &engine.context;
            let topic = context.topic.map(|t| engine.plan.topic_name(t).to_owned());
            Ok((
                topic,
                context.partition,
                context.offset,
                context.timestamp,
                headers_to_python(py, &context.headers)?,
                context.stream_time,
                context.now,
            ))
        })?
    }

    fn request_commit(&self) -> PyResult<()> {
        self.with_engine(|engine, _| engine.context.commit_requested = true)
    }

    /// The number of a node, the names of its children, the names of its stores.
    fn node(&self, name: &str) -> PyResult<(NodeId, Vec<String>, Vec<String>)> {
        let place = self
            .plan
            .node(name)
            .ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        let node = &self.plan.nodes[place];
        let children = node
            .children
            .iter()
            .map(|c| self.plan.nodes[*c].name.clone());
        let stores = node
            .stores
            .iter()
            .map(|s| self.plan.stores[*s].name.clone());
        Ok((place, children.collect(), stores.collect()))
    }

    /// A task and its processors hold each other: the collector finds out when nobody else does.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Some(inner) = self.inner.try_lock() else {
            return Ok(()); // It is at work, so somebody holds it.
        };
        let host = &inner.host;
        visit.call(&host.processing)?;
        for function in &host.functions {
            visit.call(function)?;
        }
        for (serialize, deserialize) in &host.serdes {
            visit.call(serialize)?;
            visit.call(deserialize)?;
        }
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        let Some(mut inner) = self.inner.try_lock() else {
            return;
        };
        let task = inner.task.take();
        let host = &mut inner.host;
        let processing = std::mem::replace(&mut host.processing, py.None());
        let functions = std::mem::take(&mut host.functions);
        let serdes = std::mem::take(&mut host.serdes);
        drop(inner); // What goes now may run code of Python's that looks at this task.
        drop((task, processing, functions, serdes));
    }

    /// (node, reason, count)
    fn skipped(&self) -> PyResult<Vec<(String, String, u64)>> {
        self.with_engine(|engine, _| {
            let rows = engine.skipped().iter();
            rows.map(|row| (row.node.clone(), row.reason.to_owned(), row.count))
                .collect()
        })
    }
}

/// The exception; where it stopped, what failed there and at which stage; the record's origin, and its place
/// in the batch.
type Stopped<'py> = (
    Bound<'py, PyAny>,
    Option<(String, &'static str, Option<&'static str>)>,
    Option<(String, i32, i64)>,
    i32,
);

impl StreamsTask {
    pub fn with_engine<R>(
        &self,
        work: impl FnOnce(&mut Engine<PythonHost>, &mut PythonHost) -> R,
    ) -> PyResult<R> {
        let mut work = Some(work);
        if let Some(result) = self
            .slot
            .with(|engine, host| work.take().map(|work| work(engine, host)))
        {
            return result.ok_or_else(busy);
        }
        let mut inner = self.inner.try_lock().ok_or_else(busy)?;
        let Inner { task, host, .. } = &mut *inner;
        let task = task.as_mut().ok_or_else(not_started)?;
        let work = work.take().ok_or_else(busy)?;
        Ok(work(&mut task.engine, host))
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A topic by its name; what no source reads is refused when the record is taken.
    fn topic(&self, name: &str) -> TopicId {
        self.plan.topics.number(name)
    }

    fn input(
        &self,
        record: &Bound<'_, PyTuple>,
        last: &mut Option<(String, TopicId)>,
    ) -> PyResult<Input> {
        let item = record.get_item(0)?;
        let name = item.cast::<PyString>()?.to_str()?;
        let topic = match last {
            Some((known, topic)) if known == name => *topic,
            _ => {
                let topic = self.topic(name);
                *last = Some((name.to_owned(), topic));
                topic
            }
        };
        let bytes = |place| -> PyResult<Option<Bytes>> {
            let item = record.get_borrowed_item(place)?;
            if item.is_none() {
                return Ok(None);
            }
            Ok(Some(Bytes::copy_from_slice(
                item.cast::<PyBytes>()?.as_bytes(),
            )))
        };
        Ok(Input {
            topic,
            key: bytes(1)?,
            value: bytes(2)?,
            timestamp: record.get_borrowed_item(3)?.extract()?,
            headers: headers_from_python(&record.get_item(4)?)?,
            partition: record.get_borrowed_item(5)?.extract()?,
            offset: record.get_borrowed_item(6)?.extract()?,
        })
    }

    fn run<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&mut Task<PythonHost>, &mut PythonHost) -> Result<(), Stop<PyErr>> + Send,
    ) -> PyResult<(Vec<Row<'py>>, Option<Stopped<'py>>)> {
        let mut inner = self.inner.try_lock().ok_or_else(busy)?;
        let Inner {
            task, host, names, ..
        } = &mut *inner;
        let task = task.as_mut().ok_or_else(not_started)?;
        task.engine.output.clear(); // A panic may have left something.
        let outcome = maybe_detached(py, self.holds_gil, || work(task, host));
        let rows = rows_of(py, &self.plan, names, &task.engine.output)?;
        task.engine.output.clear();
        let cause = task.engine.context.cause;
        let stopped = outcome.err().map(|stop| self.stopped(py, &stop, cause));
        Ok((rows, stopped))
    }

    /// What a processor sees of a stop below it: the error that its task would raise.
    fn shown(&self, py: Python<'_>, host: &PythonHost, stop: &Stop<PyErr>) -> PyErr {
        let (error, told, origin, _) = self.stopped(py, stop, -1);
        let processing = host.processing.bind(py);
        let made = processing.call_method1("stopped", (error, told, origin));
        made.map_or_else(|error| error, PyErr::from_value)
    }

    fn stopped<'py>(&self, py: Python<'py>, stop: &Stop<PyErr>, cause: i32) -> Stopped<'py> {
        let error = error_of(py, &stop.fault).into_value(py).into_bound(py);
        let told = stop.told.as_ref().map(|told| {
            let (what, stage) = match told.what {
                What::Stage(stage) => ("failed", Some(stage)),
                What::Handler(stage) => ("handler", Some(stage)),
                What::Extractor => ("extractor", None),
                What::Reading => ("reading", None),
                What::Init => ("init", None),
                What::Close => ("close", None),
            };
            (told.name.clone(), what, stage.map(Stage::word))
        });
        let at = stop.told.as_ref().and_then(|told| told.at);
        let origin = at.map(|at| {
            let topic = self.plan.topic_name(at.topic).to_owned();
            (topic, at.partition, at.offset)
        });
        (error.into_any(), told, origin, cause)
    }
}

fn maybe_detached<R: Send>(py: Python<'_>, holds_gil: bool, work: impl FnOnce() -> R + Send) -> R {
    if holds_gil { work() } else { py.detach(work) }
}

fn not_started() -> PyErr {
    PyValueError::new_err("the task was not started")
}

fn rows_of<'py>(
    py: Python<'py>,
    plan: &Plan,
    names: &mut Names,
    output: &Output,
) -> PyResult<Vec<Row<'py>>> {
    let none = py.None().into_bound(py);
    let bytes = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => PyBytes::new(py, bytes).into_any(),
        None => none.clone(),
    };
    let rows = output.rows().iter().map(|row| {
        let headers = headers_to_python(py, &output.headers(row).to_vec())?;
        let partition = (row.partition >= 0).then_some(row.partition);
        (
            row.cause,
            names.shown(py, plan, row.topic),
            bytes(output.key(row)),
            bytes(output.value(row)),
            row.timestamp,
            headers,
            partition,
        )
            .into_pyobject(py)
    });
    rows.collect()
}
