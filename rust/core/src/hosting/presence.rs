//! Whether the log directories are still there. One that goes away while the node runs (its disk was unmounted, say) takes
//! along what is written to open files, and what is made in its place lies on another disk. So it fails as one does whose
//! sync failed. Its `.lock` and its `meta.properties` tell: what is left of a mount is a folder, too.
//!
//! Only the disk can say, and a disk that hangs says nothing: each is asked by a worker of its own.

use std::path::Path;
use std::time::Duration;

use super::dirs::failed;
use super::event::Event;
use super::host::Host;
use super::lock::lock;
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::{LOCK_FILE, META_PROPERTIES_FILE};
use crate::partition::Waiter;

/// What is wrong with a log directory that has none of the files that say whose it is.
fn missing<D: Disk>(disk: &D, path: &Path) -> Option<String> {
    let lacks = |name| match disk.stat(&path.join(name)) {
        Ok(Some(_)) => None,
        Ok(None) => Some("its folder is gone".to_owned()),
        Err(error) => Some(format!("its folder can't be read: {error}")),
    };
    lacks(LOCK_FILE).and_then(|_| lacks(META_PROPERTIES_FILE))
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Look for every log directory, in the background.
    pub(super) fn look_for_all(&self) {
        for (index, _) in self.dir_paths() {
            self.look_for(index);
        }
    }

    fn look_for(&self, index: usize) {
        let begins = {
            let mut dirs = lock(&self.dirs);
            let dir = dirs.dirs.get_mut(index);
            dir.is_some_and(|dir| !std::mem::replace(&mut dir.presence.looking, true))
        };
        if begins {
            self.around.owe(Chore::Presence(index), Duration::ZERO);
        }
    }

    /// Look, and end a log directory that is missing. Not under a partition's lock.
    ///
    /// # Errors
    /// "away", if that is news.
    pub(super) fn look(&self, index: usize) -> Result<(), CoreError> {
        let path = lock(&self.dirs).get(index)?.path.clone();
        let found = missing(&self.disk, &path);
        let news = {
            let mut dirs = lock(&self.dirs);
            let Some(dir) = dirs.dirs.get_mut(index) else {
                return Ok(());
            };
            dir.presence.looking = false;
            let was_away = dir.presence.away;
            dir.presence.away = found.is_some() && (was_away || !dir.has_failed());
            dir.presence.away != was_away
        };
        match found {
            Some(why) if news => {
                self.fail_dir(index, &why);
                Err(failed(&path, &why))
            }
            None if news => {
                let shown = path.display();
                let text = format!("the log directory {shown} is there again: start the node anew");
                self.around.tell(Event::Done { text });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Before anything is made in a log directory.
    ///
    /// # Errors
    /// "away", and it is ended soon: who finds it so may hold a partition.
    pub(super) fn must_be_there(&self, index: usize) -> Result<(), CoreError> {
        let path = lock(&self.dirs).get(index)?.path.clone();
        missing(&self.disk, &path).map_or(Ok(()), |why| {
            self.look_for(index);
            Err(failed(&path, &why))
        })
    }
}
