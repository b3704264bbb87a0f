//! `Node`, `Request` and `Event` for Python: arguments converted, the GIL released, errors mapped.

use std::time::Duration;

use ottla_node::{Api, Item, NodeError, Options};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors::refused;

/// One request for Python to decide.
#[pyclass(frozen, module = "ottla._core")]
pub struct Request {
    #[pyo3(get)]
    token: u64,
    #[pyo3(get)]
    api_key: i16,
    #[pyo3(get)]
    api_version: i16,
    #[pyo3(get)]
    correlation_id: i32,
    #[pyo3(get)]
    client_id: Option<String>,
    #[pyo3(get)]
    body: Py<PyBytes>,
    connection: std::sync::Arc<ottla_node::Connection>,
}

#[pymethods]
impl Request {
    #[getter]
    fn connection_id(&self) -> u64 {
        self.connection.id
    }

    #[getter]
    fn listener(&self) -> &str {
        &self.connection.listener.name
    }

    #[getter]
    fn local_host(&self) -> String {
        self.connection.local.ip().to_string()
    }

    #[getter]
    fn local_port(&self) -> u16 {
        self.connection.local.port()
    }

    #[getter]
    fn peer_host(&self) -> String {
        self.connection.peer.ip().to_string()
    }

    #[getter]
    fn peer_port(&self) -> u16 {
        self.connection.peer.port()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "Request(token={}, api_key={}, api_version={}, body=<{} bytes>)",
            self.token,
            self.api_key,
            self.api_version,
            self.body.bind(py).as_bytes().len()
        )
    }
}

/// Something that the node found and Python must know.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct Event {
    kind: &'static str,
    topic: String,
    partition: i32,
    text: String,
}

#[pymethods]
impl Event {
    fn __repr__(&self) -> String {
        format!(
            "Event(kind={:?}, topic={:?}, partition={}, text={:?})",
            self.kind, self.topic, self.partition, self.text
        )
    }
}

/// The node's native half.
#[pyclass(frozen, module = "ottla._core")]
pub struct Node {
    node: ottla_node::Node,
}

type ApiRow = (i16, i16, i16, i16, bool, bool);

#[pymethods]
impl Node {
    #[new]
    #[pyo3(signature = (*, node_id, log_dirs, threads=2, clock_offset_ms=0,
        request_memory_bytes_max=268_435_456, request_size_bytes_max=104_857_600,
        connection_idle_ms_max=600_000, connections_max=2_147_483_647,
        connections_per_ip_max=2_147_483_647, socket_send_buffer_bytes=102_400,
        socket_receive_buffer_bytes=524_288, fetch_session_slots=1000, fetch_max_bytes=57_671_680))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        node_id: i32,
        log_dirs: Vec<String>,
        threads: usize,
        clock_offset_ms: i64,
        request_memory_bytes_max: usize,
        request_size_bytes_max: usize,
        connection_idle_ms_max: i64,
        connections_max: usize,
        connections_per_ip_max: usize,
        socket_send_buffer_bytes: i32,
        socket_receive_buffer_bytes: i32,
        fetch_session_slots: usize,
        fetch_max_bytes: usize,
    ) -> PyResult<Self> {
        let options = Options {
            node_id,
            log_dirs: log_dirs.into_iter().map(Into::into).collect(),
            threads,
            clock_offset_ms,
            request_memory_bytes_max,
            request_size_bytes_max,
            connection_idle_ms_max,
            connections_max,
            connections_per_ip_max,
            socket_send_buffer_bytes,
            socket_receive_buffer_bytes,
            fetch_session_slots,
            fetch_max_bytes,
        };
        let node = py
            .detach(|| ottla_node::Node::new(options))
            .map_err(refused)?;
        Ok(Self { node })
    }

    fn now_ms(&self) -> i64 {
        self.node.now_ms()
    }

    fn advance_clock(&self, by_ms: i64) -> PyResult<i64> {
        let by_ms = u64::try_from(by_ms)
            .map_err(|_| refused(NodeError::new("invalid", "the clock only moves forward")))?;
        Ok(self.node.advance_clock(by_ms))
    }

    fn freeze_clock(&self, frozen: bool) {
        self.node.freeze_clock(frozen);
    }

    #[pyo3(signature = (listener, host, port, *, controller=false, backlog=50))]
    fn listen(
        &self,
        py: Python<'_>,
        listener: &str,
        host: &str,
        port: u16,
        controller: bool,
        backlog: i32,
    ) -> PyResult<u16> {
        py.detach(|| self.node.listen(listener, host, port, controller, backlog))
            .map_err(refused)
    }

    fn set_apis(&self, rows: Vec<ApiRow>) -> PyResult<()> {
        let rows = rows.into_iter().map(
            |(key, version_min, version_max, first_flexible, brokers, controllers)| Api {
                key,
                version_min,
                version_max,
                first_flexible,
                on_brokers: brokers,
                on_controllers: controllers,
            },
        );
        self.node.set_apis(rows).map_err(refused)
    }

    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.node.serve()).map_err(refused)
    }

    #[pyo3(signature = (timeout_ms))]
    fn next<'py>(&self, py: Python<'py>, timeout_ms: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        let timeout = timeout_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        let items = py.detach(|| self.node.next(timeout)).map_err(refused)?;
        let list = PyList::empty(py);
        for item in items {
            match item {
                Item::Asked(asked) => list.append(Bound::new(py, Request::new(py, asked))?)?,
                Item::Event(event) => list.append(Bound::new(py, Event::from(event))?)?,
            }
        }
        Ok(list)
    }

    fn wake(&self) {
        self.node.wake();
    }

    fn reply(&self, token: u64, body: &[u8]) -> PyResult<()> {
        self.node.reply(token, body).map_err(refused)
    }

    fn hang_up(&self, token: u64) -> PyResult<()> {
        self.node.hang_up(token).map_err(refused)
    }

    fn metrics(&self) -> PyResult<std::collections::HashMap<String, f64>> {
        Ok(self.node.metrics().map_err(refused)?.into_iter().collect())
    }

    fn stop(&self, py: Python<'_>, timeout_ms: u64, broker_epoch: i64) -> PyResult<()> {
        let timeout = Duration::from_millis(timeout_ms);
        py.detach(|| self.node.stop(timeout, broker_epoch))
            .map_err(refused)
    }

    fn kill(&self, py: Python<'_>) {
        py.detach(|| self.node.kill());
    }

    fn after_fork_child(&self) {
        self.node.after_fork_child();
    }
}

impl Request {
    fn new(py: Python<'_>, asked: ottla_node::Asked) -> Self {
        Self {
            token: asked.token,
            api_key: asked.api_key,
            api_version: asked.api_version,
            correlation_id: asked.correlation_id,
            client_id: asked.client_id,
            body: PyBytes::new(py, &asked.body).unbind(),
            connection: asked.connection,
        }
    }
}

impl From<ottla_node::Event> for Event {
    fn from(event: ottla_node::Event) -> Self {
        Self {
            kind: event.kind,
            topic: event.topic,
            partition: event.partition,
            text: event.text,
        }
    }
}

/// Put the node's classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Node>()?;
    module.add_class::<Request>()?;
    module.add_class::<Event>()
}
