//! What tests and simulations let happen to a simulated disk, and what they look at.

use std::path::Path;

use super::SimDisk;

impl SimDisk {
    /// Bytes that all files may hold together; writes beyond it fail, having written what fits.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// After this many more writes and syncs every one fails; None ends that.
    pub fn fail_after(&self, writes: Option<u64>) {
        self.state().writes_left = writes;
    }

    /// After this many more changes of any kind nothing changes any more: the machine is about to stop.
    #[cfg(test)]
    pub fn stop_after(&self, changes: Option<u64>) {
        self.state().changes_left = changes;
    }

    /// After this many more syncs of files one fails, and only one: the page cache keeps what it held and takes some
    /// of it for safe, so that later syncs succeed and a crash takes it. None ends that.
    pub fn fail_sync_after(&self, syncs: Option<u64>) {
        self.state().syncs_left = syncs;
    }

    /// After this many more changes (of bytes, lengths or names, and syncs) the process that makes them dies: that
    /// one does not happen, handles and mounted disks fail. None ends that.
    pub fn die_after(&self, changes: Option<u64>) {
        self.state().dies_after = changes;
    }

    /// How often somebody died of `die_after`.
    pub fn deaths(&self) -> u64 {
        self.state().deaths
    }

    /// A fault for tests: from now on a sync that fails is made again, and what the second says is believed.
    pub fn retry_syncs(&self) {
        self.state().retries_syncs = true;
    }

    /// What a power cut would leave of a file whatever the seed says; None if not even its name is safe, be it that
    /// another file's is there.
    pub fn safe(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = *state.safe_names.files.get(path)?;
        if state.names.files.get(path) != Some(&inode) {
            return None;
        }
        Some(state.inodes[inode].safe.to_vec())
    }
}
