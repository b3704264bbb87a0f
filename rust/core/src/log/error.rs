//! What a log can refuse, with Kafka's error codes where a client sees them (`code.rs`).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::code::Code;
use crate::error::Cause;

/// One record that a batch was refused for (Produce response v8 and up: `record_errors`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    pub batch_index: i32,
    pub text: Option<String>,
}

/// Why nothing was appended. The log is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendError {
    pub code: Code,
    pub text: String,
    pub record_errors: Vec<RecordError>,
    /// The log itself refused what is in the records. Kafka then tells the log start offset; it does not for what
    /// was refused at first sight, for sizes, checksums and the disk.
    pub by_content: bool,
    /// The system's number, where the disk refused.
    pub errno: Option<i32>,
    pub flaw: Flaw,
}

/// What is wrong with a batch, as far as Kafka counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flaw {
    #[default]
    None,
    TooLarge,
    Magic,
    Checksum,
    OffsetOrSequence,
    NoKey,
}

impl AppendError {
    /// The same, which is counted.
    #[must_use]
    pub fn counted(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    /// Where a text names the partition: a log does not know what it is called, whoever answers does.
    pub const PARTITION: &'static str = "{partition}";

    /// With the partition's name in all texts that tell it.
    #[must_use]
    pub fn of_partition(mut self, name: &str) -> Self {
        let texts = self
            .record_errors
            .iter_mut()
            .filter_map(|e| e.text.as_mut());
        for text in texts.chain([&mut self.text]) {
            *text = text.replace(Self::PARTITION, name);
        }
        self
    }

    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            record_errors: Vec::new(),
            by_content: false,
            errno: None,
            flaw: Flaw::None,
        }
    }

    pub(crate) fn content(code: Code, text: impl Into<String>) -> Self {
        Self {
            by_content: true,
            ..Self::new(code, text)
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for AppendError {}

impl Cause for AppendError {
    fn errno(&self) -> Option<i32> {
        self.errno
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}

/// What waits in memory, or can be made anew, may wait for space.
pub(crate) trait UnlessFull: Sized {
    fn unless_full(self) -> Self;
}

impl UnlessFull for io::Result<()> {
    fn unless_full(self) -> Self {
        self.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })
    }
}

impl UnlessFull for Result<(), LogError> {
    fn unless_full(self) -> Self {
        self.or_else(|error| if error.is_full() { Ok(()) } else { Err(error) })
    }
}

/// What a failed sync was doing.
pub(crate) const SYNCING: &str = "syncing";

/// The disk failed, or what lies on it can't be a log.
#[derive(Debug)]
pub enum LogError {
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A file is there but is not what Kafka would have written.
    Corrupt { path: PathBuf, text: String },
    /// The request does not fit the log (a bound beyond its end, say).
    OutOfRange { text: String },
    /// A sync or a cut failed before, so that nobody knows what the disk holds: only opening it anew helps, and
    /// after a sync not even that.
    Failed {
        text: String,
        by_sync: bool,
        errno: Option<i32>,
    },
}

impl LogError {
    /// Whether a sync failed, now or before. What the page cache held is then lost or not, and no later sync will
    /// tell.
    pub fn is_failed_sync(&self) -> bool {
        match self {
            Self::Io { doing, .. } => *doing == SYNCING,
            Self::Failed { by_sync, .. } => *by_sync,
            Self::Corrupt { .. } | Self::OutOfRange { .. } => false,
        }
    }

    /// Whether there was no room for what was to be written.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    pub fn corrupt(path: &Path, text: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            text: text.into(),
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                doing,
                path,
                source,
            } => {
                write!(f, "{doing} {}: {source}", path.display())?;
                if is_full(source) {
                    f.write_str("; free some space")?;
                }
                Ok(())
            }
            Self::Corrupt { path, text } => write!(f, "{}: {text}", path.display()),
            Self::OutOfRange { text } | Self::Failed { text, .. } => f.write_str(text),
        }
    }
}

impl std::error::Error for LogError {}

impl Cause for LogError {
    fn errno(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error(),
            Self::Failed { errno, .. } => *errno,
            Self::Corrupt { .. } | Self::OutOfRange { .. } => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. } | Self::Corrupt { path, .. } => Some(path),
            Self::OutOfRange { .. } | Self::Failed { .. } => None,
        }
    }
}

impl From<LogError> for AppendError {
    fn from(e: LogError) -> Self {
        Self {
            errno: e.errno(),
            ..Self::new(Code::KafkaStorageError, e.to_string())
        }
    }
}

/// Why nothing can be read at an offset.
#[derive(Debug)]
pub enum ReadError {
    OffsetOutOfRange {
        log_start_offset: i64,
        log_end_offset: i64,
    },
    Log(LogError),
}

impl From<LogError> for ReadError {
    fn from(e: LogError) -> Self {
        Self::Log(e)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffsetOutOfRange {
                log_start_offset,
                log_end_offset,
            } => {
                write!(
                    f,
                    "the log holds offsets {log_start_offset} to {log_end_offset}"
                )
            }
            Self::Log(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl Cause for ReadError {
    fn errno(&self) -> Option<i32> {
        match self {
            Self::OffsetOutOfRange { .. } => None,
            Self::Log(error) => error.errno(),
        }
    }
}

/// Say what was being done to which file.
pub(crate) trait During<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, LogError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, doing: &'static str, path: &Path) -> Result<T, LogError> {
        self.map_err(|source| LogError::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
