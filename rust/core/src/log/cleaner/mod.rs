//! Compaction of one log: of records that share a key the latest stays, offsets stay as they are.
//!
//! A `Cleaner` is one round in small steps. It says what it `wants` next: a look at the log, under the lock that its owner
//! holds for no longer than that, or work on files that nobody else reads. So nothing that serves waits for it, and a
//! round can be given up between any two steps.
//!
//! First the keys of the part that was not cleaned yet are learnt, up to what the table holds, and each segment of it is
//! synced: else a power cut could take what supersedes a record that was on disk for long, and is no more. Then all segments up to
//! there are written anew, a group of neighbours into one, as `BASE.*.cleaned`. These get their places thus, each line
//! safe on disk before the next begins, so that a power cut leaves either the old segments or the new one:
//!
//! 1. the new files, and their names;
//! 2. their names with `.swap`: from here on whoever opens the folder finishes what is left (`open.rs`);
//! 3. the log itself reads the new segment; the old ones are renamed to `.deleted`. Those behind the last batch that is left
//!    are covered by no `.swap`, and go one by one from the first on: a tombstone must not go before what it deletes;
//! 4. the new files lose their `.swap`.

mod cleanable;
mod groups;
mod latest;
mod output;
mod retain;
mod swap;
#[cfg(test)]
mod tests;
mod transactions;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Log;
use super::config::LogConfig;
use super::error::{During, LogError};
use super::files::{LOG_SUFFIX, file_path};
use super::segment::{Place, Segment};
use super::transaction_index::Aborted;
use super::unsynced::Fate;
use crate::batch::{Cut, HEADER_BYTES, Header, crc_holds, first_header};
use crate::disk::{Disk, DiskFile};
use groups::{Source, groups};
use latest::Latest;
use output::Output;
use retain::{Kept, LastRecord, Rules, Unpacked};
use transactions::Transactions;

pub use cleanable::Cleanable;

/// What one round may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerLimits {
    /// `log.cleaner.dedupe.buffer.size`, of one thread.
    pub keys_bytes_max: usize,
    /// `log.cleaner.io.buffer.load.factor`
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size`, of one thread: it reads so much at once.
    pub io_bytes: usize,
}

/// What a round has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cleaned {
    /// Read to learn the keys.
    pub mapped_bytes: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub records_read: u64,
    pub records_written: u64,
    /// Records without a key went.
    pub keyless: u64,
    /// How much of the table was in use, from 0 to 1.
    pub utilization: f64,
}

/// What a cleaner needs to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// `look`, under the log's lock.
    Log,
    /// `work`, without it.
    Disk,
    /// Nothing: the round is over, and the log is clean up to here.
    Nothing { clean_to: i64 },
}

/// Why a round ended early.
#[derive(Debug)]
pub enum CleanError {
    /// The log was cut, closed or deleted meanwhile. Nothing is wrong.
    Gone,
    /// What lies in the log, or the table's size, lets no round succeed.
    Uncleanable(String),
    Disk(LogError),
}

impl From<LogError> for CleanError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt { .. } | LogError::OutOfRange { .. } => {
                Self::Uncleanable(error.to_string())
            }
            error => Self::Disk(error),
        }
    }
}

/// The same log, and not cut since.
struct Identity {
    fate: Fate,
    cuts: u64,
}

/// Where a walk over one segment is.
struct Reading<F> {
    source: usize,
    /// None until its file is open.
    file: Option<Arc<F>>,
    at: u64,
}

impl<F> Reading<F> {
    fn of(source: usize) -> Self {
        let (file, at) = (None, 0);
        Self { source, file, at }
    }
}

enum Stage<D: Disk> {
    Mapping(Reading<D::File>),
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

/// What is left to do of the old segments.
struct Removal {
    /// The new one's.
    base: i64,
    /// These go together.
    covered: VecDeque<i64>,
    /// And then these, one by one.
    rest: VecDeque<i64>,
    /// What went so far is safe.
    synced: bool,
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
            stage: Stage::Mapping(Reading::of(first.saturating_sub(1))),
            sources,
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
            Stage::Mapping(reading) | Stage::Cleaning(reading, _) if reading.file.is_none() => {
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
        if !log.is(&self.identity) {
            self.drop_output();
            return Err(CleanError::Gone);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Mapping(mut reading) => {
                let at = self.open(log, &mut reading)?;
                let source = self.sources[reading.source];
                if source.base < self.first_dirty {
                    let found = log.locate(at, self.first_dirty)?;
                    reading.at = found.map_or(source.size, |found| found.at);
                }
                self.stage = Stage::Mapping(reading);
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
        let sync = || disk.sync_dir(dir).during(super::error::SYNCING, dir);
        self.identity.fate.sync(sync)
    }

    /// Open the segment that is read next; its place in the log.
    fn open(&self, log: &mut Log<D>, reading: &mut Reading<D::File>) -> Result<usize, CleanError> {
        let at = log.place_of(&self.sources[reading.source]);
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
            Some(group) => Stage::Cleaning(Reading::of(group.start), None),
            None => Stage::Over,
        };
    }

    fn map(&mut self, mut reading: Reading<D::File>) -> Result<(), CleanError> {
        let source = self.sources[reading.source];
        let next = (self.sources.get(reading.source + 1)).map_or(self.upper, |next| next.base);
        let batches = self.read(&mut reading, &source)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut full = false;
        for (at, header) in &batches {
            let batch = &buffer[*at..*at + header.size()];
            if !self.learn(&reading, header, batch)? {
                full = true;
                break;
            }
            self.done.mapped_bytes += header.size() as u64;
        }
        buffer.clear();
        self.buffer = buffer;
        if full || reading.at >= source.size {
            self.sync_source(&reading)?;
        }
        if !full && reading.at < source.size {
            self.stage = Stage::Mapping(reading);
            return Ok(());
        }
        if !full {
            self.latest.reached = self.latest.reached.max(next - 1);
            if reading.source + 1 < self.sources.len() {
                self.stage = Stage::Mapping(Reading::of(reading.source + 1));
                return Ok(());
            }
        }
        if self.latest.reached < self.first_dirty {
            let text =
                "no key fits into log.cleaner.dedupe.buffer.size, shared by log.cleaner.threads";
            return Err(CleanError::Uncleanable(text.to_owned()));
        }
        self.learnt();
        Ok(())
    }

    /// What was learnt of this segment is to outlive what it supersedes. Its name is synced with the first new segment's.
    fn sync_source(&self, reading: &Reading<D::File>) -> Result<(), LogError> {
        let Some(file) = &reading.file else {
            return Ok(());
        };
        let base = self.sources[reading.source].base;
        let path = file_path(&self.dir, base, LOG_SUFFIX);
        let sync = || file.sync().during(super::error::SYNCING, &path);
        self.identity.fate.sync(sync)
    }

    /// All keys are known that this round takes.
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
            let look = |head: &crate::batch::KeyHead, key: Option<&[u8]>| {
                let offset = header.base_offset.saturating_add(head.offset_delta.into());
                if let Some(key) = key.filter(|_| offset >= first) {
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
                .map_err(|fault| self.broken(reading, header, fault.text()))?;
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
        let source = self.sources[reading.source];
        let mut output = match output {
            Some(output) => output,
            None => Box::new(self.begin_output(&source)?),
        };
        if let Err(error) = self.clean_into(&mut reading, &source, &mut output) {
            return self.give_up(*output, error).map(drop);
        }
        let next = reading.source + 1;
        self.stage = if reading.at < source.size {
            Stage::Cleaning(reading, Some(output))
        } else if self.group().contains(&next) {
            Stage::Cleaning(Reading::of(next), Some(output))
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
        source: &Source,
        output: &mut Output<D>,
    ) -> Result<(), CleanError> {
        let batches = self.read(reading, source)?;
        let buffer = std::mem::take(&mut self.buffer);
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
                .map_err(|fault| self.broken(reading, header, fault.text()))?;
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

    /// Read on: whole batches, one at least, and where each lies in the buffer.
    fn read(
        &mut self,
        reading: &mut Reading<D::File>,
        source: &Source,
    ) -> Result<Vec<(usize, Header)>, CleanError> {
        let left = source.size.saturating_sub(reading.at);
        let (Some(file), true) = (&reading.file, left > 0) else {
            return Ok(Vec::new());
        };
        let path = file_path(&self.dir, source.base, LOG_SUFFIX);
        let mut want = left.min(self.limits.io_bytes.max(HEADER_BYTES) as u64) as usize;
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            self.buffer.resize(want, 0);
            file.read_exact_at(&mut self.buffer, reading.at)
                .during("reading", &path)?;
            let mut short = 0;
            while at < want {
                let header = match first_header(&self.buffer[at..]) {
                    Ok(header) => header,
                    Err(Cut::Incomplete) => {
                        short = Header::parse(&self.buffer[at..]).map_or(0, |h| h.size());
                        break;
                    }
                    Err(cut) => return Err(self.damaged(reading, source, at, &cut.to_string())),
                };
                let batch = &self.buffer[at..at + header.size()];
                if !header.has_offsets() || !crc_holds(batch) {
                    let text = "the batch's checksum or its offsets are wrong";
                    return Err(self.damaged(reading, source, at, text));
                }
                found.push((at, header));
                at += header.size();
            }
            if !found.is_empty() {
                break;
            }
            // It is larger than what is read at once.
            if short <= want || short as u64 > left {
                return Err(self.damaged(reading, source, at, "the batch is not whole"));
            }
            want = short;
        }
        reading.at += at as u64;
        Ok(found)
    }

    fn damaged(
        &self,
        reading: &Reading<D::File>,
        source: &Source,
        at: usize,
        text: &str,
    ) -> CleanError {
        let path = file_path(&self.dir, source.base, LOG_SUFFIX);
        let at = reading.at + at as u64;
        CleanError::Uncleanable(format!("{}: byte {at}: {text}", path.display()))
    }

    fn broken(&self, reading: &Reading<D::File>, header: &Header, text: &str) -> CleanError {
        let base = self.sources[reading.source].base;
        let path = file_path(&self.dir, base, LOG_SUFFIX);
        CleanError::Uncleanable(format!(
            "{}: the batch at offset {}: {text}",
            path.display(),
            header.base_offset
        ))
    }
}

/// Where files of the log that a cleaner makes lie.
fn place<'a, D: Disk>(disk: &'a D, dir: &'a Path, config: &LogConfig) -> Place<'a, D> {
    Place {
        end: i64::MAX,
        disk,
        dir,
        index_bytes: config.segment_index_bytes,
        index_interval: u64::from(config.index_interval_bytes),
    }
}

/// The log's own segment, as a cleaner finds it.
fn source_of<D: Disk>(segment: &Segment<D>) -> Source {
    Source {
        base: segment.base_offset,
        size: segment.size,
        offset_index_bytes: segment.offsets.bytes(),
        time_index_bytes: segment.times.bytes(),
        modified_ms: segment.modified_ms,
    }
}
