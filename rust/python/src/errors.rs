//! How the core's refusals look in Python: `CoreError(kind, text, error_code, errno, path)`.
//!
//! Kinds of the node:
//! - `poisoned`: a panic or a broken invariant inside; this node does nothing any more.
//! - `stopped`: the node was stopped or killed.
//! - `forked`: the node lives in the parent process.
//! - `bind`: a listener cannot be bound; the text names host and port.
//! - `invalid`: a wrong argument.
//! - `unknown-partition`: this node does not host it.
//! - `not-leader`: this node does not lead it, or is opening it.
//! - `refused`: the log did not take it and is as it was; the error code says why.
//! - `offset-out-of-range`: an offset outside of the log.
//! - `storage`: a disk refused.
//! - `away`: its log directory failed, or is none of this node's: only a start, with it, mends that.
//! - `offline`: the partition is; why was told when it became so.
//! - `checkpoint`: a log directory's checkpoint, `path`, is damaged.
//! - `locked`: another process uses the log directory.
//!
//! Kinds of record batches, `invalid` beside:
//! - `corrupt-batch`: the bytes hold no whole, right batch.
//!
//! Kinds of TLS, for settings that make no config and names that make no session:
//! - `tls-roots`: the certificates of whom to trust.
//! - `tls-certificate`: the client's own.
//! - `tls-key`: the private key to it.
//! - `tls-encrypted-key`: it is a key, but encrypted.
//! - `tls-protocol`: a name of a version that is not spoken.
//! - `tls-cipher`: a name of a cipher suite that is not spoken.
//! - `tls-name`: what is connected to has no name that a certificate could have.
//!
//! Kinds of the plan codec:
//! - `malformed`: bytes of a peer that are not the message that they claim to be.
//! - `unencodable`: a message of our own that has no form in the version asked for.

use std::path::PathBuf;

use ottla_node::NodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Made in Python: the stable ABI lets nobody else give an exception attributes of its own.
const MADE: &std::ffi::CStr = c"
class CoreError(Exception):
    def __init__(self, kind, text, error_code=-1, errno=None, path=None):
        super().__init__(kind, text)
        self.kind = kind
        self.text = text
        self.error_code = error_code
        self.errno = errno
        self.path = path
";

static CORE_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The exception's class.
pub fn core_error(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    let class = CORE_ERROR.get_or_try_init(py, || {
        let module = PyModule::from_code(py, MADE, c"ottla/_core.py", c"ottla._core")?;
        let class = module.getattr("CoreError")?.cast_into::<PyType>()?;
        Ok::<_, PyErr>(class.unbind())
    })?;
    Ok(class.bind(py))
}

/// The node's refusal as Python's exception.
pub fn refused(error: NodeError) -> PyErr {
    Python::attach(|py| match core_error(py) {
        Ok(class) => {
            let path = error.path.map(PathBuf::into_os_string);
            let args = (error.kind, error.text, error.error_code, error.errno, path);
            PyErr::from_type(class.clone(), args)
        }
        Err(broken) => broken,
    })
}

/// A refusal of this kind.
pub fn refusal_of(kind: &'static str, text: impl Into<String>) -> PyErr {
    refused(NodeError::new(kind, text))
}
