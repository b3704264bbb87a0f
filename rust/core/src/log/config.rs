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
    /// Set one row by its Kafka name. False: not a row of the log's (it belongs to another room).
    pub fn set(&mut self, key: &str, value: &ConfigValue) -> Result<bool, ConfigError> {
        let wrong = |expected: &str| ConfigError {
            key: key.to_owned(),
            text: format!("{key} must be {expected}, not {value:?}"),
        };
        let int = || match value {
            ConfigValue::Int(n) => Ok(*n),
            ConfigValue::Text(text) => text.trim().parse().map_err(|_| wrong("a whole number")),
            _ => Err(wrong("a whole number")),
        };
        let size = || u32::try_from(int()?).map_err(|_| wrong("a size from 0 to 2^32 - 1"));
        let boolean = || match value {
            ConfigValue::Bool(b) => Ok(*b),
            ConfigValue::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            ConfigValue::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(wrong("true or false")),
        };
        let text = || match value {
            ConfigValue::Text(text) => Ok(text.as_str()),
            _ => Err(wrong("a string")),
        };
        let level = || i32::try_from(int()?).map_err(|_| wrong("a compression level"));
        match key {
            "segment.bytes" => self.segment_bytes = size()?,
            "segment.ms" => self.segment_ms = int()?,
            "segment.jitter.ms" => self.segment_jitter_ms = int()?,
            "segment.index.bytes" => self.segment_index_bytes = size()?,
            "index.interval.bytes" => self.index_interval_bytes = size()?,
            "retention.ms" => self.retention_ms = int()?,
            "retention.bytes" => self.retention_bytes = int()?,
            "max.message.bytes" => self.max_message_bytes = size()?,
            "message.timestamp.before.max.ms" => self.timestamp_before_max_ms = int()?,
            "message.timestamp.after.max.ms" => self.timestamp_after_max_ms = int()?,
            "flush.messages" => self.flush_messages = int()?,
            "flush.ms" => self.flush_ms = int()?,
            "preallocate" => self.preallocate = boolean()?,
            "file.delete.delay.ms" => self.file_delete_delay_ms = int()?,
            "producer.id.expiration.ms" => self.producer_id_expiration_ms = int()?,
            "compression.gzip.level" => self.compression_levels.gzip = level()?,
            "compression.lz4.level" => self.compression_levels.lz4 = level()?,
            "compression.zstd.level" => self.compression_levels.zstd = level()?,
            "message.timestamp.type" => {
                self.timestamp_type = match text()? {
                    "CreateTime" => TimestampType::CreateTime,
                    "LogAppendTime" => TimestampType::LogAppendTime,
                    _ => return Err(wrong("CreateTime or LogAppendTime")),
                }
            }
            "compression.type" => {
                self.compression = match text()? {
                    "producer" => None,
                    "uncompressed" => Some(Codec::None),
                    name => match Codec::from_name(name) {
                        Some(codec) if codec != Codec::None => Some(codec),
                        _ => return Err(wrong("one of Kafka's compression types")),
                    },
                }
            }
            "cleanup.policy" => {
                let names: Vec<&str> = match value {
                    ConfigValue::List(names) => names.iter().map(String::as_str).collect(),
                    _ => text()?
                        .split(',')
                        .map(str::trim)
                        .filter(|n| !n.is_empty())
                        .collect(),
                };
                if names.iter().any(|n| !matches!(*n, "delete" | "compact")) {
                    return Err(wrong("delete, compact or both"));
                }
                self.cleanup_delete = names.contains(&"delete");
                self.cleanup_compact = names.contains(&"compact");
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
