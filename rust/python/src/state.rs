//! `PartitionState` and `TopicConfig` for Python: what the cluster says of one replica of this broker.

use std::sync::Arc;

use ottla_core::hosting;
use ottla_core::log::ConfigValue;
use ottla_core::partition;
use ottla_node::NodeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict};

use crate::errors::refused;

/// A topic's configuration, parsed once for all of its partitions.
#[pyclass(frozen, module = "ottla._core")]
pub struct TopicConfig(Arc<partition::TopicConfig>);

impl TopicConfig {
    pub fn parsed(&self) -> Arc<partition::TopicConfig> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl TopicConfig {
    #[new]
    #[pyo3(signature = (values, /))]
    fn new(values: &Bound<'_, PyDict>) -> PyResult<Self> {
        let rows = config_rows(values)?;
        let parsed = partition::TopicConfig::parse(&rows).map_err(refused)?;
        Ok(Self(Arc::new(parsed)))
    }

    #[getter]
    fn min_insync_replicas(&self) -> i32 {
        self.0.min_insync_replicas
    }
}

/// What `log.cleaner.*` says, parsed.
pub fn cleaner_config(values: &Bound<'_, PyDict>) -> PyResult<hosting::CleanerConfig> {
    let mut config = hosting::CleanerConfig::default();
    for (key, value) in config_rows(values)? {
        let set = config.set(&key, &value);
        set.map_err(|error| refused(NodeError::new("invalid", error.text)))?;
    }
    Ok(config)
}

/// A topic's configuration; values of other types than Kafka's configs have are refused.
fn config_rows(config: &Bound<'_, PyDict>) -> PyResult<Vec<(String, ConfigValue)>> {
    let mut rows = Vec::with_capacity(config.len());
    for (key, value) in config {
        let key: String = key.extract()?;
        let value = if value.is_none() {
            continue;
        } else if let Ok(flag) = value.cast::<PyBool>() {
            ConfigValue::Bool(flag.is_true())
        } else if let Ok(number) = value.extract::<i64>() {
            ConfigValue::Int(number)
        } else if let Ok(number) = value.extract::<f64>() {
            ConfigValue::Double(number)
        } else if let Ok(text) = value.extract::<String>() {
            ConfigValue::Text(text)
        } else {
            ConfigValue::List(value.extract()?)
        };
        rows.push((key, value));
    }
    Ok(rows)
}

/// One replica of this broker; see `_core.pyi`.
#[pyclass(frozen, module = "ottla._core")]
pub struct PartitionState(hosting::PartitionState);

impl PartitionState {
    pub fn hosted(&self) -> hosting::PartitionState {
        self.0.clone()
    }
}

#[pymethods]
impl PartitionState {
    #[new]
    #[pyo3(signature = (*, topic, topic_id, partition, leader, leader_epoch, partition_epoch, replicas, isr, log_dir,
        config, internal=false))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        topic: String,
        topic_id: &[u8],
        partition: i32,
        leader: i32,
        leader_epoch: i32,
        partition_epoch: i32,
        replicas: Vec<i32>,
        isr: Vec<i32>,
        log_dir: usize,
        config: &TopicConfig,
        internal: bool,
    ) -> PyResult<Self> {
        let wrong = |_| refused(NodeError::new("invalid", "a topic id has 16 bytes"));
        Ok(Self(hosting::PartitionState {
            topic,
            topic_id: topic_id.try_into().map_err(wrong)?,
            partition,
            log_dir,
            internal,
            leader,
            leader_epoch,
            partition_epoch,
            replicas,
            isr,
            config: config.parsed(),
        }))
    }

    #[getter]
    fn topic(&self) -> &str {
        &self.0.topic
    }

    #[getter]
    fn topic_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.topic_id)
    }

    #[getter]
    fn partition(&self) -> i32 {
        self.0.partition
    }

    #[getter]
    fn leader(&self) -> i32 {
        self.0.leader
    }

    #[getter]
    fn leader_epoch(&self) -> i32 {
        self.0.leader_epoch
    }

    #[getter]
    fn partition_epoch(&self) -> i32 {
        self.0.partition_epoch
    }

    #[getter]
    fn replicas(&self) -> Vec<i32> {
        self.0.replicas.clone()
    }

    #[getter]
    fn isr(&self) -> Vec<i32> {
        self.0.isr.clone()
    }

    #[getter]
    fn log_dir(&self) -> usize {
        self.0.log_dir
    }

    #[getter]
    fn min_insync_replicas(&self) -> i32 {
        self.0.config.min_insync_replicas
    }

    #[getter]
    fn internal(&self) -> bool {
        self.0.internal
    }

    fn __repr__(&self) -> String {
        let Self(state) = self;
        format!(
            "PartitionState({}-{}, leader={}, leader_epoch={}, isr={:?})",
            state.topic, state.partition, state.leader, state.leader_epoch, state.isr
        )
    }
}
