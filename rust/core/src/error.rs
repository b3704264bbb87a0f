//! The one error that the node gives to Python: what code can compare, and a text for people.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::code::Code;

/// A refusal; `kind` is one of the kinds listed in the skin's `errors.rs`. Nobody has to look into the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreError {
    pub kind: &'static str,
    pub text: String,
    /// As a client is told it, in Kafka's numbers.
    pub error_code: i16,
    /// The system's number, where the system refused.
    pub errno: Option<i32>,
    /// The file or folder that it is about, where it is about one.
    pub path: Option<PathBuf>,
}

impl CoreError {
    pub fn new(kind: &'static str, text: impl Into<String>) -> Self {
        let error_code = match kind {
            "unknown-partition" => Code::UnknownTopicOrPartition,
            "not-leader" => Code::NotLeaderOrFollower,
            "offset-out-of-range" => Code::OffsetOutOfRange,
            "storage" | "offline" | "away" => Code::KafkaStorageError,
            _ => Code::UnknownServerError,
        };
        Self {
            kind,
            text: text.into(),
            error_code: error_code.code(),
            errno: None,
            path: None,
        }
    }

    /// It is about this file or folder.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// "storage": what a disk refused, in its own words.
    pub fn storage(cause: &(impl Cause + ?Sized)) -> Self {
        Self::caused("storage", cause, cause.to_string())
    }

    /// The same in other words.
    pub fn caused(
        kind: &'static str,
        cause: &(impl Cause + ?Sized),
        text: impl Into<String>,
    ) -> Self {
        Self {
            errno: cause.errno(),
            path: cause.path().map(Path::to_owned),
            ..Self::new(kind, text)
        }
    }
}

/// What may have come from the system.
pub trait Cause: Display {
    fn errno(&self) -> Option<i32>;

    /// What it is about, where that is known.
    fn path(&self) -> Option<&Path> {
        None
    }
}

impl Cause for io::Error {
    fn errno(&self) -> Option<i32> {
        self.raw_os_error()
    }
}

impl Cause for CoreError {
    fn errno(&self) -> Option<i32> {
        self.errno
    }

    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

/// Found out here, not told by the system.
impl Cause for String {
    fn errno(&self) -> Option<i32> {
        None
    }
}

impl Cause for str {
    fn errno(&self) -> Option<i32> {
        None
    }
}

impl std::fmt::Display for CoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

impl std::error::Error for CoreError {}
