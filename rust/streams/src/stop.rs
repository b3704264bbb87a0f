//! Why a record, or the whole task, did not go on.

use crate::application::Stage;
use crate::host::{By, Fault, Refusal};
use crate::plan::{NodeId, SourceId};

/// Where a fault happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Node(NodeId),
    Source(SourceId),
}

/// What is known of a fault beside itself: the first to handle it says where it was and at what. Once it is
/// decided nothing above asks a handler again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    pub place: Option<Place>,
    pub stage: Option<Stage>,
    /// The fault is that of the handler that was asked about another.
    pub by_handler: bool,
    pub decided: bool,
}

/// A fault on its way up.
#[derive(Debug)]
pub struct Stopped<E> {
    pub fault: Fault<E>,
    pub verdict: Verdict,
}

pub type Stop<E> = Box<Stopped<E>>;

pub type Outcome<H, T = ()> = Result<T, Stop<<H as crate::host::Host>::Error>>;

impl<E> From<Fault<E>> for Stop<E> {
    fn from(fault: Fault<E>) -> Self {
        Box::new(Stopped {
            fault,
            verdict: Verdict::default(),
        })
    }
}

impl<E> Stopped<E> {
    /// A stop that no handler is asked about.
    pub fn decided(fault: Fault<E>) -> Stop<E> {
        let mut stop: Stop<E> = fault.into();
        stop.verdict.decided = true;
        stop
    }

    /// As it is, at this place if none was told yet.
    pub fn at(mut self: Box<Self>, place: Place) -> Stop<E> {
        self.verdict.place.get_or_insert(place);
        self
    }
}

/// An exception of the host as a stop.
pub fn raised<E>(error: E) -> Stop<E> {
    Fault::Host(error).into()
}

/// An operator cannot go on with what it was given.
pub fn refused<E>(text: String, hint: &'static str) -> Stop<E> {
    let refusal = Refusal {
        by: By::Operator,
        text,
        hint,
    };
    Fault::from(refusal).into()
}
