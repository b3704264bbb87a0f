//! `Node` and `Request` for Python: arguments converted, the GIL released, errors mapped.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::connection::limits::Most;
use ottla_core::hot::layout;
use ottla_node::{ClockSet, NodeError, Options, Overflow};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::asking::{Answer, Question};
use crate::codec::Plan;
use crate::errors::refused;
use crate::event::Event;
use crate::faults::{DiskFault, RequestFaults};
use crate::files::{Disk, refusal, remove_all, replace};
use crate::half::{Half, Item, Partitions};
use crate::named::{
    Api, Appended, LostLogDir, Moving, Opened, PartitionOffsets, Stray, TopicPartition,
};
use crate::request::Request;
use crate::state::{PartitionState, TopicConfig, cleaner_config};

/// The node's native half.
#[pyclass(frozen, module = "ottla._core")]
pub struct Node {
    node: Half,
}

impl Node {
    pub fn over(node: Half) -> Self {
        Self { node }
    }
}

#[pymethods]
impl Node {
    #[new]
    #[pyo3(signature = (*, node_id, log_dirs, threads=2, clock_offset_ms=0, clock_frozen_ms=None,
        request_memory_bytes_max=268_435_456, request_size_bytes_max=104_857_600,
        connection_idle_ms_max=600_000, socket_send_buffer_bytes=102_400, socket_receive_buffer_bytes=524_288, fetch_session_slots=1000, fetch_max_bytes=57_671_680, power_cuts=false,
        durable=true, overflow=None, memory_bytes_max=33_554_432, panic_on_api=None, hot_throttle_ms=0))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        node_id: i32,
        log_dirs: Vec<String>,
        threads: usize,
        clock_offset_ms: i64,
        clock_frozen_ms: Option<i64>,
        request_memory_bytes_max: usize,
        request_size_bytes_max: usize,
        connection_idle_ms_max: i64,
        socket_send_buffer_bytes: i32,
        socket_receive_buffer_bytes: i32,
        fetch_session_slots: usize,
        fetch_max_bytes: usize,
        power_cuts: bool,
        durable: bool,
        overflow: Option<PathBuf>,
        memory_bytes_max: u64,
        panic_on_api: Option<i16>,
        hot_throttle_ms: i32,
    ) -> PyResult<Self> {
        let options = Options {
            node_id,
            log_dirs: log_dirs.into_iter().map(Into::into).collect(),
            threads,
            clock: ClockSet {
                offset_ms: clock_offset_ms,
                frozen_ms: clock_frozen_ms,
            },
            request_memory_bytes_max,
            request_size_bytes_max,
            connection_idle_ms_max,
            socket_send_buffer_bytes,
            socket_receive_buffer_bytes,
            fetch_session_slots,
            fetch_max_bytes,
            power_cuts,
            durable,
            overflow: overflow.map(|folder| Overflow {
                folder,
                memory_bytes_max,
            }),
            panic_on_api,
            hot_throttle_ms,
        };
        let node = py
            .detach(|| ottla_node::Node::new(options))
            .map_err(refused)?;
        Ok(Self::over(Half::Real(node)))
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

    fn connections(&self) -> PyResult<Vec<u64>> {
        self.node.connections().map_err(refused)
    }

    fn advance_clock(&self, by_ms: i64) -> PyResult<i64> {
        let by_ms = u64::try_from(by_ms)
            .map_err(|_| refused(NodeError::new("invalid", "the clock only moves forward")))?;
        Ok(self.node.advance_clock(by_ms))
    }

    fn freeze_clock(&self, frozen: bool) {
        self.node.freeze_clock(frozen);
    }

    fn until_steady_ms(&self, at_ms: i64) -> Option<i64> {
        self.node.until_steady_ms(at_ms)
    }

    fn set_clock(&self) -> (i64, Option<i64>) {
        let set = self.node.set_clock();
        (set.offset_ms, set.frozen_ms)
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

    fn limit_connections(
        &self,
        listeners: Vec<(String, usize, u64)>,
        addresses: Vec<(String, usize)>,
    ) -> PyResult<()> {
        let listeners = listeners.into_iter();
        let listeners = listeners.map(|(name, count, rate)| (name, Most { count, rate }));
        let (mut per_address, mut of_addresses) = (usize::MAX, HashMap::new());
        for (address, count) in addresses {
            if address.is_empty() {
                per_address = count;
                continue;
            }
            let address = (address.parse()).map_err(|_| {
                refused(NodeError::new("invalid", format!("no address: {address}")))
            })?;
            of_addresses.insert(address, count);
        }
        self.node
            .limit_connections(listeners.collect(), per_address, of_addresses)
            .map_err(refused)
    }

    fn set_apis(&self, apis: Vec<Py<Api>>) -> PyResult<()> {
        let rows = apis.iter().map(|api| api.get().into());
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
                Item::Event(event) => list.append(Event::new(py, event)?.into_pyobject(py)?)?,
            }
        }
        Ok(list)
    }

    fn wake(&self) {
        self.node.wake();
    }

    #[pyo3(signature = (token, body, throttle_ms=0, *, stays=false, errors=None))]
    fn reply(
        &self,
        token: u64,
        body: &[u8],
        throttle_ms: i32,
        stays: bool,
        errors: Option<Vec<(i16, usize)>>,
    ) -> PyResult<()> {
        let reply = ottla_core::serving::Reply {
            body,
            mute: Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0)),
            stays,
            errors: errors.unwrap_or_else(|| vec![(0, 1)]),
        };
        self.node.reply(token, &reply).map_err(refused)
    }

    fn forget_replies(&self) -> PyResult<()> {
        self.node.forget_replies().map_err(refused)
    }

    fn identify(&self, connection_id: u64, principal: &str) -> PyResult<()> {
        self.node
            .identify(connection_id, principal)
            .map_err(refused)
    }

    fn hang_up(&self, token: u64) -> PyResult<()> {
        self.node.hang_up(token).map_err(refused)
    }

    fn place(&self, py: Python<'_>, states: Vec<PyRef<'_, PartitionState>>) -> PyResult<()> {
        let states = states.iter().map(|state| state.hosted()).collect();
        py.detach(|| self.node.ask(|host| host.place(states)))
            .map_err(refused)
    }

    fn configure_cleaner(&self, py: Python<'_>, values: &Bound<'_, PyDict>) -> PyResult<()> {
        let config = cleaner_config(values)?;
        py.detach(|| {
            self.node.ask(|host| {
                host.configure_cleaner(config);
                Ok(())
            })
        })
        .map_err(refused)
    }

    fn configure_topic(&self, py: Python<'_>, topic: &str, config: &TopicConfig) -> PyResult<()> {
        let config = config.parsed();
        py.detach(|| {
            self.node.ask(|host| {
                host.configure_topic(topic, &config);
                Ok(())
            })
        })
        .map_err(refused)
    }

    fn mark(&self, mark: i64) -> PyResult<bool> {
        self.node.ask(|host| Ok(host.mark(mark))).map_err(refused)
    }

    #[pyo3(signature = (*, timeout_ms))]
    fn await_wanted(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<bool> {
        let timeout = Duration::from_millis(timeout_ms);
        py.detach(|| self.node.await_wanted(timeout))
            .map_err(refused)
    }

    fn delete_partitions(
        &self,
        py: Python<'_>,
        partitions: Vec<Py<TopicPartition>>,
    ) -> PyResult<()> {
        let name = |one: &Py<TopicPartition>| (one.get().topic.clone(), one.get().partition);
        let partitions: Vec<_> = partitions.iter().map(name).collect();
        py.detach(|| {
            self.node.ask(|host| {
                host.delete_partitions(&partitions);
                Ok(())
            })
        })
        .map_err(refused)
    }

    fn move_partition(&self, topic: &str, partition: i32, log_dir: usize) -> PyResult<()> {
        let moved = self
            .node
            .ask(|host| host.move_partition(topic, partition, log_dir));
        moved.map_err(refused)
    }

    fn finish_move(&self, topic: &str, partition: i32) -> PyResult<()> {
        let finish = |host: &dyn Partitions| {
            host.finish_move(topic, partition);
            Ok(())
        };
        self.node.ask(finish).map_err(refused)
    }

    fn limit_moves(&self, bytes_per_second: u64) -> PyResult<()> {
        let limit = |host: &dyn Partitions| {
            host.limit_moves(bytes_per_second);
            Ok(())
        };
        self.node.ask(limit).map_err(refused)
    }

    fn moves(&self) -> PyResult<Vec<Moving>> {
        let found = self.node.ask(|host| Ok(host.moves())).map_err(refused)?;
        Ok(found.into_iter().map(Moving::from).collect())
    }

    fn futures(&self) -> PyResult<Vec<Stray>> {
        let found = self.node.ask(|host| Ok(host.futures())).map_err(refused)?;
        Ok(found.into_iter().map(Stray::from).collect())
    }

    fn resume_moves(&self, py: Python<'_>) -> PyResult<Vec<Moving>> {
        let found = py.detach(|| self.node.ask(|host| Ok(host.resume_moves())));
        let found = found.map_err(refused)?.into_iter();
        Ok(found.map(Moving::from).collect())
    }

    fn lost_log_dirs(&self) -> PyResult<Vec<LostLogDir>> {
        let found = self.node.ask(|host| Ok(host.lost_log_dirs()));
        let found = found.map_err(refused)?.into_iter();
        Ok(found.map(LostLogDir::from).collect())
    }

    fn strays(&self, py: Python<'_>) -> PyResult<Vec<Stray>> {
        let found = py.detach(|| self.node.ask(|host| host.strays()));
        let found = found.map_err(refused)?.into_iter();
        Ok(found.map(Stray::from).collect())
    }

    fn set_strays_aside(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| self.node.ask(|host| host.set_strays_aside()))
            .map_err(refused)
    }

    #[pyo3(signature = (topic, partition, *, lately=false))]
    fn partition_offsets(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        lately: bool,
    ) -> PyResult<PartitionOffsets> {
        let describe = |host: &dyn Partitions| match lately {
            true => host.describe_lately(topic, partition),
            false => host.describe(topic, partition),
        };
        let found = py.detach(|| self.node.ask(describe)).map_err(refused)?;
        let offsets = found.offsets;
        Ok(PartitionOffsets {
            log_start: offsets.log_start,
            high_watermark: offsets.high_watermark,
            last_stable: offsets.last_stable,
            log_end: offsets.log_end,
            leader_epoch: found.leader_epoch,
            size_bytes: found.size_bytes,
        })
    }

    #[pyo3(signature = (topic, partition, records, *, transaction_version=0))]
    fn append(
        &self,
        py: Python<'_>,
        topic: &str,
        partition: i32,
        records: Vec<u8>,
        transaction_version: i16,
    ) -> PyResult<Appended> {
        let append =
            |host: &dyn Partitions| host.append(topic, partition, records, transaction_version);
        let done = py.detach(|| self.node.ask(append));
        Ok(done.map_err(refused)?.into())
    }

    fn verified(&self, job: i64, told: Vec<(i16, Option<String>)>) -> PyResult<()> {
        (self.node.ask(|host| host.verified(job, told))).map_err(refused)
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
        let read =
            |host: &dyn Partitions| host.read(topic, partition, offset, bytes_max, to_log_end);
        let bytes = py.detach(|| self.node.ask(read)).map_err(refused)?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn ask(
        &self,
        py: Python<'_>,
        token: i64,
        questions: Vec<Py<Question>>,
    ) -> PyResult<Option<Vec<Answer>>> {
        let inquiries: Vec<_> = (questions.iter())
            .map(|question| question.get().inquiry())
            .collect();
        let answers = py
            .detach(|| self.node.ask(|host| Ok(host.ask(token, &inquiries))))
            .map_err(refused)?;
        Ok(answers.map(|answers| answers.into_iter().map(Answer::from).collect()))
    }

    #[pyo3(signature = (job, path, contents, *, read_only=false))]
    fn replace(&self, job: i64, path: PathBuf, contents: &[u8], read_only: bool) -> PyResult<()> {
        let (disk, contents) = (self.node.disk(), contents.to_vec());
        self.node
            .write(job, move || {
                replace(&disk, &path, &contents, read_only)
                    .map_err(|error| refusal(&path, "written", &error))
            })
            .map_err(refused)
    }

    fn remove_files(&self, job: i64, folder: PathBuf, paths: Vec<PathBuf>) -> PyResult<()> {
        let disk = self.node.disk();
        self.node
            .write(job, move || remove_all(&disk, &folder, &paths))
            .map_err(refused)
    }

    fn load_report(&self) -> PyResult<Vec<Opened>> {
        let found = self.node.ask(|host| Ok(host.take_report()));
        Ok(found
            .map_err(refused)?
            .into_iter()
            .map(Opened::from)
            .collect())
    }

    #[getter]
    fn previous_broker_epoch(&self) -> PyResult<i64> {
        self.node
            .ask(|host| Ok(host.previous_broker_epoch()))
            .map_err(refused)
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
        py.detach(|| {
            self.node.ask(|host| {
                host.flush();
                Ok(())
            })
        })
        .map_err(refused)
    }

    fn set_disk_faults(&self, faults: Vec<Py<DiskFault>>) -> PyResult<()> {
        let rows = faults.iter().map(|fault| fault.get().row.clone());
        let rows: Result<Vec<_>, _> = rows.map(ottla_node::DiskFault::new).collect();
        let disk = self.node.faulty_disk().map_err(refused)?;
        disk.faults().set(rows.map_err(refused)?);
        Ok(())
    }

    #[pyo3(signature = (faults, /))]
    fn set_request_faults(&self, faults: &RequestFaults) -> PyResult<()> {
        let rules = Arc::clone(&faults.rules);
        self.node.set_request_faults(rules).map_err(refused)
    }

    fn disk_faults_fired(&self) -> PyResult<Vec<u64>> {
        Ok(self.node.faulty_disk().map_err(refused)?.faults().fired())
    }

    /// The disk that this node's files lie on.
    #[getter]
    fn disk(&self) -> Disk {
        Disk {
            disk: self.node.disk(),
        }
    }

    #[pyo3(signature = (late_ms=i64::MAX))]
    fn metrics(&self, py: Python<'_>, late_ms: i64) -> PyResult<HashMap<String, f64>> {
        let found = py.detach(|| self.node.metrics(late_ms)).map_err(refused);
        found.map(|found| found.into_iter().collect())
    }

    fn series(&self, py: Python<'_>, metrics: Vec<(String, String)>) -> PyResult<Vec<String>> {
        py.detach(|| self.node.series(metrics)).map_err(refused)
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

/// Put the node's classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Node>()?;
    module.add_class::<Request>()?;
    module.add_class::<Event>()?;
    module.add_class::<TopicConfig>()?;
    module.add_class::<PartitionState>()
}
