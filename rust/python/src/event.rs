//! `Event` for Python: one class a kind, so that `match` takes it apart.

use std::sync::Arc;

use ottla_core::hosting::{self, MoveNews, MoveStep};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::asking::Answer;
use crate::errors;
use crate::named::TopicPartition;

/// Something that the node found and Python must know; see `_core.pyi`.
#[pyclass(frozen, module = "ottla._core")]
pub enum Event {
    Applied {
        mark: i64,
    },
    Answered {
        token: i64,
        answers: Py<PyList>,
    },
    Unverified {
        job: i64,
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        version: i16,
        partitions: Py<PyList>,
    },
    Written {
        job: i64,
        refused: Option<Py<PyAny>>,
    },
    LogFailed {
        topic: String,
        topic_id: Vec<u8>,
        partition: i32,
        text: String,
    },
    LogUnopened {
        topic: String,
        topic_id: Vec<u8>,
        partition: i32,
        refused: Py<PyAny>,
    },
    LogHealed {
        topic: String,
        topic_id: Vec<u8>,
        partition: i32,
    },
    LogStrained {
        topic: String,
        topic_id: Vec<u8>,
        partition: i32,
        text: String,
    },
    Strained {
        text: String,
    },
    Moving {
        topic: String,
        topic_id: Vec<u8>,
        partition: i32,
        log_dir: usize,
        step: String,
        text: String,
    },
    LogDirFailed {
        log_dir: usize,
        text: String,
    },
    Done {
        text: String,
    },
    Poisoned {
        text: String,
    },
    Refused {
        text: String,
    },
}

impl Event {
    pub fn new(py: Python<'_>, event: hosting::Event) -> PyResult<Self> {
        let exception = |error| errors::refused(error).into_value(py).into_any();
        Ok(match event {
            hosting::Event::Applied { mark } => Self::Applied { mark },
            hosting::Event::Answered { job, answers } => Self::Answered {
                token: job,
                answers: PyList::new(py, answers.into_iter().map(Answer::from))?.unbind(),
            },
            hosting::Event::Unverified {
                job,
                transactional_id,
                producer_id,
                producer_epoch,
                version,
                partitions,
            } => Self::Unverified {
                job,
                transactional_id,
                producer_id,
                producer_epoch,
                version,
                partitions: named(py, &partitions)?,
            },
            hosting::Event::Written { job, refused } => Self::Written {
                job,
                refused: refused.map(exception),
            },
            hosting::Event::LogFailed { place, text } => failed(&place, text),
            hosting::Event::LogUnopened { place, refused } => Self::LogUnopened {
                topic: place.topic.to_string(),
                topic_id: place.topic_id.to_vec(),
                partition: place.partition,
                refused: exception(refused),
            },
            hosting::Event::LogHealed { place } => Self::LogHealed {
                topic: place.topic.to_string(),
                topic_id: place.topic_id.to_vec(),
                partition: place.partition,
            },
            hosting::Event::LogStrained { place, text } => strained(&place, text),
            hosting::Event::Strained { text } => Self::Strained { text },
            hosting::Event::Moving(news) => moving(news),
            hosting::Event::LogDirFailed { log_dir, text } => Self::LogDirFailed { log_dir, text },
            hosting::Event::Done { text } => Self::Done { text },
            hosting::Event::Poisoned { text } => Self::Poisoned { text },
            hosting::Event::Refused { text } => Self::Refused { text },
        })
    }
}

fn failed(place: &hosting::Place, text: String) -> Event {
    Event::LogFailed {
        topic: place.topic.to_string(),
        topic_id: place.topic_id.to_vec(),
        partition: place.partition,
        text,
    }
}

fn strained(place: &hosting::Place, text: String) -> Event {
    Event::LogStrained {
        topic: place.topic.to_string(),
        topic_id: place.topic_id.to_vec(),
        partition: place.partition,
        text,
    }
}

fn moving(news: MoveNews) -> Event {
    let step = match news.step {
        MoveStep::CaughtUp => "caught-up",
        MoveStep::Moved => "moved",
        MoveStep::GivenUp => "given-up",
    };
    Event::Moving {
        topic: news.place.topic.to_string(),
        topic_id: news.place.topic_id.to_vec(),
        partition: news.place.partition,
        log_dir: news.log_dir,
        step: step.to_owned(),
        text: news.text,
    }
}

fn named(py: Python<'_>, partitions: &[(Arc<str>, i32)]) -> PyResult<Py<PyList>> {
    let partitions = partitions.iter().map(|(topic, partition)| TopicPartition {
        topic: topic.to_string(),
        partition: *partition,
    });
    Ok(PyList::new(py, partitions)?.unbind())
}
