//! Descriptors: what the process may open and has open is looked up, and connections are closed as the core decides
//! (`connection/shedding.rs`), so that files keep their reserve.
//!
//! The limit is looked up anew, as a process may change it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::connection::shedding::{KEPT_MIN, chosen, files_most, usable};

use crate::descriptors::Noted;
use crate::listening::Listening;
use crate::lock::lock;
use crate::metrics::add;
use crate::peer::Ending;
use crate::shared::Shared;

const TELL_EVERY_MS: u64 = 60_000;
/// The others in the process seldom open or close much, and counting all takes a while, so that it is only done
/// where half of the limit is in use.
const LOOK_EVERY_MS: u64 = 10_000;
/// How long a full process is given to close something before the next look.
const PAUSE: Duration = Duration::from_millis(50);

/// How many descriptors this process has open, where the system says so.
fn open_in_process() -> Option<usize> {
    let folder = if cfg!(target_os = "linux") {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };
    Some(std::fs::read_dir(folder).ok()?.count())
}

impl Shared {
    /// Look up the limit and, now and then, what the rest of the process has open; close connections if files
    /// have taken of their room.
    pub fn look_after_descriptors(&self) {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let limit = limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        self.room.limit.store(limit, Ordering::Relaxed);
        let now = self.uptime_ms();
        let looked_at = self.room.looked_at_ms.load(Ordering::Relaxed);
        let own = self.descriptors.count();
        let known = own + self.room.foreign.load(Ordering::Relaxed);
        let crowded = known.max(self.room.highest.load(Ordering::Relaxed)) > limit / 2;
        let is_due = crowded && now.saturating_sub(looked_at) >= LOOK_EVERY_MS;
        if looked_at == 0 || is_due {
            self.room.looked_at_ms.store(now.max(1), Ordering::Relaxed);
            // That it cannot be counted says that nothing is left.
            let foreign = open_in_process().unwrap_or(limit).saturating_sub(own);
            self.room.foreign.store(foreign, Ordering::Relaxed);
        }
        let foreign = self.room.foreign.load(Ordering::Relaxed);
        self.disk.files().limit(files_most(limit, foreign));
        self.shed(self.descriptors_over(0));
    }

    /// How many descriptors are in use beyond what connections may use. `highest` is one that was opened just
    /// now: the system gives the lowest that is free, so all below it are in use.
    fn descriptors_over(&self, highest: usize) -> usize {
        let room = &self.room;
        let counted = self.descriptors.count() + room.foreign.load(Ordering::Relaxed);
        counted
            .max(highest)
            .saturating_sub(usable(room.limit.load(Ordering::Relaxed)))
    }

    /// Whether a connection with this descriptor may come in, for which another may have to go.
    pub fn makes_way(&self, descriptor: i32) -> bool {
        let highest = usize::try_from(descriptor).unwrap_or(0) + 1;
        self.room.highest.store(highest, Ordering::Relaxed);
        let over = self.descriptors_over(highest);
        let fits = over == 0 || self.shed(over) || lock(&self.connections).len() < KEPT_MIN;
        if !fits {
            add(&self.metrics.connections_refused, 1);
            self.tell_of_shedding(1, "refused a new one, as all others are in use");
        }
        fits
    }

    /// Close so many of the connections, those that the core chooses; false if there are none to close.
    fn shed(&self, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        let now_ms = self.uptime_ms();
        let connections = lock(&self.connections);
        let occupied: Vec<_> = connections.values().map(|one| one.occupied()).collect();
        let Some(chosen) = chosen(&occupied, count, now_ms) else {
            return false;
        };
        let going: Vec<_> = (chosen.iter())
            .filter_map(|id| connections.get(id).map(Arc::clone))
            .collect();
        drop(connections);
        for connection in &going {
            connection.end(Ending::Close);
        }
        if let Some(first) = going.first() {
            add(&self.metrics.connections_shed, going.len());
            let peer = first.peer;
            self.tell_of_shedding(
                going.len(),
                &format!("closed those that were idle longest, that of {peer} among them"),
            );
        }
        true
    }

    /// One line a minute says what happened, and how to have more room.
    fn tell_of_shedding(&self, count: usize, done: &str) {
        let room = &self.room;
        let untold = room.untold.fetch_add(count, Ordering::Relaxed) + count;
        let now = self.uptime_ms().max(1);
        let told_at = room.told_at_ms.load(Ordering::Relaxed);
        if told_at != 0 && now.saturating_sub(told_at) < TELL_EVERY_MS {
            return;
        }
        room.told_at_ms.store(now, Ordering::Relaxed);
        room.untold.store(0, Ordering::Relaxed);
        let limit = room.limit.load(Ordering::Relaxed);
        self.refuse(format!(
                "connections take more descriptors than they may: {done} ({untold} since this was said \
                 last). The process may open {limit} files, of which {} are for connections and what is \
                 open already; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE= in a systemd unit)",
                usable(limit)
            ));
    }
}

/// A descriptor that is given away when no other is left, so that whoever waits can be turned away instead of
/// waiting for ever.
pub struct Spare(Option<(Noted, std::fs::File)>);

impl Spare {
    pub fn new(node: &Shared) -> Self {
        let file = std::fs::File::open("/dev/null").ok();
        Self(file.map(|file| (node.descriptors.note(&file), file)))
    }

    /// No descriptor is left to accept with: close an idle connection for it, or else turn the next one away.
    pub async fn make_room(&mut self, node: &Shared, listening: &Listening) {
        let freed = node.connection_freed.notified();
        if node.shed(1) && tokio::time::timeout(PAUSE, freed).await.is_ok() {
            return;
        }
        if self.0.take().is_some() {
            let turned_away = tokio::time::timeout(PAUSE, listening.socket.accept()).await;
            if let Ok(Ok(connection)) = turned_away {
                drop(connection);
                add(&node.metrics.connections_refused, 1);
                node.tell_of_shedding(1, "turned new ones away");
            }
        }
        *self = Self::new(node);
        if self.0.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_takes_room_too() {
        let folder = std::env::temp_dir().join(format!("ottla-room-{}", std::process::id()));
        let node = crate::fault_tests::node_in(&folder);
        let (over, own) = node
            .call(|shared| {
                let own = shared.descriptors.count();
                shared.room.limit.store(own + 64, Ordering::Relaxed);
                let over = |foreign| {
                    shared.room.foreign.store(foreign, Ordering::Relaxed);
                    shared.descriptors_over(0)
                };
                Ok(([over(0), over(48), over(58)], own))
            })
            .unwrap();
        node.kill();
        let _ = std::fs::remove_dir_all(&folder);
        assert_eq!(own + 64 - usable(own + 64), 16, "the least reserve is kept");
        assert_eq!(over, [0, 0, 10]);
    }

    #[test]
    fn the_process_is_counted() {
        // Other tests of this process open and close their own meanwhile: what is counted is at least ours.
        let files = [(); 100].map(|()| std::fs::File::open("/dev/null").expect("a file"));
        assert!(open_in_process().expect("the system says it") >= files.len());
    }
}
