//! What goes into a round and what comes out of it.

use super::super::error::LogError;

/// What one round may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerLimits {
    /// `log.cleaner.dedupe.buffer.size`, of one thread.
    pub keys_bytes_max: usize,
    /// `log.cleaner.io.buffer.load.factor`
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size`, of one thread: it reads so much at once.
    pub io_bytes: usize,
}

/// What a round has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cleaned {
    /// Read to learn the keys.
    pub mapped_bytes: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub records_read: u64,
    pub records_written: u64,
    /// Records without a key went.
    pub keyless: u64,
    /// How much of the table was in use, from 0 to 1.
    pub utilization: f64,
}

/// What a cleaner needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// `look`, under the log's lock.
    Log,
    /// `work`, without it.
    Disk,
    /// Nothing: the round is over, and the log is clean up to here.
    Nothing { clean_to: i64 },
}

/// Why a round ended early.
#[derive(Debug)]
pub enum CleanError {
    /// The log was cut, closed or deleted meanwhile. Nothing is wrong.
    Gone,
    /// What lies in the log, or the table's size, lets no round succeed.
    Uncleanable(String),
    Disk(LogError),
}

impl From<LogError> for CleanError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt { .. } | LogError::OutOfRange { .. } => {
                Self::Uncleanable(error.to_string())
            }
            error => Self::Disk(error),
        }
    }
}
