//! A disk that fails where a test says so: rows of verb, file and moment. Nothing else ever arms it; until then
//! every call pays one relaxed load.
//!
//! Rows are looked at in their order. The delays of all that fire add up; the first that names an errno decides.
//! A row without an end to its delay holds its calls until the rows are replaced, so that a test need not guess
//! how long it will take to look.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::error::NodeError;
use crate::lock::lock;

/// What a disk is asked to do, as a row names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Open what must exist.
    Open,
    /// Open what is made if need be, or make a folder.
    Create,
    Read,
    Write,
    Allocate,
    SetLen,
    Sync,
    SyncDir,
    SyncVolume,
    Rename,
    Remove,
    List,
    Stat,
    Space,
    Lock,
}

const VERBS: [(&str, Verb); 15] = [
    ("open", Verb::Open),
    ("create", Verb::Create),
    ("read", Verb::Read),
    ("write", Verb::Write),
    ("allocate", Verb::Allocate),
    ("set_len", Verb::SetLen),
    ("sync", Verb::Sync),
    ("sync_dir", Verb::SyncDir),
    ("sync_volume", Verb::SyncVolume),
    ("rename", Verb::Rename),
    ("remove", Verb::Remove),
    ("list", Verb::List),
    ("stat", Verb::Stat),
    ("space", Verb::Space),
    ("lock", Verb::Lock),
];

const ERRNOS: [(&str, Errno); 9] = [
    ("EACCES", Errno::ACCESS),
    ("EDQUOT", Errno::DQUOT),
    ("EIO", Errno::IO),
    ("EMFILE", Errno::MFILE),
    ("ENFILE", Errno::NFILE),
    ("ENOENT", Errno::NOENT),
    ("ENOSPC", Errno::NOSPC),
    ("EPERM", Errno::PERM),
    ("EROFS", Errno::ROFS),
];

/// One fault: where it holds, when, and what happens.
#[derive(Debug, Clone)]
pub struct DiskFault {
    verb: Verb,
    pattern: String,
    errno: Option<i32>,
    /// None: until the rows are replaced.
    delay: Option<Duration>,
    short: bool,
    pass: u64,
    /// How many more calls it holds for; None for ever.
    left: Option<u64>,
    fired: u64,
}

/// A fault as a test says it.
#[derive(Debug, Clone, Default)]
pub struct FaultRow {
    pub verb: String,
    /// The end of the path, in which `*` stands for anything, and `#` for a number.
    pub path: String,
    /// Empty for none.
    pub errno: String,
    /// None: until other rows are set.
    pub delay_ms: Option<u64>,
    /// Only a part is read or written.
    pub short: bool,
    /// How many matching calls pass first.
    pub after: u64,
    /// How many calls it holds for; None for ever.
    pub times: Option<u64>,
}

impl FaultRow {
    /// At once, and for ever.
    pub fn new(verb: &str, path: &str, errno: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            path: path.to_owned(),
            errno: errno.to_owned(),
            delay_ms: Some(0),
            ..Self::default()
        }
    }
}

impl DiskFault {
    pub fn new(row: FaultRow) -> Result<Self, NodeError> {
        let unknown = |what, name: &str| {
            NodeError::new("invalid", format!("{name:?} is no {what} of a disk fault"))
        };
        let verb = VERBS
            .iter()
            .find(|(name, _)| *name == row.verb)
            .ok_or_else(|| unknown("verb", &row.verb))?
            .1;
        let number = ERRNOS.iter().find(|(name, _)| *name == row.errno);
        if number.is_none() && !row.errno.is_empty() {
            return Err(unknown("errno", &row.errno));
        }
        Ok(Self {
            verb,
            pattern: row.path,
            errno: number.map(|(_, errno)| errno.raw_os_error()),
            delay: row.delay_ms.map(Duration::from_millis),
            short: row.short,
            pass: row.after,
            left: row.times,
            fired: 0,
        })
    }

    fn fires(&mut self, verb: Verb, path: &str) -> bool {
        if self.verb != verb || self.left == Some(0) || !ends_like(&self.pattern, path) {
            return false;
        }
        if self.pass > 0 {
            self.pass -= 1;
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        self.fired += 1;
        true
    }
}

/// What comes over one call.
#[derive(Debug, Default)]
pub struct Hit {
    pub errno: Option<i32>,
    /// Only a part is read or written.
    pub short: bool,
}

impl Hit {
    pub fn outcome(&self) -> io::Result<()> {
        self.errno
            .map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }
}

#[derive(Default)]
pub struct Faults {
    armed: AtomicBool,
    rows: Mutex<Rows>,
    replaced: Condvar,
}

#[derive(Default)]
struct Rows {
    rows: Vec<DiskFault>,
    /// How often they were replaced.
    age: u64,
}

impl Faults {
    /// From now on these hold and no others.
    pub fn set(&self, rows: Vec<DiskFault>) {
        let armed = !rows.is_empty();
        {
            let mut held = lock(&self.rows);
            held.rows = rows;
            held.age = held.age.wrapping_add(1);
        }
        self.armed.store(armed, Ordering::Relaxed);
        self.replaced.notify_all();
    }

    /// How often each row fired, in the order in which they were set.
    pub fn fired(&self) -> Vec<u64> {
        lock(&self.rows).rows.iter().map(|row| row.fired).collect()
    }

    /// What a call of this kind must suffer; delays have passed when this returns.
    #[inline]
    pub fn on(&self, verb: Verb, path: &Path) -> Hit {
        if self.armed.load(Ordering::Relaxed) {
            self.strike(verb, path)
        } else {
            Hit::default()
        }
    }

    #[cold]
    fn strike(&self, verb: Verb, path: &Path) -> Hit {
        let path = path.to_string_lossy();
        let mut hit = Hit::default();
        let mut delay = Some(Duration::ZERO);
        let mut rows = lock(&self.rows);
        for row in &mut rows.rows {
            if hit.errno.is_none() && row.fires(verb, &path) {
                delay = delay
                    .zip(row.delay)
                    .map(|(all, one)| all.saturating_add(one));
                hit.errno = row.errno;
                hit.short |= row.short;
            }
        }
        if let Some(delay) = delay {
            drop(rows);
            std::thread::sleep(delay);
        } else {
            let age = rows.age;
            let held = self.replaced.wait_while(rows, |rows| rows.age == age);
            drop(held.unwrap_or_else(PoisonError::into_inner));
        }
        hit
    }
}

/// Whether `path` ends as the pattern says, in which `*` stands for anything, `/` too, and `#` for a number.
fn ends_like(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    // As if the pattern began with a star: where the last one stood, and how much of the path it has eaten.
    let mut star = 0;
    let mut eaten = 0;
    let (mut at, mut of) = (0, 0);
    while at < path.len() {
        match pattern.get(of) {
            Some(b'*') => {
                of += 1;
                (star, eaten) = (of, at);
            }
            Some(b'#') if path[at].is_ascii_digit() => {
                let digits = path[at..].iter().take_while(|it| it.is_ascii_digit());
                at += digits.count();
                of += 1;
            }
            Some(byte) if *byte == path[at] => {
                at += 1;
                of += 1;
            }
            _ => {
                eaten += 1;
                (at, of) = (eaten, star);
            }
        }
    }
    pattern[of..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(verb: &str, pattern: &str, errno: &str, after: u64, times: Option<u64>) -> DiskFault {
        let row = FaultRow::new(verb, pattern, errno);
        DiskFault::new(FaultRow {
            after,
            times,
            ..row
        })
        .unwrap()
    }

    #[test]
    fn a_pattern_is_the_end_of_a_path_or_a_glob() {
        for (pattern, path, fits) in [
            ("", "/a/b.log", true),
            (".log", "/a/b.log", true),
            (".log", "/a/b.log.x", false),
            ("orders-0/*.log", "/a/orders-0/00.log", true),
            ("orders-0/*.log", "/a/orders-1/00.log", false),
            ("/orders-0*", "/a/orders-0/leader-epoch-checkpoint", true),
            ("*a*b*c", "/xaxbxaxc", true),
            ("a*b", "/ab/ba", false),
            ("/orders-#", "/a/orders-12", true),
            ("/orders-#/*", "/a/orders-12/00.log", true),
            ("/orders-#/*", "/a/orders-archive-0/00.log", false),
            ("/orders-#/*", "/a/orders-1-0/00.log", false),
            ("/orders-#/*", "/a/orders-/00.log", false),
        ] {
            assert_eq!(ends_like(pattern, path), fits, "{pattern} of {path}");
        }
    }

    #[test]
    fn a_row_lets_pass_then_holds_then_rests() {
        let faults = Faults::default();
        let log = Path::new("/d/t-0/0.log");
        assert!(faults.on(Verb::Sync, log).outcome().is_ok());
        faults.set(vec![row("sync", ".log", "EIO", 1, Some(2))]);
        let outcomes = [(); 4].map(|()| faults.on(Verb::Sync, log).outcome().is_ok());
        assert_eq!(outcomes, [true, false, false, true]);
        assert!(faults.on(Verb::Write, log).outcome().is_ok());
        assert_eq!(faults.fired(), [2]);
        faults.set(Vec::new());
        assert!(faults.fired().is_empty());
    }

    #[test]
    fn a_call_is_held_until_the_rows_are_replaced() {
        let faults = Faults::default();
        let mut held = row("sync", ".log", "EIO", 0, None);
        held.delay = None;
        faults.set(vec![held]);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                let hit = faults.on(Verb::Sync, Path::new("/d/t-0/0.log"));
                ended.store(true, Ordering::Relaxed);
                hit.errno
            });
            while faults.fired() != [1] {
                std::thread::yield_now();
            }
            assert!(faults.on(Verb::Write, Path::new("0.log")).outcome().is_ok());
            assert!(!ended.load(Ordering::Relaxed), "it is held");
            faults.set(Vec::new());
            assert_eq!(call.join().unwrap(), Some(Errno::IO.raw_os_error()));
        });
    }

    #[test]
    fn names_that_nobody_knows_are_refused() {
        for (verb, errno) in [("fly", "EIO"), ("sync", "EWHAT")] {
            let row = FaultRow::new(verb, "", errno);
            assert_eq!(DiskFault::new(row).unwrap_err().kind, "invalid");
        }
    }
}
