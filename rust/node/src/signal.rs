//! A bell that one task listens for and anyone may ring; ringing twice before it is heard is once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

#[derive(Default)]
pub struct Signal {
    rung: AtomicBool,
    listener: Mutex<Option<Waker>>,
}

impl Signal {
    pub fn ring(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(waker) = lock(&self.listener).take() {
            waker.wake();
        }
    }

    /// Ready once for each time that it was rung since it was last heard.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        {
            let mut listener = lock(&self.listener);
            if !listener
                .as_ref()
                .is_some_and(|waker| waker.will_wake(context.waker()))
            {
                *listener = Some(context.waker().clone());
            }
        }
        // Rung between the look and the listening: whoever rang found no one to wake.
        if self.rung.swap(false, Ordering::AcqRel) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signal")
    }
}
