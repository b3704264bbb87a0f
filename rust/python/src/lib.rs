//! `ottla._core`: the skin between Python and the two pure crates. `src/ottla/_core.pyi` is its one page.

mod codec;
mod errors;
mod log;
mod node;
mod records;
mod segment;
mod slots;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("CoreError", module.py().get_type::<errors::CoreError>())?;
    records::register(module)?;
    module.add_class::<codec::Plan>()?;
    module.add_class::<log::Log>()?;
    module.add_class::<segment::Segment>()?;
    module.add_function(wrap_pyfunction!(segment::examine_segment, module)?)?;
    node::register(module)
}
