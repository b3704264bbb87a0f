//! What was found in the log directories: those that could not be opened, what opening mended, the epoch of the last stop,
//! and folders that are no partition's here.

use std::path::PathBuf;

use super::dirs::{Found, live};
use super::event::Report;
use super::host::Host;
use super::lock::lock;
use crate::disk::Disk;
use crate::error::CoreError;
use crate::log::files::FolderKind;
use crate::partition::Waiter;

/// A partition's folder that is not hosted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub topic: String,
    pub partition: i32,
    pub folder: PathBuf,
}

/// A log directory that could not be opened at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostLogDir {
    /// Its place among those that the node was given.
    pub log_dir: usize,
    /// Why.
    pub text: String,
}

impl<D: Disk, W: Waiter> Host<D, W> {
    /// Whether a partition is hosted in the log directory of this place.
    fn hosts_in(&self, dir: usize, topic: &str, index: i32) -> bool {
        let hosted = self.hosted();
        hosted
            .find(topic, index)
            .is_ok_and(|cell| cell.log_dir() == dir)
    }

    /// What lies in the log directories and is not hosted.
    fn find_strays(&self) -> Result<Vec<Found>, CoreError> {
        let mut strays = Vec::new();
        for (dir, path) in self.dir_paths() {
            let live = live(&self.disk, &path)?.into_iter();
            strays.extend(live.filter(|found| {
                found.is_dir && !self.hosts_in(dir, &found.topic, found.partition)
            }));
        }
        Ok(strays)
    }

    /// Folders of partitions that are not hosted.
    ///
    /// # Errors
    /// "storage" if a log directory cannot be read.
    pub fn strays(&self) -> Result<Vec<Stray>, CoreError> {
        let strays = self.find_strays()?.into_iter();
        Ok(strays
            .map(|found| Stray {
                topic: found.topic,
                partition: found.partition,
                folder: found.path,
            })
            .collect())
    }

    /// Rename such folders to `-stray`, as Kafka does; what they hold is kept. Their new names.
    ///
    /// # Errors
    /// "storage" if the disk refuses one.
    pub fn set_strays_aside(&self) -> Result<Vec<String>, CoreError> {
        let mut done = Vec::new();
        for stray in self.find_strays()? {
            let key = (stray.topic.as_str(), stray.partition);
            let there = self.mark_folder(&stray.path, key, FolderKind::Stray)?;
            done.push(there.to_string_lossy().into_owned());
        }
        Ok(done)
    }

    /// What opening and recovery did since this was asked last, one a log that needed any.
    pub fn take_report(&self) -> Vec<Report> {
        std::mem::take(&mut lock(&self.dirs).report)
    }

    /// Log directories that could not be opened at the start.
    pub fn lost_log_dirs(&self) -> Vec<LostLogDir> {
        let dirs = lock(&self.dirs);
        let known = dirs.dirs.iter().enumerate();
        let lost = known.filter_map(|(log_dir, dir)| {
            let text = dir.failed.clone().filter(|_| dir.lost)?;
            Some(LostLogDir { log_dir, text })
        });
        lost.collect()
    }

    /// The broker epoch that the last clean stop wrote, -1 without one: the least of all log directories.
    pub fn previous_broker_epoch(&self) -> i64 {
        let dirs = lock(&self.dirs);
        let there = dirs.dirs.iter().filter(|dir| !dir.lost);
        there.map(|dir| dir.clean.unwrap_or(-1)).min().unwrap_or(-1)
    }
}
