//! Opening a folder: what a stop left, clean or not, and what an interrupted change left.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::path::PathBuf;

use super::Log;
use super::api::{OpenHints, Recovery};
use super::config::LogConfig;
use super::epochs::Epochs;
use super::error::{During, LogError};
use super::files::{
    CLEANED_SUFFIX, DELETED_SUFFIX, EPOCHS_FILE, LOG_SUFFIX, SNAPSHOT_SUFFIX, SWAP_SUFFIX,
    file_name, file_path, offset_of,
};
use super::flush::{Fate, Unsafe};
use super::index::{Kind, Offsets, Times};
use super::producers::{Producers, Staged};
use super::retain::remove_segment_files;
use super::scan::{Position, Scan};
use super::segment::{Place, Segment, brief};
use super::transaction_index::Aborted;
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
        let made = disk.stat(&dir).during("looking at", &dir)?.is_none();
        if made {
            disk.create_dir_all(&dir).during("creating", &dir)?;
        }
        let mut log = Self {
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
        };
        if made || !hints.clean_shutdown {
            // Of a process that was killed nobody knows which names it had made safe.
            log.dirty.names.note();
            log.dirty.folder.note();
        }
        let entries = if made {
            Vec::new()
        } else {
            log.clear_leftovers(&mut recovery)?
        };
        log.find_segments(&entries, now_ms, &hints, &mut recovery)?;
        let epochs_lost = log.load_epochs(&entries)?;
        if !hints.clean_shutdown && !made {
            if log.is_blank(&entries) {
                let (place, segment) = log.segment(0);
                segment.blank_indexes(place)?;
            } else {
                log.recover(now_ms, &mut recovery)?;
            }
        }
        log.find_end(&entries, now_ms, &hints, &mut recovery)?;
        if epochs_lost && log.size() > 0 {
            log.rebuild_epochs(&mut recovery)?;
        }
        log.settle(&entries, now_ms, &hints)?;
        recovery.log_end_offset = log.end_offset;
        log.segments.iter_mut().for_each(Segment::forget);
        Ok((log, recovery))
    }

    /// Remove what a deletion or a compaction left half done, or finish it; then list the folder.
    fn clear_leftovers(&mut self, recovery: &mut Recovery) -> Result<Vec<Entry>, LogError> {
        let list = |log: &Self| log.disk.list(&log.dir).during("listing", &log.dir);
        let entries = list(self)?;
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
        for name in deleted
            .into_iter()
            .chain(cleaned)
            .chain(broken)
            .chain(temporary)
        {
            self.remove(name, recovery)?;
        }
        if !whole.is_empty() {
            self.finish_swap(&whole, recovery)?;
        }
        self.dirty.names.note();
        list(self)
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
            let mut scan = Scan::new(std::sync::Arc::new(file), path, 0, len);
            first = first.min(offset_of(name).unwrap_or(i64::MAX));
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

    fn place(&self) -> Place<'_, D> {
        Place {
            disk: &self.disk,
            dir: &self.dir,
            index_bytes: self.config.segment_index_bytes,
            index_interval: u64::from(self.config.index_interval_bytes),
        }
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
        for entry in entries.iter().filter(|entry| !entry.is_dir) {
            let Some(base) = offset_of(&entry.name) else {
                continue;
            };
            let log_name = file_name(base, LOG_SUFFIX);
            if entry.name != log_name {
                let index = [
                    Offsets::SUFFIX,
                    Times::SUFFIX,
                    super::transaction_index::SUFFIX,
                ];
                let orphan = index
                    .iter()
                    .any(|suffix| entry.name == file_name(base, suffix));
                if orphan && !sizes.contains_key(log_name.as_str()) {
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
                recovery.rebuilt_indexes += 1;
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

    fn rebuild_epochs(&mut self, recovery: &mut Recovery) -> Result<(), LogError> {
        self.epochs.clear();
        for at in 0..self.segments.len() {
            let (place, segment) = self.segment(at);
            let mut scan = segment.scan(place, 0)?;
            while let Some(found) = scan.next_header()? {
                self.epochs
                    .assign(found.header.leader_epoch, found.header.base_offset);
            }
        }
        if !self.epochs.is_empty() {
            recovery
                .notes
                .push(format!("rebuilt {EPOCHS_FILE} from the batches"));
            self.write_epochs()?;
        }
        Ok(())
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

    /// Read all segments from the recovery point on; cut the first broken one and drop those behind it.
    fn recover(&mut self, now_ms: i64, recovery: &mut Recovery) -> Result<(), LogError> {
        if self.segments.is_empty() {
            return Ok(());
        }
        let first = self.segment_at(self.recovery_point);
        let base = self.segments[first].base_offset;
        self.remove_snapshots(|snapshot| snapshot > base)?;
        let epochs_before = self.epochs.clone();
        self.producers = self.load_producers(base, now_ms)?;
        let mut at = first;
        while at < self.segments.len() {
            if at > first {
                self.producers.end_offset = self.segments[at].base_offset;
                self.write_snapshot()?;
            }
            recovery.recovered_segments += 1;
            let (cut, next_offset) = self.recover_segment(at)?;
            at += 1;
            // A power cut between a roll and its flush: the new name is there, the end before it is not.
            let hollow = self.segments[at..].iter().all(|segment| segment.size == 0)
                && self
                    .segments
                    .get(at)
                    .is_some_and(|next| next.base_offset > next_offset);
            if cut == 0 && !hollow {
                continue;
            }
            recovery.truncated_bytes += cut;
            for segment in self.segments.drain(at..) {
                remove_segment_files(&self.disk, &self.dir, segment.base_offset, false);
                recovery.truncated_bytes += segment.size;
                recovery
                    .removed_files
                    .push(file_name(segment.base_offset, LOG_SUFFIX));
                self.dirty.names.note();
            }
        }
        if self.epochs != epochs_before {
            self.write_epochs()?;
        }
        // An empty tail is the ordinary thing after a kill: say nothing if nothing was lost.
        if recovery.truncated_bytes == 0 && self.size() == 0 {
            recovery.recovered_segments = 0;
        }
        Ok(())
    }

    /// Check one segment batch by batch, building its indexes anew; the bytes that were cut, and the offset after
    /// what is left.
    fn recover_segment(&mut self, at: usize) -> Result<(u64, i64), LogError> {
        let (place, segment) = self.segment(at);
        segment.truncate_transactions(place, i64::MIN)?;
        let len = segment.reset_indexes(place)?;
        let mut scan = segment.scan(place, 0)?;
        scan.set_end(len);
        let base = segment.base_offset;
        let mut next = base;
        let mut buffer = Vec::new();
        let mut valid = 0;
        while let Some(found) = scan.next_header()? {
            let header = &found.header;
            let in_order = header.base_offset >= next
                && header.last_offset_delta >= 0
                && header.last_offset() - base <= i64::from(i32::MAX);
            if !in_order || !scan.crc_holds(&found, &mut buffer)? {
                break;
            }
            let (place, segment) = self.segment(at);
            segment.note(place, brief(&found))?;
            if self
                .epochs
                .latest()
                .is_none_or(|latest| header.leader_epoch > latest)
            {
                self.epochs.assign(header.leader_epoch, header.base_offset);
            }
            self.replay(at, &scan, &found)?;
            next = header.next_offset();
            valid = found.at + header.size() as u64;
        }
        self.refuse_old_format(at, valid, len)?;
        let (place, segment) = self.segment(at);
        if valid < len {
            let path = file_path(place.dir, base, LOG_SUFFIX);
            let file = segment.file(place)?;
            file.set_len(valid).during("cutting", &path)?;
            file.sync().during("syncing", &path)?;
        }
        segment.seal(place)?;
        Ok((len - valid, next))
    }

    /// Bytes that are a whole message of an older format must not be taken for a torn write and cut.
    fn refuse_old_format(&mut self, at: usize, from: u64, len: u64) -> Result<(), LogError> {
        const HEAD_BYTES: usize = 17;
        if len - from < HEAD_BYTES as u64 {
            return Ok(());
        }
        let (place, segment) = self.segment(at);
        let path = file_path(place.dir, segment.base_offset, LOG_SUFFIX);
        let file = segment.file(place)?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, from)
            .during("reading", &path)?;
        let word =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (size, crc) = (u64::from(word(8)), word(12));
        if head[16] > 1 || size < 14 || size > len - from - 12 {
            return Ok(());
        }
        let mut message = vec![0; size as usize - 4];
        file.read_exact_at(&mut message, from + 16)
            .during("reading", &path)?;
        if crc_fast::crc32_iso_hdlc(&message) != crc {
            return Ok(());
        }
        Err(LogError::corrupt(
            &path,
            format!(
                "byte {from}: a message of format {}; only format 2 is read here",
                head[16]
            ),
        ))
    }

    /// Let the producers' state see a batch that lies in the log.
    fn replay(
        &mut self,
        at: usize,
        scan: &Scan<D::File>,
        found: &Position,
    ) -> Result<(), LogError> {
        let mut staged = Staged::default();
        if found.header.has_producer_id() {
            let marker = scan.marker(found)?;
            // Without an origin nothing is refused: what is in the log is true.
            let _ = self
                .producers
                .stage(&mut staged, &found.header, marker, None);
        }
        let aborted = self.producers.commit(staged, found.header.next_offset());
        for (completed, last_stable_offset) in aborted {
            let entry = Aborted {
                producer_id: completed.producer_id,
                first_offset: completed.first_offset,
                last_offset: completed.last_offset,
                last_stable_offset,
            };
            self.segments[at].note_aborted(self.place(), entry)?;
        }
        Ok(())
    }

    /// The producers' state at `offset`: from the latest snapshot that can be read, and the batches from there on.
    pub(super) fn load_producers(
        &mut self,
        offset: i64,
        now_ms: i64,
    ) -> Result<Producers, LogError> {
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
            if let Some(loaded) = Producers::load(&bytes, at, now_ms, expiration_ms) {
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
            let position = segment.position_before(place, from)?;
            let mut scan = segment.scan(place, position)?;
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
                state.commit(staged, found.header.next_offset());
            }
        }
        state.end_offset = offset;
        state.high_watermark(self.high_watermark.max(self.start_offset));
        Ok(state)
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
                recovery.notes.push(format!(
                    "dropped all segments: they end at {}, below the log start offset {}",
                    self.end_offset, hints.log_start_offset
                ));
            }
            for segment in std::mem::take(&mut self.segments) {
                remove_segment_files(&self.disk, &self.dir, segment.base_offset, false);
            }
            if entries
                .iter()
                .any(|entry| entry.name.ends_with(SNAPSHOT_SUFFIX))
            {
                self.remove_snapshots(|_| true)?;
            }
            self.epochs.clear();
            let segment = Segment::create(self.place(), hints.log_start_offset, now_ms)?;
            self.segments.push(segment);
            self.end_offset = hints.log_start_offset;
            self.dirty.names.note();
        }
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
        }
        if self.end_offset == 0 {
            // Closing an empty log syncs no names, to stop fast with thousands of them.
            self.dirty.names.note();
            self.dirty.folder.note();
        }
        let changed = self.epochs.truncate_end(self.end_offset);
        // An empty log's last epoch is cut here and comes back with its leader: most files need no writing.
        self.epochs_stale = self.epochs.truncate_start(self.start_offset) | changed;
        let mut snapshots: Vec<i64> = entries
            .iter()
            .filter(|entry| entry.name.ends_with(SNAPSHOT_SUFFIX))
            .filter_map(|entry| offset_of(&entry.name))
            .collect();
        snapshots.sort_unstable();
        if hints.clean_shutdown && snapshots.is_empty() {
            self.producers = Producers::starting_at(self.end_offset);
            return Ok(());
        }
        if self.end_offset == self.start_offset && snapshots.is_empty() {
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
            self.write_snapshot()?;
        }
        Ok(())
    }
}
