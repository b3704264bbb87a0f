//! Batches of transactions, as a Produce request brings them: which rules the request as a whole keeps, and which of its
//! partitions know nothing of the transaction yet, so that whoever decides is asked about them first (KIP-890).
//!
//! It holds what was asked and what was answered, by the request's partitions. A request without transactional batches has
//! nothing here, and one whose partitions all know its transaction asks nothing.

use std::sync::Arc;

use crate::batch::{Header, first_header, is_transactional};
use crate::code::Code;
use crate::hosting::{Awaited, Told};
use crate::hot::{ProduceRequest, Produced};

/// A partition that knew nothing of the transaction.
struct Part {
    /// In the request.
    place: usize,
    /// Appending to it needs this.
    number: u64,
    name: (Arc<str>, i32),
    /// None until it is answered.
    said: Option<Told>,
}

/// What is known of a partition of the request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said<'a> {
    Refused(&'a Told),
    /// It may be appended to, with this number.
    GoOn(u64),
}

pub(super) struct Verifying<W> {
    /// Whether it has transactional batches at all: those of no producer are nobody's transaction, and are appended as any
    /// other, but not by clients that may not use the request's transactional id.
    is_transactional: bool,
    /// Producer id and epoch of its transactional batches, if it has any of a producer.
    producer: Option<(i64, i16)>,
    /// They are not all of one producer.
    is_mixed: bool,
    /// Its transactional id may be written with.
    pub is_permitted: bool,
    /// In the request's order.
    parts: Vec<Part>,
    asked: Option<Awaited<W>>,
}

impl<W> Default for Verifying<W> {
    fn default() -> Self {
        Self {
            is_transactional: false,
            producer: None,
            is_mixed: false,
            is_permitted: false,
            parts: Vec::new(),
            asked: None,
        }
    }
}

/// The header of a client's batch, if that is whole and says that it is one of a transaction.
fn transactional(records: &[u8]) -> Option<Header> {
    if !is_transactional(records) {
        return None;
    }
    let header = first_header(records).ok()?;
    header.is_transactional().then_some(header)
}

/// The same, if it has a producer.
pub(super) fn of_producer(records: &[u8]) -> Option<Header> {
    transactional(records).filter(Header::has_producer_id)
}

impl<W> Verifying<W> {
    /// Begin with a request: see whose its transactional batches are.
    pub fn begin(&mut self, frame: &[u8], request: &ProduceRequest) {
        self.forget();
        let records = request.parts.iter().filter_map(|part| part.records.clone());
        for header in records.filter_map(|records| transactional(&frame[records])) {
            self.is_transactional = true;
            if header.has_producer_id() {
                let producer = (header.producer_id, header.producer_epoch);
                let first = *self.producer.get_or_insert(producer);
                self.is_mixed |= producer != first;
            }
        }
    }

    /// Nobody waits for an answer any more.
    pub fn forget(&mut self) {
        self.is_transactional = false;
        self.producer = None;
        self.is_mixed = false;
        self.is_permitted = false;
        self.parts.clear();
        self.asked = None;
    }

    /// Keep no list that is longer than is usual.
    pub fn shrink_to(&mut self, entries: usize) {
        self.parts.shrink_to(entries);
    }

    pub fn is_transactional(&self) -> bool {
        self.is_transactional
    }

    pub fn producer(&self) -> Option<(i64, i16)> {
        self.producer
    }

    /// Why a request of that transactional id is refused as a whole, once its id is permitted.
    pub fn refusal(&self) -> Option<Produced> {
        let text = "Transactional records contained more than one producer ID";
        (self.is_mixed).then(|| Produced::refused_with(Code::InvalidProducerIdMapping, text))
    }

    /// Whether it waits for an answer. One that has come is taken in.
    pub fn waits(&mut self) -> bool {
        let Some(asked) = &self.asked else {
            return false;
        };
        let Some(told) = asked.take() else {
            return true;
        };
        let open = self.parts.iter_mut().filter(|part| part.said.is_none());
        for (part, told) in open.zip(told) {
            part.said = Some(told);
        }
        self.asked = None;
        false
    }

    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// What was said of the partition at this place.
    pub fn said(&self, place: usize) -> Option<Said<'_>> {
        let part = self.find(place)?;
        let told = part.said.as_ref()?;
        Some(match told.code {
            Code::None => Said::GoOn(part.number),
            _ => Said::Refused(told),
        })
    }

    /// Whether it is known, or going to be asked.
    pub fn has(&self, place: usize) -> bool {
        self.find(place).is_some()
    }

    fn find(&self, place: usize) -> Option<&Part> {
        let at = self.parts.binary_search_by_key(&place, |part| part.place);
        at.ok().map(|at| &self.parts[at])
    }

    /// One more that is to be asked about, or is refused at once.
    pub fn add(&mut self, place: usize, name: (Arc<str>, i32), begun: Result<u64, Code>) {
        let at = self.parts.partition_point(|part| part.place < place);
        let part = Part {
            place,
            number: begun.unwrap_or_default(),
            name,
            said: begun.err().map(|code| Told { code, text: None }),
        };
        self.parts.insert(at, part);
    }

    /// The partitions that are to be asked about.
    pub fn open(&self) -> Vec<(Arc<str>, i32)> {
        let open = self.parts.iter().filter(|part| part.said.is_none());
        open.map(|part| part.name.clone()).collect()
    }

    pub fn asks(&mut self, asked: Awaited<W>) {
        self.asked = Some(asked);
    }
}

/// What the producer of a partition is told that may not be written to.
pub(super) fn refused(told: &Told) -> Produced {
    Produced {
        error_message: told.text.clone(),
        ..Produced::refused(told.code)
    }
}
