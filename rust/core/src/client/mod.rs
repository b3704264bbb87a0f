//! The bytes of producers and consumers: records into batches (`Outbox`), batches into records (`Fetched`).
//!
//! Which batch goes to whom, when and how often is decided above, in Python; here is no connection and no clock.

mod by_id;
mod columns;
mod fetched;
mod outbox;
mod partitioner;
mod queue;
#[cfg(test)]
mod tests;

pub use by_id::ById;
pub use columns::{Blobs, Columns};
pub use fetched::{Aborted, Fetched, FetchedBatch, Walk, for_producing, restamped, split};
pub use outbox::{Appended, Outbox, Refusal, Settings, Taken};
pub use partitioner::{Choice, partition_of};
