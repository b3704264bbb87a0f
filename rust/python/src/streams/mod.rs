//! `ottla_streams` for Python: a task of the fast executor. `src/ottla/streams/fast` dresses it.

mod batches;
mod convert;
mod host;
mod scope;
mod sealed;
mod stores;
mod task;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<task::StreamsTask>()?;
    module.add_class::<stores::StreamsStore>()
}
