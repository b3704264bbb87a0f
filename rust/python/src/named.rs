//! What the node tells and is told in rows, by name: no field is known by its place.

use ottla_core::hosting::{Report, ReportKind};
use pyo3::prelude::*;

/// An API that listeners serve.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(Clone, PartialEq)]
pub struct Api {
    key: i16,
    version_min: i16,
    version_max: i16,
    first_flexible: i16,
    on_brokers: bool,
    on_controllers: bool,
}

#[pymethods]
impl Api {
    #[new]
    #[pyo3(signature = (*, key, version_min, version_max, first_flexible, on_brokers, on_controllers))]
    fn new(
        key: i16,
        version_min: i16,
        version_max: i16,
        first_flexible: i16,
        on_brokers: bool,
        on_controllers: bool,
    ) -> Self {
        Self {
            key,
            version_min,
            version_max,
            first_flexible,
            on_brokers,
            on_controllers,
        }
    }

    fn __repr__(&self) -> String {
        format!(
            "Api(key={}, versions {} to {})",
            self.key, self.version_min, self.version_max
        )
    }
}

impl From<&Api> for ottla_node::Api {
    fn from(api: &Api) -> Self {
        Self {
            key: api.key,
            version_min: api.version_min,
            version_max: api.version_max,
            first_flexible: api.first_flexible,
            on_brokers: api.on_brokers,
            on_controllers: api.on_controllers,
        }
    }
}

/// Where a partition's log stands.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(PartialEq, Debug)]
pub struct PartitionOffsets {
    pub log_start: i64,
    pub high_watermark: i64,
    pub last_stable: i64,
    pub log_end: i64,
    pub leader_epoch: i32,
    pub size_bytes: u64,
}

#[pymethods]
impl PartitionOffsets {
    #[new]
    #[pyo3(signature = (*, log_start, high_watermark, last_stable, log_end, leader_epoch, size_bytes))]
    fn new(
        log_start: i64,
        high_watermark: i64,
        last_stable: i64,
        log_end: i64,
        leader_epoch: i32,
        size_bytes: u64,
    ) -> Self {
        Self {
            log_start,
            high_watermark,
            last_stable,
            log_end,
            leader_epoch,
            size_bytes,
        }
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

/// A partition's folder that was not opened.
#[pyclass(frozen, get_all, module = "ottla._core")]
#[derive(Debug)]
pub struct Stray {
    pub topic: String,
    pub partition: i32,
    pub folder: String,
}

#[pymethods]
impl Stray {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

/// What opening did to something that was not as it should be.
#[pyclass(frozen, get_all, module = "ottla._core")]
#[derive(Debug)]
pub struct Opened {
    pub kind: &'static str,
    pub place: String,
    pub text: String,
}

#[pymethods]
impl Opened {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<Report> for Opened {
    fn from(report: Report) -> Self {
        Self {
            kind: match report.kind {
                ReportKind::Mended => "mended",
                ReportKind::Lost => "lost",
                ReportKind::Aside => "aside",
                ReportKind::Dropped => "dropped",
            },
            place: report.place,
            text: report.text,
        }
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Api>()?;
    module.add_class::<PartitionOffsets>()?;
    module.add_class::<Stray>()?;
    module.add_class::<Opened>()
}
