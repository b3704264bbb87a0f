//! What a task is told beside the topology.

use super::reading::{Fields, Read};

#[derive(Clone, Debug)]
pub struct Settings {
    pub app_id: String,
    pub dead_letter_topic: Option<String>,
    /// How often at most windows that close are emitted, by the wall clock; 0 is at every record.
    pub emit_interval: i64,
    /// Repartition topics, and source topics that are sinks too, are fed back at once.
    pub loop_back: bool,
    /// A handler or a dead letter may ask for the source's record as it came.
    pub keeps_raw: bool,
    /// Where hashes begin, so that nobody can choose keys that collide. Nothing that is seen depends on it.
    pub seed: u64,
}

impl Settings {
    pub fn read(tree: &Fields<'_>) -> Read<Self> {
        let settings = Fields::new("settings", tree.need("settings")?)?;
        Ok(Self {
            app_id: settings.text("app_id")?.to_owned(),
            dead_letter_topic: settings
                .text_or_none("dead_letter_topic")?
                .map(str::to_owned),
            emit_interval: settings.int_or("emit_interval_ms", 1000)?,
            loop_back: settings.flag("loop_back")?,
            keeps_raw: settings.flag("keeps_raw")?,
            seed: settings.int_or("seed", 0)? as u64,
        })
    }
}
