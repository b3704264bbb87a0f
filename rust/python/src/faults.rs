//! `DiskFault` and `RequestFault` for Python: one thing that a test lets happen to a disk, or to requests. What it
//! means is in `ottla_node::FaultRow` and `ottla_node::RequestFaultRow`.

use ottla_node::{FaultRow, RequestFaultRow};
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

/// Whom, when and what.
#[pyclass(frozen, module = "ottla._core")]
pub struct RequestFault {
    pub row: RequestFaultRow,
}

#[pymethods]
impl RequestFault {
    #[new]
    #[pyo3(
        signature = (deed, number=0, *, client_id=None, api_key=None, forms=vec![], topic=String::new(), after=0,
            times=None, rate=1.0, seed=0, seen=0, done=0),
        text_signature = "(deed, number=0, *, client_id=None, api_key=None, forms=(), topic='', after=0, times=None, rate=1.0, seed=0, seen=0, done=0)"
    )]
    #[expect(clippy::too_many_arguments, reason = "a row is given whole, by name")]
    fn new(
        deed: String,
        number: i64,
        client_id: Option<String>,
        api_key: Option<i16>,
        forms: Vec<Vec<u8>>,
        topic: String,
        after: u64,
        times: Option<u64>,
        rate: f64,
        seed: u64,
        seen: u64,
        done: u64,
    ) -> Self {
        let row = RequestFaultRow {
            deed,
            number,
            client_id,
            api_key,
            forms,
            topic,
            after,
            times,
            rate,
            seed,
            seen,
            done,
        };
        Self { row }
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.row)
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DiskFault>()?;
    module.add_class::<RequestFault>()
}
