//! The state of a job, which its caller and a database thread change at the same time. Each step is one atomic operation,
//! so a job that was answered as not done is never committed afterwards.

#[cfg(test)]
use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(test))]
use std::sync::atomic::{AtomicU8, Ordering};

/// Waits in a queue.
const QUEUED: u8 = 0;
/// A thread works on it; nothing can be committed yet.
const RUNNING: u8 = 1;
/// The work is done, and the thread may commit it.
const SEALED: u8 = 2;
/// The thread answers it.
const DONE: u8 = 3;
/// The caller no longer waits for the thread's answer.
const GIVEN_UP: u8 = 4;

/// The state of a job.
pub(super) struct Claim(AtomicU8);

/// How far a job was when its caller gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// No thread was working on it, and none ever will.
    Waiting,
    /// A thread was working on it. A write is then reported as unknown, even if the thread has not reached the commit and
    /// will roll it back: only a write that had not begun is reported as not made (docs/OPERATIONS.md).
    Begun,
    /// A thread is answering it: the caller can't give up any more.
    Answered,
}

impl Claim {
    /// The claim of a queued job.
    pub fn new() -> Self {
        Self(AtomicU8::new(QUEUED))
    }

    /// The thread begins to work. False once the caller has given up.
    pub fn start(&self) -> bool {
        self.step(&[QUEUED], RUNNING).is_ok()
    }

    /// The thread is about to commit. False once the caller has given up: then it must not.
    pub fn seal(&self) -> bool {
        self.step(&[RUNNING], SEALED).is_ok()
    }

    /// The thread has certainly committed nothing and wants to start again. False once the caller has given up.
    pub fn retry(&self) -> bool {
        self.step(&[RUNNING, SEALED], QUEUED).is_ok()
    }

    /// The thread is about to answer. False once the caller has given up.
    pub fn finish(&self) -> bool {
        self.step(&[QUEUED, RUNNING, SEALED], DONE).is_ok()
    }

    /// The caller gives up unless a thread has begun. True when it gave up.
    pub fn withdraw(&self) -> bool {
        self.step(&[QUEUED], GIVEN_UP).is_ok()
    }

    /// The caller gives up, unless a thread is answering.
    pub fn give_up(&self) -> Progress {
        match self.step(&[QUEUED, RUNNING, SEALED], GIVEN_UP) {
            Ok(QUEUED) | Err(GIVEN_UP) => Progress::Waiting,
            Ok(_) => Progress::Begun,
            Err(_) => Progress::Answered,
        }
    }

    /// Whether no thread has begun and the caller still waits.
    pub fn is_waiting(&self) -> bool {
        self.0.load(Ordering::Acquire) == QUEUED
    }

    /// Whether it was answered or given up.
    pub fn is_settled(&self) -> bool {
        matches!(self.0.load(Ordering::Acquire), DONE | GIVEN_UP)
    }

    /// The state before the step to `to`, or, where that is not one of `from`, the unchanged state.
    fn step(&self, from: &[u8], to: u8) -> Result<u8, u8> {
        let allowed = |state| from.contains(&state).then_some(to);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, allowed)
    }
}

#[cfg(test)]
mod tests {
    use loom::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering::SeqCst},
        },
        thread,
    };

    use super::*;

    /// What a thread and a caller share: the claim, and whether the thread has committed.
    struct Shared {
        claim: Claim,
        committed: AtomicBool,
    }

    /// A database thread whose first commit fails for certain. Returns whether it answers.
    fn run(job: &Shared) -> bool {
        for attempt in 0..2 {
            if !job.claim.start() {
                return false;
            }
            if job.claim.seal() && attempt == 1 {
                job.committed.store(true, SeqCst);
            }
            if attempt == 0 && !job.claim.retry() {
                return job.claim.finish();
            }
        }
        job.claim.finish()
    }

    #[test]
    fn a_job_is_answered_once_and_never_committed_after_it_was_withdrawn() {
        loom::model(|| {
            let job = Arc::new(Shared { claim: Claim::new(), committed: AtomicBool::new(false) });
            let thread = thread::spawn({
                let job = Arc::clone(&job);
                move || run(&job)
            });
            let withdrawn = job.claim.withdraw();
            let progress = if withdrawn { Progress::Waiting } else { job.claim.give_up() };
            let answered = thread.join().unwrap();
            assert_eq!(answered, progress == Progress::Answered, "{progress:?}");
            if progress == Progress::Waiting {
                assert!(!job.committed.load(SeqCst), "committed although it was withdrawn");
            }
        });
    }

    #[test]
    fn a_job_that_was_given_up_before_its_seal_is_not_committed() {
        loom::model(|| {
            let job = Arc::new(Shared { claim: Claim::new(), committed: AtomicBool::new(false) });
            assert!(job.claim.start());
            let thread = thread::spawn({
                let job = Arc::clone(&job);
                move || {
                    let sealed = job.claim.seal();
                    (sealed, job.claim.finish())
                }
            });
            let progress = job.claim.give_up();
            let (sealed, answered) = thread.join().unwrap();
            assert_eq!(answered, progress == Progress::Answered);
            assert!(sealed || !answered);
            assert!(!job.claim.seal() && !job.claim.retry() && !job.claim.start() && !job.claim.is_waiting());
        });
    }
}
