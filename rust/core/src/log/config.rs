//! What one log is told by its topic's configuration. Rows here are Kafka's topic configs that the log itself
//! honours; `min.insync.replicas` and the like belong to the partition above it.

use crate::compression::{Codec, Levels};

/// A parsed configuration value, as `config/` hands it down.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// Topic config `compression.type`: None is `producer`.
pub type TopicCompression = Option<Codec>;

#[derive(Clone, Debug, PartialEq)]
pub struct LogConfig {
    pub segment_bytes: u32,
    /// It counts instead, where it is set: Kafka's own tests' way to small segments.
    pub internal_segment_bytes: Option<u32>,
    pub segment_ms: i64,
    pub segment_jitter_ms: i64,
    pub segment_index_bytes: u32,
    pub index_interval_bytes: u32,
    /// -1 keeps for ever.
    pub retention_ms: i64,
    /// -1 keeps for ever.
    pub retention_bytes: i64,
    pub max_message_bytes: u32,
    pub timestamp_type: TimestampType,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub compression: TopicCompression,
    pub compression_levels: Levels,
    pub cleanup_delete: bool,
    pub cleanup_compact: bool,
    pub min_cleanable_ratio: f64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    /// For how long tombstones stay after the first cleaning that meets them.
    pub delete_retention_ms: i64,
    pub flush_messages: i64,
    pub flush_ms: i64,
    pub preallocate: bool,
    pub file_delete_delay_ms: i64,
    /// Broker config `producer.id.expiration.ms`, handed down with the topic's.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            internal_segment_bytes: None,
            segment_ms: 604_800_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: 604_800_000,
            retention_bytes: -1,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compression: None,
            compression_levels: Levels::default(),
            cleanup_delete: true,
            cleanup_compact: false,
            min_cleanable_ratio: 0.5,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            delete_retention_ms: 86_400_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            preallocate: false,
            file_delete_delay_ms: 60_000,
            producer_id_expiration_ms: 86_400_000,
        }
    }
}

/// A row that was not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub key: String,
    pub text: String,
}

impl LogConfig {
    /// How large a segment may become.
    pub fn segment_size(&self) -> u32 {
        self.internal_segment_bytes.unwrap_or(self.segment_bytes)
    }

    /// After how long a segment ends, jitter aside: what is to be compacted within a time must end within it.
    pub fn segment_ms_max(&self) -> i64 {
        if self.cleanup_compact && self.max_compaction_lag_ms > 0 {
            return self.segment_ms.min(self.max_compaction_lag_ms);
        }
        self.segment_ms
    }

    /// Set one row by its Kafka name. False: not a row of the log's (it belongs to another room).
    pub fn set(&mut self, key: &str, value: &ConfigValue) -> Result<bool, ConfigError> {
        let given = Given { key, value };
        match key {
            "segment.bytes" => self.segment_bytes = given.size()?,
            "internal.segment.bytes" => {
                // Kafka takes any number, and a log of a negative one refuses every batch.
                let most = i64::from(u32::MAX);
                self.internal_segment_bytes = u32::try_from(given.int()?.clamp(0, most)).ok();
            }
            "segment.ms" => self.segment_ms = given.int()?,
            "segment.jitter.ms" => self.segment_jitter_ms = given.int()?,
            "segment.index.bytes" => self.segment_index_bytes = given.size()?,
            "index.interval.bytes" => self.index_interval_bytes = given.size()?,
            "retention.ms" => self.retention_ms = given.int()?,
            "retention.bytes" => self.retention_bytes = given.int()?,
            "max.message.bytes" => self.max_message_bytes = given.size()?,
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = given.int()?,
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = given.int()?,
            "min.cleanable.dirty.ratio" => self.min_cleanable_ratio = given.double()?,
            "min.compaction.lag.ms" => self.min_compaction_lag_ms = given.int()?,
            "max.compaction.lag.ms" => self.max_compaction_lag_ms = given.int()?,
            "delete.retention.ms" => self.delete_retention_ms = given.int()?,
            "flush.messages" => self.flush_messages = given.int()?,
            "flush.ms" => self.flush_ms = given.int()?,
            "preallocate" => self.preallocate = given.boolean()?,
            "file.delete.delay.ms" => self.file_delete_delay_ms = given.int()?,
            "producer.id.expiration.ms" => self.producer_id_expiration_ms = given.int()?,
            "compression.gzip.level" => self.compression_levels.gzip = given.level()?,
            "compression.lz4.level" => self.compression_levels.lz4 = given.level()?,
            "compression.zstd.level" => self.compression_levels.zstd = given.level()?,
            "message.timestamp.type" => self.timestamp_type = given.timestamp_type()?,
            "compression.type" => self.compression = given.compression()?,
            "cleanup.policy" => {
                let names = given.names()?;
                if names.iter().any(|n| !matches!(*n, "delete" | "compact")) {
                    return Err(given.wrong("delete, compact or both"));
                }
                self.cleanup_delete = names.contains(&"delete");
                self.cleanup_compact = names.contains(&"compact");
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What a key was set to, read as what it should be.
#[derive(Clone, Copy)]
struct Given<'a> {
    key: &'a str,
    value: &'a ConfigValue,
}

impl<'a> Given<'a> {
    fn wrong(self, expected: &str) -> ConfigError {
        let Self { key, value } = self;
        ConfigError {
            key: key.to_owned(),
            text: format!("{key} must be {expected}, not {value:?}"),
        }
    }

    fn int(self) -> Result<i64, ConfigError> {
        match self.value {
            ConfigValue::Int(n) => Ok(*n),
            ConfigValue::Text(text) => {
                (text.trim().parse()).map_err(|_| self.wrong("a whole number"))
            }
            _ => Err(self.wrong("a whole number")),
        }
    }

    fn double(self) -> Result<f64, ConfigError> {
        match self.value {
            ConfigValue::Double(number) => Ok(*number),
            ConfigValue::Int(number) => Ok(*number as f64),
            ConfigValue::Text(text) => (text.trim().parse()).map_err(|_| self.wrong("a number")),
            _ => Err(self.wrong("a number")),
        }
    }

    fn size(self) -> Result<u32, ConfigError> {
        u32::try_from(self.int()?).map_err(|_| self.wrong("a size from 0 to 2^32 - 1"))
    }

    fn level(self) -> Result<i32, ConfigError> {
        i32::try_from(self.int()?).map_err(|_| self.wrong("a compression level"))
    }

    fn boolean(self) -> Result<bool, ConfigError> {
        match self.value {
            ConfigValue::Bool(b) => Ok(*b),
            ConfigValue::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            ConfigValue::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }

    fn text(self) -> Result<&'a str, ConfigError> {
        match self.value {
            ConfigValue::Text(text) => Ok(text.as_str()),
            _ => Err(self.wrong("a string")),
        }
    }

    fn names(self) -> Result<Vec<&'a str>, ConfigError> {
        if let ConfigValue::List(names) = self.value {
            return Ok(names.iter().map(String::as_str).collect());
        }
        let names = self.text()?.split(',').map(str::trim);
        Ok(names.filter(|name| !name.is_empty()).collect())
    }

    fn timestamp_type(self) -> Result<TimestampType, ConfigError> {
        match self.text()? {
            "CreateTime" => Ok(TimestampType::CreateTime),
            "LogAppendTime" => Ok(TimestampType::LogAppendTime),
            _ => Err(self.wrong("CreateTime or LogAppendTime")),
        }
    }

    /// None is what the producer chose.
    fn compression(self) -> Result<Option<Codec>, ConfigError> {
        match self.text()? {
            "producer" => Ok(None),
            "uncompressed" => Ok(Some(Codec::None)),
            name => match Codec::from_name(name) {
                Some(codec) if codec != Codec::None => Ok(Some(codec)),
                _ => Err(self.wrong("one of Kafka's compression types")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any client may set it so, and what a log does not take ends the node: what was decided is not so.
    #[test]
    fn a_segment_of_any_size_is_taken() {
        for (given, size) in [
            (i64::from(i32::MIN), 0),
            (-1, 0),
            (14, 14),
            (1 << 40, u32::MAX),
        ] {
            let mut config = LogConfig::default();
            let key = "internal.segment.bytes";
            assert_eq!(config.set(key, &ConfigValue::Int(given)), Ok(true));
            assert_eq!(config.segment_size(), size);
        }
    }
}
