//! Why a record, or the whole task, did not go on.

use crate::host::{By, Fault, Refusal};
use crate::plan::NodeId;

/// A fault on its way up; `node` is where it happened. Once it is decided nothing above asks a handler again.
#[derive(Debug)]
pub struct Stopped<E> {
    pub fault: Fault<E>,
    pub node: Option<NodeId>,
    pub decided: bool,
}

pub type Stop<E> = Box<Stopped<E>>;

pub type Outcome<H, T = ()> = Result<T, Stop<<H as crate::host::Host>::Error>>;

impl<E> From<Fault<E>> for Stop<E> {
    fn from(fault: Fault<E>) -> Self {
        Box::new(Stopped {
            fault,
            node: None,
            decided: false,
        })
    }
}

/// A stop that no handler is asked about.
pub fn decided<E>(fault: Fault<E>) -> Stop<E> {
    let mut stop = Stop::from(fault);
    stop.decided = true;
    stop
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
