//! What comes down from above to a partition: what the cluster says of it, and its topic's configuration. Each is replaced
//! as a whole, never changed, and neither says what the other does.

use crate::error::CoreError;
use crate::log::{ConfigValue, LogConfig};

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// What the cluster says about a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderAndIsr {
    /// -1 if nobody leads.
    pub leader: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

impl LeaderAndIsr {
    /// Whether the other one overtook it: each change of a partition has a higher epoch.
    pub fn is_before(&self, other: &Self) -> bool {
        self.leader_epoch < other.leader_epoch || self.partition_epoch < other.partition_epoch
    }

    /// Whether fewer are in sync than are asked for. No more replicas can be asked for than there are.
    pub(super) fn isr_is_below(&self, min_insync_replicas: i32) -> bool {
        let wanted = usize::try_from(min_insync_replicas)
            .unwrap_or(0)
            .min(self.replicas.len());
        self.isr.len() < wanted
    }
}

/// A topic's configuration as its logs and its replicas use it.
#[derive(Debug, Clone, Default)]
pub struct TopicConfig {
    pub log: LogConfig,
    pub min_insync_replicas: i32,
}

impl TopicConfig {
    /// From topic keys with parsed values.
    ///
    /// # Errors
    /// "invalid" for a value that the key cannot have.
    pub fn parse(rows: &[(String, ConfigValue)]) -> Result<Self, CoreError> {
        let mut config = Self {
            log: LogConfig::default(),
            min_insync_replicas: 1,
        };
        for (key, value) in rows {
            if key != MIN_INSYNC_REPLICAS {
                (config.log)
                    .set(key, value)
                    .map_err(|error| CoreError::new("invalid", error.text))?;
                continue;
            }
            let count = match value {
                ConfigValue::Int(count) => i32::try_from(*count).ok(),
                ConfigValue::Text(text) => text.trim().parse().ok(),
                _ => None,
            };
            config.min_insync_replicas = count.ok_or_else(|| {
                let text = format!("{key} must be a whole number, not {value:?}");
                CoreError::new("invalid", text)
            })?;
        }
        Ok(config)
    }
}
