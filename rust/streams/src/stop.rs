//! Why a record, or the whole task, did not go on.

use crate::context::Context;
use crate::host::{By, Fault, Refusal};
use crate::plan::TopicId;

/// At what something failed, as handlers are asked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Deserialization,
    Processing,
    Production,
}

impl Stage {
    pub fn word(self) -> &'static str {
        match self {
            Self::Deserialization => "deserialization",
            Self::Processing => "processing",
            Self::Production => "production",
        }
    }
}

/// A fault on its way up. Once it is decided nothing above asks a handler again.
#[derive(Debug)]
pub struct Stopped<E> {
    pub fault: Fault<E>,
    pub decided: bool,
    /// Where it failed first, and what: for the error's text.
    pub told: Option<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// A node, a sink or a source.
    pub name: String,
    pub what: What,
    /// The record at hand, which another one may have replaced by the time the stop is shown.
    pub at: Option<At>,
}

/// Where a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub topic: TopicId,
    pub partition: i32,
    pub offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Stage(Stage),
    /// The handler of a stage, which was asked about another failure.
    Handler(Stage),
    Extractor,
    /// The record as it came: it has no time.
    Reading,
    /// A processor as it was made ready, or closed.
    Init,
    Close,
}

pub type Stop<E> = Box<Stopped<E>>;

pub type Outcome<H, T = ()> = Result<T, Stop<<H as crate::host::Host>::Error>>;

impl<E> From<Fault<E>> for Stop<E> {
    fn from(fault: Fault<E>) -> Self {
        Box::new(Stopped {
            fault,
            decided: false,
            told: None,
        })
    }
}

/// A stop that no handler is asked about.
pub fn decided<E>(fault: Fault<E>) -> Stop<E> {
    let mut stop = Stop::from(fault);
    stop.decided = true;
    stop
}

impl<E> Stopped<E> {
    /// Say where it failed, unless that is known from further down.
    pub fn tell(&mut self, name: &str, what: What, context: &Context) {
        self.told.get_or_insert_with(|| Told {
            name: name.to_owned(),
            what,
            at: context.topic.map(|topic| At {
                topic,
                partition: context.partition,
                offset: context.offset,
            }),
        });
    }
}

/// An exception of the host as a stop.
pub fn raised<E>(error: E) -> Stop<E> {
    Fault::Host(error).into()
}

/// An operator cannot go on, whoever the record is.
#[cold]
pub fn refused<E>(text: impl Into<String>, hint: &'static str) -> Stop<E> {
    let refusal = Refusal {
        by: By::Operator,
        text: text.into(),
        hint,
    };
    Fault::from(refusal).into()
}
