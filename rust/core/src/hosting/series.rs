//! What is shown of each partition to whoever watches: all of them at once, as lines of text, because there may be ten
//! thousand and nobody who decides should format them.

use std::fmt::Write as _;

use super::cell::Cell;
use super::host::Host;
use crate::disk::Disk;
use crate::partition::Waiter;

/// A number of each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    LogStartOffset,
    LogEndOffset,
    LogSize,
    LogSegments,
    /// Of its log directory's share that `retention.bytes` gives it; 0 where that has no bound.
    RetentionPercent,
    LastStableOffsetLag,
    Replicas,
    InSyncReplicas,
    UnderReplicated,
    UnderMinIsr,
    AtMinIsr,
}

impl Shown {
    /// By the name that it is asked for with.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "log_start_offset" => Self::LogStartOffset,
            "log_end_offset" => Self::LogEndOffset,
            "log_size" => Self::LogSize,
            "log_segments" => Self::LogSegments,
            "retention_percent" => Self::RetentionPercent,
            "last_stable_offset_lag" => Self::LastStableOffsetLag,
            "replicas" => Self::Replicas,
            "in_sync_replicas" => Self::InSyncReplicas,
            "under_replicated" => Self::UnderReplicated,
            "under_min_isr" => Self::UnderMinIsr,
            "at_min_isr" => Self::AtMinIsr,
            _ => return None,
        })
    }
}

/// One partition at one moment.
struct Seen {
    leads: bool,
    offsets: (i64, i64, i64, i64),
    size: u64,
    segments: usize,
    retention_bytes: i64,
    replicas: usize,
    in_sync: usize,
    least: usize,
}

impl Seen {
    /// None if nobody is told that of such a partition: only its leader knows who is in sync.
    fn number(&self, shown: Shown) -> Option<i64> {
        let (start, high_watermark, stable, end) = self.offsets;
        let led = |number: i64| self.leads.then_some(number);
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        match shown {
            Shown::LogStartOffset => Some(start),
            Shown::LogEndOffset => Some(end),
            Shown::LogSize => Some(self.size.cast_signed()),
            Shown::LogSegments => Some(whole(self.segments)),
            Shown::RetentionPercent => Some(match self.retention_bytes {
                ..=0 => 0,
                bound => (self.size.cast_signed().saturating_mul(100)) / bound,
            }),
            Shown::LastStableOffsetLag => Some((high_watermark - stable).max(0)),
            Shown::Replicas => Some(if self.leads { whole(self.replicas) } else { 0 }),
            Shown::InSyncReplicas => Some(if self.leads { whole(self.in_sync) } else { 0 }),
            Shown::UnderReplicated => led((self.in_sync < self.replicas).into()).or(Some(0)),
            Shown::UnderMinIsr => led((self.in_sync < self.least).into()).or(Some(0)),
            Shown::AtMinIsr => led((self.in_sync == self.least).into()).or(Some(0)),
        }
    }
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// For each metric, by its name, a line for each partition that is open and that nobody holds right now: whoever
    /// holds one for long waits for a disk, and nobody waits for that here.
    pub fn series(&self, metrics: &[(String, Shown)]) -> Vec<String> {
        let cells = self.cells();
        let mut texts = vec![String::new(); metrics.len()];
        for cell in &cells {
            let Some(seen) = self.seen(cell) else {
                continue;
            };
            for ((name, shown), text) in metrics.iter().zip(&mut texts) {
                if let Some(number) = seen.number(*shown) {
                    let (topic, index) = (&cell.topic, cell.index);
                    let _ = writeln!(
                        text,
                        "{name}{{topic=\"{topic}\",partition=\"{index}\"}} {number}"
                    );
                }
            }
        }
        texts
    }

    fn seen(&self, cell: &Cell<D, W>) -> Option<Seen> {
        if cell.refusal().is_some() {
            return None;
        }
        let guard = cell.try_hold()?;
        let partition = guard.as_ref()?;
        let (state, log, offsets) = (partition.state(), partition.log(), partition.offsets());
        let least = usize::try_from(partition.min_insync_replicas()).unwrap_or(0);
        Some(Seen {
            leads: partition.leads(),
            offsets: (
                offsets.log_start,
                offsets.high_watermark,
                offsets.last_stable,
                offsets.log_end,
            ),
            size: log.size(),
            segments: log.segment_count(),
            retention_bytes: log.config().retention_bytes,
            replicas: state.replicas.len(),
            in_sync: state.isr.len(),
            least: least.min(state.replicas.len()),
        })
    }

    /// Producers that logs remember, and partitions with a transaction that is open for longer than so.
    pub fn producer_counts(&self, late_ms: i64) -> (usize, usize) {
        let now_ms = self.around.now_ms();
        let (mut producers, mut late) = (0, 0);
        for cell in &self.cells() {
            let guard = cell.try_hold();
            if let Some(partition) = guard.as_ref().and_then(|guard| guard.as_ref()) {
                let log = partition.log();
                producers += log.producer_count();
                late += usize::from(log.has_late_transaction(now_ms.saturating_sub(late_ms)));
            }
        }
        (producers, late)
    }
}
