//! Whole record batches in: no record becomes an object of Python.
//!
//! What a fetch brought is read piece by piece, and a piece is worked on before the next one is read: so the
//! records in memory at a time are bounded, however many a fetch has and however far they unpack.

use bytes::Bytes;
use ottla_core::batch::{Fault, HEADER_BYTES, Header, Records, SliceSource};
use ottla_core::client::{Fetched, Walk};
use ottla_streams::plan::TopicId;
use ottla_streams::task::Input;

/// What the records of one batch may unpack to.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// A piece ends with a record after so many records, or with the batch that unpacks to so many bytes.
const PIECE_RECORDS_MAX: usize = 1 << 15;
const PIECE_BYTES_MAX: usize = 1 << 24;
/// A record's length, attributes, time, offset, and the lengths of its key, value and headers.
const RECORD_BYTES_MIN: usize = 7;

/// Why a fetch was not worked on to its end.
pub enum Halt<E> {
    /// By what is wrong with its bytes.
    Damaged(String),
    Stopped(E),
}

/// The records of what was fetched from one partition, in pieces; keys and values are slices of it.
pub fn work_on<E>(
    origin: (TopicId, i32),
    data: &Bytes,
    work: impl FnMut(Vec<Input>) -> Result<(), E>,
) -> Result<(), Halt<E>> {
    let fetched = Fetched::new(data, 0, None, true);
    if let Some(fault) = fetched.fault {
        return Err(Halt::Damaged(fault));
    }
    let mut piece = Piece {
        origin,
        inputs: Vec::new(),
        bytes: 0,
        work,
    };
    for batch in &fetched.batches {
        piece.read(&batch.header, &data.slice(batch.at.clone()))?;
        if piece.bytes >= PIECE_BYTES_MAX {
            piece.end()?;
        }
    }
    piece.end()
}

/// The records that are worked on together.
struct Piece<W> {
    origin: (TopicId, i32),
    inputs: Vec<Input>,
    /// What was unpacked for them.
    bytes: usize,
    work: W,
}

impl<E, W: FnMut(Vec<Input>) -> Result<(), E>> Piece<W> {
    fn end(&mut self) -> Result<(), Halt<E>> {
        self.bytes = 0;
        match self.inputs.is_empty() {
            true => Ok(()),
            false => (self.work)(std::mem::take(&mut self.inputs)).map_err(Halt::Stopped),
        }
    }

    fn read(&mut self, header: &Header, batch: &Bytes) -> Result<(), Halt<E>> {
        let damaged = |fault: Fault| Halt::Damaged(fault.text().to_owned());
        let unpacked = Walk::new(header, batch, UNPACKED_BYTES_MAX)
            .map_err(damaged)?
            .into_unpacked();
        let whole = match unpacked {
            Some(unpacked) => {
                self.bytes += unpacked.len();
                Bytes::from(unpacked)
            }
            None => batch.slice(HEADER_BYTES..),
        };
        // What the header says is bounded by what there is, else it could ask for all memory.
        let count = usize::try_from(header.record_count).unwrap_or(0);
        let sure = count.min(whole.len() / RECORD_BYTES_MIN);
        self.inputs.reserve(sure.min(PIECE_RECORDS_MAX));
        let mut records = Records::new(SliceSource::new(&whole), header.record_count);
        let (topic, partition) = self.origin;
        while let Some(spans) = records.next_spans().map_err(damaged)? {
            let headers = spans.headers.into_iter().map(|(name, value)| {
                let name = String::from_utf8_lossy(&whole[name]).into_owned();
                (name, value.map(|at| whole.slice(at)))
            });
            let delta = i64::from(spans.offset_delta);
            self.inputs.push(Input {
                topic,
                partition,
                offset: header.base_offset.saturating_add(delta),
                key: spans.key.map(|at| whole.slice(at)),
                value: spans.value.map(|at| whole.slice(at)),
                timestamp: header.timestamp(spans.timestamp_delta),
                headers: headers.collect(),
            });
            if self.inputs.len() >= PIECE_RECORDS_MAX {
                self.end()?;
            }
        }
        Ok(())
    }
}
