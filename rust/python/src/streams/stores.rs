//! A store of a task as Python reaches it: from processors while they run, and between batches.
//!
//! Values come as tuples (value, timestamp, headers); `src/ottla/streams/fast/stores.py` dresses them. Times
//! are ms. A method for another kind of store raises TypeError.

use std::sync::Arc;

use ottla_streams::engine::Run;
use ottla_streams::host::Headers;
use ottla_streams::plan::StoreId;
use ottla_streams::plan::store::StoreKind;
use ottla_streams::record::Stamped;
use ottla_streams::stop::{Stop, raised};
use ottla_streams::stores::versioned::Put as Code;
use ottla_streams::stores::{Put, Store};
use ottla_streams::value::{Value, Windowed};
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::convert::Object;
use super::host::{PythonHost, error_of, headers_from_python, headers_to_python};
use super::task::StreamsTask;

/// What Kafka says of a version that came too late, and of one that is the latest.
const NOT_PUT: i64 = i64::MIN;
const FOR_EVER: i64 = -1;

#[pyclass(frozen, module = "ottla._core")]
pub struct StreamsStore {
    pub task: Py<StreamsTask>,
    pub store: StoreId,
}

/// (value, timestamp, headers)
type Held<'py> = (Bound<'py, PyAny>, i64, Bound<'py, PyTuple>);
/// (key, what it holds)
type Item<'py> = (Bound<'py, PyAny>, Held<'py>);
/// (key's bytes, value's bytes, timestamp, headers)
type RawItem<'py> = (
    Bound<'py, PyBytes>,
    Option<Bound<'py, PyBytes>>,
    i64,
    Bound<'py, PyTuple>,
);
type Native = Value<Object>;

#[pymethods]
impl StreamsStore {
    /// A store by its name: for processors while they run, and for anybody between batches.
    #[new]
    fn new(task: Bound<'_, StreamsTask>, name: &str) -> PyResult<Self> {
        let stores = &task.get().plan().stores;
        let store = stores
            .iter()
            .position(|store| store.name == name)
            .ok_or_else(|| PyKeyError::new_err(name.to_owned()))?;
        Ok(Self {
            task: task.unbind(),
            store,
        })
    }

    // ------------------------------------------------------------ by key

    /// What a key holds; of a versioned store at a time, or the latest.
    #[pyo3(signature = (key, as_of=None))]
    fn get<'py>(&self, key: Bound<'py, PyAny>, as_of: Option<i64>) -> PyResult<Option<Held<'py>>> {
        let py = key.py();
        self.run(py, &KEYED, |run, id| {
            let key = native(run, key)?;
            let held = run.get(id, &key, as_of)?;
            shown_or_none(py, run, held)
        })
    }

    /// Keep a value, or None to remove the key; without a timestamp at the time of the record at hand.
    fn put(
        &self,
        key: Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        timestamp: Option<i64>,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let headers = headers_from_python(headers)?;
        self.run(key.py(), &PLAIN, |run, id| {
            let (key, value) = (native(run, key)?, native(run, value)?);
            let put = given(run, &value, timestamp, &headers);
            run.put(id, &key, put).map(|_| ())
        })
    }

    /// Keys from and to by their bytes, both in; None is open.
    fn range<'py>(
        &self,
        first: Bound<'py, PyAny>,
        last: Bound<'py, PyAny>,
    ) -> PyResult<Vec<Item<'py>>> {
        let py = first.py();
        self.run(py, &PLAIN, |run, id| {
            let (first, last) = (native(run, first)?, native(run, last)?);
            let found = run.range(id, Some(&first), Some(&last))?;
            items(py, run, found)
        })
    }

    /// Keys whose bytes begin so.
    fn prefix<'py>(&self, prefix: &Bound<'py, PyBytes>) -> PyResult<Vec<Item<'py>>> {
        let py = prefix.py();
        self.run(py, &PLAIN, |run, id| {
            let found = run.prefixed(id, prefix.as_bytes())?;
            items(py, run, found)
        })
    }

    /// How many keys there are; for one on disk Kafka's estimate.
    fn estimate(&self, py: Python<'_>) -> PyResult<i64> {
        self.run(py, &PLAIN, |run, id| Ok(run.estimate(id)))
    }

    /// How many keys there are.
    fn count(&self, py: Python<'_>) -> PyResult<usize> {
        self.run(py, &PLAIN, |run, id| {
            Ok(match run.store(id) {
                Store::KeyValue(store) => store.len(),
                Store::Lru(store) => store.len(),
                _ => 0,
            })
        })
    }

    // ------------------------------------------------------------ windows

    fn window_get<'py>(&self, key: Bound<'py, PyAny>, start: i64) -> PyResult<Option<Held<'py>>> {
        let py = key.py();
        self.run(py, &WINDOW, |run, id| {
            let key = native(run, key)?;
            let held = run.window_get(id, &key, start)?;
            shown_or_none(py, run, held)
        })
    }

    fn window_put(
        &self,
        key: Bound<'_, PyAny>,
        start: i64,
        value: Bound<'_, PyAny>,
        timestamp: Option<i64>,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let headers = headers_from_python(headers)?;
        self.run(key.py(), &WINDOW, |run, id| {
            let (key, value) = (native(run, key)?, native(run, value)?);
            let put = given(run, &value, timestamp, &headers);
            run.window_put(id, &key, start, put)
        })
    }

    /// The key's windows that start from `first` to `last`, both in: (start, what it holds).
    fn window_fetch<'py>(
        &self,
        key: Bound<'py, PyAny>,
        first: i64,
        last: i64,
    ) -> PyResult<Vec<(i64, Held<'py>)>> {
        let py = key.py();
        self.run(py, &WINDOW, |run, id| {
            let key = native(run, key)?;
            let found = run.window_fetch(id, &key, first, last)?.into_iter();
            found
                .map(|(start, held)| Ok((start, shown(py, run, held)?)))
                .collect()
        })
    }

    /// Windows of keys from and to that start from `first` to `last`, as Kafka's store gives them.
    fn window_range<'py>(
        &self,
        first_key: Bound<'py, PyAny>,
        last_key: Bound<'py, PyAny>,
        first: i64,
        last: i64,
    ) -> PyResult<Vec<Item<'py>>> {
        let py = first_key.py();
        self.run(py, &WINDOW, |run, id| {
            let keys = (native(run, first_key)?, native(run, last_key)?);
            let size = run.plan.stores[id].window_size;
            let found = run.window_range(id, (Some(&keys.0), Some(&keys.1)), first, last)?;
            let windows = found.into_iter().map(|(key, start, held)| {
                let end = start.saturating_add(size);
                (windowed(key, start, end), held)
            });
            items(py, run, windows)
        })
    }

    // ------------------------------------------------------------ sessions

    fn session_get<'py>(
        &self,
        key: Bound<'py, PyAny>,
        start: i64,
        end: i64,
    ) -> PyResult<Option<Held<'py>>> {
        let py = key.py();
        self.run(py, &SESSION, |run, id| {
            let key = native(run, key)?;
            let held = run.session_get(id, &key, start, end)?;
            shown_or_none(py, run, held)
        })
    }

    /// The key's sessions that end at `first_end` or later and start by `last_start`: (start, end, what it
    /// holds).
    fn session_find<'py>(
        &self,
        key: Bound<'py, PyAny>,
        first_end: i64,
        last_start: i64,
    ) -> PyResult<Vec<(i64, i64, Held<'py>)>> {
        let py = key.py();
        self.run(py, &SESSION, |run, id| {
            let key = native(run, key)?;
            let found = run.session_find(id, &key, first_end, last_start)?;
            found
                .into_iter()
                .map(|(start, end, held)| Ok((start, end, shown(py, run, held)?)))
                .collect()
        })
    }

    /// Keep a session's value, or None to remove it.
    fn session_put(
        &self,
        key: Bound<'_, PyAny>,
        start: i64,
        end: i64,
        value: Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let headers = headers_from_python(headers)?;
        self.run(key.py(), &SESSION, |run, id| {
            let (key, value) = (native(run, key)?, native(run, value)?);
            let put = given(run, &value, Some(end), &headers);
            run.session_put(id, &key, (start, end), put)
        })
    }

    fn session_remove(&self, key: Bound<'_, PyAny>, start: i64, end: i64) -> PyResult<()> {
        self.run(key.py(), &SESSION, |run, id| {
            let key = native(run, key)?;
            run.session_remove(id, &key, start, end)
        })
    }

    /// Sessions of keys from and to, as Kafka's store gives them.
    fn session_range<'py>(
        &self,
        first_key: Bound<'py, PyAny>,
        last_key: Bound<'py, PyAny>,
        first_end: i64,
        last_start: i64,
    ) -> PyResult<Vec<Item<'py>>> {
        let py = first_key.py();
        self.run(py, &SESSION, |run, id| {
            let keys = (native(run, first_key)?, native(run, last_key)?);
            let keys = (Some(&keys.0), Some(&keys.1));
            let found = run.session_range(id, keys, first_end, last_start)?;
            let sessions = found
                .into_iter()
                .map(|(key, (start, end, held))| (windowed(key, start, end), held));
            items(py, run, sessions)
        })
    }

    // ------------------------------------------------------------ versions

    /// Keep a version, or None as a removal: until when it holds, -1 for ever, -2**63 where it is too late.
    fn version_put(
        &self,
        key: Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        timestamp: i64,
    ) -> PyResult<i64> {
        self.run(key.py(), &VERSIONED, |run, id| {
            let (key, value) = (native(run, key)?, native(run, value)?);
            Ok(match run.put_version(id, &key, &value, timestamp)? {
                Code::Expired => NOT_PUT,
                Code::Latest => FOR_EVER,
                Code::ValidTo(time) => time,
            })
        })
    }

    /// Remove a key from a time on; what held there.
    fn version_delete<'py>(
        &self,
        key: Bound<'py, PyAny>,
        timestamp: i64,
    ) -> PyResult<Option<Held<'py>>> {
        let py = key.py();
        self.run(py, &VERSIONED, |run, id| {
            let key = native(run, key)?;
            let held = run.delete_version(id, &key, timestamp)?;
            shown_or_none(py, run, held)
        })
    }

    // ------------------------------------------------------------ all kinds

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.task)
    }

    /// The latest versions; or what only operators use, buffers and the like. As bytes.
    fn dump<'py>(&self, py: Python<'py>) -> PyResult<Vec<RawItem<'py>>> {
        let task = self.task.get();
        let dumped = task.with_engine(|engine, _| engine.stores[self.store].dump())?;
        let items = dumped.into_iter().map(|each| {
            Ok((
                PyBytes::new(py, &each.key),
                each.value.map(|value| PyBytes::new(py, &value)),
                each.timestamp,
                headers_to_python(py, &each.headers)?,
            ))
        });
        items.collect()
    }
}

const PLAIN: [StoreKind; 2] = [StoreKind::KeyValue, StoreKind::Lru];
const KEYED: [StoreKind; 3] = [StoreKind::KeyValue, StoreKind::Lru, StoreKind::Versioned];
const WINDOW: [StoreKind; 1] = [StoreKind::Window];
const SESSION: [StoreKind; 1] = [StoreKind::Session];
const VERSIONED: [StoreKind; 1] = [StoreKind::Versioned];

impl StreamsStore {
    fn run<R>(
        &self,
        py: Python<'_>,
        kinds: &[StoreKind],
        work: impl FnOnce(&mut Run<'_, PythonHost>, StoreId) -> Result<R, Stop<PyErr>>,
    ) -> PyResult<R> {
        let task = self.task.get();
        let row = &task.plan().stores[self.store];
        if !kinds.contains(&row.kind) {
            let text = format!("the store {} is of another kind: {:?}", row.name, row.kind);
            return Err(PyTypeError::new_err(text));
        }
        task.with_engine(|engine, host| {
            let plan = task.plan();
            let mut run = Run { plan, engine, host };
            work(&mut run, self.store).map_err(|stop| error_of(py, &stop.fault))
        })?
    }
}

fn native(run: &Run<'_, PythonHost>, object: Bound<'_, PyAny>) -> Result<Native, Stop<PyErr>> {
    run.host.words.from_python(object).map_err(raised)
}

fn given<'r>(
    run: &Run<'_, PythonHost>,
    value: &'r Native,
    timestamp: Option<i64>,
    headers: &'r Headers,
) -> Put<'r, Object> {
    Put {
        value,
        timestamp: timestamp.unwrap_or(run.engine.context.timestamp),
        headers,
    }
}

fn windowed(key: Native, start: i64, end: i64) -> Native {
    Value::Windowed(Arc::new(Windowed { key, start, end }))
}

fn shown<'py>(
    py: Python<'py>,
    run: &Run<'_, PythonHost>,
    held: Stamped<Object>,
) -> Result<Held<'py>, Stop<PyErr>> {
    let value = run.host.words.to_python(py, &held.value).map_err(raised)?;
    let headers = headers_to_python(py, &held.headers).map_err(raised)?;
    Ok((value, held.timestamp, headers))
}

fn shown_or_none<'py>(
    py: Python<'py>,
    run: &Run<'_, PythonHost>,
    held: Option<Stamped<Object>>,
) -> Result<Option<Held<'py>>, Stop<PyErr>> {
    held.map(|held| shown(py, run, held)).transpose()
}

fn items<'py>(
    py: Python<'py>,
    run: &Run<'_, PythonHost>,
    found: impl IntoIterator<Item = (Native, Stamped<Object>)>,
) -> Result<Vec<Item<'py>>, Stop<PyErr>> {
    found
        .into_iter()
        .map(|(key, held)| {
            let key = run.host.words.to_python(py, &key).map_err(raised)?;
            Ok((key, shown(py, run, held)?))
        })
        .collect()
}
