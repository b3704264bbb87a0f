//! `SimDisk` and `SimNode` for Python: a disk that outlives its nodes, and a node whose every step somebody chooses.

use std::path::PathBuf;
use std::sync::Arc;

use ottla_core::disk;
use ottla_node::NodeError;
use ottla_sim::{Options, Verb};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::disk::AnyDisk;
use crate::errors::refused;
use crate::files::Disk;
use crate::half::Half;
use crate::node::Node;

/// A disk in memory that fails as disks do, under a seed.
#[pyclass(frozen, module = "ottla._core")]
pub struct SimDisk(disk::SimDisk);

#[pymethods]
impl SimDisk {
    #[new]
    #[pyo3(signature = (seed))]
    fn new(seed: u64) -> Self {
        Self(disk::SimDisk::new(seed))
    }

    #[getter]
    fn disk(&self) -> Disk {
        Disk {
            disk: AnyDisk::Sim(self.0.clone()),
        }
    }

    #[getter]
    fn used_bytes(&self) -> u64 {
        self.0.used()
    }

    #[getter]
    fn pages_lost(&self) -> bool {
        self.0.pages_lost()
    }

    fn set_capacity(&self, bytes: Option<u64>) {
        self.0.set_capacity(bytes.unwrap_or(u64::MAX));
    }

    fn fail_after(&self, writes: Option<u64>) {
        self.0.fail_after(writes);
    }

    fn fail_sync_after(&self, syncs: Option<u64>) {
        self.0.fail_sync_after(syncs);
    }

    fn die_after(&self, changes: Option<u64>) {
        self.0.die_after(changes);
    }

    #[getter]
    fn deaths(&self) -> u64 {
        self.0.deaths()
    }

    fn retry_syncs(&self) {
        self.0.retry_syncs();
    }

    fn crash(&self) {
        self.0.crash();
    }

    #[pyo3(signature = (path))]
    fn safe<'py>(&self, py: Python<'py>, path: PathBuf) -> Option<Bound<'py, PyBytes>> {
        let bytes = self.0.safe(&path)?;
        Some(PyBytes::new(py, &bytes))
    }
}

/// A node over such a disk.
#[pyclass(frozen, module = "ottla._core")]
pub struct SimNode(Arc<ottla_sim::Node>);

#[pymethods]
impl SimNode {
    #[new]
    #[pyo3(signature = (disk, *, node_id, log_dirs, seed, now_ms, request_size_bytes_max=104_857_600,
        fetch_session_slots=1000, fetch_max_bytes=57_671_680, plant=""))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        disk: &SimDisk,
        node_id: i32,
        log_dirs: Vec<PathBuf>,
        seed: u64,
        now_ms: i64,
        request_size_bytes_max: usize,
        fetch_session_slots: usize,
        fetch_max_bytes: usize,
        plant: &str,
    ) -> PyResult<Self> {
        let options = Options {
            node_id,
            log_dirs,
            seed,
            now_ms,
            request_size_bytes_max,
            fetch_session_slots,
            fetch_max_bytes,
            plant: plant.to_owned(),
        };
        let node = ottla_sim::Node::new(options, &disk.0).map_err(refused)?;
        Ok(Self(Arc::new(node)))
    }

    /// What a `World` makes its node with.
    #[getter]
    fn core(&self) -> Node {
        Node::over(Half::Simulated(Arc::clone(&self.0)))
    }

    fn connect(&self, port: u16) -> PyResult<u64> {
        self.0.connect(port).map_err(refused)
    }

    fn send(&self, connection_id: u64, data: &[u8]) -> bool {
        self.0.send(connection_id, data)
    }

    fn received<'py>(&self, py: Python<'py>, connection_id: u64) -> Option<Bound<'py, PyBytes>> {
        let bytes = self.0.received(connection_id)?;
        Some(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (connection_id, *, reset))]
    fn close(&self, connection_id: u64, reset: bool) {
        self.0.close(connection_id, reset);
    }

    fn pending(&self) -> Vec<(&'static str, u64)> {
        let steps = self.0.pending().into_iter();
        steps.map(|(verb, about)| (verb.name(), about)).collect()
    }

    fn work_at(&self, place: usize) -> &'static str {
        self.0.work_at(place)
    }

    fn step(&self, verb: &str, about: u64) -> PyResult<bool> {
        let unknown = || NodeError::new("invalid", format!("there is no step {verb:?}"));
        let verb = Verb::from_name(verb).ok_or_else(unknown).map_err(refused)?;
        self.0.step(verb, about).map_err(refused)
    }

    #[getter]
    fn next_due_ms(&self) -> Option<i64> {
        self.0.next_due_ms()
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SimDisk>()?;
    module.add_class::<SimNode>()
}
