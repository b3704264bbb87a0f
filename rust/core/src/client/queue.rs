//! What waits to be sent to one partition: closed batches in order, and the one that still takes records.

use std::collections::VecDeque;
use std::io;

use super::fetched::for_producing;
use crate::batch::{BatchSpec, Builder, RecordOut};
use crate::compression::{Codec, Levels};

/// A batch that takes records.
pub struct Open {
    pub id: u64,
    builder: Builder,
    /// When it was first seen; None until somebody who knows the time has looked.
    pub born_ms: Option<i64>,
}

/// What a closed batch is made of.
pub enum Content {
    Records(Box<Builder>),
    /// Bytes of a sealed batch that somebody else made, and what they say of their records.
    Whole(Vec<u8>),
}

/// A batch that waits for its turn.
pub struct Closed {
    pub id: u64,
    pub count: i32,
    /// When it was first seen; None until somebody who knows the time has looked.
    pub born_ms: Option<i64>,
    content: Content,
}

impl Closed {
    /// The sealed batch.
    pub fn seal(self, spec: BatchSpec) -> io::Result<Vec<u8>> {
        match self.content {
            Content::Records(builder) => builder.finish_as(spec),
            Content::Whole(bytes) => for_producing(
                &bytes,
                spec.producer_id,
                spec.producer_epoch,
                spec.base_sequence,
                spec.transactional,
            ),
        }
    }
}

#[derive(Default)]
pub struct Queue {
    pub open: Option<Open>,
    pub closed: VecDeque<Closed>,
}

impl Queue {
    /// How many batches wait here.
    pub fn len(&self) -> usize {
        self.closed.len() + usize::from(self.open.is_some())
    }

    /// Whether a record of that size still fits into the open batch.
    pub fn fits(&self, bytes: usize, batch_bytes: usize) -> bool {
        let Some(open) = &self.open else { return false };
        open.builder.written() + bytes <= batch_bytes && open.builder.count() < i32::MAX - 1
    }

    /// Put a record into the open batch, or into a new one of that id; its place in the batch.
    pub fn append(&mut self, record: &RecordOut<'_>, new_id: u64) -> io::Result<(u64, i32)> {
        if self.open.is_none() {
            let plain = BatchSpec {
                codec: Codec::None,
                levels: Levels::default(),
                ..BatchSpec::default()
            };
            self.open = Some(Open {
                id: new_id,
                builder: Builder::new(plain)?,
                born_ms: None,
            });
        }
        let Some(open) = &mut self.open else {
            return Err(io::Error::other("no batch is open"));
        };
        let index = open.builder.count();
        let appended = open.builder.append(record);
        if index == 0 && appended.is_err() {
            self.open = None;
        }
        appended.map(|()| (new_id, index))?;
        Ok((self.open.as_ref().map_or(new_id, |open| open.id), index))
    }

    /// The open batch takes no more.
    pub fn close(&mut self) -> bool {
        let Some(open) = self.open.take() else {
            return false;
        };
        self.closed.push_back(Closed {
            id: open.id,
            count: open.builder.count(),
            born_ms: open.born_ms,
            content: Content::Records(Box::new(open.builder)),
        });
        true
    }

    /// A whole batch behind all that is here.
    pub fn append_whole(&mut self, id: u64, bytes: Vec<u8>, count: i32) {
        self.close();
        self.closed.push_back(Closed {
            id,
            count,
            born_ms: None,
            content: Content::Whole(bytes),
        });
    }
}
