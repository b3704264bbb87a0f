//! The producers' state beside a log: written as a snapshot where segments end, and loaded from the latest that can be
//! read and the batches after it.

use super::Log;
use super::error::{During, LogError};
use super::files::{SNAPSHOT_SUFFIX, file_path, offset_of};
use super::producers::{Producers, Staged};
use crate::disk::{Disk, DiskFile, Open};

impl<D: Disk> Log<D> {
    pub(super) fn write_snapshot(&mut self) -> Result<(), LogError> {
        let offset = self.producers.end_offset;
        if offset <= self.producers.snapshot_offset {
            return Ok(());
        }
        let path = file_path(&self.dir, offset, SNAPSHOT_SUFFIX);
        let bytes = self.producers.snapshot();
        let write = |file: D::File| file.write_all_at(&bytes, 0);
        self.disk
            .open(&path, Open::Truncate)
            .and_then(write)
            .inspect_err(|_| drop(self.disk.remove_file(&path))) // half of one is none
            .during("writing", &path)?;
        self.producers.snapshot_offset = offset;
        self.dirty.names.note();
        Ok(())
    }

    /// The producers' state at `offset`: from the latest snapshot that can be read, and the batches from there on.
    pub(super) fn load_producers(
        &mut self,
        offset: i64,
        now_ms: i64,
    ) -> Result<Producers, LogError> {
        // To forget one too early means that a retry of its is there twice.
        let skew = self.skew.at(now_ms);
        let expiration_ms = self.config.producer_id_expiration_ms;
        let mut state = Producers::starting_at(self.start_offset);
        let mut snapshots = self.snapshot_offsets()?;
        snapshots.retain(|at| *at <= offset && *at > self.start_offset);
        snapshots.sort_unstable();
        while let Some(at) = snapshots.pop() {
            let path = file_path(&self.dir, at, SNAPSHOT_SUFFIX);
            let bytes = self
                .disk
                .read_all(&path)
                .during("reading", &path)?
                .unwrap_or_default();
            if let Some(loaded) = Producers::load(&bytes, at, skew, expiration_ms) {
                state = loaded;
                break;
            }
            self.disk.remove_file(&path).during("removing", &path)?;
        }
        let from = state.end_offset;
        for at in self.segment_at(from)..self.segments.len() {
            if self.segments[at].base_offset >= offset {
                break;
            }
            let (place, segment) = self.segment(at);
            let mut scan = segment.scan_to(place, from)?;
            while let Some(found) = scan.next_header()? {
                if found.header.base_offset >= offset {
                    break;
                }
                if found.header.last_offset() < from || !found.header.has_producer_id() {
                    continue;
                }
                let mut staged = Staged::default();
                let marker = scan.marker(&found)?;
                let _ = state.stage(&mut staged, &found.header, marker, None);
                state.commit(staged, found.header.next_offset(), skew);
            }
        }
        state.end_offset = offset;
        state.high_watermark(self.high_watermark.max(self.start_offset));
        Ok(state)
    }

    pub(super) fn remove_snapshots(&self, goes: impl Fn(i64) -> bool) -> Result<(), LogError> {
        for offset in self.snapshot_offsets()? {
            if goes(offset) {
                let path = file_path(&self.dir, offset, SNAPSHOT_SUFFIX);
                self.disk.remove_file(&path).during("removing", &path)?;
            }
        }
        Ok(())
    }

    pub(super) fn snapshot_offsets(&self) -> Result<Vec<i64>, LogError> {
        let entries = self.disk.list(&self.dir).during("listing", &self.dir)?;
        let names = entries.iter().map(|entry| entry.name.as_str());
        Ok(names
            .filter(|name| name.ends_with(SNAPSHOT_SUFFIX))
            .filter_map(offset_of)
            .collect())
    }
}
