//! What clients want to know of partitions and their volumes, or cut off them: answered at once where that needs neither
//! the disk nor anybody's patience, else in the background.
//!
//! All that one request asks is one job, answered as a whole. What cannot be answered at once waits with its partition,
//! and one worker a partition answers it: so a partition that somebody holds, or whose disk is slow, holds up those who
//! ask for it and nobody else. A worker waits for no lock for longer than a moment: it comes back later, and what it
//! ran on serves others meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::cell::{Cell, PATIENCE, Standing};
use super::host::Host;
use super::lock::lock;
use super::question::{Answer, Inquiry, Job, Question, WAITING_MAX, Waiting};
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::{Partition, Waiter};

/// After how long a partition that somebody holds is tried again.
const HELD_AGAIN: Duration = Duration::from_millis(10);

/// Who is asked in the background.
enum Whom<D: Disk, W: Waiter> {
    Partition(Arc<Cell<D, W>>, Question),
    Volume(usize),
}

pub(super) fn unknown(topic: &str, index: i32) -> CoreError {
    let text = format!("{topic}-{index} is not hosted here");
    CoreError::new("unknown-partition", text)
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// The answers, if all of them are at hand; else `Event::Answered` comes with this number.
    pub fn ask(&self, number: i64, inquiries: &[Inquiry]) -> Option<Vec<Answer>> {
        let mut answers = Vec::with_capacity(inquiries.len());
        let mut waiting = Vec::new();
        for (place, inquiry) in inquiries.iter().enumerate() {
            answers.push(match self.look_up(inquiry) {
                Ok(answer) => Some(answer),
                Err(whom) => {
                    waiting.push((place, whom));
                    None
                }
            });
        }
        if waiting.is_empty() {
            return Some(answers.into_iter().flatten().collect());
        }
        let job = Arc::new(Job::new(number, answers, waiting.len()));
        for (place, whom) in waiting {
            match whom {
                Whom::Partition(cell, question) => {
                    self.leave_question(&cell, &job, place, question);
                }
                Whom::Volume(log_dir) => self.ask_volume(log_dir, &job, place),
            }
        }
        None
    }

    /// The answer, or who is to be asked in the background.
    fn look_up(&self, inquiry: &Inquiry) -> Result<Answer, Whom<D, W>> {
        match inquiry {
            Inquiry::Partition {
                topic,
                partition,
                question,
            } => {
                let cell = self.hosted().find(topic, *partition).cloned();
                let Ok(cell) = cell else {
                    return Ok(Err(unknown(topic, *partition)));
                };
                let answer = self.answer_at_once(&cell, *question);
                answer.ok_or(Whom::Partition(cell, *question))
            }
            Inquiry::Space { log_dir } => Err(Whom::Volume(*log_dir)),
        }
    }

    fn answer_at_once(&self, cell: &Arc<Cell<D, W>>, question: Question) -> Option<Answer> {
        if let Some(refused) = refusal(cell) {
            return Some(Err(refused));
        }
        if !question.is_light() {
            return None;
        }
        let mut guard = cell.try_hold()?;
        let led = led(cell, guard.as_mut());
        Some(led.and_then(|partition| question.answer(partition)))
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
            let Some(mut guard) = self.hold_within(cell, PATIENCE) else {
                lock(&cell.waiting)
                    .questions
                    .push_front((job, place, question));
                self.around.owe(Chore::Answer(Arc::clone(cell)), HELD_AGAIN);
                return;
            };
            let answer = match (led(cell, guard.as_mut()), question) {
                (Ok(partition), Question::EndTransaction(ending)) => {
                    self.end_transaction(cell, partition, &ending, (job, place));
                    continue;
                }
                (Ok(partition), question) => question.answer(partition),
                (Err(refused), _) => Err(refused),
            };
            drop(guard);
            self.answered(&job, place, answer);
        }
    }

    fn wake_if_free(&self, cell: &Arc<Cell<D, W>>) -> bool {
        if self.hold_within(cell, PATIENCE).is_none() {
            self.around.owe(Chore::Answer(Arc::clone(cell)), HELD_AGAIN);
            return false;
        }
        lock(&cell.waiting).looked_for = false;
        self.around.wake();
        true
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

/// One that is asked: it is open, and led here.
fn led<'a, D: Disk, W: Waiter>(
    cell: &Cell<D, W>,
    partition: Option<&'a mut Partition<D, W>>,
) -> Result<&'a mut Partition<D, W>, CoreError> {
    if let Some(refused) = refusal(cell) {
        return Err(refused);
    }
    let partition = partition.ok_or_else(|| unknown(&cell.topic, cell.index))?;
    if !partition.leads() {
        let text = format!("{}-{} is not led here", cell.topic, cell.index);
        return Err(CoreError::new("not-leader", text));
    }
    cell.touch();
    Ok(partition)
}
