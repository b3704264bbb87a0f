//! The names of a simulated file system, and what changes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Clone)]
pub enum Rename {
    Link(PathBuf, usize),
    Unlink(PathBuf),
    Move(PathBuf, PathBuf),
    MoveDir(PathBuf, PathBuf),
    MakeDir(PathBuf),
    DropDir(PathBuf),
}

impl Rename {
    pub fn touches(&self, dir: &Path) -> bool {
        let within = |path: &Path| path.parent() == Some(dir) || path.starts_with(dir);
        match self {
            Self::Link(path, _)
            | Self::Unlink(path)
            | Self::MakeDir(path)
            | Self::DropDir(path) => within(path),
            Self::Move(from, to) | Self::MoveDir(from, to) => within(from) || within(to),
        }
    }
}

#[derive(Clone, Default)]
pub struct Names {
    pub files: BTreeMap<PathBuf, usize>,
    pub dirs: BTreeSet<PathBuf>,
}

impl Names {
    pub fn apply(&mut self, change: &Rename) {
        match change {
            Rename::Link(path, inode) => {
                self.files.insert(path.clone(), *inode);
            }
            Rename::Unlink(path) => {
                self.files.remove(path);
            }
            Rename::Move(from, to) => {
                if let Some(inode) = self.files.remove(from) {
                    self.files.insert(to.clone(), inode);
                }
            }
            Rename::MoveDir(from, to) => self.move_dir(from, to),
            Rename::MakeDir(path) => {
                self.dirs.insert(path.clone());
            }
            Rename::DropDir(path) => {
                self.files.retain(|file, _| !file.starts_with(path));
                self.dirs.retain(|dir| !dir.starts_with(path));
            }
        }
    }

    fn move_dir(&mut self, from: &Path, to: &Path) {
        let moved = |path: &Path| match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
            Ok(rest) => to.join(rest),
            Err(_) => path.to_owned(),
        };
        self.files = self
            .files
            .iter()
            .map(|(path, inode)| (moved(path), *inode))
            .collect();
        self.dirs = self.dirs.iter().map(|path| moved(path)).collect();
    }
}
