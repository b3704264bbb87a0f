//! What the node tells and is told in rows, by name: no field is known by its place.

use ottla_core::hosting::{self, Report, ReportKind};
use ottla_core::log;
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

impl From<hosting::Stray> for Stray {
    fn from(stray: hosting::Stray) -> Self {
        Self {
            topic: stray.topic,
            partition: stray.partition,
            folder: stray.folder.to_string_lossy().into_owned(),
        }
    }
}

impl From<hosting::Future> for Stray {
    fn from(future: hosting::Future) -> Self {
        Self {
            topic: future.topic,
            partition: future.partition,
            folder: future.path.to_string_lossy().into_owned(),
        }
    }
}

/// A partition on its way to another log dir.
#[pyclass(frozen, get_all, module = "ottla._core")]
#[derive(Debug)]
pub struct Moving {
    pub topic: String,
    pub partition: i32,
    pub log_dir: usize,
    pub size_bytes: u64,
    pub lag: i64,
}

#[pymethods]
impl Moving {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<hosting::Moving> for Moving {
    fn from(moving: hosting::Moving) -> Self {
        Self {
            topic: moving.topic.to_string(),
            partition: moving.partition,
            log_dir: moving.log_dir,
            size_bytes: moving.size_bytes,
            lag: moving.lag,
        }
    }
}

/// Where batches came to lie in a log.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(Debug, PartialEq)]
pub struct Appended {
    pub base_offset: i64,
    pub last_offset: i64,
}

#[pymethods]
impl Appended {
    #[new]
    #[pyo3(signature = (*, base_offset, last_offset))]
    fn new(base_offset: i64, last_offset: i64) -> Self {
        Self {
            base_offset,
            last_offset,
        }
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<log::Appended> for Appended {
    fn from(done: log::Appended) -> Self {
        Self::new(done.base_offset, done.last_offset)
    }
}

/// A partition by the name of its topic.
#[pyclass(frozen, get_all, eq, hash, module = "ottla._core")]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

#[pymethods]
impl TopicPartition {
    #[new]
    fn new(topic: String, partition: i32) -> Self {
        Self { topic, partition }
    }

    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

/// A log dir that could not be opened.
#[pyclass(frozen, get_all, module = "ottla._core")]
#[derive(Debug)]
pub struct LostLogDir {
    pub log_dir: usize,
    pub text: String,
}

#[pymethods]
impl LostLogDir {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<hosting::LostLogDir> for LostLogDir {
    fn from(lost: hosting::LostLogDir) -> Self {
        Self {
            log_dir: lost.log_dir,
            text: lost.text,
        }
    }
}

/// Where a leader epoch ended.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(Debug, PartialEq)]
pub struct EpochEnd {
    pub leader_epoch: i32,
    pub end_offset: i64,
}

#[pymethods]
impl EpochEnd {
    #[new]
    #[pyo3(signature = (*, leader_epoch, end_offset))]
    fn new(leader_epoch: i32, end_offset: i64) -> Self {
        Self {
            leader_epoch,
            end_offset,
        }
    }

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
    module.add_class::<Appended>()?;
    module.add_class::<TopicPartition>()?;
    module.add_class::<LostLogDir>()?;
    module.add_class::<Moving>()?;
    module.add_class::<EpochEnd>()?;
    module.add_class::<Opened>()
}
