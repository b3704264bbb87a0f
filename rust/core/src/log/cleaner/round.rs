//! One round in steps: what is learnt, written, put in place.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;

use super::super::Log;
use super::super::config::LogConfig;
use super::super::error::{During, LogError, SYNCING};
use super::super::transaction_index::Aborted;
use super::api::{CleanError, Cleaned, CleanerLimits, Wants};
use super::cleanable::Cleanable;
use super::groups::{Source, groups};
use super::latest::Latest;
use super::output::Output;
use super::reading::Reading;
use super::retain::{Kept, LastRecord, Rules, Unpacked};
use super::swap::{Identity, Removal};
use super::transactions::Transactions;
use crate::batch::{Header, KeyHead};
use crate::disk::Disk;

enum Stage<D: Disk> {
    Mapping(Reading<D::File>),
    /// The markers behind what is cleaned that say what became of its transactions: make this segment safe.
    Securing(Reading<D::File>),
    Cleaning(Reading<D::File>, Option<Box<Output<D>>>),
    /// All of the group is written: make it safe.
    Finishing(Box<Output<D>>),
    /// Let the log read it.
    Swapping(Box<Output<D>>),
    /// The log reads the new one, and the old ones go.
    Removing(Removal),
    /// Everything old is gone.
    Naming {
        base: i64,
    },
    Named,
    Over,
}

/// One round over one log.
pub struct Cleaner<D: Disk> {
    identity: Identity,
    disk: D,
    dir: PathBuf,
    config: LogConfig,
    limits: CleanerLimits,
    now_ms: i64,
    first_dirty: i64,
    upper: i64,
    sources: Vec<Source>,
    /// Segments behind those that were not safe when it began, the last one first.
    unsafe_ones: Vec<Source>,
    aborted: Vec<Aborted>,
    latest: Latest,
    transactions: Transactions,
    producers: HashMap<i64, LastRecord>,
    groups: VecDeque<Range<usize>>,
    stage: Stage<D>,
    buffer: Vec<u8>,
    memory: Vec<u8>,
    done: Cleaned,
}

impl<D: Disk> Cleaner<D> {
    /// Begin a round over what is cleanable.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn new(
        log: &mut Log<D>,
        cleanable: &Cleanable,
        limits: CleanerLimits,
        now_ms: i64,
    ) -> Result<Self, LogError> {
        let upper = cleanable.first_uncleanable;
        let sources = log.cleanable_sources(upper);
        let aborted = log.aborted_below(upper)?;
        // The walk that learns begins there, and would never meet the end of one that ended before.
        let is_unended = |one: &&Aborted| one.last_offset >= cleanable.first_dirty;
        let unended = aborted.iter().filter(is_unended).copied().collect();
        let first = sources.partition_point(|source| source.base <= cleanable.first_dirty);
        Ok(Self {
            identity: log.identity(),
            disk: log.disk.clone(),
            dir: log.dir.clone(),
            config: log.config.clone(),
            limits,
            now_ms,
            first_dirty: cleanable.first_dirty,
            upper,
            transactions: Transactions::new(unended),
            latest: Latest::new(limits.keys_bytes_max, limits.load_factor),
            stage: Stage::Mapping(Reading::of(&sources, first.saturating_sub(1), &log.dir)),
            sources,
            unsafe_ones: log.unsafe_sources(upper),
            aborted,
            producers: HashMap::new(),
            groups: VecDeque::new(),
            buffer: Vec::new(),
            memory: Vec::new(),
            done: Cleaned::default(),
        })
    }

    pub fn done(&self) -> &Cleaned {
        &self.done
    }

    pub fn wants(&self) -> Wants {
        match &self.stage {
            Stage::Mapping(reading) | Stage::Securing(reading) | Stage::Cleaning(reading, _)
                if reading.file.is_none() =>
            {
                Wants::Log
            }
            Stage::Swapping(_) | Stage::Naming { .. } => Wants::Log,
            Stage::Removing(removal) if removal.synced || !removal.covered.is_empty() => Wants::Log,
            Stage::Over => Wants::Nothing {
                clean_to: self.latest.reached.saturating_add(1),
            },
            _ => Wants::Disk,
        }
    }

    /// Look at the log, or change what it reads.
    ///
    /// # Errors
    /// The round is over then, unless the disk is full: that step can be taken again.
    pub fn look(&mut self, log: &mut Log<D>) -> Result<(), CleanError> {
        if !log.is(&self.identity) || log.failure().is_some() {
            self.drop_output();
            return Err(CleanError::Gone);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Mapping(mut reading) => {
                let at = self.open(log, &mut reading)?;
                let source = reading.source;
                if source.base < self.first_dirty {
                    let found = log.locate(at, self.first_dirty)?;
                    reading.at = found.map_or(source.size, |found| found.at);
                }
                self.stage = Stage::Mapping(reading);
            }
            Stage::Securing(mut reading) => {
                let (place, segment) = log.segment(log.segment_at(reading.source.base));
                reading.file = Some(segment.file(place)?);
                self.stage = Stage::Securing(reading);
            }
            Stage::Cleaning(mut reading, output) => {
                if output.is_none() {
                    self.producers = log.last_records();
                }
                if let Err(error) = self.open(log, &mut reading) {
                    if let Some(output) = output {
                        output.remove();
                    }
                    return Err(error);
                }
                self.stage = Stage::Cleaning(reading, output);
            }
            Stage::Swapping(output) => {
                let removal = output.put_into(log, &self.sources[self.group()])?;
                self.stage = Stage::Removing(removal);
                return self.look(log);
            }
            Stage::Removing(mut removal) => {
                let done = removal.go_on(log);
                let is_over = done.is_ok() && removal.synced;
                self.stage = match is_over {
                    true => Stage::Naming { base: removal.base },
                    false => Stage::Removing(removal),
                };
                done?;
                if is_over {
                    return self.look(log);
                }
            }
            Stage::Naming { base } => {
                self.stage = Stage::Naming { base };
                log.name_cleaned(base)?;
                self.stage = Stage::Named;
            }
            stage => self.stage = stage,
        }
        Ok(())
    }

    /// Read, write and sync files; how many bytes were read and written.
    ///
    /// # Errors
    /// The round is over then, unless the disk is full while names change: that step can be taken again.
    pub fn work(&mut self) -> Result<u64, CleanError> {
        let before = self.done;
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Mapping(reading) => self.map(reading)?,
            Stage::Securing(reading) => {
                self.identity.fate.sync(|| reading.sync())?;
                self.secure();
            }
            Stage::Cleaning(reading, output) => self.clean(reading, output)?,
            Stage::Finishing(mut output) => {
                let modified_ms = self.group_modified_ms();
                let finished = output.finish(modified_ms).inspect_err(|error| {
                    if error.is_failed_sync() {
                        self.identity.fate.fail("a failed fsync", error, true);
                    }
                });
                match finished {
                    Ok(()) => self.stage = Stage::Swapping(output),
                    Err(error) => return self.give_up(*output, error.into()),
                }
            }
            Stage::Removing(removal) => {
                self.stage = Stage::Removing(removal);
                self.sync_dir()?;
                if let Stage::Removing(removal) = &mut self.stage {
                    removal.synced = true;
                }
            }
            Stage::Named => {
                self.stage = Stage::Named;
                self.sync_dir()?;
                self.groups.pop_front();
                self.begin_group();
            }
            stage => self.stage = stage,
        }
        let (now, then) = (&self.done, before);
        Ok(
            now.mapped_bytes - then.mapped_bytes + now.bytes_read - then.bytes_read
                + now.bytes_written
                - then.bytes_written,
        )
    }

    /// Leave nothing of what was written and has no place yet.
    pub fn abandon(mut self) {
        self.drop_output();
    }

    /// Whether it is about this log.
    pub fn is_of(&self, log: &Log<D>) -> bool {
        log.is(&self.identity)
    }

    /// Whether what failed can be tried again: the log reads the new segment, and names are still to change.
    pub fn can_go_on(&self) -> bool {
        matches!(
            self.stage,
            Stage::Removing(_) | Stage::Naming { .. } | Stage::Named
        )
    }

    fn drop_output(&mut self) {
        if let Stage::Cleaning(_, Some(output))
        | Stage::Finishing(output)
        | Stage::Swapping(output) = std::mem::replace(&mut self.stage, Stage::Over)
        {
            output.remove();
        }
    }

    fn give_up(&mut self, output: Output<D>, error: CleanError) -> Result<u64, CleanError> {
        output.remove();
        Err(error)
    }

    fn sync_dir(&self) -> Result<(), LogError> {
        let (disk, dir) = (&self.disk, &self.dir);
        let sync = || disk.sync_dir(dir).during(SYNCING, dir);
        self.identity.fate.sync(sync)
    }

    /// Open the segment that is read next; its place in the log.
    fn open(&self, log: &mut Log<D>, reading: &mut Reading<D::File>) -> Result<usize, CleanError> {
        let at = log.place_of(&reading.source);
        let at = at.ok_or(CleanError::Gone)?;
        let (place, segment) = log.segment(at);
        reading.file = Some(segment.file(place)?);
        Ok(at)
    }

    fn group(&self) -> Range<usize> {
        self.groups.front().cloned().unwrap_or(0..0)
    }

    fn group_modified_ms(&self) -> i64 {
        let last = self.sources[self.group()].last();
        last.map_or(0, |source| source.modified_ms)
    }

    fn begin_group(&mut self) {
        self.stage = match self.groups.front() {
            Some(group) => {
                let reading = Reading::of(&self.sources, group.start, &self.dir);
                Stage::Cleaning(reading, None)
            }
            None => Stage::Over,
        };
    }

    fn map(&mut self, mut reading: Reading<D::File>) -> Result<(), CleanError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let batches = reading.next(self.limits.io_bytes, &mut buffer)?;
        let mut full = false;
        for (at, header) in &batches {
            let batch = &buffer[*at..*at + header.size()];
            full = !self.learn(&reading, header, batch)?;
            if full {
                break;
            }
            self.done.mapped_bytes += header.size() as u64;
        }
        self.buffer = buffer;
        if !full && !reading.is_over() {
            self.stage = Stage::Mapping(reading);
            return Ok(());
        }
        // Its name is synced with the first new segment's.
        self.identity.fate.sync(|| reading.sync())?;
        let place = reading.place + 1;
        let next = self.sources.get(place).map_or(self.upper, |next| next.base);
        if !full {
            self.latest.reached = self.latest.reached.max(next - 1);
            if place < self.sources.len() {
                self.stage = Stage::Mapping(Reading::of(&self.sources, place, &self.dir));
                return Ok(());
            }
        }
        if self.latest.reached < self.first_dirty {
            let text =
                "no key fits into log.cleaner.dedupe.buffer.size, shared by log.cleaner.threads";
            return Err(CleanError::Uncleanable(text.to_owned()));
        }
        self.secure();
        Ok(())
    }

    /// All keys are known that this round takes; what it knows of their transactions is to be safe as well.
    fn secure(&mut self) {
        match self.unsafe_ones.pop() {
            Some(source) => {
                let reading = Reading::of(&[source], 0, &self.dir);
                self.stage = Stage::Securing(reading);
            }
            None => self.learnt(),
        }
    }

    /// All that this round acts on is known, and safe.
    fn learnt(&mut self) {
        self.done.utilization = self.latest.utilization();
        let end = self.latest.reached.saturating_add(1);
        let count = self.sources.partition_point(|source| source.base < end);
        self.groups = groups(
            &self.sources[..count],
            u64::from(self.config.segment_size()),
            u64::from(self.config.segment_index_bytes),
            self.upper,
        )
        .into();
        self.transactions = Transactions::new(std::mem::take(&mut self.aborted));
        self.begin_group();
    }

    /// Learn the keys of one batch; false if they do not fit.
    fn learn(
        &mut self,
        reading: &Reading<D::File>,
        header: &Header,
        batch: &[u8],
    ) -> Result<bool, CleanError> {
        let role = self.transactions.meet(header, batch);
        let mut fits = true;
        if !header.is_control() && !role.discard && header.last_offset() >= self.first_dirty {
            let (latest, first) = (&mut self.latest, self.first_dirty);
            let look = |head: &KeyHead| {
                let offset = header.base_offset.saturating_add(head.offset_delta.into());
                if let Some(key) = head.key.filter(|_| offset >= first) {
                    if latest.is_full() {
                        fits = false;
                        return false;
                    }
                    latest.put(key, offset);
                }
                true
            };
            let unpacked = Unpacked::of(header, batch, &mut self.memory);
            unpacked
                .and_then(|records| records.keys(header.record_count, look))
                .map_err(|fault| reading.broken(header, fault.text()))?;
        }
        if fits && header.last_offset() >= self.first_dirty {
            self.latest.reached = header.last_offset();
        }
        Ok(fits)
    }

    fn clean(
        &mut self,
        mut reading: Reading<D::File>,
        output: Option<Box<Output<D>>>,
    ) -> Result<(), CleanError> {
        let mut output = match output {
            Some(output) => output,
            None => Box::new(self.begin_output(&reading.source)?),
        };
        if let Err(error) = self.clean_into(&mut reading, &mut output) {
            return self.give_up(*output, error).map(drop);
        }
        let next = reading.place + 1;
        self.stage = if !reading.is_over() {
            Stage::Cleaning(reading, Some(output))
        } else if self.group().contains(&next) {
            let reading = Reading::of(&self.sources, next, &self.dir);
            Stage::Cleaning(reading, Some(output))
        } else {
            Stage::Finishing(output)
        };
        Ok(())
    }

    fn begin_output(&self, source: &Source) -> Result<Output<D>, LogError> {
        let room = self.sources[self.group()].iter().map(|one| one.size).sum();
        Output::begin(
            &self.disk,
            &self.dir,
            &self.config,
            source.base,
            room,
            self.now_ms,
        )
    }

    fn clean_into(
        &mut self,
        reading: &mut Reading<D::File>,
        output: &mut Output<D>,
    ) -> Result<(), CleanError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let batches = reading.next(self.limits.io_bytes, &mut buffer)?;
        for (at, header) in &batches {
            let batch = &buffer[*at..*at + header.size()];
            let role = self.transactions.meet(header, batch);
            if let Some(aborted) = role.index {
                output.note_aborted(aborted)?;
            }
            let rules = Rules {
                latest: &self.latest,
                producers: &self.producers,
                upper: self.upper,
                now_ms: self.now_ms,
                delete_retention_ms: self.config.delete_retention_ms,
            };
            let (kept, counts) = rules
                .retain(header, batch, role.discard, &mut self.memory)
                .map_err(|fault| reading.broken(header, fault.text()))?;
            match kept {
                Kept::Whole => output.push(header, batch),
                Kept::Anew(batch) => output.push_new(&batch),
                Kept::Nothing => {}
            }
            self.done.bytes_read += header.size() as u64;
            self.done.records_read += counts.read;
            self.done.records_written += counts.kept;
            self.done.keyless += counts.keyless;
        }
        self.buffer = buffer;
        self.done.bytes_written += output.write()?;
        Ok(())
    }
}
