//! One log for Python: the metadata log of a quorum, and tools that open a folder by themselves.

use std::path::PathBuf;
use std::sync::Mutex;

use ottla_core::Code;
use ottla_core::batch::Batches;
use ottla_core::disk::DiskFile;
use ottla_core::error::Cause;
use ottla_core::log::{
    AppendContext, AppendError, ConfigValue, Log as CoreLog, LogConfig, OpenHints, Origin,
    ReadError,
};
use ottla_node::{NodeDisk, NodeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString};

use crate::disk::AnyDisk;
use crate::errors::{refusal_of, refused};
use crate::files::Disk;
use crate::named::{Appended, EpochEnd};

/// A partition's folder, opened for reading and appending.
#[pyclass(frozen, module = "ottla._core")]
pub struct Log {
    log: Mutex<Option<CoreLog<AnyDisk>>>,
    report: String,
    has_lost: bool,
    process_id: u32,
}

impl Drop for Log {
    /// In a forked child the node has closed this log's files, and their numbers may be others' by now.
    fn drop(&mut self) {
        if self.process_id != std::process::id()
            && let Ok(log) = self.log.get_mut()
        {
            std::mem::forget(log.take());
        }
    }
}

fn storage(cause: impl Cause) -> PyErr {
    refused(NodeError::storage(&cause))
}

fn invalid(text: String) -> PyErr {
    refusal_of("invalid", text)
}

/// What the log did not take, and is as it was.
fn not_taken(error: AppendError) -> PyErr {
    refused(NodeError {
        error_code: error.code.code(),
        ..NodeError::new("refused", error.text)
    })
}

/// Topic config names with parsed values, as `config/` hands them down; names of other rooms are passed over.
pub fn log_config(given: &Bound<'_, PyDict>) -> PyResult<LogConfig> {
    let mut config = LogConfig::default();
    for (key, value) in given.iter() {
        let key: String = key.extract()?;
        if value.is_none() {
            continue;
        }
        let value = if value.is_instance_of::<PyBool>() {
            ConfigValue::Bool(value.extract()?)
        } else if value.is_instance_of::<PyInt>() {
            ConfigValue::Int(value.extract()?)
        } else if value.is_instance_of::<PyFloat>() {
            ConfigValue::Double(value.extract()?)
        } else if value.is_instance_of::<PyString>() {
            ConfigValue::Text(value.extract()?)
        } else {
            ConfigValue::List(value.extract()?)
        };
        config.set(&key, &value).map_err(|e| invalid(e.text))?;
    }
    Ok(config)
}

impl Log {
    fn with<R>(&self, f: impl FnOnce(&mut CoreLog<AnyDisk>) -> PyResult<R>) -> PyResult<R> {
        let mut guard = self
            .log
            .lock()
            .map_err(|_| refusal_of("poisoned", "an earlier call broke this log"))?;
        let log = guard
            .as_mut()
            .ok_or_else(|| refusal_of("stopped", "this log is closed"))?;
        f(log)
    }
}

#[pymethods]
impl Log {
    #[new]
    #[pyo3(signature = (folder, config, *, now_ms, clean_shutdown=false, recovery_point=0, log_start_offset=0,
        disk=None))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        config: &Bound<'_, PyDict>,
        now_ms: i64,
        clean_shutdown: bool,
        recovery_point: i64,
        log_start_offset: i64,
        disk: Option<&Disk>,
    ) -> PyResult<Self> {
        let disk = disk.map_or_else(
            || AnyDisk::Node(NodeDisk::alone(true)),
            |given| given.disk.clone(),
        );
        let config = log_config(config)?;
        let hints = OpenHints {
            clean_shutdown,
            recovery_point,
            log_start_offset,
            skew_ms: 0,
        };
        let (mut log, recovery) = py
            .detach(|| CoreLog::open(disk, folder, config, now_ms, hints))
            .map_err(storage)?;
        // Nobody else says how far this log is replicated: what it holds may be read, and let go of.
        log.set_high_watermark(log.log_end_offset());
        Ok(Self {
            log: Mutex::new(Some(log)),
            report: recovery.to_string(),
            has_lost: recovery.has_lost(),
            process_id: std::process::id(),
        })
    }

    /// What opening mended, in one line; empty if nothing.
    #[getter]
    fn report(&self) -> &str {
        &self.report
    }

    /// Whether opening cut or dropped records.
    #[getter]
    fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Why nothing can be appended any more; empty while it can.
    #[getter]
    fn failure(&self) -> PyResult<String> {
        self.with(|log| Ok(log.failure().unwrap_or_default().to_owned()))
    }

    #[getter]
    fn start_offset(&self) -> PyResult<i64> {
        self.with(|log| Ok(log.log_start_offset()))
    }

    #[getter]
    fn end_offset(&self) -> PyResult<i64> {
        self.with(|log| Ok(log.log_end_offset()))
    }

    /// The leader epoch of the last batch; -1 in an empty log.
    #[getter]
    fn last_epoch(&self) -> PyResult<i32> {
        self.with(|log| Ok(log.latest_epoch().unwrap_or(-1)))
    }

    #[getter]
    fn size_bytes(&self) -> PyResult<u64> {
        self.with(|log| Ok(log.size()))
    }

    #[pyo3(signature = (batches, *, leader_epoch, now_ms))]
    fn append(
        &self,
        py: Python<'_>,
        batches: &[u8],
        leader_epoch: i32,
        now_ms: i64,
    ) -> PyResult<Appended> {
        let mut bytes = batches.to_vec();
        let context = AppendContext {
            now_ms,
            leader_epoch,
            origin: Origin::Raft,
            produce_version: i16::MAX,
            verification: 0,
            transaction_version: 0,
        };
        py.detach(|| {
            self.with(|log| {
                let appended = log.append(&mut bytes, &context).map_err(|e| match e.code {
                    Code::KafkaStorageError => storage(e),
                    _ => not_taken(e),
                })?;
                if log.flush_is_owed() {
                    log.flush().map_err(storage)?;
                }
                log.set_high_watermark(log.log_end_offset());
                Ok(Appended {
                    base_offset: appended.base_offset,
                    last_offset: appended.last_offset,
                })
            })
        })
    }

    /// fsync everything; the end offset that is now safe.
    fn flush(&self, py: Python<'_>) -> PyResult<i64> {
        py.detach(|| {
            self.with(|log| {
                log.flush().map_err(storage)?;
                Ok(log.log_end_offset())
            })
        })
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        offset: i64,
        bytes_max: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| {
            self.with(|log| {
                let end = log.log_end_offset();
                let slice = log
                    .read(offset, bytes_max, end, true)
                    .map_err(|e| match e {
                        ReadError::OffsetOutOfRange { .. } => refusal_of(
                            "offset-out-of-range",
                            format!("there is no offset {offset} in this log"),
                        ),
                        other => storage(other),
                    })?;
                let mut bytes = vec![0; slice.len];
                if let Some(file) = slice.file {
                    file.read_exact_at(&mut bytes, slice.position)
                        .map_err(storage)?;
                }
                let whole: usize = Batches::new(&bytes)
                    .map_while(Result::ok)
                    .map(|(_, _, batch)| batch.len())
                    .sum();
                bytes.truncate(whole);
                Ok(bytes)
            })
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Append what a leader sent, offsets and epochs as they came.
    #[pyo3(signature = (batches, *, now_ms))]
    fn append_as_follower(
        &self,
        py: Python<'_>,
        batches: &[u8],
        now_ms: i64,
    ) -> PyResult<Appended> {
        py.detach(|| {
            self.with(|log| {
                let appended = log.append_as_follower(batches, now_ms).map_err(not_taken)?;
                if log.flush_is_owed() {
                    log.flush().map_err(storage)?;
                }
                log.set_high_watermark(log.log_end_offset());
                Ok(Appended {
                    base_offset: appended.base_offset,
                    last_offset: appended.last_offset,
                })
            })
        })
    }

    /// Cut all records from `offset` on.
    fn truncate_to(&self, py: Python<'_>, offset: i64, now_ms: i64) -> PyResult<()> {
        py.detach(|| self.with(|log| log.truncate_to(offset, now_ms).map_err(storage)))
    }

    /// The largest epoch not above the asked one, and where it ended; -1 and -1 if unknown.
    fn epoch_end_offset(&self, leader_epoch: i32) -> PyResult<EpochEnd> {
        self.with(|log| {
            let (leader_epoch, end_offset) = log.epoch_end_offset(leader_epoch);
            Ok(EpochEnd {
                leader_epoch,
                end_offset,
            })
        })
    }

    /// Let the log start at `offset`, without the disk; the files that nobody needs now.
    fn forget_before(&self, offset: i64) -> PyResult<Vec<PathBuf>> {
        self.with(|log| log.forget_before(offset).map_err(storage))
    }

    /// Drop everything and begin again, empty, at `offset`.
    fn start_at(&self, py: Python<'_>, offset: i64, now_ms: i64) -> PyResult<()> {
        py.detach(|| {
            self.with(|log| {
                log.truncate_fully_and_start_at(offset, now_ms)
                    .map_err(storage)
            })
        })
    }

    /// Clean: flush, complete the indexes, snapshot. Else only let go of the files. Again: nothing.
    #[pyo3(signature = (*, clean))]
    fn close(&self, py: Python<'_>, clean: bool) -> PyResult<()> {
        let taken = self
            .log
            .lock()
            .map_err(|_| refusal_of("poisoned", "an earlier call broke this log"))?
            .take();
        match taken {
            Some(log) => py.detach(|| log.close(clean)).map_err(storage),
            None => Ok(()),
        }
    }
}
