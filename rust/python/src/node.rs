//! `Node`, `Request` and `Event` for Python: arguments converted, the GIL released, errors mapped.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::hot::layout;
use ottla_core::log::ConfigValue;
use ottla_node::{Api, DiskFault, FaultRow, Item, NodeDisk, NodeError, OpenState, Options};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList};

use crate::codec::Plan;
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
    connection: Arc<ottla_node::Connection>,
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

/// (topic, topic id, partition, leader epoch, log dir index, config)
type State<'py> = (String, Vec<u8>, i32, i32, usize, Bound<'py, PyDict>);

fn uuid(bytes: &[u8]) -> PyResult<[u8; 16]> {
    let wrong = |_| refused(NodeError::new("invalid", "a topic id has 16 bytes"));
    bytes.try_into().map_err(wrong)
}

type ConfigRows = Vec<(String, ConfigValue)>;

/// A topic's configuration; values of other types than Kafka's configs have are refused.
fn config_rows(config: &Bound<'_, PyDict>) -> PyResult<ConfigRows> {
    let mut rows = Vec::with_capacity(config.len());
    for (key, value) in config {
        let key: String = key.extract()?;
        let value = if value.is_none() {
            continue;
        } else if let Ok(flag) = value.cast::<PyBool>() {
            ConfigValue::Bool(flag.is_true())
        } else if let Ok(number) = value.extract::<i64>() {
            ConfigValue::Int(number)
        } else if let Ok(number) = value.extract::<f64>() {
            ConfigValue::Double(number)
        } else if let Ok(text) = value.extract::<String>() {
            ConfigValue::Text(text)
        } else {
            ConfigValue::List(value.extract()?)
        };
        rows.push((key, value));
    }
    Ok(rows)
}

type ApiRow = (i16, i16, i16, i16, bool, bool);

#[pymethods]
impl Node {
    #[new]
    #[pyo3(signature = (*, node_id, log_dirs, threads=2, clock_offset_ms=0,
        request_memory_bytes_max=268_435_456, request_size_bytes_max=104_857_600,
        connection_idle_ms_max=600_000, connections_max=2_147_483_647,
        connections_per_ip_max=2_147_483_647, socket_send_buffer_bytes=102_400,
        socket_receive_buffer_bytes=524_288, fetch_session_slots=1000, fetch_max_bytes=57_671_680, power_cuts=false,
        durable=true, panic_on_api=None))]
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
        power_cuts: bool,
        durable: bool,
        panic_on_api: Option<i16>,
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
            power_cuts,
            durable,
            panic_on_api,
        };
        let node = py
            .detach(|| ottla_node::Node::new(options))
            .map_err(refused)?;
        Ok(Self { node })
    }

    fn now_ms(&self) -> i64 {
        self.node.now_ms()
    }

    fn steady_ms(&self) -> i64 {
        self.node.steady_ms()
    }

    fn jump_wall_clock(&self, by_ms: i64) {
        self.node.jump_wall_clock(by_ms);
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

    #[pyo3(signature = (*, produce_request, produce_response, fetch_request, fetch_response))]
    fn bind(
        &self,
        produce_request: &Plan,
        produce_response: &Plan,
        fetch_request: &Plan,
        fetch_response: &Plan,
    ) -> PyResult<()> {
        let checks = [
            ("ProduceRequest", layout::PRODUCE_REQUEST, produce_request),
            (
                "ProduceResponse",
                layout::PRODUCE_RESPONSE,
                produce_response,
            ),
            ("FetchRequest", layout::FETCH_REQUEST, fetch_request),
            ("FetchResponse", layout::FETCH_RESPONSE, fetch_response),
        ];
        for (message, expected, plan) in checks {
            plan.check_layout(message, expected)
                .map_err(|text| refused(NodeError::new("invalid", text)))?;
        }
        self.node.bind().map_err(refused)
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

    fn open_partitions(
        &self,
        py: Python<'_>,
        states: Vec<State<'_>>,
    ) -> PyResult<Vec<Option<String>>> {
        // A topic's partitions share one dict, which is converted once.
        let mut known: Option<(Bound<'_, PyDict>, Arc<ConfigRows>)> = None;
        let mut opens = Vec::with_capacity(states.len());
        for (topic, topic_id, partition, leader_epoch, log_dir, config) in states {
            let rows = match &known {
                Some((dict, rows)) if dict.is(&config) => Arc::clone(rows),
                _ => Arc::new(config_rows(&config)?),
            };
            known = Some((config, Arc::clone(&rows)));
            opens.push(OpenState {
                topic,
                topic_id: uuid(&topic_id)?,
                partition,
                leader_epoch,
                log_dir,
                config: rows,
            });
        }
        py.detach(|| self.node.open_partitions(opens))
            .map_err(refused)
    }

    fn configure_topic(
        &self,
        py: Python<'_>,
        topic: &str,
        config: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let rows = config_rows(config)?;
        py.detach(|| self.node.configure_topic(topic, &rows))
            .map_err(refused)
    }

    fn delete_partitions(&self, py: Python<'_>, partitions: Vec<(String, i32)>) -> PyResult<()> {
        py.detach(|| self.node.delete_partitions(&partitions))
            .map_err(refused)
    }

    fn lost_log_dirs(&self, py: Python<'_>) -> PyResult<Vec<(usize, String)>> {
        py.detach(|| self.node.lost_log_dirs()).map_err(refused)
    }

    fn strays(&self, py: Python<'_>) -> PyResult<Vec<(String, i32, String)>> {
        py.detach(|| self.node.strays()).map_err(refused)
    }

    fn set_strays_aside(&self, py: Python<'_>, ours: Vec<(String, i32)>) -> PyResult<Vec<String>> {
        py.detach(|| self.node.set_strays_aside(&ours))
            .map_err(refused)
    }

    fn partition_offsets(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
    ) -> PyResult<(i64, i64, i64, i64, i32, u64)> {
        let (offsets, leader_epoch, size) = py
            .detach(|| self.node.partition_offsets(topic, partition))
            .map_err(refused)?;
        Ok((
            offsets.log_start,
            offsets.high_watermark,
            offsets.last_stable,
            offsets.log_end,
            leader_epoch,
            size,
        ))
    }

    fn append(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        records: Vec<u8>,
    ) -> PyResult<(i64, i64)> {
        py.detach(|| self.node.append(topic, partition, records))
            .map_err(refused)
    }

    #[pyo3(signature = (topic, partition, offset, bytes_max, *, to_log_end=false))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        topic: &str,
        partition: i32,
        offset: i64,
        bytes_max: usize,
        to_log_end: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py
            .detach(|| {
                self.node
                    .read(topic, partition, offset, bytes_max, to_log_end)
            })
            .map_err(refused)?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (topic, partition, timestamp_ms, *, isolation))]
    fn list_offset(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        timestamp_ms: i64,
        isolation: i8,
    ) -> PyResult<(i64, i64, i32)> {
        py.detach(|| {
            self.node
                .list_offset(topic, partition, timestamp_ms, isolation)
        })
        .map_err(refused)
    }

    fn epoch_end_offset(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        leader_epoch: i32,
    ) -> PyResult<(i32, i64)> {
        py.detach(|| self.node.epoch_end_offset(topic, partition, leader_epoch))
            .map_err(refused)
    }

    fn delete_records(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> PyResult<i64> {
        py.detach(|| self.node.delete_records(topic, partition, offset))
            .map_err(refused)
    }

    fn load_report(&self) -> PyResult<Vec<String>> {
        self.node.load_report().map_err(refused)
    }

    #[getter]
    fn previous_broker_epoch(&self) -> PyResult<i64> {
        self.node.previous_broker_epoch().map_err(refused)
    }

    #[pyo3(signature = (pass_, /))]
    fn begin(&self, pass_: &str) -> PyResult<()> {
        self.node.begin(pass_).map_err(refused)
    }

    #[pyo3(signature = (*, timeout_ms))]
    fn settle(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<bool> {
        py.detach(|| self.node.settle(Duration::from_millis(timeout_ms)))
            .map_err(refused)
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.node.flush()).map_err(refused)
    }

    fn set_disk_faults(&self, rows: Vec<FaultRow>) -> PyResult<()> {
        let rows: Result<Vec<_>, _> = rows.into_iter().map(DiskFault::new).collect();
        self.node.disk().faults().set(rows.map_err(refused)?);
        Ok(())
    }

    fn disk_faults_fired(&self) -> Vec<u64> {
        self.node.disk().faults().fired()
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

    fn power_cut(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.node.power_cut()).map_err(refused)
    }

    fn after_fork_child(&self) {
        self.node.after_fork_child();
    }
}

impl Node {
    /// The disk that this node's files lie on.
    pub fn disk(&self) -> NodeDisk {
        self.node.disk()
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
