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
