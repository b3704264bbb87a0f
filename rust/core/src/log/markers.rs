//! The marker that ends a transaction in a log: a control batch of one record, and what it says.

use std::io;

use crate::batch::{BatchSpec, Builder, RecordOut};

const VERSION: i16 = 0;
const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// A transaction marker's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub commit: bool,
    pub coordinator_epoch: i32,
    pub timestamp_ms: i64,
}

impl Marker {
    /// From a control record; None if it is some other control record.
    pub fn parse(key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64) -> Option<Self> {
        let commit = match key?.get(2..4)? {
            [0, 0] => false,
            [0, 1] => true,
            _ => return None,
        };
        let mut epoch = [0; 4];
        epoch.copy_from_slice(value?.get(2..6)?);
        Some(Self {
            commit,
            coordinator_epoch: i32::from_be_bytes(epoch),
            timestamp_ms,
        })
    }

    /// The control batch that ends a producer's transaction, as Apache Kafka 4.3.1 writes it.
    ///
    /// # Errors
    /// None that memory has not.
    pub fn batch(&self, producer_id: i64, producer_epoch: i16) -> io::Result<Vec<u8>> {
        let mut builder = Builder::new(BatchSpec {
            producer_id,
            producer_epoch,
            transactional: true,
            control: true,
            ..BatchSpec::default()
        })?;
        let kind = if self.commit { COMMIT } else { ABORT };
        let key = [VERSION, kind].map(i16::to_be_bytes).concat();
        let value = [
            &VERSION.to_be_bytes()[..],
            &self.coordinator_epoch.to_be_bytes(),
        ]
        .concat();
        builder.append(&RecordOut {
            timestamp_ms: self.timestamp_ms,
            key: Some(&key),
            value: Some(&value),
            headers: &[],
        })?;
        builder.finish(None)
    }
}
