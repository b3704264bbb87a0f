//! Why a text is no schema, and where.

/// One fault; `line` and `column` count from 1 and are 0 where no place is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub text: String,
    /// The path of the file that is at fault; empty where none is.
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl Fault {
    pub(crate) fn new(file: &str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            file: file.to_owned(),
            line: 0,
            column: 0,
        }
    }

    /// The fault at a place that counts from 0, as descriptors do.
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.line = line + 1;
        self.column = column + 1;
        self
    }

    /// The fault at a byte of its text.
    pub(crate) fn at_byte(self, source: &str, byte: usize) -> Self {
        let before = &source.as_bytes()[..byte.min(source.len())];
        let line = before.iter().filter(|&&b| b == b'\n').count();
        let start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count();
        self.at(line, column)
    }
}
