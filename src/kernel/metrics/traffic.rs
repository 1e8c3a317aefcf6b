//! The calls of the last hour, by minute and procedure.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::latency::{Counts, Tally};
use crate::db::Timestamp;

/// Minutes that are kept, the current one included.
pub const MINUTES: u64 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// The calls of the last hour. A call increases two counters; the first call of a minute also notes what the minute before it
/// has added to them.
pub struct Traffic {
    /// When the server started.
    began: Instant,
    /// How far into its minute that was: minutes are counted from `began` minus this.
    late: Duration,
    /// The number of the minute that is counted, from that one.
    current: AtomicU64,
    by_procedure: HashMap<&'static str, Counter>,
    /// The canonical name of each name.
    canonical: HashMap<&'static str, &'static str>,
    past: Mutex<Past>,
}

/// What was counted of a procedure since the start.
#[derive(Default)]
struct Counter {
    errors: AtomicU64,
    times: Tally,
}

/// What was counted in a span of time.
#[derive(Clone, Debug, Default)]
pub struct CallCounts {
    errors: u64,
    times: Counts,
}

type ByProcedure = BTreeMap<&'static str, CallCounts>;

#[derive(Default)]
struct Past {
    /// The counters at the end of the last minute that was noted.
    read: ByProcedure,
    /// What was counted in the minutes before the current one, by their numbers, oldest first.
    minutes: VecDeque<(u64, ByProcedure)>,
}

impl Traffic {
    /// Counts the calls of procedures with these names, each with its canonical name.
    pub fn new(names: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let canonical: HashMap<_, _> = names.collect();
        let late = Timestamp::now().millis().rem_euclid(60_000);
        Self {
            began: Instant::now(),
            late: Duration::from_millis(u64::try_from(late).unwrap_or(0)),
            current: AtomicU64::new(0),
            by_procedure: canonical.values().map(|name| (*name, Counter::default())).collect(),
            canonical,
            past: Mutex::default(),
        }
    }

    /// Counts a call that was answered now.
    pub(super) fn answered(&self, procedure: &'static str, failed: bool, elapsed: Duration, now: Instant) {
        self.turn(now);
        let Some(counter) = self.by_procedure.get(procedure) else { return };
        counter.times.add(elapsed);
        if failed {
            counter.errors.fetch_add(1, Relaxed);
        }
    }

    /// The canonical name of a procedure whose calls are counted, by canonical or old name.
    pub fn canonical(&self, name: &str) -> Option<&'static str> {
        self.canonical.get(name).copied()
    }

    /// How long the current minute has lasted.
    pub fn into_minute(&self, now: Instant) -> Duration {
        let age = self.age(now);
        age.saturating_sub(MINUTE * u32::try_from(age.as_secs() / MINUTE.as_secs()).unwrap_or(0))
    }

    /// The calls of each of the last `minutes`, the current one included, by procedure, oldest first.
    pub fn last(&self, minutes: u64, now: Instant) -> Vec<BTreeMap<&'static str, CallCounts>> {
        let current = self.turn(now);
        let past = self.past();
        let first = (current + 1).saturating_sub(minutes);
        let mut all: Vec<ByProcedure> = (0..minutes).map(|_| BTreeMap::new()).collect();
        // Before the server started there was nothing.
        let place = |number: u64| usize::try_from((number + minutes).checked_sub(current + 1)?).ok();
        for (number, calls) in past.minutes.iter().filter(|(number, _)| *number >= first) {
            if let Some(minute) = place(*number).and_then(|place| all.get_mut(place)) {
                minute.clone_from(calls);
            }
        }
        if let Some(minute) = all.last_mut() {
            *minute = since(&past.read, &self.read());
        }
        all
    }

    /// Notes the minute that was counted, if it is over. Returns the number of the current one.
    fn turn(&self, now: Instant) -> u64 {
        let (minute, counted) = (self.age(now).as_secs() / MINUTE.as_secs(), self.current.load(Relaxed));
        // One of the calls at the begin of a minute does it; the others don't wait.
        if minute > counted && self.current.compare_exchange(counted, minute, Relaxed, Relaxed).is_ok() {
            let mut past = self.past();
            let read = self.read();
            let calls = since(&past.read, &read);
            past.read = read;
            past.minutes.push_back((counted, calls));
            while past.minutes.front().is_some_and(|(number, _)| number + MINUTES <= minute) {
                past.minutes.pop_front();
            }
        }
        minute.max(counted)
    }

    /// The time since the begin of the first minute.
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began) + self.late
    }

    /// The counters.
    fn read(&self) -> ByProcedure {
        let calls = self.by_procedure.iter().map(|(name, counter)| {
            (*name, CallCounts { errors: counter.errors.load(Relaxed), times: counter.times.counts() })
        });
        calls.collect()
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        // Nothing that panics half-way leaves it wrong.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was counted between two readings; only procedures with calls.
fn since(earlier: &ByProcedure, later: &ByProcedure) -> ByProcedure {
    let none = CallCounts::default();
    let calls = later.iter().map(|(name, calls)| {
        let before = earlier.get(name).unwrap_or(&none);
        let errors = calls.errors.saturating_sub(before.errors);
        (*name, CallCounts { errors, times: calls.times.since(&before.times) })
    });
    calls.filter(|(_, calls)| calls.number() > 0).collect()
}

impl CallCounts {
    /// How many there were.
    pub fn number(&self) -> u64 {
        self.times.total()
    }

    /// How many of them were answered with an error.
    pub fn errors(&self) -> u64 {
        self.errors.min(self.number())
    }

    /// The time within which so many of a hundred were answered. None without calls.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        self.times.percentile(percent)
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.errors += other.errors;
        self.times.add(&other.times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(traffic: &Traffic, now: Instant) -> Vec<u64> {
        let minutes = traffic.last(MINUTES, now);
        minutes.iter().map(|minute| minute.values().map(CallCounts::number).sum()).collect()
    }

    #[test]
    fn calls_are_in_the_minute_of_their_answer_for_an_hour() {
        let traffic = Traffic::new([("a", "a"), ("b", "b")].into_iter());
        let start = traffic.began.checked_sub(traffic.late).unwrap_or(traffic.began);
        let at = |minute: u32| start + MINUTE * minute + MINUTE / 2;
        let call = |name, minute: u32| traffic.answered(name, name == "b", Duration::from_millis(1), at(minute));
        call("a", 1);
        call("b", 1);
        call("b", 3);
        let mut expected = vec![0; 60];
        (expected[57], expected[59]) = (2, 1);
        assert_eq!(numbers(&traffic, at(3)), expected);
        assert_eq!(numbers(&traffic, at(3)), expected, "reading changes nothing");
        let last = traffic.last(3, at(4)).swap_remove(1);
        assert_eq!((last["b"].number(), last["b"].errors(), last.contains_key("a")), (1, 1, false));
        expected.rotate_left(57);
        assert_eq!(numbers(&traffic, at(60)), expected);
        expected.fill(0);
        expected[1] = 1;
        assert_eq!(numbers(&traffic, at(61)), expected, "the first minute is forgotten");
        assert_eq!(numbers(&traffic, at(63)), vec![0; 60]);
        assert!(traffic.past().minutes.len() < 60);
    }

    #[test]
    fn a_name_that_nobody_knows_is_not_counted() {
        let traffic = Traffic::new([("a", "a")].into_iter());
        traffic.answered("b", false, Duration::ZERO, Instant::now());
        assert!(traffic.canonical("b").is_none() && numbers(&traffic, Instant::now()).iter().sum::<u64>() == 0);
    }

    #[test]
    fn no_call_is_lost_or_counted_twice_while_minutes_pass() {
        let traffic = Traffic::new([("a", "a")].into_iter());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for minute in 0..50 {
                        for _ in 0..100 {
                            traffic.answered("a", false, Duration::ZERO, traffic.began + MINUTE * minute);
                        }
                    }
                });
            }
        });
        assert_eq!(numbers(&traffic, traffic.began + MINUTE * 50).iter().sum::<u64>(), 20_000);
    }
}
