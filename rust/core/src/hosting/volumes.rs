//! How much room the volumes of the log directories have.
//!
//! Only the disk can say, and a volume that hangs (a network mount whose server is away) says nothing for as long as
//! that lasts. So one worker a log directory asks it, in the background, once for all who wait by then: who asks of
//! that volume waits, and nobody else does.

use std::sync::Arc;
use std::time::Duration;

use super::host::Host;
use super::lock::lock;
use super::question::{Answer, Job, Looked, WAITING_MAX};
use super::surroundings::Chore;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::partition::Waiter;

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Let the answer come in the background.
    pub(super) fn ask_volume(&self, log_dir: usize, job: &Arc<Job>, place: usize) {
        let mut volumes = lock(&self.volumes);
        let volume = volumes.entry(log_dir).or_default();
        if volume.waiting.len() >= WAITING_MAX {
            drop(volumes);
            let text = format!("too many wait for the volume of log dir {log_dir}");
            self.answered(job, place, Err(CoreError::storage(&text)));
            return;
        }
        volume.waiting.push((Arc::clone(job), place));
        if !std::mem::replace(&mut volume.attended, true) {
            self.around.owe(Chore::Measure(log_dir), Duration::ZERO);
        }
    }

    /// Answer what waits for a volume.
    pub(super) fn measure(&self, log_dir: usize) {
        loop {
            let waiting = {
                let mut volumes = lock(&self.volumes);
                let volume = volumes.entry(log_dir).or_default();
                if volume.waiting.is_empty() {
                    volume.attended = false;
                    return;
                }
                std::mem::take(&mut volume.waiting)
            };
            let answer = self.space(log_dir);
            for (job, place) in waiting {
                self.answered(&job, place, answer.clone());
            }
        }
    }

    fn space(&self, log_dir: usize) -> Answer {
        let path = lock(&self.dirs).get(log_dir)?.path.clone();
        let (total, usable) =
            (self.disk.space(&path)).map_err(|error| CoreError::storage(&error).at(&path))?;
        let bytes = |count| i64::try_from(count).unwrap_or(i64::MAX);
        Ok(Looked {
            total_bytes: bytes(total),
            usable_bytes: bytes(usable),
            ..Looked::NOTHING
        })
    }
}
