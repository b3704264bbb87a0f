//! `ottla_tls` for Python: bytes through, faults as kinds.

use ottla_tls::{Config, Refused, Session, Settings};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::refusal_of;

/// What all TLS connections of one client share.
#[pyclass(frozen, module = "ottla._core")]
pub struct TlsConfig {
    inner: Config,
}

/// Our end of one TLS connection, apart from its socket.
#[pyclass(module = "ottla._core")]
pub struct Tls {
    inner: Session,
}

/// Why a TLS connection is to be closed now.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct TlsFault {
    kind: &'static str,
    text: String,
}

#[pymethods]
impl TlsConfig {
    #[new]
    #[pyo3(signature = (*, ca_pem, certificate_pem, key_pem, verifies, verifies_name, protocols, cipher_suites))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        ca_pem: Option<&[u8]>,
        certificate_pem: Option<&[u8]>,
        key_pem: Option<&[u8]>,
        verifies: bool,
        verifies_name: bool,
        protocols: Vec<String>,
        cipher_suites: Vec<String>,
    ) -> PyResult<Self> {
        let settings = Settings {
            ca_pem,
            certificate_pem,
            key_pem,
            verifies,
            verifies_name,
            protocols: &protocols,
            cipher_suites: &cipher_suites,
        };
        Config::new(&settings)
            .map(|inner| Self { inner })
            .map_err(refused)
    }
}

#[pymethods]
impl Tls {
    #[new]
    fn new(config: &TlsConfig, server_name: &str) -> PyResult<Self> {
        Session::new(&config.inner, server_name)
            .map(|inner| Self { inner })
            .map_err(refused)
    }

    #[getter]
    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    #[getter]
    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    #[getter]
    fn fault(&self) -> Option<TlsFault> {
        self.inner.fault().map(|fault| TlsFault {
            kind: fault.kind.word(),
            text: fault.text.clone(),
        })
    }

    fn received<'py>(&mut self, py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.received(data))
    }

    fn write(&mut self, plaintext: &[u8]) {
        self.inner.write(plaintext);
    }

    fn hang_up(&mut self) {
        self.inner.hang_up();
    }

    fn to_send<'py>(&self, py: Python<'py>, bytes_max: usize) -> Bound<'py, PyBytes> {
        let bytes = self.inner.to_send();
        PyBytes::new(py, &bytes[..bytes.len().min(bytes_max)])
    }

    fn sent(&mut self, count: usize) {
        self.inner.sent(count);
    }
}

fn refused(refused: Refused) -> PyErr {
    refusal_of(refused.kind, refused.text)
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TlsConfig>()?;
    module.add_class::<Tls>()?;
    module.add_class::<TlsFault>()
}
