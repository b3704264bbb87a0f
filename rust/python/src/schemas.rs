//! `ottla_schemas` for Python: texts and bytes through, a fault with its place.

use ottla_schemas::{Fault, Files, Source, read};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A file from Python: a text, or a serialized FileDescriptorProto.
#[derive(FromPyObject)]
enum Given {
    Text(String),
    Descriptor(Vec<u8>),
}

impl Given {
    fn as_source(&self) -> Source<'_> {
        match self {
            Self::Text(text) => Source::Text(text),
            Self::Descriptor(bytes) => Source::Descriptor(bytes),
        }
    }
}

/// Why a text is no schema, and where.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct SchemaFault {
    text: String,
    file: String,
    line: usize,
    column: usize,
}

impl From<Fault> for SchemaFault {
    fn from(fault: Fault) -> Self {
        Self {
            text: fault.text,
            file: fault.file,
            line: fault.line,
            column: fault.column,
        }
    }
}

/// What a Protobuf file and its imports were read to.
#[pyclass(frozen, module = "ottla._core")]
pub struct ProtobufFiles {
    inner: Files,
}

#[pymethods]
impl ProtobufFiles {
    #[getter]
    fn written<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.written)
    }

    #[getter]
    fn linked<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyBytes>)> {
        let files = self.inner.linked.iter();
        files
            .map(|(path, bytes)| (path.clone(), PyBytes::new(py, bytes)))
            .collect()
    }
}

/// Read a Protobuf file with what it imports; the GIL is released.
#[pyfunction]
#[pyo3(signature = (path, source, imports, /))]
fn read_protobuf(
    py: Python<'_>,
    path: String,
    source: Given,
    imports: Vec<(String, Given)>,
) -> PyResult<Py<PyAny>> {
    let outcome = py.detach(|| {
        let imports: Vec<_> = imports
            .iter()
            .map(|(path, source)| (path.clone(), source.as_source()))
            .collect();
        read(&path, source.as_source(), &imports)
    });
    match outcome {
        Ok(inner) => Ok(Py::new(py, ProtobufFiles { inner })?.into_any()),
        Err(fault) => Ok(Py::new(py, SchemaFault::from(fault))?.into_any()),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ProtobufFiles>()?;
    module.add_class::<SchemaFault>()?;
    module.add_function(wrap_pyfunction!(read_protobuf, module)?)
}
