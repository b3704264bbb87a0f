//! Compaction of one log: of records that share a key the latest stays, offsets stay as they are.
//!
//! A `Cleaner` is one round in small steps. It says what it `wants` next: a look at the log, under the lock that its owner
//! holds for no longer than that, or work on files that nobody else reads. So nothing that serves waits for it, and a
//! round can be given up between any two steps.
//!
//! First the keys of the part that was not cleaned yet are learnt, up to what the table holds, and each segment of it is
//! synced, and those behind it, where the markers of its transactions may be: else a power cut could take what supersedes
//! a record that was on disk for long and is no more, or what committed it. Then all segments up to there are written
//! anew, a group of neighbours into one, as `BASE.*.cleaned`. These get their places thus, each line safe on disk before
//! the next begins, so that a power cut leaves either the old segments or the new one:
//!
//! 1. the new files, and their names;
//! 2. their names with `.swap`: from here on whoever opens the folder finishes what is left (`open.rs`);
//! 3. the log itself reads the new segment; the old ones are renamed to `.deleted`. Those behind the last batch that is left
//!    are covered by no `.swap`, and go one by one from the first on: a tombstone must not go before what it deletes;
//! 4. the new files lose their `.swap`.

mod api;
mod cleanable;
mod groups;
mod latest;
mod output;
mod reading;
mod retain;
mod round;
mod swap;
#[cfg(test)]
mod tests;
mod transactions;

pub use api::{CleanError, Cleaned, CleanerLimits, Wants};
pub use cleanable::Cleanable;
pub use round::Cleaner;
