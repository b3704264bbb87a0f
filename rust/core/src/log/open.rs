//! Opening a folder: what a stop left, clean or not, and what an interrupted change left.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::path::PathBuf;

use super::Log;
use super::api::{OpenHints, Recovery};
use super::config::LogConfig;
use super::epochs::Epochs;
use super::error::{During, LogError, UnlessFull};
use super::files::{
    CLEANED_SUFFIX, DELETED_SUFFIX, EPOCHS_FILE, LOG_SUFFIX, SNAPSHOT_SUFFIX, SWAP_SUFFIX,
    file_name, offset_of,
};
use super::index::{Kind, Offsets, Times};
use super::producers::Producers;
use super::scan::{Bounds, Scan};
use super::segment::{Segment, remove_segment_files};
use super::skew::Skew;
use super::unsynced::{Fate, Unsafe};
use crate::disk::{Disk, DiskFile, Entry};

impl<D: Disk> Log<D> {
    /// Open the folder, or make a new log in it (the folder too). Cheap after a clean shutdown; else every segment
    /// from the recovery point on is read, checked, and cut after its last whole batch.
    ///
    /// # Errors
    /// If the disk fails, or the folder holds batches of a format that is not read here.
    pub fn open(
        disk: D,
        dir: PathBuf,
        config: LogConfig,
        now_ms: i64,
        hints: OpenHints,
    ) -> Result<(Self, Recovery), LogError> {
        let mut recovery = Recovery::default();
        let hints = OpenHints {
            recovery_point: hints.recovery_point.max(0),
            log_start_offset: hints.log_start_offset.max(0),
            ..hints
        };
        let found = match disk.list(&dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            listed => Some(listed.during("listing", &dir)?),
        };
        let made = found.is_none();
        if made {
            disk.create_dir(&dir).during("creating", &dir)?;
        }
        let mut log = Self::unread(disk, dir, config, &hints);
        if made || !hints.clean_shutdown {
            // Of a process that was killed nobody knows which names it had made safe.
            log.dirty.names.note();
            log.dirty.folder.note();
        }
        let entries = log.clear_leftovers(found.unwrap_or_default(), &mut recovery)?;
        log.find_segments(&entries, now_ms, &hints, &mut recovery)?;
        let epochs_lost = log.load_epochs(&entries)?;
        if !hints.clean_shutdown && !made {
            if log.is_blank(&entries) {
                let (place, segment) = log.segment(0);
                segment.blank_indexes(place);
            } else {
                log.recover(now_ms, &mut recovery)?;
            }
        }
        log.find_end(&entries, now_ms, &hints, &mut recovery)?;
        if epochs_lost && log.size() > 0 {
            log.rebuild_epochs(&mut recovery)?;
        }
        log.settle(&entries, now_ms, &hints)?;
        let rebuilt = log.segments.iter().filter(|segment| segment.rebuilt);
        recovery.rebuilt_indexes = rebuilt.count() as u32;
        recovery.log_end_offset = log.end_offset;
        log.let_go();
        Ok((log, recovery))
    }

    /// A log of which nothing is known yet.
    fn unread(disk: D, dir: PathBuf, config: LogConfig, hints: &OpenHints) -> Self {
        Self {
            disk,
            dir,
            config,
            segments: Vec::new(),
            tail: VecDeque::new(),
            epochs: Epochs::default(),
            producers: Producers::default(),
            start_offset: hints.log_start_offset,
            end_offset: 0,
            high_watermark: 0,
            recovery_point: hints.recovery_point,
            unflushed_messages: 0,
            flushed_ms: None,
            doomed: Vec::new(),
            dirty: Unsafe::default(),
            epochs_in_file: None,
            epochs_stale: false,
            fate: Fate::default(),
            skew: Skew::of(hints.skew_ms),
        }
    }

    /// Remove what a deletion or a compaction left half done, or finish it; what the folder then holds.
    fn clear_leftovers(
        &mut self,
        entries: Vec<Entry>,
        recovery: &mut Recovery,
    ) -> Result<Vec<Entry>, LogError> {
        let ends = |suffix: &str| {
            let names = entries
                .iter()
                .filter(|entry| !entry.is_dir)
                .map(|e| e.name.clone());
            names
                .filter(|name| name.ends_with(suffix))
                .collect::<Vec<_>>()
        };
        let (deleted, cleaned, swaps) = (
            ends(DELETED_SUFFIX),
            ends(CLEANED_SUFFIX),
            ends(SWAP_SUFFIX),
        );
        let temporary = ends(".tmp");
        if deleted.len() + cleaned.len() + swaps.len() + temporary.len() == 0 {
            return Ok(entries);
        }
        let first_cleaned = cleaned
            .iter()
            .filter_map(|n| offset_of(n))
            .min()
            .unwrap_or(i64::MAX);
        let (broken, whole): (Vec<_>, Vec<_>) = swaps
            .into_iter()
            .partition(|name| offset_of(name).is_none_or(|offset| offset >= first_cleaned));
        for name in deleted {
            // They were removed before, but for those who still read them.
            let path = self.dir.join(&name);
            self.disk.remove_file(&path).during("removing", &path)?;
        }
        for name in cleaned.into_iter().chain(broken).chain(temporary) {
            self.remove(name, recovery)?;
        }
        if !whole.is_empty() {
            self.finish_swap(&whole, recovery)?;
        }
        self.dirty.names.note();
        self.disk.list(&self.dir).during("listing", &self.dir)
    }

    fn remove(&self, name: String, recovery: &mut Recovery) -> Result<(), LogError> {
        let path = self.dir.join(&name);
        self.disk.remove_file(&path).during("removing", &path)?;
        recovery.removed_files.push(name);
        Ok(())
    }

    /// A compaction was cut off while it put its segments in place: remove what they replace, and rename them.
    fn finish_swap(&self, swaps: &[String], recovery: &mut Recovery) -> Result<(), LogError> {
        let log_swap = format!("{LOG_SUFFIX}{SWAP_SUFFIX}");
        let (mut first, mut end) = (i64::MAX, i64::MIN);
        for name in swaps.iter().filter(|name| name.ends_with(&log_swap)) {
            let path = self.dir.join(name);
            let file = self
                .disk
                .open(&path, crate::disk::Open::Read)
                .during("opening", &path)?;
            let len = file.len().during("looking at", &path)?;
            let base = offset_of(name).unwrap_or(i64::MAX);
            let bounds = Bounds {
                base,
                end: i64::MAX,
            };
            let mut scan = Scan::new(std::sync::Arc::new(file), path, 0, len, bounds);
            first = first.min(base);
            while let Some(found) = scan.next_header()? {
                end = end.max(found.header.next_offset());
            }
        }
        for entry in self.disk.list(&self.dir).during("listing", &self.dir)? {
            let replaced = offset_of(&entry.name).is_some_and(|at| at >= first && at < end);
            if replaced && !entry.is_dir && !entry.name.ends_with(SWAP_SUFFIX) {
                self.remove(entry.name, recovery)?;
            }
        }
        for name in swaps {
            let path = self.dir.join(name);
            let new = self.dir.join(&name[..name.len() - SWAP_SUFFIX.len()]);
            self.disk.rename(&path, &new).during("renaming", &path)?;
        }
        recovery.notes.push(format!(
            "finished putting {} compacted files in place",
            swaps.len()
        ));
        Ok(())
    }

    fn find_segments(
        &mut self,
        entries: &[Entry],
        now_ms: i64,
        hints: &OpenHints,
        recovery: &mut Recovery,
    ) -> Result<(), LogError> {
        let sizes: BTreeMap<&str, &Entry> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry))
            .collect();
        for entry in entries {
            let Some(base) = offset_of(&entry.name) else {
                continue;
            };
            let log_name = file_name(base, LOG_SUFFIX);
            if entry.is_dir {
                if entry.name == log_name {
                    let text = "a folder, where a segment's file should be";
                    return Err(LogError::corrupt(&self.dir.join(log_name), text));
                }
                continue;
            }
            if entry.name != log_name {
                if is_index(&entry.name, base) && !sizes.contains_key(log_name.as_str()) {
                    self.remove(entry.name.clone(), recovery)?;
                }
                continue;
            }
            let len = |suffix: &str, entry_bytes: u64| {
                let len = sizes
                    .get(file_name(base, suffix).as_str())
                    .map(|entry| entry.len);
                len.filter(|len| len % entry_bytes == 0)
            };
            let (offsets, times) = (
                len(Offsets::SUFFIX, Offsets::BYTES as u64),
                len(Times::SUFFIX, Times::BYTES as u64),
            );
            let lens = (offsets.unwrap_or(0), times.unwrap_or(0));
            let mut segment = Segment::known(
                self.place(),
                base,
                entry.len,
                lens,
                now_ms,
                entry.modified_ms,
            );
            // What will be recovered anyway gets new indexes there.
            let kept = hints.clean_shutdown || base < hints.recovery_point;
            if kept && (offsets.is_none() || times.is_none()) {
                segment.rebuild_indexes(self.place())?;
            }
            self.segments.push(segment);
        }
        Ok(())
    }

    /// True if there is no readable file of epochs.
    fn load_epochs(&mut self, entries: &[Entry]) -> Result<bool, LogError> {
        if !entries.iter().any(|entry| entry.name == EPOCHS_FILE) {
            return Ok(true);
        }
        let path = self.dir.join(EPOCHS_FILE);
        let bytes = self
            .disk
            .read_all(&path)
            .during("reading", &path)?
            .unwrap_or_default();
        match Epochs::parse(&String::from_utf8_lossy(&bytes)) {
            Some(epochs) => {
                self.epochs_in_file = Some(epochs.clone());
                self.epochs = epochs;
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// One empty segment and nothing beside it: what most partitions of a large topic are after a kill.
    fn is_blank(&self, entries: &[Entry]) -> bool {
        let plain = [LOG_SUFFIX, Offsets::SUFFIX, Times::SUFFIX];
        self.segments.len() == 1
            && self.segments[0].size == 0
            && entries.iter().all(|entry| {
                offset_of(&entry.name).is_none()
                    || plain.iter().any(|suffix| entry.name.ends_with(suffix))
            })
    }

    /// Where the log ends; a clean folder whose last segment is not whole after all is recovered.
    fn find_end(
        &mut self,
        entries: &[Entry],
        now_ms: i64,
        hints: &OpenHints,
        recovery: &mut Recovery,
    ) -> Result<(), LogError> {
        if !self.segments.is_empty() {
            let (place, active) = self.active();
            let end = match active.next_offset(place)? {
                Some(end) => end,
                None => {
                    recovery
                        .notes
                        .push("the last segment was not whole".to_owned());
                    self.recovery_point = self.last_segment().base_offset;
                    self.recover(now_ms, recovery)?;
                    let (place, active) = self.active();
                    active.next_offset(place)?.unwrap_or(active.base_offset)
                }
            };
            self.end_offset = end;
        }
        if self.segments.is_empty() || self.end_offset < hints.log_start_offset {
            if !self.segments.is_empty() {
                recovery.dropped_all = true;
                recovery.notes.push(format!(
                    "dropped all segments: they end at {}, below the log start offset {}",
                    self.end_offset, hints.log_start_offset
                ));
            }
            for segment in std::mem::take(&mut self.segments) {
                remove_segment_files(&self.disk, &self.dir, segment.base_offset);
            }
            if entries
                .iter()
                .any(|entry| entry.name.ends_with(SNAPSHOT_SUFFIX))
            {
                self.remove_snapshots(|_| true)?;
            }
            self.epochs.clear();
            self.begin_at(hints.log_start_offset, now_ms)?;
        }
        Ok(())
    }

    /// A log without segments has its first one here. A file's name says so, except at 0, where nothing has to.
    fn begin_at(&mut self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        let segment = if offset == 0 {
            Segment::unlaid(self.place(), now_ms)
        } else {
            self.dirty.names.note();
            Segment::create(self.place(), offset, now_ms)?
        };
        self.segments.push(segment);
        self.end_offset = offset;
        Ok(())
    }

    /// Bring offsets, epochs and producers in line with what was found.
    fn settle(
        &mut self,
        entries: &[Entry],
        now_ms: i64,
        hints: &OpenHints,
    ) -> Result<(), LogError> {
        self.start_offset = hints.log_start_offset.max(self.segments[0].base_offset);
        self.high_watermark = self.start_offset;
        self.recovery_point = if hints.clean_shutdown {
            self.end_offset
        } else {
            self.recovery_point.min(self.end_offset)
        };
        if !hints.clean_shutdown {
            let ended = self.segments.windows(2);
            let unsafe_ones = ended.filter(|pair| pair[1].base_offset > self.recovery_point);
            self.dirty.sealed = unsafe_ones.map(|pair| pair[0].base_offset).collect();
            // A producer that sends again what a kill left unsynced is told of it once `flush.messages` is kept.
            self.unflushed_messages = self.end_offset.saturating_sub(self.recovery_point);
        }
        if self.end_offset == 0 {
            // Closing an empty log syncs no names, to stop fast with thousands of them.
            self.dirty.names.note();
            self.dirty.folder.note();
        }
        let changed = self.epochs.truncate_end(self.end_offset);
        // An empty log's last epoch is cut here and comes back with its leader: most files need no writing.
        self.epochs_stale =
            self.epochs.truncate_start(self.start_offset) | changed | !self.is_laid();
        self.mend_transactions(entries, now_ms)?;
        self.settle_producers(entries, now_ms, hints)
    }

    /// The producers' state at the end, and the snapshots of it that are of use.
    fn settle_producers(
        &mut self,
        entries: &[Entry],
        now_ms: i64,
        hints: &OpenHints,
    ) -> Result<(), LogError> {
        let mut snapshots: Vec<i64> = entries
            .iter()
            .filter(|entry| entry.name.ends_with(SNAPSHOT_SUFFIX))
            .filter_map(|entry| offset_of(&entry.name))
            .collect();
        snapshots.sort_unstable();
        let is_empty = self.end_offset == self.start_offset;
        if snapshots.is_empty() && (hints.clean_shutdown || is_empty) {
            self.producers = Producers::starting_at(self.end_offset);
            return Ok(());
        }
        let end = self.end_offset;
        let latest = snapshots.last().copied();
        let bases: Vec<i64> = self
            .segments
            .iter()
            .map(|segment| segment.base_offset)
            .collect();
        if snapshots
            .iter()
            .any(|at| *at > end || (Some(*at) != latest && !bases.contains(at)))
        {
            self.remove_snapshots(|at| at > end || (Some(at) != latest && !bases.contains(&at)))?;
        }
        self.producers = self.load_producers(end, now_ms)?;
        if self.producers.snapshot_offset < end && !hints.clean_shutdown {
            self.write_snapshot().unless_full()?;
        }
        Ok(())
    }
}

/// Whether this is the name of an index of the segment at that offset.
fn is_index(name: &str, base: i64) -> bool {
    let suffixes = [
        Offsets::SUFFIX,
        Times::SUFFIX,
        super::transaction_index::SUFFIX,
    ];
    suffixes
        .iter()
        .any(|suffix| name == file_name(base, suffix))
}
