//! What clients want to know of partitions, or cut off them: answered at once where that needs neither the disk nor
//! anybody's patience, else in the background.
//!
//! All that one request asks is one job, answered as a whole. What cannot be answered at once waits with its partition,
//! and one worker a partition answers it: so a partition that somebody holds, or whose disk is slow, holds up those who
//! ask for it and nobody else. A worker waits for no lock for longer than a moment: it comes back later, and what it
//! ran on serves others meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::cell::{Cell, Standing};
use super::dirs::storage;
use super::event::{Chore, Event};
use super::{Host, lock};
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::{LogError, Lookup};
use crate::partition::{Partition, Waiter};

/// After how long a partition that somebody holds is tried again.
const HELD_AGAIN: Duration = Duration::from_millis(10);
/// So many questions may wait with one partition: whoever hangs up and asks again is not forgotten before the disk
/// answers.
const WAITING_MAX: usize = 1000;

/// What one question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// ListOffsets, negative times too. Isolation 1 is read_committed.
    Time { timestamp_ms: i64, isolation: i8 },
    /// OffsetForLeaderEpoch: where an epoch ended.
    EpochEnd { epoch: i32 },
    /// DeleteRecords: let the log start there; -1 is the high watermark.
    DeleteBefore { offset: i64 },
}

/// A question to a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    pub topic: String,
    pub partition: i32,
    pub question: Question,
}

/// What was found; all -1 if nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub leader_epoch: i32,
}

/// Kinds of refusals: "unknown-partition", "not-leader", "storage", "offset-out-of-range", "invalid".
pub type Answer = Result<Looked, CoreError>;

/// Several questions that are answered together.
pub struct Job {
    number: i64,
    answers: Mutex<Vec<Option<Answer>>>,
    open: AtomicUsize,
}

/// What waits with a partition.
#[derive(Default)]
pub struct Waiting {
    questions: VecDeque<(Arc<Job>, usize, Question)>,
    /// Someone answers them, or is going to.
    attended: bool,
    /// Whoever decides could not look at it, and does when it is free.
    looked_for: bool,
}

pub(super) fn unknown(topic: &str, index: i32) -> CoreError {
    let text = format!("{topic}-{index} is not hosted here");
    CoreError::new("unknown-partition", text)
}

impl Question {
    /// Whether it is answered from memory.
    fn is_light(self) -> bool {
        match self {
            Self::Time { timestamp_ms, .. } => !matches!(
                Lookup::from_timestamp(timestamp_ms),
                Some(Lookup::Time(_) | Lookup::MaxTimestamp)
            ),
            Self::EpochEnd { .. } => true,
            Self::DeleteBefore { .. } => false,
        }
    }

    fn answer<D: Disk, W: Waiter>(self, partition: &mut Partition<D, W>) -> Answer {
        let offsets = partition.offsets();
        match self {
            Self::Time {
                timestamp_ms,
                isolation,
            } => {
                let what = Lookup::from_timestamp(timestamp_ms).ok_or_else(|| {
                    let text = format!("{timestamp_ms} is no timestamp to look up");
                    CoreError::new("invalid", text)
                })?;
                let upper_bound = if isolation == 1 {
                    offsets.last_stable
                } else {
                    offsets.high_watermark
                };
                let found = partition.log_mut().lookup(what, upper_bound);
                let found = found.map_err(|error| storage(&error))?;
                Ok(found.map_or(Looked::at(-1), |found| Looked {
                    offset: found.offset,
                    timestamp_ms: found.timestamp_ms,
                    leader_epoch: found.leader_epoch,
                }))
            }
            Self::EpochEnd { epoch } => {
                let (leader_epoch, offset) = partition.epoch_end_offset(epoch);
                Ok(Looked {
                    leader_epoch,
                    ..Looked::at(offset)
                })
            }
            Self::DeleteBefore { offset } => {
                let outcome = partition.log_mut().delete_records(offset);
                partition.log_start_moved();
                outcome.map(Looked::at).map_err(|error| match error {
                    LogError::OutOfRange { text } => CoreError::new("offset-out-of-range", text),
                    error => storage(&error),
                })
            }
        }
    }
}

impl Looked {
    fn at(offset: i64) -> Self {
        Self {
            offset,
            timestamp_ms: -1,
            leader_epoch: -1,
        }
    }
}

impl Job {
    /// One more answer; all of them with the last.
    fn take(&self, place: usize, answer: Answer) -> Option<Vec<Answer>> {
        if let Some(slot) = lock(&self.answers).get_mut(place) {
            *slot = Some(answer);
        }
        let last = self.open.fetch_sub(1, Ordering::AcqRel) == 1;
        last.then(|| lock(&self.answers).drain(..).flatten().collect())
    }
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// The answers, if all of them are at hand; else `Event::Answered` comes with this number.
    pub fn ask(&self, number: i64, inquiries: &[Inquiry]) -> Option<Vec<Answer>> {
        let mut answers = Vec::with_capacity(inquiries.len());
        let mut waiting = Vec::new();
        for (place, inquiry) in inquiries.iter().enumerate() {
            let (name, index) = (inquiry.topic.as_str(), inquiry.partition);
            let cell = self.hosted().find(name, index).cloned();
            let cell = cell.map_err(|_| unknown(name, index));
            let answer = cell.and_then(|cell| match self.answer_at_once(&cell, inquiry.question) {
                Some(answer) => answer.map(Ok),
                None => Ok(Err(cell)),
            });
            answers.push(match answer {
                Ok(Ok(looked)) => Some(Ok(looked)),
                Err(refused) => Some(Err(refused)),
                Ok(Err(cell)) => {
                    waiting.push((cell, place, inquiry.question));
                    None
                }
            });
        }
        if waiting.is_empty() {
            return Some(answers.into_iter().flatten().collect());
        }
        let job = Arc::new(Job {
            number,
            answers: Mutex::new(answers),
            open: AtomicUsize::new(waiting.len()),
        });
        for (cell, place, question) in waiting {
            self.leave_question(&cell, &job, place, question);
        }
        None
    }

    fn answer_at_once(&self, cell: &Arc<Cell<D, W>>, question: Question) -> Option<Answer> {
        if let Some(refused) = refusal(cell) {
            return Some(Err(refused));
        }
        if !question.is_light() {
            return None;
        }
        let mut guard = cell.try_hold()?;
        Some(answer(cell, guard.as_mut(), question))
    }

    fn leave_question(
        &self,
        cell: &Arc<Cell<D, W>>,
        job: &Arc<Job>,
        place: usize,
        question: Question,
    ) {
        let mut waiting = lock(&cell.waiting);
        if waiting.questions.len() >= WAITING_MAX {
            drop(waiting);
            let text = format!("{}-{}: too many wait for its disk", cell.topic, cell.index);
            self.answered(job, place, Err(CoreError::new("storage", text)));
            return;
        }
        waiting
            .questions
            .push_back((Arc::clone(job), place, question));
        self.attend(cell, &mut waiting);
    }

    /// Let whoever decides have a turn when nobody holds this partition any more.
    pub(super) fn look_later(&self, cell: &Arc<Cell<D, W>>) {
        let mut waiting = lock(&cell.waiting);
        waiting.looked_for = true;
        self.attend(cell, &mut waiting);
    }

    fn attend(&self, cell: &Arc<Cell<D, W>>, waiting: &mut Waiting) {
        if !std::mem::replace(&mut waiting.attended, true) {
            self.around
                .owe(Chore::Answer(Arc::clone(cell)), Duration::ZERO);
        }
    }

    /// Answer what waits with a partition.
    pub(super) fn answer_waiting(&self, cell: &Arc<Cell<D, W>>) {
        loop {
            let (job, place, question) = {
                let mut waiting = lock(&cell.waiting);
                match waiting.questions.pop_front() {
                    Some(next) => next,
                    None if waiting.looked_for => {
                        drop(waiting);
                        if !self.wake_if_free(cell) {
                            return;
                        }
                        continue;
                    }
                    None => {
                        waiting.attended = false;
                        return;
                    }
                }
            };
            let Some(mut guard) = cell.hold_within(self.patience) else {
                lock(&cell.waiting)
                    .questions
                    .push_front((job, place, question));
                self.around.owe(Chore::Answer(Arc::clone(cell)), HELD_AGAIN);
                return;
            };
            let answer = answer(cell, guard.as_mut(), question);
            drop(guard);
            self.answered(&job, place, answer);
        }
    }

    fn wake_if_free(&self, cell: &Arc<Cell<D, W>>) -> bool {
        if cell.hold_within(self.patience).is_none() {
            self.around.owe(Chore::Answer(Arc::clone(cell)), HELD_AGAIN);
            return false;
        }
        lock(&cell.waiting).looked_for = false;
        self.around.wake();
        true
    }

    fn answered(&self, job: &Job, place: usize, answer: Answer) {
        if let Some(answers) = job.take(place, answer) {
            self.around.tell(Event::Answered {
                job: job.number,
                answers,
            });
        }
    }
}

/// Why a partition is not asked.
pub(super) fn refusal<D: Disk, W: Waiter>(cell: &Cell<D, W>) -> Option<CoreError> {
    let (topic, index) = (&cell.topic, cell.index);
    match cell.standing() {
        Standing::Offline => Some(CoreError::new(
            "offline",
            format!("{topic}-{index} is offline"),
        )),
        Standing::Opening => {
            let text = format!("{topic}-{index} is being opened");
            Some(CoreError::new("not-leader", text))
        }
        Standing::Gone => Some(unknown(topic, index)),
        Standing::Serving | Standing::Faltering => None,
    }
}

fn answer<D: Disk, W: Waiter>(
    cell: &Cell<D, W>,
    partition: Option<&mut Partition<D, W>>,
    question: Question,
) -> Answer {
    if let Some(refused) = refusal(cell) {
        return Err(refused);
    }
    let partition = partition.ok_or_else(|| unknown(&cell.topic, cell.index))?;
    if !partition.leads() {
        let text = format!("{}-{} is not led here", cell.topic, cell.index);
        return Err(CoreError::new("not-leader", text));
    }
    cell.touch();
    question.answer(partition)
}
