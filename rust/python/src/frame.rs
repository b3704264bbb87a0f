//! Bytes of an answer where they were received: shared, and not copied until somebody asks for `bytes`.

use std::ops::Range;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A part of what was received. Whatever is cut from it keeps all of it in memory.
#[pyclass(frozen, module = "ottla._core")]
#[derive(Clone)]
pub struct Frame {
    bytes: Arc<Vec<u8>>,
    at: Range<usize>,
}

impl Frame {
    pub fn new(bytes: Vec<u8>, at: usize) -> Self {
        let end = bytes.len();
        Self {
            bytes: Arc::new(bytes),
            at: at..end,
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.at.clone()]
    }

    /// The same bytes as `part`, which lies in this.
    pub fn part(&self, part: &[u8]) -> Self {
        let start = part.as_ptr() as usize - self.bytes.as_ptr() as usize;
        Self {
            bytes: Arc::clone(&self.bytes),
            at: start..start + part.len(),
        }
    }
}

#[pymethods]
impl Frame {
    fn __len__(&self) -> usize {
        self.at.len()
    }

    /// A copy.
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.as_bytes())
    }
}

/// Bytes from Python, of either kind.
#[derive(FromPyObject)]
pub enum AnyBytes<'py> {
    Frame(Bound<'py, Frame>),
    Bytes(Bound<'py, PyBytes>),
}

impl AnyBytes<'_> {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Frame(frame) => frame.get().as_bytes(),
            Self::Bytes(bytes) => bytes.as_bytes(),
        }
    }

    /// To be kept without the GIL: `bytes` are copied.
    pub fn to_frame(&self) -> Frame {
        match self {
            Self::Frame(frame) => frame.get().clone(),
            Self::Bytes(bytes) => Frame::new(bytes.as_bytes().to_vec(), 0),
        }
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Frame>()
}
