//! `Request` for Python: what a client asked, and over which connection.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::half::{Asked, Caller};

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
    caller: Arc<dyn Caller>,
}

#[pymethods]
impl Request {
    #[getter]
    fn connection_id(&self) -> u64 {
        self.caller.id()
    }

    #[getter]
    fn fault(&self) -> i16 {
        self.caller.fault()
    }

    #[getter]
    fn listener(&self) -> &str {
        self.caller.listener()
    }

    #[getter]
    fn local_host(&self) -> &str {
        &self.caller.ends()[0].0
    }

    #[getter]
    fn local_port(&self) -> u16 {
        self.caller.ends()[0].1
    }

    #[getter]
    fn peer_host(&self) -> &str {
        &self.caller.ends()[1].0
    }

    #[getter]
    fn peer_port(&self) -> u16 {
        self.caller.ends()[1].1
    }

    /// Who asks: as it was known when this is read.
    #[getter]
    fn principal(&self) -> &str {
        self.caller.principal()
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

impl Request {
    pub fn new(py: Python<'_>, asked: Asked) -> Self {
        Self {
            token: asked.token,
            api_key: asked.api_key,
            api_version: asked.api_version,
            correlation_id: asked.correlation_id,
            client_id: asked.client_id,
            body: PyBytes::new(py, &asked.body).unbind(),
            caller: asked.connection,
        }
    }
}
