//! Recovery: what a folder's batches say is built anew from them, and what is no whole batch is cut.

use super::Log;
use super::api::Recovery;
use super::error::{During, LogError, UnlessFull};
use super::files::{EPOCHS_FILE, LOG_SUFFIX, file_name, file_path};
use super::producers::Staged;
use super::scan::{Position, Scan};
use super::segment::{Place, brief, remove_segment_files};
use super::transaction_index::{ENTRY_BYTES, SUFFIX as TRANSACTIONS_SUFFIX};
use crate::disk::{Disk, DiskFile, Entry};

impl<D: Disk> Log<D> {
    pub(super) fn rebuild_epochs(&mut self, recovery: &mut Recovery) -> Result<(), LogError> {
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
            self.write_epochs().unless_full()?;
        }
        Ok(())
    }

    /// Read all segments from the recovery point on; cut the first broken one and drop those behind it.
    pub(super) fn recover(&mut self, now_ms: i64, recovery: &mut Recovery) -> Result<(), LogError> {
        if self.segments.is_empty() {
            return Ok(());
        }
        let first = self.segment_at(self.recovery_point);
        let base = self.segments[first].base_offset;
        self.remove_snapshots(|snapshot| snapshot > base)?;
        let epochs_before = self.epochs.clone();
        self.producers = self.load_producers(base, now_ms)?;
        let mut at = first;
        let mut reached = base;
        while at < self.segments.len() {
            if at > first {
                self.producers.end_offset = self.segments[at].base_offset;
                self.write_snapshot().unless_full()?;
            }
            recovery.recovered_segments += 1;
            let (cut, next_offset) = self.recover_segment(at)?;
            // Torn to nothing behind a gap: the next recovery would take it for hollow, and the log end would go back.
            let torn_off = cut > 0 && at > first && self.segments[at].size == 0;
            let keeps = !(torn_off && self.segments[at].base_offset > reached);
            at += usize::from(keeps);
            reached = next_offset;
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
                remove_segment_files(&self.disk, &self.dir, segment.base_offset);
                recovery.truncated_bytes += segment.size;
                recovery
                    .removed_files
                    .push(file_name(segment.base_offset, LOG_SUFFIX));
                self.dirty.names.note();
            }
            // What was removed must not come back behind what is written next.
            self.disk.sync_dir(&self.dir).during("syncing", &self.dir)?;
        }
        if self.epochs != epochs_before {
            self.write_epochs().unless_full()?;
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
        // What the next segment holds is looked at when it is its turn.
        let place = Place {
            end: i64::MAX,
            ..place
        };
        let mut scan = segment.scan(place, 0)?;
        scan.set_end(len);
        let base = segment.base_offset;
        let mut next = base;
        let mut buffer = Vec::new();
        let mut valid = 0;
        while let Some(found) = scan.next_header()? {
            let header = &found.header;
            if !scan.crc_holds(&found, &mut buffer)? {
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
            file.sync().during("syncing", &path)?;
        }
        segment.seal(place).unless_full()?;
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
        let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc);
        let mut piece = vec![0; 64 << 10];
        let (mut at, end) = (from + 16, from + 12 + size);
        while at < end {
            let now = (piece.len() as u64).min(end - at) as usize;
            file.read_exact_at(&mut piece[..now], at)
                .during("reading", &path)?;
            digest.update(&piece[..now]);
            at += now as u64;
        }
        if digest.finalize() != u64::from(crc) {
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

    /// Build indexes of aborted transactions anew that cannot be read, or that name what is not in their segment.
    pub(super) fn mend_transactions(
        &mut self,
        entries: &[Entry],
        now_ms: i64,
    ) -> Result<(), LogError> {
        for at in 0..self.segments.len() {
            let base = self.segments[at].base_offset;
            let name = file_name(base, TRANSACTIONS_SUFFIX);
            let there = entries.iter().find(|entry| entry.name == name);
            let Some(there) = there.filter(|entry| entry.len > 0) else {
                continue;
            };
            let (place, segment) = self.segment(at);
            let whole = there.len % ENTRY_BYTES as u64 == 0;
            let sound = segment.aborted(place).is_ok_and(|all| {
                all.iter()
                    .all(|one| (base..place.end).contains(&one.last_offset))
            });
            if whole && sound {
                continue;
            }
            segment.truncate_transactions(place, i64::MIN)?;
            segment.note = Some(format!("{name} was wrong; rebuilt"));
            segment.rebuilt = true;
            self.producers = self.load_producers(base, now_ms)?;
            let (place, segment) = self.segment(at);
            let mut scan = segment.scan(place, 0)?;
            while let Some(found) = scan.next_header()? {
                self.replay(at, &scan, &found)?;
            }
        }
        Ok(())
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
        let aborted = self.producers.aborted_by(&staged);
        self.producers
            .commit(staged, found.header.next_offset(), self.skew.at(i64::MAX));
        self.segments[at].note_all_aborted(self.place(), &aborted)
    }
}
