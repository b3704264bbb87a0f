//! `ottla._core`: the skin between Python and the pure crates. `src/ottla/_core.pyi` is its one page.

mod asking;
mod codec;
mod disk;
mod errors;
mod event;
mod faults;
mod fetched;
mod files;
mod frame;
mod half;
mod log;
mod named;
mod node;
mod outbound;
mod records;
mod request;
mod schemas;
mod segment;
mod sending;
mod sim;
mod slots;
mod state;
mod streams;
mod tls;

use pyo3::prelude::*;

/// `String.hashCode` of a text in UTF-16, big end first.
#[pyfunction]
#[pyo3(signature = (utf16, /))]
fn java_hash(utf16: &[u8]) -> i32 {
    ottla_core::java::hash_code(utf16)
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("CoreError", errors::core_error(module.py())?)?;
    records::register(module)?;
    module.add_function(wrap_pyfunction!(java_hash, module)?)?;
    module.add_class::<codec::Plan>()?;
    module.add_class::<log::Log>()?;
    module.add_class::<segment::Segment>()?;
    module.add_function(wrap_pyfunction!(segment::examine_segment, module)?)?;
    asking::register(module)?;
    files::register(module)?;
    faults::register(module)?;
    fetched::register(module)?;
    frame::register(module)?;
    named::register(module)?;
    outbound::register(module)?;
    schemas::register(module)?;
    sending::register(module)?;
    sim::register(module)?;
    streams::register(module)?;
    tls::register(module)?;
    node::register(module)
}
