//! `DiskFault` for Python: one thing that a test lets happen to a disk. What it means is in `ottla_node::FaultRow`.

use ottla_node::FaultRow;
use pyo3::prelude::*;

/// A verb, a file, a moment, and what happens there.
#[pyclass(frozen, module = "ottla._core")]
pub struct DiskFault {
    pub row: FaultRow,
}

#[pymethods]
impl DiskFault {
    #[new]
    #[pyo3(
        signature = (verb, path, errno="", *, delay_ms=Some(0), short=false, after=0, times=None),
        text_signature = "(verb, path, errno='', *, delay_ms=0, short=False, after=0, times=None)"
    )]
    fn new(
        verb: &str,
        path: &str,
        errno: &str,
        delay_ms: Option<u64>,
        short: bool,
        after: u64,
        times: Option<u64>,
    ) -> Self {
        let row = FaultRow {
            delay_ms,
            short,
            after,
            times,
            ..FaultRow::new(verb, path, errno)
        };
        Self { row }
    }

    #[getter]
    fn verb(&self) -> &str {
        &self.row.verb
    }

    #[getter]
    fn path(&self) -> &str {
        &self.row.path
    }

    #[getter]
    fn errno(&self) -> &str {
        &self.row.errno
    }

    #[getter]
    fn delay_ms(&self) -> Option<u64> {
        self.row.delay_ms
    }

    #[getter]
    fn short(&self) -> bool {
        self.row.short
    }

    #[getter]
    fn after(&self) -> u64 {
        self.row.after
    }

    #[getter]
    fn times(&self) -> Option<u64> {
        self.row.times
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.row)
    }
}

/// Put the class into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DiskFault>()
}
