//! The machine's own disk, in a folder of the test's own.

use std::path::PathBuf;

use super::{Disk, DiskFile, Open, RealDisk};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("ottla-{name}-{}", std::process::id()));
        RealDisk::DURABLE.create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = RealDisk::DURABLE.remove_dir_all(&self.0);
    }
}

/// The log counts on these words of the disk: reserved space is not length, and reads end at the end.
#[test]
fn files_do_as_the_trait_says() {
    let folder = Folder::new("files");
    let path = folder.0.join("a");
    assert!(RealDisk::DURABLE.read_all(&path).unwrap().is_none());
    let file = RealDisk::DURABLE.open(&path, Open::Create).unwrap();
    file.write_all_at(b"hello", 3).unwrap();
    match file.allocate(8, 1 << 20) {
        Ok(()) => assert_eq!(file.len().unwrap(), 8),
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::Unsupported),
    }
    file.sync().unwrap();
    let mut buffer = [9; 16];
    assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 5);
    assert_eq!(file.read_at(&mut buffer, 8).unwrap(), 0);
    assert!(file.read_exact_at(&mut buffer, 3).is_err());
    file.set_len(4).unwrap();
    assert_eq!(
        RealDisk::DURABLE.read_all(&path).unwrap().unwrap(),
        b"\0\0\0h"
    );
    let to = folder.0.join("b");
    RealDisk::DURABLE
        .write_atomically(&to, b"new", true)
        .unwrap();
    RealDisk::DURABLE.rename(&path, &to).unwrap();
    let names: Vec<_> = RealDisk::DURABLE
        .list(&folder.0)
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, ["b"]);
    assert_eq!(RealDisk::DURABLE.stat(&to).unwrap().unwrap().len, 4);
    let (total, usable) = RealDisk::DURABLE.space(&folder.0).unwrap();
    assert!(usable <= total && total > 0);
}

/// A second node of this very process must not open the folder either.
#[test]
fn a_lock_holds_within_the_process_too() {
    let folder = Folder::new("lock");
    let path = folder.0.join(".lock");
    let held = RealDisk::DURABLE.lock(&path).unwrap();
    drop(RealDisk::DURABLE.open(&path, Open::Write).unwrap());
    let refused = RealDisk::DURABLE.lock(&path).err().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    drop(held);
    RealDisk::DURABLE.lock(&path).unwrap();
}
