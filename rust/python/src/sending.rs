//! `ottla_core::client::Outbox` for Python, and what a producer hands out for a record: a `Delivery`.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use ottla_core::batch::{BatchSpec, RecordOut};
use ottla_core::client::{self, ById, Refusal, Settings};
use parking_lot::Mutex;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::errors::refusal_of;
use crate::records::levels_of;

/// A batch on its way to one partition, from its first record to its end.
#[pyclass(frozen, module = "ottla._core")]
pub struct SentBatch {
    #[pyo3(get)]
    id: u64,
    #[pyo3(get)]
    topic: Py<PyString>,
    #[pyo3(get)]
    partition: i32,
    waiter: Py<PyAny>,
    end: Mutex<End>,
}

/// How the records of a batch ended from one on: a batch that was too large goes in several.
struct Part {
    first: i32,
    base_offset: i64,
    append_time_ms: i64,
    error: Option<Py<PyAny>>,
}

#[derive(Default)]
struct End {
    is_settled: bool,
    parts: Vec<Part>,
    callbacks: Vec<(Py<Delivery>, Py<PyAny>)>,
}

impl End {
    fn part(&self, index: i32) -> Option<&Part> {
        let parts = self.parts.iter().filter(|part| part.first <= index);
        parts
            .max_by_key(|part| part.first)
            .filter(|_| self.is_settled)
    }
}

#[pymethods]
impl SentBatch {
    /// This is how its records from `first` on ended, and with `last` all have. Whether somebody is to be told, by
    /// `tell`. After that nothing changes any more.
    #[pyo3(signature = (base_offset, append_time_ms, error, *, first=0, last=true))]
    fn settle(
        &self,
        base_offset: i64,
        append_time_ms: i64,
        error: Option<Py<PyAny>>,
        first: i32,
        last: bool,
    ) -> bool {
        let mut end = self.end.lock();
        if !end.is_settled {
            end.is_settled = last;
            end.parts.push(Part {
                first,
                base_offset,
                append_time_ms,
                error,
            });
        }
        end.is_settled && !end.callbacks.is_empty()
    }

    /// Call whoever wants to be told of it. What one raises goes to `sys.unraisablehook`.
    fn tell(&self, py: Python<'_>) {
        let callbacks = std::mem::take(&mut self.end.lock().callbacks);
        for (delivery, call) in callbacks {
            if let Err(error) = call.call1(py, (delivery,)) {
                error.write_unraisable(py, Some(call.bind(py)));
            }
        }
    }

    #[getter]
    fn done(&self) -> bool {
        self.end.lock().is_settled
    }
}

/// A record on its way, and where it came to lie.
#[pyclass(frozen, module = "ottla._core")]
pub struct Delivery {
    batch: Py<SentBatch>,
    index: i32,
    sent_timestamp_ms: i64,
}

#[pymethods]
impl Delivery {
    #[getter]
    fn topic(&self, py: Python<'_>) -> Py<PyString> {
        self.batch.get().topic.clone_ref(py)
    }

    #[getter]
    fn partition(&self) -> i32 {
        self.batch.get().partition
    }

    #[getter]
    fn done(&self) -> bool {
        self.batch.get().done()
    }

    #[getter]
    fn offset(&self) -> i64 {
        let end = self.batch.get().end.lock();
        match end.part(self.index) {
            Some(part) if part.error.is_none() && part.base_offset >= 0 => {
                part.base_offset + i64::from(self.index - part.first)
            }
            _ => -1,
        }
    }

    #[getter]
    fn timestamp_ms(&self) -> i64 {
        let end = self.batch.get().end.lock();
        match end.part(self.index) {
            Some(part) if part.error.is_none() && part.append_time_ms >= 0 => part.append_time_ms,
            _ => self.sent_timestamp_ms,
        }
    }

    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let end = self.batch.get().end.lock();
        let error = end.part(self.index)?.error.as_ref()?;
        Some(error.clone_ref(py))
    }

    #[pyo3(signature = (timeout=None))]
    fn result<'py>(slf: Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let batch = slf.get().batch.get();
        if !batch.done() {
            batch.waiter.call1(py, (&slf, timeout))?;
        }
        match slf.get().error(py) {
            Some(error) => Err(PyErr::from_value(error.into_bound(py))),
            None => Ok(slf),
        }
    }

    /// Call with this delivery when it has ended; at once if it has.
    fn add_done_callback(slf: Bound<'_, Self>, call: Py<PyAny>) -> PyResult<()> {
        let py = slf.py();
        {
            let mut end = slf.get().batch.get().end.lock();
            if !end.is_settled {
                let delivery = slf.clone().unbind();
                end.callbacks.push((delivery, call));
                return Ok(());
            }
        }
        call.call1(py, (slf,))?;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let batch = self.batch.get();
        let place = format!("{}-{}", batch.topic, batch.partition);
        match (batch.done(), self.offset()) {
            (false, _) => format!("<Delivery to {place}: under way>"),
            (true, -1) => format!("<Delivery to {place}: ended>"),
            (true, offset) => format!("<Delivery to {place}: offset {offset}>"),
        }
    }
}

/// Records that wait to be sent, by topic and partition, in batches.
#[pyclass(frozen, module = "ottla._core")]
pub struct Outbox {
    inner: Mutex<client::Outbox>,
    batches: Mutex<ById<Py<SentBatch>>>,
    /// What wakes its thread, and what waits for a delivery; both know the producer, which is let go of at its end.
    calls: Mutex<Option<(Py<PyAny>, Py<PyAny>)>>,
}

#[pymethods]
impl Outbox {
    #[new]
    #[pyo3(signature = (*, batch_bytes, buffer_bytes, record_bytes_max, linger_ms, codec, level, seed, wake, waiter))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        batch_bytes: usize,
        buffer_bytes: usize,
        record_bytes_max: usize,
        linger_ms: i64,
        codec: &str,
        level: Option<i32>,
        seed: u64,
        wake: Py<PyAny>,
        waiter: Py<PyAny>,
    ) -> PyResult<Self> {
        let (codec, levels) = levels_of(codec, level)?;
        let settings = Settings {
            batch_bytes,
            buffer_bytes,
            record_bytes_max,
            linger_ms,
            codec,
            levels,
        };
        Ok(Self {
            inner: Mutex::new(client::Outbox::new(settings, seed)),
            batches: Mutex::new(ById::default()),
            calls: Mutex::new(Some((wake, waiter))),
        })
    }

    /// Nothing is taken any more: CoreError "stopped". Whoever made it is let go of.
    fn stop(&self) {
        self.inner.lock().stop();
        let calls = self.calls.lock().take();
        drop(calls);
    }

    fn learn(&self, topic: &str, partitions: i32, available: Vec<i32>) {
        self.inner.lock().learn(topic, partitions, &available);
    }

    fn knows(&self, topic: &str) -> bool {
        self.inner.lock().knows(topic)
    }

    #[getter]
    fn buffered_bytes(&self) -> usize {
        self.inner.lock().buffered()
    }

    /// The first of the batches that have not ended.
    #[getter]
    fn oldest(&self) -> Option<u64> {
        self.inner.lock().oldest()
    }

    #[getter]
    fn next_id(&self) -> u64 {
        self.inner.lock().next_id()
    }

    /// None if nobody knows the topic yet, or there is no room.
    #[allow(clippy::too_many_arguments)]
    fn append<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyString>,
        value: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        headers: &Bound<'py, PyAny>,
        partition: i32,
        timestamp_ms: i64,
        on_delivery: Option<Py<PyAny>>,
    ) -> PyResult<Option<Bound<'py, Delivery>>> {
        let key = key.map(|key| octets(key, "a key")).transpose()?;
        let value = value.map(|value| octets(value, "a value")).transpose()?;
        let given = headers_of(headers)?;
        let headers: Vec<_> = given
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_deref()))
            .collect();
        if partition < -1 || timestamp_ms < -1 {
            let text = format!("no record is for partition {partition}, or of time {timestamp_ms}");
            return Err(PyValueError::new_err(text));
        }
        let timestamp_ms = match timestamp_ms {
            -1 => now_ms(),
            given => given,
        };
        let record = RecordOut {
            timestamp_ms,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        let wanted = (partition >= 0).then_some(partition);
        let (found, batch) = {
            let mut inner = self.inner.lock();
            let found = match inner.append(topic.to_str()?, wanted, &record) {
                Ok(found) => found,
                Err(Refusal::UnknownTopic | Refusal::Full | Refusal::NoLeader) => return Ok(None),
                Err(refusal) => return Err(refused(refusal)),
            };
            // While the outbox is locked nobody can take the batch, so nobody misses it here.
            let batch = self.batch(py, topic, found.partition, found.batch, found.is_first)?;
            (found, batch)
        };
        let delivery = Bound::new(
            py,
            Delivery {
                batch: batch.clone_ref(py),
                index: found.index,
                sent_timestamp_ms: timestamp_ms,
            },
        )?;
        if let Some(call) = on_delivery {
            Delivery::add_done_callback(delivery.clone(), call)?;
        }
        if found.is_ready {
            self.wake(py)?;
        }
        Ok(Some(delivery))
    }

    /// A sealed batch as it is; its first record's delivery. None if nobody knows the topic yet, or there is no room.
    fn append_batch<'py>(
        &self,
        py: Python<'py>,
        topic: &Bound<'py, PyString>,
        partition: i32,
        batch: &[u8],
    ) -> PyResult<Option<Bound<'py, Delivery>>> {
        let sent = {
            let mut inner = self.inner.lock();
            let id = match inner.append_whole(topic.to_str()?, partition, batch.to_vec()) {
                Ok((id, _)) => id,
                Err(Refusal::UnknownTopic | Refusal::Full | Refusal::NoLeader) => return Ok(None),
                Err(refusal) => return Err(refused(refusal)),
            };
            self.batch(py, topic, partition, id, true)?
        };
        let delivery = Delivery {
            batch: sent,
            index: 0,
            sent_timestamp_ms: -1,
        };
        self.wake(py)?;
        Bound::new(py, delivery).map(Some)
    }

    /// Partitions with a batch to take, after those that have lingered are closed.
    fn ready(&self, now_ms: i64) -> Vec<(String, i32)> {
        self.inner.lock().ready(now_ms)
    }

    fn due_ms(&self) -> Option<i64> {
        self.inner.lock().due_ms()
    }

    fn close_all(&self) {
        self.inner.lock().close_all();
    }

    fn front(&self, topic: &str, partition: i32) -> Option<(i32, i64)> {
        self.inner.lock().front(topic, partition)
    }

    /// The next batch of a partition: itself, its sealed bytes, and how many records it has.
    #[allow(clippy::type_complexity)]
    #[allow(clippy::too_many_arguments)]
    fn take<'py>(
        &self,
        py: Python<'py>,
        topic: &str,
        partition: i32,
        producer_id: i64,
        producer_epoch: i16,
        base_sequence: i32,
        transactional: bool,
    ) -> PyResult<Option<(Py<SentBatch>, Bound<'py, PyBytes>, i32)>> {
        let mut inner = self.inner.lock();
        let Some(closed) = inner.take(topic, partition) else {
            return Ok(None);
        };
        let spec = inner.spec(BatchSpec {
            producer_id,
            producer_epoch,
            base_sequence,
            transactional,
            ..BatchSpec::default()
        });
        drop(inner);
        let (id, count) = (closed.id, closed.count);
        let sent = {
            let batches = self.batches.lock();
            let sent = batches.get(&id).map(|batch| batch.clone_ref(py));
            sent.ok_or_else(|| refusal_of("invalid", "a batch that nobody looks after"))?
        };
        let bytes = py
            .detach(|| closed.seal(spec))
            .map_err(|e| refusal_of("invalid", e.to_string()))?;
        Ok(Some((sent, PyBytes::new(py, &bytes), count)))
    }

    /// A batch was acknowledged or given up.
    fn settled(&self, batch: u64) {
        self.inner.lock().settled(batch);
        let gone = self.batches.lock().remove(&batch);
        drop(gone);
    }

    /// Drop everything that was not taken; those batches, which are to be settled.
    fn clear(&self, py: Python<'_>) -> Vec<Py<SentBatch>> {
        let ids = self.inner.lock().clear();
        let batches = self.batches.lock();
        ids.iter()
            .filter_map(|id| batches.get(id).map(|batch| batch.clone_ref(py)))
            .collect()
    }
}

impl Outbox {
    fn wake(&self, py: Python<'_>) -> PyResult<()> {
        let wake = self
            .calls
            .lock()
            .as_ref()
            .map(|(wake, _)| wake.clone_ref(py));
        wake.map_or(Ok(()), |wake| wake.call0(py).map(drop))
    }

    fn batch(
        &self,
        py: Python<'_>,
        topic: &Bound<'_, PyString>,
        partition: i32,
        id: u64,
        is_new: bool,
    ) -> PyResult<Py<SentBatch>> {
        let mut batches = self.batches.lock();
        if is_new {
            let calls = self.calls.lock();
            let waiter = calls
                .as_ref()
                .map_or_else(|| py.None(), |(_, waiter)| waiter.clone_ref(py));
            drop(calls);
            let made = SentBatch {
                id,
                topic: topic.clone().unbind(),
                partition,
                waiter,
                end: Mutex::new(End::default()),
            };
            batches.insert(id, Py::new(py, made)?);
        }
        let found = batches.get(&id).map(|batch| batch.clone_ref(py));
        found.ok_or_else(|| refusal_of("invalid", "a batch that nobody looks after"))
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Bytes as they are, a text as UTF-8.
fn octets<'a>(given: &'a Bound<'_, PyAny>, what: &str) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(Cow::Borrowed(text.to_str()?.as_bytes()));
    }
    let kind = given.get_type().name()?.to_string();
    if !["bytearray", "memoryview"].contains(&kind.as_str()) {
        return Err(PyTypeError::new_err(format!(
            "{what} is bytes, str or None, not {kind}: serialise it first"
        )));
    }
    let bytes = given.py().get_type::<PyBytes>().call1((given,))?;
    Ok(Cow::Owned(bytes.extract()?))
}

type Given = (Vec<u8>, Option<Vec<u8>>);

/// Headers as pairs, or as a mapping.
fn headers_of(given: &Bound<'_, PyAny>) -> PyResult<Vec<Given>> {
    if given.is_none() {
        return Ok(Vec::new());
    }
    if let Ok(pairs) = given.cast::<PyTuple>()
        && pairs.is_empty()
    {
        return Ok(Vec::new());
    }
    let pairs = match given.cast::<PyDict>() {
        Ok(mapping) => mapping.items().into_any(),
        Err(_) => given.clone(),
    };
    let mut found = Vec::new();
    for pair in pairs.try_iter()? {
        let (name, value): (Bound<'_, PyString>, Option<Bound<'_, PyAny>>) = pair?.extract()?;
        let value = value.map(|value| octets(&value, "a header's value").map(Cow::into_owned));
        found.push((name.to_str()?.as_bytes().to_vec(), value.transpose()?));
    }
    Ok(found)
}

fn refused(refusal: Refusal) -> PyErr {
    let (kind, text) = match refusal {
        Refusal::UnknownTopic => ("invalid", "nobody knows the topic yet".to_owned()),
        Refusal::NoLeader => ("invalid", "the topic has no partition".to_owned()),
        Refusal::Full => ("invalid", "there is no room".to_owned()),
        Refusal::Stopped => ("stopped", "it takes nothing any more".to_owned()),
        Refusal::NoPartition(count) => (
            "unknown-partition",
            format!("the topic has {count} partitions, numbered from 0 on"),
        ),
        Refusal::TooLarge(size) => ("refused", format!("{size}")),
        Refusal::Invalid(error) => ("invalid", error.to_string()),
    };
    refusal_of(kind, text)
}

/// The partition that Kafka's own producers choose for a key.
#[pyfunction]
fn partition_of(key: &[u8], partitions: i32) -> i32 {
    client::partition_of(key, partitions)
}

/// A sealed batch under another producer and sequence.
#[pyfunction]
fn restamp_batch<'py>(
    py: Python<'py>,
    batch: &[u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
) -> Bound<'py, PyBytes> {
    let made = client::restamped(batch, producer_id, producer_epoch, base_sequence);
    PyBytes::new(py, &made)
}

/// A producer's batch in two, each with how many records it has.
#[pyfunction]
fn split_batch<'py>(py: Python<'py>, batch: &[u8]) -> PyResult<Vec<(Bound<'py, PyBytes>, i32)>> {
    let parts = client::split(batch).map_err(|e| refusal_of("invalid", e.to_string()))?;
    let parts = parts.iter();
    Ok(parts
        .map(|(bytes, count)| (PyBytes::new(py, bytes), *count))
        .collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SentBatch>()?;
    module.add_class::<Delivery>()?;
    module.add_class::<Outbox>()?;
    module.add_function(wrap_pyfunction!(partition_of, module)?)?;
    module.add_function(wrap_pyfunction!(restamp_batch, module)?)?;
    module.add_function(wrap_pyfunction!(split_batch, module)?)
}
