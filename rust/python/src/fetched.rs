//! `ottla_core::client::Fetched` for Python: handles of what arrived, and a record object where one is asked for.

use ottla_core::batch::{Fault, Header, Spans};
use ottla_core::client::{self, Aborted, FetchedBatch, Walk};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::errors::refusal_of;
use crate::frame::{AnyBytes, Frame};

/// A record as a consumer gets it.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct ConsumerRecord {
    topic: Py<PyString>,
    partition: i32,
    offset: i64,
    timestamp_ms: i64,
    is_log_append_time: bool,
    leader_epoch: i32,
    key: Option<Py<PyBytes>>,
    value: Option<Py<PyBytes>>,
    headers: Py<PyTuple>,
}

#[pymethods]
impl ConsumerRecord {
    /// For tests of what handles records, and for other processes.
    #[new]
    #[pyo3(signature = (topic, partition, offset, *, timestamp_ms = -1, is_log_append_time = false,
        leader_epoch = -1, key = None, value = None, headers = None),
        text_signature = "(topic, partition, offset, *, timestamp_ms=-1, is_log_append_time=False, \
        leader_epoch=-1, key=None, value=None, headers=None)")]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        topic: Py<PyString>,
        partition: i32,
        offset: i64,
        timestamp_ms: i64,
        is_log_append_time: bool,
        leader_epoch: i32,
        key: Option<Py<PyBytes>>,
        value: Option<Py<PyBytes>>,
        headers: Option<Vec<(String, Option<Py<PyBytes>>)>>,
    ) -> PyResult<Self> {
        Ok(Self {
            topic,
            partition,
            offset,
            timestamp_ms,
            is_log_append_time,
            leader_epoch,
            key,
            value,
            headers: PyTuple::new(py, headers.unwrap_or_default())?.unbind(),
        })
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let named = PyDict::new(py);
        named.set_item("timestamp_ms", self.timestamp_ms)?;
        named.set_item("is_log_append_time", self.is_log_append_time)?;
        named.set_item("leader_epoch", self.leader_epoch)?;
        named.set_item("key", &self.key)?;
        named.set_item("value", &self.value)?;
        named.set_item("headers", &self.headers)?;
        let place = (&self.topic, self.partition, self.offset).into_pyobject(py)?;
        Ok((place, named))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (all, others) = (
            self.__getnewargs_ex__(py)?,
            other.get().__getnewargs_ex__(py)?,
        );
        Ok(all.0.eq(others.0)? && all.1.eq(others.1)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (&self.topic, self.partition, self.offset)
            .into_pyobject(py)?
            .hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let shown = |bytes: &Option<Py<PyBytes>>| match bytes {
            Some(bytes) => bytes.bind(py).repr().map(|text| text.to_string()),
            None => Ok("None".to_owned()),
        };
        Ok(format!(
            "ConsumerRecord(topic='{}', partition={}, offset={}, timestamp_ms={}, key={}, value={})",
            self.topic,
            self.partition,
            self.offset,
            self.timestamp_ms,
            shown(&self.key)?,
            shown(&self.value)?
        ))
    }
}

/// What all records of one Fetch of a partition share.
struct Place {
    topic: Py<PyString>,
    partition: i32,
    no_headers: Py<PyTuple>,
    unpacked_bytes_max: u64,
}

impl Place {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            topic: self.topic.clone_ref(py),
            partition: self.partition,
            no_headers: self.no_headers.clone_ref(py),
            unpacked_bytes_max: self.unpacked_bytes_max,
        }
    }

    fn record(
        &self,
        py: Python<'_>,
        header: &Header,
        bytes: &[u8],
        spans: Spans,
    ) -> PyResult<ConsumerRecord> {
        let part =
            |at: Option<std::ops::Range<usize>>| at.map(|at| PyBytes::new(py, &bytes[at]).unbind());
        let headers = match spans.headers.is_empty() {
            true => self.no_headers.clone_ref(py),
            false => {
                let pairs = spans.headers.into_iter().map(|(name, value)| {
                    (
                        String::from_utf8_lossy(&bytes[name]).into_owned(),
                        part(value),
                    )
                });
                PyTuple::new(py, pairs.collect::<Vec<_>>())?.unbind()
            }
        };
        Ok(ConsumerRecord {
            topic: self.topic.clone_ref(py),
            partition: self.partition,
            offset: header.base_offset + i64::from(spans.offset_delta),
            timestamp_ms: header.timestamp(spans.timestamp_delta),
            is_log_append_time: header.is_log_append_time(),
            leader_epoch: header.leader_epoch,
            key: part(spans.key),
            value: part(spans.value),
            headers,
        })
    }
}

/// What a Fetch brought of one partition, and how far it was read.
#[pyclass(module = "ottla._core")]
pub struct Fetched {
    place: Place,
    data: Frame,
    inner: client::Fetched,
    at: usize,
    walk: Option<Walk>,
    position: i64,
}

#[pymethods]
impl Fetched {
    /// Without a list of aborted transactions all batches count.
    #[new]
    #[pyo3(signature = (topic, partition, data, *, position, aborted, check_crcs, unpacked_bytes_max))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        topic: Py<PyString>,
        partition: i32,
        data: AnyBytes<'_>,
        position: i64,
        aborted: Option<Vec<(i64, i64)>>,
        check_crcs: bool,
        unpacked_bytes_max: u64,
    ) -> Self {
        let aborted = aborted.map(|rows| {
            let rows = rows.into_iter();
            let row = |(producer_id, first_offset)| Aborted {
                producer_id,
                first_offset,
            };
            rows.map(row).collect::<Vec<_>>()
        });
        let data = data.to_frame();
        let bytes = data.as_bytes();
        let inner =
            py.detach(|| client::Fetched::new(bytes, position, aborted.as_deref(), check_crcs));
        let position = match inner.batches.is_empty() {
            true => inner.next_offset,
            false => position,
        };
        Self {
            place: Place {
                topic,
                partition,
                no_headers: PyTuple::empty(py).unbind(),
                unpacked_bytes_max,
            },
            data,
            inner,
            at: 0,
            walk: None,
            position,
        }
    }

    /// The offset behind what was given out.
    #[getter]
    fn position(&self) -> i64 {
        self.position
    }

    /// The offset behind all of it.
    #[getter]
    fn next_offset(&self) -> i64 {
        self.inner.next_offset
    }

    #[getter]
    fn leader_epoch(&self) -> i32 {
        self.inner.leader_epoch
    }

    /// Whether everything was given out.
    #[getter]
    fn is_done(&self) -> bool {
        self.at == self.inner.batches.len()
    }

    #[getter]
    fn size_bytes(&self) -> usize {
        self.data.as_bytes().len()
    }

    /// Why nothing behind `next_offset` can be read, if so.
    #[getter]
    fn fault(&self) -> Option<&str> {
        self.inner.fault.as_deref()
    }

    /// The next records, so many at most. Raises CoreError "corrupt-batch" where no record can be read.
    fn records<'py>(&mut self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyList>> {
        let found = PyList::empty(py);
        while found.len() < most {
            match self.next(py) {
                Ok(Some(record)) => found.append(record)?,
                Ok(None) => break,
                Err(error) if found.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(found)
    }

    /// All batches that were not given out, whole; of the first perhaps only the end counts.
    fn batches<'py>(slf: Bound<'py, Self>) -> PyResult<Vec<Bound<'py, RecordBatch>>> {
        let py = slf.py();
        let mut this = slf.borrow_mut();
        let mut found = Vec::new();
        for batch in &this.inner.batches[this.at..] {
            let made = RecordBatch {
                place: this.place.clone_ref(py),
                data: this.data.clone(),
                batch: batch.clone(),
                first_offset: batch.header.base_offset.max(this.position),
            };
            found.push(Bound::new(py, made)?);
        }
        this.at = this.inner.batches.len();
        this.walk = None;
        this.position = this.inner.next_offset;
        Ok(found)
    }
}

impl Fetched {
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<ConsumerRecord>> {
        while let Some(batch) = self.inner.batches.get(self.at) {
            let raw = &self.data.as_bytes()[batch.at.clone()];
            let walk = match &mut self.walk {
                Some(walk) => walk,
                empty => empty.insert(opened(py, batch, raw, self.place.unpacked_bytes_max)?),
            };
            let Some(spans) = walk.next(raw).map_err(|fault| corrupt(batch, &fault))? else {
                self.walk = None;
                self.at += 1;
                let is_last = self.at == self.inner.batches.len();
                let behind = if is_last {
                    self.inner.next_offset
                } else {
                    batch.header.next_offset()
                };
                self.position = self.position.max(behind);
                continue;
            };
            let offset = batch.header.base_offset + i64::from(spans.offset_delta);
            if offset < self.position {
                continue;
            }
            let record = self
                .place
                .record(py, &batch.header, walk.bytes(raw), spans)?;
            self.position = offset + 1;
            return Ok(Some(record));
        }
        Ok(None)
    }
}

fn opened(py: Python<'_>, batch: &FetchedBatch, raw: &[u8], most: u64) -> PyResult<Walk> {
    py.detach(|| Walk::new(&batch.header, raw, most))
        .map_err(|fault| corrupt(batch, &fault))
}

fn corrupt(batch: &FetchedBatch, fault: &Fault) -> PyErr {
    let at = batch.header.base_offset;
    refusal_of(
        "corrupt-batch",
        format!("the batch at offset {at}: {}", fault.text()),
    )
}

/// One batch as it arrived, without an object for each record.
#[pyclass(frozen, module = "ottla._core")]
pub struct RecordBatch {
    place: Place,
    data: Frame,
    batch: FetchedBatch,
    /// From where on its records count.
    #[pyo3(get)]
    first_offset: i64,
}

#[pymethods]
impl RecordBatch {
    #[getter]
    fn topic(&self, py: Python<'_>) -> Py<PyString> {
        self.place.topic.clone_ref(py)
    }

    #[getter]
    fn partition(&self) -> i32 {
        self.place.partition
    }

    #[getter]
    fn base_offset(&self) -> i64 {
        self.batch.header.base_offset
    }

    #[getter]
    fn last_offset(&self) -> i64 {
        self.batch.header.last_offset()
    }

    #[getter]
    fn leader_epoch(&self) -> i32 {
        self.batch.header.leader_epoch
    }

    #[getter]
    fn max_timestamp_ms(&self) -> i64 {
        self.batch.header.max_timestamp
    }

    #[getter]
    fn is_log_append_time(&self) -> bool {
        self.batch.header.is_log_append_time()
    }

    #[getter]
    fn is_transactional(&self) -> bool {
        self.batch.header.is_transactional()
    }

    #[getter]
    fn producer_id(&self) -> i64 {
        self.batch.header.producer_id
    }

    #[getter]
    fn codec(&self) -> &'static str {
        self.batch
            .header
            .codec()
            .map_or("unknown", |codec| codec.name())
    }

    #[getter]
    fn size_bytes(&self) -> usize {
        self.batch.at.len()
    }

    /// How many records it holds, those before `first_offset` too.
    fn __len__(&self) -> usize {
        self.batch.header.record_count.max(0) as usize
    }

    /// A copy of its bytes, as they arrived.
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.data.as_bytes()[self.batch.at.clone()])
    }

    /// An object for each record that counts. Raises CoreError "corrupt-batch".
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let raw = &self.data.as_bytes()[self.batch.at.clone()];
        let mut walk = opened(py, &self.batch, raw, self.place.unpacked_bytes_max)?;
        let found = PyList::empty(py);
        let header = &self.batch.header;
        while let Some(spans) = walk
            .next(raw)
            .map_err(|fault| corrupt(&self.batch, &fault))?
        {
            if header.base_offset + i64::from(spans.offset_delta) >= self.first_offset {
                found.append(self.place.record(py, header, walk.bytes(raw), spans)?)?;
            }
        }
        Ok(found)
    }

    fn __repr__(&self) -> String {
        let header = &self.batch.header;
        format!(
            "<RecordBatch of {}-{}: offsets {} to {}, {} records, {} bytes>",
            self.place.topic,
            self.place.partition,
            header.base_offset,
            header.last_offset(),
            header.record_count,
            self.batch.at.len()
        )
    }
}

/// A column of bytes: where each ends, all of them, and a bit for each that is there.
type Blobs = (Py<PyBytes>, Py<PyBytes>, Py<PyBytes>);

/// The records of batches, a column each, in the layout of Apache Arrow. Raises CoreError "corrupt-batch".
#[pyfunction]
#[allow(clippy::type_complexity)]
fn columns_of(
    py: Python<'_>,
    batches: Vec<Bound<'_, RecordBatch>>,
) -> PyResult<(
    usize,
    (Py<PyBytes>, Py<PyBytes>),
    (Blobs, Blobs),
    (Py<PyBytes>, Blobs, Blobs),
)> {
    let mut columns = client::Columns::default();
    for batch in &batches {
        let this = batch.get();
        let raw = &this.data.as_bytes()[this.batch.at.clone()];
        let header = &this.batch.header;
        let most = this.place.unpacked_bytes_max;
        py.detach(|| columns.add(header, raw, this.first_offset, most))
            .map_err(|fault| corrupt(&this.batch, &fault))?;
    }
    let longs = |numbers: &[i64]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        PyBytes::new(py, &bytes).unbind()
    };
    let blobs = |column: &client::Blobs| {
        let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
        (
            longs(&column.ends),
            bytes(&column.data),
            bytes(&column.valid),
        )
    };
    let ends: Vec<u8> = columns
        .header_ends
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    Ok((
        columns.offsets.len(),
        (longs(&columns.offsets), longs(&columns.timestamps)),
        (blobs(&columns.keys), blobs(&columns.values)),
        (
            PyBytes::new(py, &ends).unbind(),
            blobs(&columns.header_names),
            blobs(&columns.header_values),
        ),
    ))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ConsumerRecord>()?;
    module.add_class::<Fetched>()?;
    module.add_class::<RecordBatch>()?;
    module.add_function(wrap_pyfunction!(columns_of, module)?)
}
