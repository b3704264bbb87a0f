//! The small files around logs, as Apache Kafka writes them: names of files and folders, checkpoints,
//! `partition.metadata` and `.kafka_cleanshutdown`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{During, LogError};
use crate::disk::{Disk, DiskFile, Open};

pub const LOG_SUFFIX: &str = ".log";
pub const SNAPSHOT_SUFFIX: &str = ".snapshot";
pub const DELETED_SUFFIX: &str = ".deleted";
pub const CLEANED_SUFFIX: &str = ".cleaned";
pub const SWAP_SUFFIX: &str = ".swap";

pub const EPOCHS_FILE: &str = "leader-epoch-checkpoint";
pub const PARTITION_METADATA_FILE: &str = "partition.metadata";
pub const CLEAN_SHUTDOWN_FILE: &str = ".kafka_cleanshutdown";
pub const LOCK_FILE: &str = ".lock";
pub const META_PROPERTIES_FILE: &str = "meta.properties";
pub const RECOVERY_POINT_FILE: &str = "recovery-point-offset-checkpoint";
pub const CLEANER_FILE: &str = "cleaner-offset-checkpoint";
pub const HIGH_WATERMARK_FILE: &str = "replication-offset-checkpoint";
pub const LOG_START_FILE: &str = "log-start-offset-checkpoint";

/// The digits of an offset in a name.
const DIGITS: usize = 20;

/// `00000000000000000042.log`; no file begins below 0.
pub fn file_name(offset: i64, suffix: &str) -> String {
    // Asked for at every read that goes by an index, so without the machinery of `format!`.
    let mut digits = [b'0'; DIGITS];
    let mut rest = offset.max(0);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut name = String::with_capacity(DIGITS + suffix.len());
    name.push_str(std::str::from_utf8(&digits).unwrap_or_default());
    name.push_str(suffix);
    name
}

pub fn file_path(dir: &Path, offset: i64, suffix: &str) -> PathBuf {
    let mut path = PathBuf::with_capacity(dir.as_os_str().len() + DIGITS + 2 + suffix.len());
    path.push(dir);
    path.push(file_name(offset, suffix));
    path
}

/// The offset that a file's name begins with.
pub fn offset_of(name: &str) -> Option<i64> {
    let digits = name.split('.').next()?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// What a folder's name says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderKind {
    Live,
    /// `topic-partition.<32 hex digits>-delete`
    Deleted,
    Stray,
    Future,
}

/// The folder of a partition's log: `topic-3`, or with a mark behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub topic: String,
    pub partition: i32,
    pub kind: FolderKind,
}

impl Folder {
    pub fn parse(name: &str) -> Option<Self> {
        let marks = [
            ("-delete", FolderKind::Deleted),
            ("-stray", FolderKind::Stray),
            ("-future", FolderKind::Future),
        ];
        let marked = marks.iter().find_map(|(mark, kind)| {
            let (rest, id) = name.strip_suffix(mark)?.rsplit_once('.')?;
            let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then_some((rest, *kind))
        });
        let (name, kind) = marked.unwrap_or((name, FolderKind::Live));
        let (topic, partition) = name.rsplit_once('-')?;
        let partition = partition.parse().ok().filter(|n: &i32| *n >= 0)?;
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if topic.is_empty() || !topic.bytes().all(legal) {
            return None;
        }
        Some(Self {
            topic: topic.to_owned(),
            partition,
            kind,
        })
    }

    pub fn name(topic: &str, partition: i32) -> String {
        format!("{topic}-{partition}")
    }

    /// The name under which a folder waits for what comes next. `unique` tells it from an earlier one of the same
    /// name. Kafka keeps names to 255 characters, at the cost of the topic's end.
    pub fn marked_name(topic: &str, partition: i32, unique: u128, kind: FolderKind) -> String {
        let mark = match kind {
            FolderKind::Live => return Self::name(topic, partition),
            FolderKind::Deleted => "delete",
            FolderKind::Stray => "stray",
            FolderKind::Future => "future",
        };
        let tail = format!("-{partition}.{unique:032x}-{mark}");
        let mut room = topic.len().min(255 - tail.len());
        while !topic.is_char_boundary(room) {
            room -= 1;
        }
        format!("{}{tail}", &topic[..room])
    }
}

/// Offsets of many partitions in one file.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// Read a checkpoint; empty if there is none.
pub fn read_checkpoint<D: Disk>(disk: &D, path: &Path) -> Result<Offsets, LogError> {
    let Some(bytes) = disk.read_all(path).during("reading", path)? else {
        return Ok(Offsets::new());
    };
    if bytes.is_empty() {
        // Apache Kafka makes the file before it has anything to say.
        return Ok(Offsets::new());
    }
    let text = String::from_utf8_lossy(&bytes);
    parse_checkpoint(&text).ok_or_else(|| LogError::corrupt(path, "this is no offset checkpoint"))
}

fn parse_checkpoint(text: &str) -> Option<Offsets> {
    let mut lines = text.lines();
    if lines.next()?.trim() != "0" {
        return None;
    }
    let count: usize = lines.next()?.trim().parse().ok()?;
    let mut offsets = Offsets::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let topic = words.next()?.to_owned();
        let partition = words.next()?.parse().ok()?;
        offsets.insert((topic, partition), words.next()?.parse().ok()?);
        if words.next().is_some() {
            return None;
        }
    }
    (offsets.len() == count).then_some(offsets)
}

/// Replace a checkpoint, safely.
pub fn write_checkpoint<D: Disk>(disk: &D, path: &Path, offsets: &Offsets) -> Result<(), LogError> {
    let mut text = format!("0\n{}\n", offsets.len());
    for ((topic, partition), offset) in offsets {
        text.push_str(&format!("{topic} {partition} {offset}\n"));
    }
    disk.write_atomically(path, text.as_bytes(), true)
        .during("writing", path)
}

/// The topic id in `partition.metadata`, in Kafka's text form; None if there is no such file, or if power was lost
/// while `own` was written there. Of another topic's, the first part is enough.
pub fn read_partition_metadata<D: Disk>(
    disk: &D,
    dir: &Path,
    own: &str,
) -> Result<Option<String>, LogError> {
    let path = dir.join(PARTITION_METADATA_FILE);
    let read = disk.read_all(&path).during("reading", &path)?;
    let Some(bytes) = read.filter(|bytes| !is_torn(bytes, &partition_metadata_text(own))) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let field = |name: &str| {
        text.lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    match (field("version"), field("topic_id")) {
        (Some("0"), Some(id)) if is_topic_id(id) || is_torn_of_another(&bytes, id, own) => {
            Ok(Some(id.trim_end_matches('\0').to_owned()))
        }
        _ => Err(LogError::corrupt(
            &path,
            "this is not what Kafka writes there",
        )),
    }
}

/// 128 bits as Kafka writes them. What is none must not be taken for another topic's, whose folder is set aside.
fn is_topic_id(text: &str) -> bool {
    let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    text.len() == 22 && text.bytes().all(digit)
}

/// Whether power was lost while another topic's id was written: a topic that is gone by now, and whose folder came
/// back with the power cut. What is almost `own` is taken for damage of it.
fn is_torn_of_another(bytes: &[u8], id: &str, own: &str) -> bool {
    let part = id.trim_end_matches('\0');
    let other = own
        .bytes()
        .zip(part.bytes())
        .filter(|(o, p)| o != p)
        .count()
        * 11
        > part.len();
    let whole = format!("{part:A<22}");
    other && is_topic_id(&whole) && is_torn(bytes, &partition_metadata_text(&whole))
}

/// Say which topic the folder belongs to. Kafka syncs it; so do we, when asked to. Else it is written where it lies, for
/// half the price: what a crash leaves of it is known
/// as such when it is read.
pub fn write_partition_metadata<D: Disk>(
    disk: &D,
    dir: &Path,
    topic_id: &str,
    durable: bool,
) -> Result<(), LogError> {
    let path = dir.join(PARTITION_METADATA_FILE);
    let text = partition_metadata_text(topic_id);
    let written = if durable {
        disk.write_atomically(&path, text.as_bytes(), true)
    } else {
        let write = |file: D::File| file.write_all_at(text.as_bytes(), 0);
        disk.open(&path, Open::Truncate).and_then(write)
    };
    written.during("writing", &path)
}

fn partition_metadata_text(topic_id: &str) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// Whether this is what a crash may leave of a text that was written to a new file: a first part, then nothing or zeroes.
fn is_torn(bytes: &[u8], text: &str) -> bool {
    let pairs = bytes.iter().zip(text.as_bytes());
    let kept = pairs.take_while(|(found, meant)| found == meant).count();
    bytes.len() <= text.len() && kept < text.len() && bytes[kept..].iter().all(|byte| *byte == 0)
}

/// Whether the folder was left by a clean shutdown; and the broker's epoch then, -1 if it is not told.
pub fn read_clean_shutdown<D: Disk>(disk: &D, log_dir: &Path) -> Result<Option<i64>, LogError> {
    let path = log_dir.join(CLEAN_SHUTDOWN_FILE);
    let Some(bytes) = disk.read_all(&path).during("reading", &path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let epoch = text.split_once("\"brokerEpoch\"").and_then(|(_, rest)| {
        let number = rest.trim_start().strip_prefix(':')?.trim_start();
        let end = number
            .find(|c: char| c != '-' && !c.is_ascii_digit())
            .unwrap_or(number.len());
        number[..end].parse().ok()
    });
    Ok(Some(epoch.unwrap_or(-1)))
}

/// The last thing that a clean shutdown writes.
pub fn write_clean_shutdown<D: Disk>(
    disk: &D,
    log_dir: &Path,
    broker_epoch: i64,
) -> Result<(), LogError> {
    let path = log_dir.join(CLEAN_SHUTDOWN_FILE);
    let text = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
    disk.write_atomically(&path, text.as_bytes(), true)
        .during("writing", &path)
}

/// The first thing that a start removes, once it was read: a crash from here on needs recovery.
pub fn remove_clean_shutdown<D: Disk>(disk: &D, log_dir: &Path) -> Result<(), LogError> {
    let path = log_dir.join(CLEAN_SHUTDOWN_FILE);
    match disk.remove_file(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done
            .and_then(|()| disk.sync_dir(log_dir))
            .during("removing", &path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;

    /// A checkpoint that comes back different would start recovery or the log at a wrong offset.
    #[test]
    fn checkpoints_round_trip() {
        let disk = SimDisk::new(1);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let path = Path::new("/d/recovery-point-offset-checkpoint");
        let offsets = Offsets::from([(("a".into(), 0), 5), (("a-b".into(), 12), 1 << 40)]);
        write_checkpoint(&disk, path, &offsets).unwrap();
        assert_eq!(read_checkpoint(&disk, path).unwrap(), offsets);
        let text = String::from_utf8(disk.read_all(path).unwrap().unwrap()).unwrap();
        assert_eq!(text, "0\n2\na 0 5\na-b 12 1099511627776\n");
        disk.open(path, Open::Truncate).unwrap();
        assert_eq!(read_checkpoint(&disk, path).unwrap(), Offsets::new());
        assert!(parse_checkpoint("0\n3\na 0 5\n").is_none());
        assert!(parse_checkpoint("1\n0\n").is_none());
    }

    /// An id that is not one is damage; taken for another topic's, the partition would be served empty.
    #[test]
    fn a_damaged_topic_id_is_named() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/d");
        disk.create_dir_all(dir).unwrap();
        let id = "AAECAwQFBgcICQoLDA0ODw";
        write_partition_metadata(&disk, dir, id, true).unwrap();
        let read = || read_partition_metadata(&disk, dir, id);
        assert_eq!(read().unwrap().as_deref(), Some(id));
        let path = dir.join(PARTITION_METADATA_FILE);
        let whole = disk.read_all(&path).unwrap().unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let file = disk.open(&path, Open::Truncate).unwrap();
            file.write_all_at(&bytes, 0).unwrap();
            match read() {
                Ok(other) => assert!(other.is_some_and(|other| is_topic_id(&other)), "bit {bit}"),
                Err(e) => assert!(e.to_string().contains(PARTITION_METADATA_FILE), "{e}"),
            }
        }
    }

    /// Power may be lost while the name of a new folder is written: the partition would be offline for good.
    #[test]
    fn a_topic_id_that_was_half_written_is_none() {
        let (own, other) = ("AAECAwQFBgcICQoLDA0ODw", "x3sWzR0qQyKkT4lE1dHv9g");
        let dir = Path::new("/d");
        let mut met = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let disk = SimDisk::new(seed);
            disk.create_dir_all(dir).unwrap();
            write_partition_metadata(&disk, dir, own, false).unwrap();
            disk.sync_dir(dir).unwrap();
            disk.crash();
            let path = dir.join(PARTITION_METADATA_FILE);
            let mut left = disk.read_all(&path).unwrap().unwrap();
            let whole = left == partition_metadata_text(own).as_bytes();
            met.insert(left.len());
            let read = |own| read_partition_metadata(&disk, dir, own);
            assert_eq!(read(own).unwrap().is_some(), whole, "{left:?}");
            let id = &partition_metadata_text(own)[..left.len()];
            let begun = id
                .strip_prefix("version: 0\ntopic_id: ")
                .filter(|id| !id.is_empty());
            assert_eq!(read(other).unwrap().as_deref(), begun, "{left:?}");
            if !whole {
                left.resize(43, 0);
                let file = disk.open(&path, Open::Truncate).unwrap();
                file.write_all_at(&left, 0).unwrap();
                assert_eq!(read(own).unwrap(), None, "zeroes behind it");
                write_partition_metadata(&disk, dir, own, false).unwrap();
                assert_eq!(read(own).unwrap().as_deref(), Some(own));
            }
        }
        assert!(met.len() > 20, "{met:?}");
    }

    /// A folder that is taken for a live one is served; one that is not is never served again.
    #[test]
    fn folder_names() {
        let live = |topic: &str, partition| {
            Some(Folder {
                topic: topic.into(),
                partition,
                kind: FolderKind::Live,
            })
        };
        assert_eq!(Folder::parse("a-b-3"), live("a-b", 3));
        assert_eq!(Folder::parse("a.b-delete-0"), live("a.b-delete", 0));
        assert_eq!(Folder::parse("lost+found"), None);
        assert_eq!(Folder::parse("a"), None);
        let name = Folder::marked_name("t", 4, 0xabc, FolderKind::Deleted);
        assert_eq!(name, "t-4.00000000000000000000000000000abc-delete");
        let parsed = Folder::parse(&name).unwrap();
        assert_eq!((parsed.partition, parsed.kind), (4, FolderKind::Deleted));
        let long = "x".repeat(249);
        assert_eq!(
            Folder::marked_name(&long, 4, 1, FolderKind::Stray).len(),
            255
        );
    }

    /// Apache Kafka skips recovery when it finds this file: it must say what Apache's says.
    #[test]
    fn clean_shutdown_round_trips() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/d");
        disk.create_dir_all(dir).unwrap();
        assert_eq!(read_clean_shutdown(&disk, dir).unwrap(), None);
        write_clean_shutdown(&disk, dir, 77).unwrap();
        assert_eq!(read_clean_shutdown(&disk, dir).unwrap(), Some(77));
        remove_clean_shutdown(&disk, dir).unwrap();
        assert_eq!(read_clean_shutdown(&disk, dir).unwrap(), None);
        remove_clean_shutdown(&disk, dir).unwrap();
    }
}
