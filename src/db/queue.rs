//! Where jobs wait for a thread. A thread takes all that wait at once, and nobody wakes one that gathers jobs, so that under
//! load a job costs no system call on either side.

use std::{cell::Cell, collections::VecDeque, time::Duration};

#[cfg(test)]
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(not(test))]
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use std::sync::PoisonError;

/// The side that sends. When the last clone is dropped, the threads take what waits, and end.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The side of a thread.
pub(super) struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Whether this thread works on a group.
    works: Cell<bool>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Wakes one thread of those that sleep.
    filled: Condvar,
    /// Wakes the thread that gathers: a group is done, or enough wait.
    finished: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    senders: usize,
    /// Threads that wait for something to be sent.
    sleeping: usize,
    /// Set while a thread is going to take what is sent meanwhile: when so many wait, it waits no longer.
    gathering: Option<usize>,
    /// Threads that work on a group.
    working: usize,
    /// How many the last group had.
    last: usize,
    /// How many of the last group gained by it.
    gained: usize,
}

/// What a thread found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Something waits, unless another thread takes it first.
    Some,
    /// Nothing was sent for as long as the thread had patience.
    Nothing,
    /// Nothing waits, and nothing will be sent any more.
    End,
}

/// A queue of at most `capacity`.
pub(super) fn queue<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let waiting = VecDeque::new();
    let state = State { waiting, senders: 1, sleeping: 0, gathering: None, working: 0, last: 0, gained: 0 };
    let (state, filled, finished) = (Mutex::new(state), Condvar::new(), Condvar::new());
    let shared = Arc::new(Shared { state, filled, finished, capacity });
    (Sender(Arc::clone(&shared)), Receiver { shared, works: Cell::new(false) })
}

impl<T> Sender<T> {
    /// Puts something in the queue.
    ///
    /// # Errors
    /// Returns it when the queue is full.
    pub fn try_send(&self, item: T) -> Result<(), T> {
        let mut state = self.0.state();
        if state.waiting.len() >= self.0.capacity {
            return Err(item);
        }
        state.waiting.push_back(item);
        if state.gathering == Some(state.waiting.len()) {
            self.0.finished.notify_one();
        }
        self.0.wake(state);
        Ok(())
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.state().waiting.len()
    }
}

impl<T> Receiver<T> {
    /// Waits until something is in the queue, or only for so long. A thread that gathers has the first claim to it.
    pub fn wait(&self, patience: Option<Duration>) -> Found {
        let mut state = self.shared.state();
        if self.works.replace(false) {
            state.working = state.working.saturating_sub(1);
            self.shared.finished.notify_one();
        }
        loop {
            if !state.waiting.is_empty() && state.gathering.is_none() {
                return Found::Some;
            }
            if state.waiting.is_empty() && state.senders == 0 {
                return Found::End;
            }
            state.sleeping = state.sleeping.saturating_add(1);
            let is_late;
            (state, is_late) = match patience {
                None => (self.shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner), false),
                Some(patience) => self.shared.wait(&self.shared.filled, state, patience),
            };
            state.sleeping = state.sleeping.saturating_sub(1);
            if is_late && state.waiting.is_empty() {
                return Found::Nothing;
            }
        }
    }

    /// Takes up to `most` of what waits now.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut state = self.shared.state();
        let taken = state.take(most);
        self.shared.wake(state);
        taken
    }

    /// Takes up to `most`. If at least two of the last group gained by being in it, it lets more arrive before: while another
    /// thread works on a group, until that is done or `patience` is over; else until there are as many as last time, or `pause`
    /// is over. Takes nothing when another thread gathers.
    pub fn gather(&self, most: usize, gains: impl Fn(&T) -> bool, patience: Duration, pause: Duration) -> Vec<T> {
        let mut state = self.shared.state();
        if state.gathering.is_some() || state.waiting.is_empty() {
            return Vec::new();
        }
        let (enough, limit) = if state.working > 0 { (most, patience) } else { (state.last.min(most), pause) };
        if state.gained > 1 && state.waiting.len() < enough {
            state.gathering = Some(enough);
            state = self.shared.wait(&self.shared.finished, state, limit).0;
            state.gathering = None;
        }
        let taken = state.take(most);
        state.last = taken.len();
        state.gained = taken.iter().filter(|item| gains(item)).count();
        state.working = state.working.saturating_add(1);
        self.works.set(true);
        self.shared.wake(state);
        taken
    }
}

impl<T> State<T> {
    fn take(&mut self, most: usize) -> Vec<T> {
        let count = self.waiting.len().min(most);
        self.waiting.drain(..count).collect()
    }
}

impl<T> Shared<T> {
    /// Waits to be woken, for so long. True when it was not.
    fn wait<'s>(
        &'s self,
        condition: &Condvar,
        state: MutexGuard<'s, State<T>>,
        patience: Duration,
    ) -> (MutexGuard<'s, State<T>>, bool) {
        // Loom has no time: there a wait either takes none, or ends only when it is woken.
        #[cfg(test)]
        if patience.is_zero() {
            drop(state);
            loom::thread::yield_now();
            return (self.state(), true);
        }
        let (state, result) = condition.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
        (state, result.timed_out())
    }

    /// Wakes a thread if there is something for it, and all at the end.
    fn wake(&self, state: MutexGuard<'_, State<T>>) {
        let is_empty = state.waiting.is_empty();
        let is_end = is_empty && state.senders == 0;
        let wakes_one = !is_empty && state.sleeping > 0 && state.gathering.is_none();
        drop(state);
        if is_end {
            self.filled.notify_all();
        } else if wakes_one {
            self.filled.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        let mut state = self.0.state();
        state.senders = state.senders.saturating_add(1);
        drop(state);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), works: Cell::new(false) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders = state.senders.saturating_sub(1);
        self.0.wake(state);
    }
}

#[cfg(test)]
mod tests {
    use loom::thread;

    use super::*;

    /// Takes until the end, as a thread that gathers or one that takes single items. Returns what it took.
    fn receive(items: &Receiver<u8>, gathers: bool) -> Vec<u8> {
        let mut taken = Vec::new();
        while items.wait(None) != Found::End {
            taken.extend(if gathers {
                items.gather(2, |_| true, Duration::MAX, Duration::ZERO)
            } else {
                items.take(1)
            });
        }
        taken
    }

    /// A sender and such threads. Loom finds it when one sleeps for ever, or when something is lost.
    fn all_is_taken_once(threads: &'static [bool]) {
        // With more, the interleavings of three threads take minutes.
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(move || {
            let (sender, items) = queue(2);
            let receivers: Vec<_> = threads
                .iter()
                .map(|gathers| {
                    let items = items.clone();
                    thread::spawn(move || receive(&items, *gathers))
                })
                .collect();
            for item in [1, 2, 3] {
                while sender.try_send(item).is_err() {
                    thread::yield_now();
                }
            }
            drop(sender);
            let mut taken: Vec<_> = receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect();
            taken.sort_unstable();
            assert_eq!(taken, [1, 2, 3]);
        });
    }

    #[test]
    fn a_thread_that_gathers_takes_everything() {
        all_is_taken_once(&[true]);
    }

    #[test]
    fn threads_that_gather_or_do_not_take_everything_once() {
        all_is_taken_once(&[true, false]);
    }

    #[test]
    fn threads_that_gather_take_everything_once() {
        all_is_taken_once(&[true, true]);
    }

    #[test]
    fn a_thread_that_gathers_waits_no_longer_once_there_are_as_many_as_last_time() {
        loom::model(|| {
            let (sender, items) = queue(2);
            let gather = |items: &Receiver<u8>| items.gather(9, |_| true, Duration::MAX, Duration::MAX);
            assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
            assert_eq!((gather(&items), sender.try_send(3), items.wait(None)), (vec![1, 2], Ok(()), Found::Some));
            let receiver = thread::spawn(move || gather(&items));
            assert_eq!(sender.try_send(4), Ok(()));
            assert_eq!(receiver.join().unwrap(), [3, 4]);
        });
    }

    #[test]
    fn a_full_queue_refuses() {
        loom::model(|| {
            let (sender, items) = queue(1);
            assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Err(2)));
            assert_eq!((sender.len(), items.take(9), sender.len()), (1, vec![1], 0));
        });
    }
}
