//! Questions to partitions and volumes, and their answers, for Python.

use ottla_core::hosting;
use ottla_core::log::ProducerSummary;
use pyo3::prelude::*;

/// What a client wants to know of a partition or a volume; see `_core.pyi`.
#[pyclass(frozen, module = "ottla._core")]
pub enum Question {
    Time {
        topic: String,
        partition: i32,
        timestamp_ms: i64,
        isolation: i8,
    },
    EpochEnd {
        topic: String,
        partition: i32,
        epoch: i32,
    },
    DeleteBefore {
        topic: String,
        partition: i32,
        offset: i64,
    },
    EndTransaction {
        topic: String,
        partition: i32,
        producer_id: i64,
        producer_epoch: i16,
        coordinator_epoch: i32,
        committed: bool,
        transaction_version: i16,
    },
    Producers {
        topic: String,
        partition: i32,
    },
    Space {
        log_dir: usize,
    },
}

impl Question {
    pub fn inquiry(&self) -> hosting::Inquiry {
        let (topic, partition, question) = match self {
            Self::Time {
                topic,
                partition,
                timestamp_ms,
                isolation,
            } => {
                let question = hosting::Question::Time {
                    timestamp_ms: *timestamp_ms,
                    isolation: *isolation,
                };
                (topic, partition, question)
            }
            Self::EpochEnd {
                topic,
                partition,
                epoch,
            } => {
                let question = hosting::Question::EpochEnd { epoch: *epoch };
                (topic, partition, question)
            }
            Self::DeleteBefore {
                topic,
                partition,
                offset,
            } => {
                let question = hosting::Question::DeleteBefore { offset: *offset };
                (topic, partition, question)
            }
            Self::EndTransaction {
                topic,
                partition,
                producer_id,
                producer_epoch,
                coordinator_epoch,
                committed,
                transaction_version,
            } => {
                let ending = hosting::Ending {
                    producer_id: *producer_id,
                    producer_epoch: *producer_epoch,
                    coordinator_epoch: *coordinator_epoch,
                    committed: *committed,
                    transaction_version: *transaction_version,
                };
                (topic, partition, hosting::Question::EndTransaction(ending))
            }
            Self::Producers { topic, partition } => {
                (topic, partition, hosting::Question::Producers)
            }
            Self::Space { log_dir } => return hosting::Inquiry::Space { log_dir: *log_dir },
        };
        hosting::Inquiry::Partition {
            topic: topic.clone(),
            partition: *partition,
            question,
        }
    }
}

/// What a partition knows of one producer.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(PartialEq, Debug, Clone)]
pub struct ProducerState {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub last_sequence: i32,
    pub last_timestamp_ms: i64,
    pub coordinator_epoch: i32,
    pub first_offset: i64,
}

#[pymethods]
impl ProducerState {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<ProducerSummary> for ProducerState {
    fn from(found: ProducerSummary) -> Self {
        Self {
            producer_id: found.producer_id,
            producer_epoch: found.producer_epoch,
            last_sequence: found.last_sequence,
            last_timestamp_ms: found.last_timestamp_ms,
            coordinator_epoch: found.coordinator_epoch,
            first_offset: found.current_transaction_first_offset,
        }
    }
}

/// What was found, or why nothing was.
#[pyclass(frozen, get_all, eq, module = "ottla._core")]
#[derive(PartialEq, Debug)]
pub struct Answer {
    pub error_code: i16,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
    pub total_bytes: i64,
    pub usable_bytes: i64,
    pub producers: Vec<ProducerState>,
}

#[pymethods]
impl Answer {
    fn __repr__(&self) -> String {
        format!("{self:?}")
    }
}

impl From<hosting::Answer> for Answer {
    fn from(answer: hosting::Answer) -> Self {
        match answer {
            Ok(found) => Self {
                error_code: 0,
                offset: found.offset,
                timestamp_ms: found.timestamp_ms,
                leader_epoch: found.leader_epoch,
                total_bytes: found.total_bytes,
                usable_bytes: found.usable_bytes,
                producers: found.producers.into_iter().map(Into::into).collect(),
            },
            Err(error) => Self {
                error_code: error.error_code,
                offset: -1,
                timestamp_ms: -1,
                leader_epoch: -1,
                total_bytes: -1,
                usable_bytes: -1,
                producers: Vec::new(),
            },
        }
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Question>()?;
    module.add_class::<ProducerState>()?;
    module.add_class::<Answer>()
}
