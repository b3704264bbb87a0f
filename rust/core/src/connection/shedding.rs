//! Room for descriptors: how many connections may use, and which of them go where that is exceeded.
//!
//! A process may have so many descriptors open and the node shares them with whatever else lives in its process. A
//! log that cannot be opened costs more than a connection that nobody uses: so the last part of them is kept for
//! files, and a connection that would take of it costs the one that was idle longest its place. One whose request is
//! under way is never closed for that; one that has long taken nothing of its reply is the first to go.

/// This part of the limit is kept for files, within these bounds.
const RESERVE_SHARE: usize = 8;
const RESERVE_MIN: usize = 16;
const RESERVE_MAX: usize = 512;
/// Beyond this part of the limit the files of partitions that rest are closed.
const FILES_SHARE: usize = 2;
/// So many connections may stay even where files have taken the reserve: somebody has to be served.
pub const KEPT_MIN: usize = 8;
/// Who takes nothing of a reply for so long makes way for others.
const UNREAD_MS: u64 = 10_000;

/// The descriptors that connections may use at most.
pub fn usable(limit: usize) -> usize {
    limit.saturating_sub((limit / RESERVE_SHARE).clamp(RESERVE_MIN, RESERVE_MAX))
}

/// The files that may stay open: half of what is not taken by others, so that connections have room as well.
pub fn files_most(limit: usize, foreign: usize) -> usize {
    (limit.saturating_sub(foreign) / FILES_SHARE).max(RESERVE_MIN)
}

/// What decides whether a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupied {
    pub id: u64,
    /// It is about to go, and frees its place by itself.
    pub closing: bool,
    /// A request is under way, until its reply is sent.
    pub busy: bool,
    /// Its peer has to take a reply.
    pub owes_reply: bool,
    /// When something moved last.
    pub active_at_ms: u64,
}

impl Occupied {
    /// Whether its peer has taken nothing of its reply for long.
    fn is_unread(&self, now_ms: u64) -> bool {
        let silent_ms = now_ms.saturating_sub(self.active_at_ms);
        self.busy && self.owes_reply && silent_ms >= UNREAD_MS
    }
}

/// Which of all connections go so that `count` places are free, the first to go first; None if none can.
///
/// Nobody has to go where enough are going already.
pub fn chosen(connections: &[Occupied], count: usize, now_ms: u64) -> Option<Vec<u64>> {
    let closing = connections.iter().filter(|one| one.closing).count();
    let count = count.saturating_sub(closing);
    if count == 0 {
        return Some(Vec::new());
    }
    let may_go = |one: &&Occupied| !one.closing && (!one.busy || one.is_unread(now_ms));
    let mut idle: Vec<&Occupied> = connections.iter().filter(may_go).collect();
    let count = count
        .min(connections.len().saturating_sub(KEPT_MIN))
        .min(idle.len());
    if count == 0 {
        return None;
    }
    // Of those of one millisecond the one that came first goes.
    let rank = |one: &&Occupied| (!one.is_unread(now_ms), one.active_at_ms, one.id);
    if count < idle.len() {
        idle.select_nth_unstable_by_key(count - 1, rank);
        idle.truncate(count);
    }
    idle.sort_unstable_by_key(rank);
    Some(idle.iter().map(|one| one.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 100_000;

    fn idle(id: u64, active_at_ms: u64) -> Occupied {
        Occupied {
            id,
            closing: false,
            busy: false,
            owes_reply: false,
            active_at_ms,
        }
    }

    fn many(others: &[Occupied]) -> Vec<Occupied> {
        let kept = (0..KEPT_MIN as u64).map(|id| Occupied {
            busy: true,
            ..idle(1000 + id, NOW_MS)
        });
        others.iter().copied().chain(kept).collect()
    }

    #[test]
    fn files_keep_a_part() {
        assert_eq!(usable(1024), 1024 - 128);
        assert_eq!(usable(64), 48);
        assert_eq!(usable(1 << 20), (1 << 20) - 512);
        assert_eq!(usable(4), 0);
    }

    #[test]
    fn files_leave_a_part_to_connections() {
        assert_eq!(files_most(256, 20), 118);
        assert_eq!(files_most(usize::MAX, 20), usize::MAX / 2 - 10);
        assert_eq!(files_most(64, 60), RESERVE_MIN);
    }

    /// Somebody in the middle of a request would be closed for somebody who does nothing.
    #[test]
    fn who_was_idle_longest_goes_first_and_nobody_at_work() {
        let all = many(&[idle(1, 30), idle(2, 10), idle(3, 20), idle(4, 10)]);
        assert_eq!(chosen(&all, 3, NOW_MS), Some(vec![2, 4, 3]));
        assert_eq!(chosen(&all, 99, NOW_MS), Some(vec![2, 4, 3, 1]));
        assert_eq!(chosen(&many(&[]), 1, NOW_MS), None);
    }

    /// One that does not read would keep its place for ever, at the cost of those who only rest.
    #[test]
    fn who_takes_nothing_of_its_reply_goes_before_all() {
        let unread = |active_at_ms| Occupied {
            busy: true,
            owes_reply: true,
            ..idle(9, active_at_ms)
        };
        let early = NOW_MS - UNREAD_MS;
        let all = many(&[idle(1, 0), unread(early)]);
        assert_eq!(chosen(&all, 1, NOW_MS), Some(vec![9]));
        let all = many(&[idle(1, 0), unread(early + 1)]);
        assert_eq!(chosen(&all, 2, NOW_MS), Some(vec![1]));
    }

    /// More would go than there is need for; or all, so that nobody was served.
    #[test]
    fn who_goes_already_counts_and_some_stay() {
        let closing = Occupied {
            closing: true,
            ..idle(1, 0)
        };
        let all = many(&[closing, idle(2, 0), idle(3, 1)]);
        assert_eq!(chosen(&all, 1, NOW_MS), Some(Vec::new()));
        assert_eq!(chosen(&all, 2, NOW_MS), Some(vec![2]));
        let few: Vec<_> = (0..=KEPT_MIN as u64).map(|id| idle(id, id)).collect();
        assert_eq!(chosen(&few, 5, NOW_MS), Some(vec![0]));
        assert_eq!(chosen(&few[..KEPT_MIN], 5, NOW_MS), None);
    }
}
