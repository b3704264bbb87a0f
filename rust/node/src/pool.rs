//! Work that may take as long as a disk does: on threads of its own, so that neither those that serve nor the one
//! that decides wait for it. A panic in it is told to the node, which is poisoned by it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::lock::lock;

type OnPanic = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Clone, Default)]
pub struct Pool(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Where work is put; none once the node has ended, so that the runtime can go.
    runtime: Mutex<Option<Handle>>,
    running: Mutex<usize>,
    ended: Condvar,
    on_panic: OnceLock<OnPanic>,
}

impl Pool {
    pub fn open(&self, runtime: Handle, on_panic: OnPanic) {
        let _ = self.0.on_panic.set(on_panic);
        *lock(&self.0.runtime) = Some(runtime);
    }

    /// Begin nothing any more.
    pub fn close(&self) {
        drop(lock(&self.0.runtime).take());
    }

    /// Do this soon. Not at all once the pool is closed.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        if let Some(runtime) = lock(&self.0.runtime).clone() {
            self.begin(&runtime, work);
        }
    }

    /// The same after that time, and then when it is its turn, if there are turns. What waits does not run yet.
    pub fn run_later(
        &self,
        after: Duration,
        turns: Option<Arc<Semaphore>>,
        work: impl FnOnce() + Send + 'static,
    ) {
        let Some(runtime) = lock(&self.0.runtime).clone() else {
            return;
        };
        let pool = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(after).await;
            let _turn = match turns {
                Some(turns) => turns.acquire_owned().await.ok(),
                None => None,
            };
            let _ = pool.begin(&Handle::current(), work).await;
        });
    }

    fn begin(&self, runtime: &Handle, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        *lock(&self.0.running) += 1;
        let inner = Arc::clone(&self.0);
        runtime.spawn_blocking(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            if let (Err(panic), Some(tell)) = (outcome, inner.on_panic.get()) {
                tell(&panic_text(&*panic));
            }
            *lock(&inner.running) -= 1;
            inner.ended.notify_all();
        })
    }

    /// Wait until nothing runs; whether that is so within the timeout.
    pub fn settle(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut running = lock(&self.0.running);
        while *running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            running = self
                .0
                .ended
                .wait_timeout(running, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "a broken invariant: {}",
        text.unwrap_or("a panic without words")
    )
}
