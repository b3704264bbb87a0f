//! How the core's refusals look in Python: `CoreError(kind, text)`.
//!
//! Kinds of the node:
//! - `poisoned`: a panic or a broken invariant inside; this node does nothing any more.
//! - `stopped`: the node was stopped or killed.
//! - `forked`: the node lives in the parent process.
//! - `bind`: a listener cannot be bound; the text names host and port.
//! - `invalid`: a wrong argument.
//! - `unknown-partition`: this node does not host it.
//! - `offset-out-of-range`: an offset outside of the log.
//! - `storage`: a disk refused, or the log is offline.
//! - `checkpoint`: a log directory's checkpoint is damaged; the text begins with its path.
//! - `locked`: another process uses the log directory.
//!
//! Kinds of record batches: `invalid`, and `corrupt-batch`: the bytes hold no whole, right batch.
//!
//! Kinds of the plan codec:
//! - `malformed`: bytes of a peer that are not the message that they claim to be.
//! - `unencodable`: a message of our own that has no form in the version asked for.

use ottla_node::NodeError;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(_core, CoreError, PyException);

/// The node's refusal as Python's exception.
pub fn refused(error: NodeError) -> PyErr {
    CoreError::new_err((error.kind, error.text))
}
