//! What a producer waits for, and in whose reign.

/// A time without a break in which one replica leads with one log: what it appended is there as long as it lasts. Kafka
/// looks whether it leads when it looks; one that followed since may have been cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reign {
    /// Which opening of which log.
    pub log: u64,
    /// How many there were before with this log.
    pub before: u64,
}

impl Reign {
    pub fn next(self) -> Self {
        Self {
            before: self.before.wrapping_add(1),
            ..self
        }
    }
}

/// What a producer waits for: that whoever it asked for has what lies below an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    pub(super) reign: Reign,
    pub(super) offset: i64,
    /// All in-sync replicas; else this one, where it owes a flush.
    pub(super) all_in_sync: bool,
}
