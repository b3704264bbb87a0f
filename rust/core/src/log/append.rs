//! Appending, as leader and as follower.

use super::api::{AppendContext, Appended, Origin};
use super::config::TimestampType;
use super::error::{AppendError, LogError};
use super::index::OFFSETS_MAX;
use super::prepare::{Prepared, prepare};
use super::producers::Staged;
use super::scan::marker_of;
use super::segment::Brief;
use super::skew::SkewAt;
use super::{Log, Tail};
use crate::batch::{Batches, Cut, Header, NO_TIMESTAMP, assign, crc_holds};
use crate::code::Code;
use crate::disk::Disk;

/// Batches of the active segment's end that are remembered, so that reads there ask no index.
const TAIL_BATCHES: usize = 64;

/// The largest timestamp of these batches; -1 if none has one.
fn newest_of(found: &[(usize, Header)]) -> i64 {
    let times = found.iter().map(|(_, header)| header.max_timestamp);
    times.max().unwrap_or(-1)
}

impl<D: Disk> Log<D> {
    /// Append one or more whole batches as leader: base offsets and leader epoch are patched into `batches`, and
    /// they are written from there. All or none. Bytes after the last whole batch are left out.
    ///
    /// # Errors
    /// What a client did wrong, with Kafka's code; `KafkaStorageError` if the disk failed. The log is as it was.
    pub fn append(
        &mut self,
        batches: &mut [u8],
        context: &AppendContext,
    ) -> Result<Appended, AppendError> {
        let prepared = prepare(batches, &self.config, context)?;
        self.append_prepared(batches, prepared, context)
    }

    /// Append what was prepared of these batches with this log's configuration: offsets, producer state, the write.
    ///
    /// # Errors
    /// As `append`.
    pub fn append_prepared(
        &mut self,
        batches: &mut [u8],
        mut prepared: Prepared,
        context: &AppendContext,
    ) -> Result<Appended, AppendError> {
        let (batches, found) = prepared.parts(batches);
        let base_offset = self.end_offset;
        let mut next = base_offset;
        let mut staged = Staged::default();
        let mut count = 0;
        for (at, header) in found.iter_mut() {
            header.base_offset = next;
            header.leader_epoch = context.leader_epoch;
            if !header.has_offsets() {
                return Err(no_offsets(header));
            }
            assign(&mut batches[*at..], next, context.leader_epoch);
            next = header.next_offset();
            count += u64::from(header.record_count.unsigned_abs());
            if !header.has_producer_id() {
                continue;
            }
            if context.origin == Origin::Client
                && let Some(seen) = self.producers.duplicate(header)
            {
                return Ok(self.duplicate(
                    seen.first_offset(),
                    seen.last_offset,
                    seen.timestamp_ms,
                ));
            }
            let batch = &batches[*at..*at + header.size()];
            let marker = if header.is_control() {
                marker_of(header, batch)
            } else {
                None
            };
            self.producers
                .stage(&mut staged, header, marker, Some(context))?;
        }
        let size = found.last().map_or(0, |(at, header)| at + header.size());
        let rolled = self.put(&batches[..size], found, staged, context.now_ms)?;
        let append_time = self.config.timestamp_type == TimestampType::LogAppendTime;
        Ok(Appended {
            base_offset,
            last_offset: next.saturating_sub(1),
            log_append_time_ms: if append_time {
                context.now_ms
            } else {
                NO_TIMESTAMP
            },
            log_start_offset: self.start_offset,
            duplicate: false,
            record_count: count,
            size_bytes: size as u64,
            rolled,
        })
    }

    fn duplicate(&self, base_offset: i64, last_offset: i64, timestamp_ms: i64) -> Appended {
        Appended {
            base_offset,
            last_offset,
            log_append_time_ms: timestamp_ms,
            log_start_offset: self.start_offset,
            duplicate: true,
            record_count: 0,
            size_bytes: 0,
            rolled: false,
        }
    }

    /// Append what the leader sent, offsets and epochs as they came. A batch cut short at the end is left out.
    ///
    /// # Errors
    /// `CorruptMessage` for wrong bytes, `OffsetOutOfRange` for offsets below the log's end or out of order.
    pub fn append_as_follower(
        &mut self,
        batches: &[u8],
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let mut found = Vec::new();
        let mut staged = Staged::default();
        let mut next = self.end_offset;
        let mut count = 0;
        for piece in Batches::new(batches) {
            let (at, header, batch) = match piece {
                Ok(piece) => piece,
                Err(Cut::Incomplete) => break,
                Err(cut) => {
                    return Err(AppendError::new(Code::CorruptMessage, cut.to_string()));
                }
            };
            if !crc_holds(batch) || !header.has_offsets() {
                return Err(AppendError::new(
                    Code::CorruptMessage,
                    format!("the batch at offset {} is corrupt", header.base_offset),
                ));
            }
            if header.base_offset < next {
                return Err(AppendError::new(
                    Code::OffsetOutOfRange,
                    format!(
                        "a batch at offset {} where {next} comes next",
                        header.base_offset
                    ),
                ));
            }
            next = header.next_offset();
            count += u64::from(header.record_count.unsigned_abs());
            if header.has_producer_id() {
                let marker = if header.is_control() {
                    marker_of(&header, batch)
                } else {
                    None
                };
                self.producers.stage(&mut staged, &header, marker, None)?;
            }
            found.push((at, header));
        }
        let Some((at, last)) = found.last() else {
            return Ok(self.nothing());
        };
        let size = at + last.size();
        let base_offset = found[0].1.base_offset;
        let rolled = self.put(&batches[..size], &found, staged, now_ms)?;
        Ok(Appended {
            base_offset,
            last_offset: next.saturating_sub(1),
            record_count: count,
            size_bytes: size as u64,
            rolled,
            ..self.nothing()
        })
    }

    fn nothing(&self) -> Appended {
        Appended {
            base_offset: self.end_offset,
            last_offset: self.end_offset.saturating_sub(1),
            log_append_time_ms: NO_TIMESTAMP,
            log_start_offset: self.start_offset,
            duplicate: false,
            record_count: 0,
            size_bytes: 0,
            rolled: false,
        }
    }

    /// Write checked batches at the log's end and remember all that follows from them.
    fn put(
        &mut self,
        bytes: &[u8],
        found: &[(usize, Header)],
        staged: Staged,
        now_ms: i64,
    ) -> Result<bool, AppendError> {
        self.fate.check()?;
        self.check_size(bytes.len())?;
        let (Some((_, first)), Some((_, last))) = (found.first(), found.last()) else {
            return Ok(false);
        };
        if last.last_offset().saturating_sub(first.base_offset) > OFFSETS_MAX {
            return Err(AppendError::new(
                Code::RecordListTooLarge,
                "offsets of one append that no segment can hold together",
            ));
        }
        let newest = newest_of(found);
        let skew = self.skew.at(now_ms);
        let aged = newest.saturating_add(skew.of(newest));
        let rolled = self.roll_for(bytes.len() as u64, first, last, aged, now_ms)?;
        let mut epochs_changed = false;
        for (_, header) in found {
            epochs_changed |= self.epochs.assign(header.leader_epoch, header.base_offset);
        }
        if epochs_changed || self.epochs_stale {
            self.make_ready()?;
        }
        let limit = u64::from(self.config.segment_size());
        let preallocate = self.config.preallocate;
        let aborted = self.producers.aborted_by(&staged);
        let (place, active) = self.active();
        let room = if preallocate {
            active.preallocate(place, limit)
        } else {
            Ok(())
        };
        let written = room.and_then(|()| active.note_all_aborted(place, &aborted));
        if let Err(e) = written.and_then(|()| active.write(place, bytes, limit)) {
            if active.cut_back(place, &aborted).is_err() {
                self.fail("a failed write", &e);
            }
            return Err(e.into());
        }
        active.modified_ms = now_ms;
        active
            .skew
            .note(active.size == 0, skew, first.max_timestamp, newest);
        // The bytes are there: from here on a failure would leave memory and disk at odds, so it ends this log.
        if let Err(e) = self.remember(found, staged, last.next_offset(), skew) {
            self.fail("a failed write", &e);
            return Err(e.into());
        }
        let added = last.next_offset().saturating_sub(first.base_offset);
        self.unflushed_messages = self.unflushed_messages.saturating_add(added);
        Ok(rolled)
    }

    fn check_size(&self, bytes: usize) -> Result<(), AppendError> {
        let most = self.config.segment_size();
        if bytes > most as usize {
            let text = format!("{bytes} bytes in one append; segment.bytes is {most}");
            return Err(AppendError::new(Code::RecordListTooLarge, text));
        }
        Ok(())
    }

    fn remember(
        &mut self,
        found: &[(usize, Header)],
        staged: Staged,
        end_offset: i64,
        skew: SkewAt,
    ) -> Result<(), LogError> {
        let (place, active) = self.active();
        let mut at = active.size;
        for (_, header) in found {
            let brief = Brief {
                last_offset: header.last_offset(),
                max_timestamp: header.max_timestamp,
                size: header.size() as u64,
            };
            active.note(place, brief)?;
        }
        self.producers.commit(staged, end_offset, skew);
        for (_, header) in found {
            if self.tail.len() == TAIL_BATCHES {
                self.tail.pop_front();
            }
            self.tail.push_back(Tail {
                at,
                header: *header,
            });
            at += header.size() as u64;
        }
        self.end_offset = end_offset;
        Ok(())
    }
}

fn no_offsets(header: &Header) -> AppendError {
    AppendError::new(
        Code::OffsetOutOfRange,
        format!(
            "no {} offsets are left from {} on",
            header.record_count, header.base_offset
        ),
    )
}
