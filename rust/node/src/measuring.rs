//! All numbers of a node, by name, for whoever asks: those that are counted, and those that are looked at.

use std::collections::BTreeMap;

use crate::lock::lock;
use crate::shared::Shared;

impl Shared {
    /// Everything; a transaction in which nothing was written for so long is late.
    #[allow(clippy::cast_precision_loss)]
    pub fn measure(&self, late_ms: i64, out: &mut Vec<(String, f64)>) {
        self.metrics.read(out);
        self.measure_connections(out);
        let sessions = {
            let sessions = self.host.sessions();
            [
                ("session.count", sessions.count() as f64),
                ("session.partitions", sessions.partition_count() as f64),
                ("session.bytes", sessions.bytes() as f64),
                ("session.evictions", sessions.evictions() as f64),
            ]
        };
        out.extend(sessions.map(|(name, value)| (name.into(), value)));
        self.host.cleaner_metrics(out);
        self.outside.flushes.read(out);
        let partitions: usize = {
            let hosted = self.host.hosted();
            hosted.traffic(out);
            hosted.topics().map(|topic| topic.cells().count()).sum()
        };
        let (producers, late) = self.host.producer_counts(late_ms);
        let rows = [
            ("partition.count", partitions as f64),
            ("partition.producers", producers as f64),
            ("partition.late", late as f64),
            ("produce.unverified", self.host.verifications_asked() as f64),
            ("memory.used_bytes", self.budget.used() as f64),
            (
                "memory.max_bytes",
                self.options.request_memory_bytes_max as f64,
            ),
            ("fetch.bytes", self.weights.used() as f64),
        ];
        out.extend(rows.map(|(name, value)| (name.into(), value)));
    }

    #[allow(clippy::cast_precision_loss)]
    fn measure_connections(&self, out: &mut Vec<(String, f64)>) {
        let heard = self.metrics.listeners();
        let mut listeners: BTreeMap<_, _> = heard.into_iter().map(|name| (name, 0)).collect();
        for connection in lock(&self.connections).values() {
            let listener = connection.listener.name.clone();
            *listeners.entry(listener).or_insert(0_u32) += 1;
        }
        let queue = &self.outside.queue;
        let rows = [
            (
                "connection.count",
                f64::from(listeners.values().sum::<u32>()),
            ),
            ("request.held", lock(&self.held).len() as f64),
            ("request.queued", queue.count() as f64),
            ("decisions.idle_ns", queue.idle().as_nanos() as f64),
            ("decisions.up_ns", self.started.elapsed().as_nanos() as f64),
        ];
        out.extend(rows.map(|(name, value)| (name.into(), value)));
        for (listener, count) in listeners {
            out.push((format!("listener.connections.{listener}"), count.into()));
        }
    }
}
