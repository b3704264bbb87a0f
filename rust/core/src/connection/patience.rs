//! How long a peer may leave something unfinished: a frame that it began to send, a reply that it has to take.
//!
//! What is unfinished holds memory. While there is enough of it a peer may take its time; while it is short,
//! and more so while others wait for it, whoever moves fewer bytes than the least rate is closed, so that its
//! memory is free at once. A task notes what its peer owes and what moves; the node looks once a second. Time in
//! which a connection waits for us, for memory or for an answer, is not held against its peer; but when others
//! have waited for memory for long, frames that began long ago go all the same, unless they come in fast: all at
//! once, so that whoever holds memory and wants more of it does not keep the rest waiting one by one.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// A peer that sends nothing more may still want the answer to its request, or have left one unread: so it gets
/// what is decided soon, and what is parked for longer is forgotten.
pub const CLOSED_PATIENCE: Duration = Duration::from_secs(1);

/// What a connection's peer has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Owes {
    Nothing,
    /// The rest of a frame.
    Frame,
    /// To take a reply that was made of records.
    Reply,
    /// To take an answer of Python's.
    Answer,
}

/// How much memory there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Memory {
    Enough,
    /// More than half of it is taken.
    Short,
    /// Somebody waits for it.
    Missing,
    /// More is taken than there should be.
    Over,
}

impl Memory {
    /// So much of it is taken, and somebody waits for some, or nobody does.
    pub fn of(used: usize, bytes_max: usize, is_awaited: bool) -> Self {
        if used > bytes_max {
            Self::Over
        } else if is_awaited {
            Self::Missing
        } else if used > bytes_max / 2 {
            Self::Short
        } else {
            Self::Enough
        }
    }
}

/// What is waited for where so many bytes are wanted: what would never fit waits for memory that is almost free.
pub fn awaited(bytes: usize, bytes_max: usize) -> usize {
    bytes.min(bytes_max / 4 * 3)
}

/// The time that a peer has, and the bytes that it must move in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Least {
    within_ms: u64,
    bytes: u64,
}

/// Finishing counts as more bytes than any rule asks for.
const FINISHED: u64 = 1 << 30;

/// What is asked of a peer, None where it may take for ever (until `connections.max.idle.ms`).
fn least(owes: Owes, memory: Memory) -> Option<Least> {
    let (within_ms, bytes) = match (owes, memory) {
        (Owes::Nothing, _) | (Owes::Reply | Owes::Answer, Memory::Enough) => return None,
        (Owes::Frame, Memory::Enough) => (60_000, 1),
        (_, Memory::Short) => (10_000, 10 * 1024),
        (Owes::Reply | Owes::Answer, Memory::Missing | Memory::Over) => (1_000, 64 * 1024),
        (Owes::Frame, Memory::Missing | Memory::Over) => (3_000, 48 * 1024),
    };
    Some(Least { within_ms, bytes })
}

/// When somebody has waited for memory for so long, frames that are as old are given up,
const STARVED_MS: u64 = 10_000;
/// but for those of which so many bytes came in each millisecond.
const FAST: u64 = 256;

/// How things stand when peers are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub now_ms: u64,
    /// For frames and replies, and for answers: each is judged by the budget that it is charged to.
    pub memory: (Memory, Memory),
    /// How long frames have waited for memory without a break.
    pub starved_ms: u64,
}

/// What one peer owes and how it gets on.
#[derive(Debug)]
pub struct Progress {
    owes: AtomicU8,
    moved: AtomicU64,
    /// When the frame began that is not whole; 0 if there is none.
    began_ms: AtomicU64,
    moved_when_it_began: AtomicU64,
    // Only the one who looks after all connections uses these.
    since_ms: AtomicU64,
    moved_then: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            owes: AtomicU8::new(Owes::Nothing as u8),
            moved: AtomicU64::new(0),
            began_ms: AtomicU64::new(0),
            moved_when_it_began: AtomicU64::new(0),
            since_ms: AtomicU64::new(0),
            moved_then: AtomicU64::new(0),
        }
    }
}

impl Progress {
    /// From now on the peer owes this; the task calls it when it has nothing else to do than to wait.
    pub fn owes(&self, what: Owes) {
        self.owes.store(what as u8, Ordering::Relaxed);
    }

    /// A frame began, and the peer owes the rest of it.
    pub fn began(&self, now_ms: u64) {
        let moved = self.moved.load(Ordering::Relaxed);
        self.moved_when_it_began.store(moved, Ordering::Relaxed);
        self.began_ms.store(now_ms.max(1), Ordering::Relaxed);
        self.owes(Owes::Frame);
    }

    /// It moved so many bytes of it.
    pub fn moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The frame is whole.
    pub fn settled(&self) {
        self.began_ms.store(0, Ordering::Relaxed);
        self.owes.store(Owes::Nothing as u8, Ordering::Relaxed);
        self.moved.fetch_add(FINISHED, Ordering::Relaxed);
    }

    /// Whether the peer keeps us from sending.
    pub fn owes_reply(&self) -> bool {
        matches!(self.owed(), Owes::Reply | Owes::Answer)
    }

    fn owed(&self) -> Owes {
        match self.owes.load(Ordering::Relaxed) {
            0 => Owes::Nothing,
            1 => Owes::Frame,
            2 => Owes::Reply,
            _ => Owes::Answer,
        }
    }

    /// Whether the peer took too long, and over what; asked once in a while by one thread.
    pub fn overdue(&self, look: Look) -> Option<Owes> {
        let owed = self.owed();
        let memory = if owed == Owes::Answer {
            look.memory.1
        } else {
            look.memory.0
        };
        let moved = self.moved.load(Ordering::Relaxed);
        if self.is_given_up(moved, look) {
            return Some(Owes::Frame);
        }
        let since = self.since_ms.load(Ordering::Relaxed);
        let got = moved.wrapping_sub(self.moved_then.load(Ordering::Relaxed));
        let waited = look.now_ms.saturating_sub(since);
        match least(owed, memory) {
            Some(least) if since != 0 && got < least.bytes => {
                (waited >= least.within_ms).then_some(owed)
            }
            // Nothing or enough: what is due from here on is asked from when it is first seen.
            _ => {
                let from_ms = if owed == Owes::Nothing {
                    0
                } else {
                    look.now_ms.max(1)
                };
                self.since_ms.store(from_ms, Ordering::Relaxed);
                self.moved_then.store(moved, Ordering::Relaxed);
                None
            }
        }
    }

    /// Whether its frame is one of those that are given up so that others get on.
    fn is_given_up(&self, moved: u64, look: Look) -> bool {
        let began = self.began_ms.load(Ordering::Relaxed);
        let age = look.now_ms.saturating_sub(began);
        if began == 0 || look.starved_ms < STARVED_MS || age < STARVED_MS {
            return false;
        }
        let got = moved.wrapping_sub(self.moved_when_it_began.load(Ordering::Relaxed));
        got < age.saturating_mul(FAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: (Memory, Memory) = (Memory::Enough, Memory::Enough);
    const SHORT: (Memory, Memory) = (Memory::Short, Memory::Short);
    const MISSING: (Memory, Memory) = (Memory::Missing, Memory::Missing);

    fn look(second: u64, memory: (Memory, Memory)) -> Look {
        Look {
            now_ms: (second + 1) * 1000,
            memory,
            starved_ms: 0,
        }
    }

    #[test]
    fn memory_is_short_before_somebody_waits() {
        let all = [
            (50, false),
            (51, false),
            (0, true),
            (100, true),
            (101, false),
            (101, true),
        ];
        let found = all.map(|(used, is_awaited)| Memory::of(used, 100, is_awaited));
        use Memory::{Enough, Missing, Over, Short};
        assert_eq!(found, [Enough, Short, Missing, Missing, Over, Over]);
        assert_eq!((awaited(75, 100), awaited(usize::MAX, 100)), (75, 75));
    }

    /// The first second at which a peer that moves so many bytes each is overdue.
    fn overdue_at(owes: Owes, bytes: usize, memory: (Memory, Memory)) -> Option<u64> {
        let progress = Progress::default();
        progress.owes(owes);
        (0..300).find(|second| {
            progress.moved(bytes);
            progress.overdue(look(*second, memory)).is_some()
        })
    }

    #[test]
    fn silence_is_borne_by_how_much_memory_there_is() {
        assert_eq!(overdue_at(Owes::Frame, 0, ENOUGH), Some(60));
        assert_eq!(overdue_at(Owes::Frame, 0, SHORT), Some(10));
        assert_eq!(overdue_at(Owes::Frame, 0, MISSING), Some(3));
        assert_eq!(overdue_at(Owes::Reply, 0, ENOUGH), None);
        assert_eq!(overdue_at(Owes::Reply, 0, SHORT), Some(10));
        assert_eq!(
            overdue_at(Owes::Answer, 0, (Memory::Short, Memory::Over)),
            Some(1)
        );
        assert_eq!(overdue_at(Owes::Nothing, 0, MISSING), None);
    }

    #[test]
    fn a_trickle_is_borne_while_there_is_enough() {
        assert_eq!(overdue_at(Owes::Frame, 1, ENOUGH), None);
        assert_eq!(overdue_at(Owes::Frame, 1, SHORT), Some(10));
        assert_eq!(overdue_at(Owes::Frame, 2 * 1024, SHORT), None);
        assert_eq!(overdue_at(Owes::Frame, 2 * 1024, MISSING), Some(3));
        assert_eq!(overdue_at(Owes::Frame, 64 * 1024, MISSING), None);
    }

    #[test]
    fn each_of_two_memories_has_its_own_rule() {
        assert_eq!(
            overdue_at(Owes::Frame, 0, (Memory::Enough, Memory::Missing)),
            Some(60)
        );
        let answers = (Memory::Enough, Memory::Missing);
        assert_eq!(overdue_at(Owes::Reply, 0, answers), None);
        assert_eq!(overdue_at(Owes::Answer, 0, answers), Some(1));
    }

    #[test]
    fn what_is_finished_begins_anew() {
        let progress = Progress::default();
        for second in 0..100 {
            progress.owes(Owes::Frame);
            assert_eq!(progress.overdue(look(second, MISSING)), None);
            progress.moved(10);
            progress.settled();
        }
    }

    #[test]
    fn time_before_it_was_owed_does_not_count() {
        let progress = Progress::default();
        for second in 0..100 {
            assert_eq!(progress.overdue(look(second, MISSING)), None);
        }
        progress.owes(Owes::Frame);
        assert_eq!(progress.overdue(look(101, MISSING)), None);
        assert_eq!(progress.overdue(look(103, MISSING)), None);
        assert_eq!(progress.overdue(look(104, MISSING)), Some(Owes::Frame));
    }

    #[test]
    fn frames_that_wait_for_memory_are_given_up_when_all_starve() {
        let (slow, fast) = (Progress::default(), Progress::default());
        for progress in [&slow, &fast] {
            progress.began(1000);
            progress.owes(Owes::Nothing); // both wait in line
        }
        fast.moved(10 << 20);
        let starving = |second, starved_ms| Look {
            starved_ms,
            ..look(second, MISSING)
        };
        assert_eq!(slow.overdue(starving(9, 10_000)), None, "too young");
        assert_eq!(
            slow.overdue(starving(12, 9_000)),
            None,
            "the line moved lately"
        );
        assert_eq!(slow.overdue(starving(12, 10_000)), Some(Owes::Frame));
        assert_eq!(fast.overdue(starving(12, 10_000)), None);
        assert_eq!(fast.overdue(starving(60, 10_000)), Some(Owes::Frame));
        slow.settled();
        assert_eq!(slow.overdue(starving(99, 99_000)), None, "it became whole");
    }
}
