//! Takes the jobs of a queue in groups.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::{
    job::{Job, Queue},
    queue::Found,
};

/// Jobs in one group at most. This bounds how long the first one waits for the last.
pub(super) const GROUP: usize = 64;
/// How long a group waits for as many jobs as the last one had, if several of them gained by it.
const WAIT: Duration = Duration::from_micros(150);
/// How long a group waits for that of another thread, which may be a slow one. Two groups at the same time are smaller, and
/// cost more.
const PATIENCE: Duration = Duration::from_millis(1);

/// Groups of the jobs that wait in a queue. It ends when the queue is closed and empty.
pub(super) struct Gather<'q> {
    jobs: &'q Queue,
    /// Jobs that lock what a job of the last group had locked.
    later: VecDeque<Box<dyn Job>>,
}

/// A group that is still growing.
#[derive(Default)]
struct Growing {
    group: Vec<Box<dyn Job>>,
    locked: HashSet<String>,
}

impl<'q> Gather<'q> {
    /// The groups of a queue. No two jobs of a group lock the same row.
    pub fn new(jobs: &'q Queue) -> Self {
        Self { jobs, later: VecDeque::new() }
    }

    fn add(&mut self, growing: &mut Growing, job: Box<dyn Job>) {
        if !job.is_waiting() {
            return;
        }
        let lock = job.company().lock.as_deref().map(|lock| lock.key().to_owned());
        if lock.is_none_or(|lock| growing.locked.insert(lock)) {
            growing.group.push(job);
        } else {
            self.later.push_back(job);
        }
    }
}

impl Iterator for Gather<'_> {
    type Item = Vec<Box<dyn Job>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut growing = Growing::default();
        for job in std::mem::take(&mut self.later) {
            self.add(&mut growing, job);
        }
        if !growing.group.is_empty() {
            let room = GROUP.saturating_sub(growing.group.len().max(self.later.len()));
            self.jobs.take(room).into_iter().for_each(|job| self.add(&mut growing, job));
        }
        while growing.group.is_empty() {
            if self.jobs.wait(None) == Found::End {
                return None;
            }
            let jobs = self.jobs.gather(GROUP, |job| job.gains(), PATIENCE, WAIT);
            jobs.into_iter().for_each(|job| self.add(&mut growing, job));
        }
        Some(growing.group)
    }
}
