//! Who cleans which log, at what pace, and what came of it. How it is done is in `cleaning.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::pace::Pace;
use crate::log::{Cleanable, Cleaned, CleanerLimits, ConfigError, ConfigValue};

/// A partition by its topic, topic id and index, wherever it lies.
pub type Name = (Arc<str>, [u8; 16], i32);

/// What the node's configuration says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanerConfig {
    pub enabled: bool,
    /// So many logs are cleaned at once, at most.
    pub threads: usize,
    pub keys_bytes_max: u64,
    pub load_factor: f64,
    pub io_bytes: u64,
    pub io_bytes_per_second: f64,
}

impl Default for CleanerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            threads: 1,
            keys_bytes_max: 128 << 20,
            load_factor: 0.9,
            io_bytes: 512 << 10,
            io_bytes_per_second: f64::MAX,
        }
    }
}

/// Kafka gives no thread a larger table.
const KEYS_BYTES_MAX: u64 = i32::MAX as u64;

impl CleanerConfig {
    /// Set one row by its Kafka name. False: not one of these.
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn set(&mut self, key: &str, value: &ConfigValue) -> Result<bool, ConfigError> {
        let wrong = |expected: &str| ConfigError {
            key: key.to_owned(),
            text: format!("{key} must be {expected}, not {value:?}"),
        };
        let whole = || match value {
            ConfigValue::Int(number) => u64::try_from(*number).map_err(|_| wrong("at least 0")),
            _ => Err(wrong("a whole number")),
        };
        let real = || match value {
            ConfigValue::Double(number) => Ok(*number),
            _ => Err(wrong("a number")),
        };
        match key {
            "log.cleaner.enable" => {
                self.enabled = match value {
                    ConfigValue::Bool(enabled) => *enabled,
                    _ => return Err(wrong("true or false")),
                }
            }
            "log.cleaner.threads" => self.threads = usize::try_from(whole()?).unwrap_or(usize::MAX),
            "log.cleaner.dedupe.buffer.size" => self.keys_bytes_max = whole()?,
            "log.cleaner.io.buffer.load.factor" => self.load_factor = real()?,
            "log.cleaner.io.buffer.size" => self.io_bytes = whole()?,
            "log.cleaner.io.max.bytes.per.second" => self.io_bytes_per_second = real()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What each round may take.
    pub fn limits(&self) -> CleanerLimits {
        let threads = self.threads.max(1) as u64;
        let keys = (self.keys_bytes_max / threads).min(KEYS_BYTES_MAX);
        let io = self.io_bytes / threads / 2;
        CleanerLimits {
            keys_bytes_max: usize::try_from(keys).unwrap_or(usize::MAX),
            load_factor: self.load_factor,
            io_bytes: usize::try_from(io).unwrap_or(usize::MAX),
        }
    }
}

/// What Kafka's metrics say of the last rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CleanerFigures {
    pub utilization: f64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub seconds: f64,
    pub overdue_ms: i64,
    /// Of the log that is dirtiest.
    pub dirty_ratio: f64,
    /// When somebody looked for something to clean.
    pub looked_ms: i64,
    pub rounds: u64,
    /// Read and written, in all rounds.
    pub moved: u64,
}

impl CleanerFigures {
    pub fn read(&self, now_ms: i64, out: &mut Vec<(String, f64)>) {
        let copied = self.bytes_written as f64 / self.bytes_read.max(1) as f64;
        let rows = [
            ("buffer_percent", (self.utilization * 100.0).trunc()),
            ("recopy_percent", (copied * 100.0).trunc()),
            ("seconds", self.seconds.trunc()),
            ("overdue_seconds", (self.overdue_ms / 1000) as f64),
            ("dirty_percent", (self.dirty_ratio * 100.0).trunc()),
            ("since_ms", (now_ms - self.looked_ms) as f64),
            ("rounds", self.rounds as f64),
            ("moved", self.moved as f64),
        ];
        out.extend(rows.map(|(name, value)| (format!("cleaner.{name}"), value)));
    }
}

#[derive(Default)]
pub struct Cleaners {
    pub config: CleanerConfig,
    /// Whose logs are being cleaned.
    at_work: Vec<Name>,
    /// No round over these succeeds, and why.
    pub uncleanable: BTreeMap<Name, String>,
    /// What a round over these failed of may be over at the next look: until then others have their turn.
    pub failed: BTreeSet<Name>,
    pub pace: Pace,
    pub figures: CleanerFigures,
}

impl Cleaners {
    /// Clean like that from now on. What could not be cleaned is tried again.
    pub fn configure(&mut self, config: CleanerConfig) {
        if self.config != config {
            self.uncleanable.clear();
            self.pace.set(config.io_bytes_per_second);
            self.config = config;
        }
    }

    /// Take this one, if nobody has it and somebody has time.
    pub fn begin(&mut self, name: &Name) -> bool {
        if !self.has_time() || self.is_at_work(name) {
            return false;
        }
        self.at_work.push(name.clone());
        true
    }

    pub fn has_time(&self) -> bool {
        self.config.enabled && self.at_work.len() < self.config.threads
    }

    /// Whether a folder of this name is being worked on, be it of an earlier topic.
    pub fn is_at_work(&self, name: &Name) -> bool {
        let same = |other: &Name| (&other.0, other.2) == (&name.0, name.2);
        self.at_work.iter().any(same)
    }

    pub fn end(&mut self, name: &Name) {
        self.at_work.retain(|other| other != name);
    }

    pub fn note(&mut self, of: &Cleanable, done: &Cleaned, seconds: f64) {
        let figures = &mut self.figures;
        figures.utilization = done.utilization;
        figures.bytes_read = done.bytes_read;
        figures.bytes_written = done.bytes_written;
        figures.seconds = seconds;
        figures.overdue_ms = of.overdue_ms;
        figures.rounds += 1;
        figures.moved += done.bytes_read + done.bytes_written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(topic: &str, index: i32) -> Name {
        (topic.into(), [0; 16], index)
    }

    /// Two rounds over one folder would each take the other's files for its own.
    #[test]
    fn one_round_a_folder_and_no_more_than_there_are_threads() {
        let mut cleaners = Cleaners::default();
        cleaners.config.threads = 2;
        assert!(cleaners.begin(&name("a", 0)));
        let namesake = ("a".into(), [1; 16], 0);
        assert!(!cleaners.begin(&namesake));
        assert!(cleaners.begin(&name("a", 1)));
        assert!(!cleaners.begin(&name("b", 0)), "nobody has time");
        cleaners.end(&name("a", 0));
        assert!(cleaners.begin(&namesake) && cleaners.is_at_work(&name("a", 0)));
        cleaners.config.enabled = false;
        assert!(!cleaners.has_time());
    }

    /// What a thread gets of what all may take together.
    #[test]
    fn threads_share_the_buffers() {
        let mut config = CleanerConfig::default();
        assert_eq!(
            config.set("log.cleaner.threads", &ConfigValue::Int(4)),
            Ok(true)
        );
        let limits = config.limits();
        assert_eq!(
            (limits.keys_bytes_max, limits.io_bytes),
            (32 << 20, 64 << 10)
        );
        assert!(
            config
                .set("log.cleaner.threads", &ConfigValue::Bool(true))
                .is_err()
        );
        assert_eq!(config.set("retention.ms", &ConfigValue::Int(4)), Ok(false));
    }
}
