//! Where jobs wait for a thread. A thread takes all that wait at once, and nobody wakes one that gathers jobs, so that under
//! load a job costs no system call on either side.

use std::{collections::VecDeque, time::Duration};

#[cfg(test)]
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
#[cfg(not(test))]
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use std::sync::PoisonError;

/// The side that sends. When the last clone is dropped, the threads take what waits, and end.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The side of a thread.
pub(super) struct Receiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Wakes one thread of those that sleep.
    filled: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    senders: usize,
    /// Threads that wait for something to be sent.
    sleeping: usize,
    /// Whether a thread is going to take what is sent meanwhile.
    is_gathering: bool,
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
    let state = State { waiting: VecDeque::new(), senders: 1, sleeping: 0, is_gathering: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), filled: Condvar::new(), capacity });
    (Sender(Arc::clone(&shared)), Receiver(shared))
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
        let mut state = self.0.state();
        loop {
            if !state.waiting.is_empty() && !state.is_gathering {
                return Found::Some;
            }
            if state.waiting.is_empty() && state.senders == 0 {
                return Found::End;
            }
            state.sleeping = state.sleeping.saturating_add(1);
            let is_late = match patience {
                None => {
                    state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                    false
                }
                Some(patience) => {
                    let woken = self.0.filled.wait_timeout(state, patience);
                    let (locked, result) = woken.unwrap_or_else(PoisonError::into_inner);
                    state = locked;
                    result.timed_out()
                }
            };
            state.sleeping = state.sleeping.saturating_sub(1);
            if is_late && state.waiting.is_empty() {
                return Found::Nothing;
            }
        }
    }

    /// Takes up to `most` of what waits now.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut state = self.0.state();
        let count = state.waiting.len().min(most);
        let taken = state.waiting.drain(..count).collect();
        self.0.wake(state);
        taken
    }

    /// Like [`Self::take`], after `pause` has let more arrive. Takes nothing when another thread gathers already.
    pub fn gather(&self, most: usize, pause: impl FnOnce()) -> Vec<T> {
        let mut state = self.0.state();
        if state.is_gathering {
            return Vec::new();
        }
        if state.waiting.len() < most {
            state.is_gathering = true;
            drop(state);
            pause();
            self.0.state().is_gathering = false;
        } else {
            drop(state);
        }
        self.take(most)
    }
}

impl<T> Shared<T> {
    /// Wakes a thread if there is something for it, and all at the end.
    fn wake(&self, state: MutexGuard<'_, State<T>>) {
        let is_empty = state.waiting.is_empty();
        let is_end = is_empty && state.senders == 0;
        let wakes_one = !is_empty && state.sleeping > 0 && !state.is_gathering;
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
        Self(Arc::clone(&self.0))
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
            taken.extend(if gathers { items.gather(2, thread::yield_now) } else { items.take(1) });
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
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap();
            drop(sender);
            let mut taken: Vec<_> = receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect();
            taken.sort_unstable();
            assert_eq!(taken, [1, 2]);
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
    fn a_full_queue_refuses() {
        loom::model(|| {
            let (sender, items) = queue(1);
            assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Err(2)));
            assert_eq!((sender.len(), items.take(9), sender.len()), (1, vec![1], 0));
        });
    }
}
