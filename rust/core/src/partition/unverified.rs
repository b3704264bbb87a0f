//! Batches of transactions that a partition knows nothing of: whether somebody has to be asked about one (KIP-890).

use super::{Partition, Waiter};
use crate::batch::Header;
use crate::code::Code;
use crate::disk::Disk;
use crate::log::Verifying;

impl<D: Disk, W: Waiter> Partition<D, W> {
    /// Whether a client's transactional batch is of a transaction that this log knows nothing of, so that it is asked
    /// about. Where nothing is appended anyway nobody is asked.
    pub fn is_unverified(&self, batch: &Header) -> bool {
        self.offline.is_none() && self.leads() && !self.log.has_transaction(batch)
    }

    /// Somebody is asked about it: the number that appending it needs. None if nobody has to be.
    ///
    /// # Errors
    /// Its epoch is over, which nobody has to be asked about.
    pub fn verify(&mut self, batch: &Header, asked: &Verifying) -> Result<Option<u64>, Code> {
        if !self.is_unverified(batch) {
            return Ok(None);
        }
        self.log.verify(batch, asked).map_err(|error| error.code)
    }
}
