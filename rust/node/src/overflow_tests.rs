//! A disk whose folder lies in memory: what goes where, and what is counted.

use std::fs;
use std::path::{Path, PathBuf};

use ottla_core::disk::{Disk, DiskFile, Open};

use crate::disk::NodeDisk;
use crate::overflow::{Memory, Overflow};

const MOST: u64 = 1000;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ottla-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("memory/t-0")).unwrap();
        Self(folder)
    }

    fn disk(&self) -> NodeDisk {
        let overflow = Overflow {
            folder: self.overflow(),
            memory_bytes_max: MOST,
        };
        let memory = Memory::new(overflow, &[self.0.join("memory")]);
        NodeDisk::new(Default::default(), false, false, Some(memory))
    }

    fn overflow(&self) -> PathBuf {
        self.0.join("overflow")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join("memory/t-0").join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().unwrap().is_symlink()
}

#[test]
fn what_finds_no_room_in_memory_is_a_file_elsewhere() {
    let place = Place::new("overflows");
    let disk = place.disk();
    let first = disk.open(&place.path("0.log"), Open::Truncate).unwrap();
    first.write_all_at(&[1; 999], 0).unwrap();
    assert!(!first.is_outgrown());
    first.write_all_at(&[1; 999], 0).unwrap();
    assert!(!first.is_outgrown(), "written over, not on");
    first.write_all_at(&[1], 999).unwrap();
    assert!(first.is_outgrown());

    let second = disk.open(&place.path("1.log"), Open::Truncate).unwrap();
    let index = disk.open(&place.path("1.index"), Open::Truncate).unwrap();
    second.write_all_at(&[2; 5000], 0).unwrap();
    index.write_all_at(&[3; 10], 0).unwrap();
    assert!(!second.is_outgrown());
    assert!(is_link(&place.path("1.log")) && !is_link(&place.path("1.index")));
    let listed = disk.list(&place.path("")).unwrap();
    let found: Vec<_> = listed
        .iter()
        .map(|entry| (entry.name.as_str(), entry.len))
        .collect();
    assert_eq!(found, [("0.log", 1000), ("1.index", 10), ("1.log", 5000)]);

    disk.remove_file(&place.path("1.log")).unwrap();
    assert_eq!(fs::read_dir(place.overflow()).unwrap().count(), 0);
}

#[test]
fn what_goes_gives_its_bytes_back() {
    let place = Place::new("gives-back");
    let disk = place.disk();
    let file = disk.open(&place.path("0.log"), Open::Create).unwrap();
    file.write_all_at(&[1; 2000], 0).unwrap();
    assert!(file.is_outgrown());
    file.set_len(10).unwrap();
    assert!(!file.is_outgrown());
    file.write_all_at(&[1; 2000], 10).unwrap();
    disk.open(&place.path("1.log"), Open::Create).unwrap();
    disk.remove_dir_all(&place.path("")).unwrap();
    assert_eq!(fs::read_dir(place.overflow()).unwrap().count(), 0);

    disk.create_dir_all(&place.path("")).unwrap();
    let file = disk.open(&place.path("0.log"), Open::Create).unwrap();
    file.write_all_at(&[1; 999], 0).unwrap();
    assert!(!file.is_outgrown());
    assert!(!is_link(&place.path("0.log")));
}

#[test]
fn the_next_node_counts_what_is_there_and_writes_over_nothing() {
    let place = Place::new("counts");
    let disk = place.disk();
    for name in ["0.log", "1.log"] {
        let file = disk.open(&place.path(name), Open::Create).unwrap();
        file.write_all_at(&[1; 1000], 0).unwrap();
    }
    let disk = place.disk();
    let second = disk.open(&place.path("1.log"), Open::Write).unwrap();
    let third = disk.open(&place.path("2.log"), Open::Create).unwrap();
    third.write_all_at(&[3; 10], 0).unwrap();
    assert!(is_link(&place.path("2.log")));
    assert_eq!((second.len().unwrap(), third.len().unwrap()), (1000, 10));
    let first = disk.open(&place.path("0.log"), Open::Write).unwrap();
    assert!(first.is_outgrown() && !second.is_outgrown());
}

/// Retention would give nothing back: once memory was full, all that a broker ever writes would go to disk.
#[test]
fn what_was_renamed_to_be_removed_gives_its_bytes_back() {
    let place = Place::new("renamed");
    let disk = place.disk();
    let write = |name: &str| {
        let file = disk.open(&place.path(name), Open::Create).unwrap();
        file.write_all_at(&[1; 600], 0).unwrap();
        file
    };
    let (first, second) = (write("0.log"), write("1.log"));
    write("2.log");
    assert!(second.is_outgrown() && is_link(&place.path("2.log")));
    for name in ["0.log", "2.log"] {
        let renamed = place.path(&format!("{name}.deleted"));
        disk.rename(&place.path(name), &renamed).unwrap();
        assert!(second.is_outgrown(), "it still takes what it took");
        assert!(
            place
                .disk()
                .open(&place.path("1.log"), Open::Write)
                .unwrap()
                .is_outgrown()
        );
        disk.remove_file(&renamed).unwrap();
        if name == "0.log" {
            assert!(!second.is_outgrown());
            write("1.log");
            disk.open(&place.path("3.log"), Open::Create).unwrap();
            assert!(!is_link(&place.path("3.log")));
            second.write_all_at(&[1; 600], 600).unwrap();
        }
    }
    assert_eq!(fs::read_dir(place.overflow()).unwrap().count(), 0);
    // The folder of a deleted partition is renamed before it goes, whatever was renamed in it before.
    disk.rename(&place.path("1.log"), &place.path("1.log.deleted"))
        .unwrap();
    let (there, gone) = (place.path(""), place.0.join("memory/t.x-delete"));
    disk.rename(&there, &gone).unwrap();
    disk.remove_dir_all(&gone).unwrap();
    assert!(!first.is_outgrown());
    disk.create_dir_all(&there).unwrap();
    disk.open(&place.path("0.log"), Open::Create).unwrap();
    assert!(!is_link(&place.path("0.log")));
}

/// What a removal left would count no more, or its files elsewhere would be gone under their names.
#[test]
fn what_could_not_be_removed_still_counts() {
    let place = Place::new("refused");
    let disk = place.disk();
    for name in ["0.log", "1.log"] {
        let file = disk.open(&place.path(name), Open::Create).unwrap();
        file.write_all_at(&[1; 1000], 0).unwrap();
    }
    let memory = Memory::new(
        Overflow {
            folder: place.overflow(),
            memory_bytes_max: MOST,
        },
        &[place.0.join("memory")],
    );
    let refused = || Err(std::io::Error::other("half way"));
    assert!(memory.removing(&place.path(""), refused).is_err());
    assert!(memory.is_full());
    assert_eq!(fs::read(place.path("1.log")).unwrap().len(), 1000);
    let half = || fs::remove_file(place.path("0.log")).and_then(|()| refused());
    assert!(memory.removing(&place.path(""), half).is_err());
    assert!(!memory.is_full());
    assert_eq!(fs::read(place.path("1.log")).unwrap().len(), 1000);
}

/// A power cut would take the file of a segment that lies elsewhere by another length than that of one in memory, or
/// cut the link.
#[test]
fn power_goes_for_both_alike() {
    let place = Place::new("power");
    let overflow = Overflow {
        folder: place.overflow(),
        memory_bytes_max: MOST,
    };
    let memory = Memory::new(overflow, &[place.0.join("memory")]);
    let disk = NodeDisk::new(Default::default(), true, false, Some(memory));
    for name in ["0.log", "1.log"] {
        let file = disk.open(&place.path(name), Open::Truncate).unwrap();
        file.write_all_at(&[1; 1000], 0).unwrap();
        file.sync().unwrap();
        file.write_all_at(&[1; 500], 1000).unwrap();
    }
    let renamed = place.path("1.log.deleted");
    disk.rename(&place.path("1.log"), &renamed).unwrap();
    disk.die();
    assert!(disk.lose_unsynced().unwrap());
    assert!(is_link(&renamed));
    for path in [place.path("0.log"), renamed] {
        assert_eq!(fs::read(path).unwrap().len(), 1000);
    }
}
