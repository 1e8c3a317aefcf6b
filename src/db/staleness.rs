//! How old an answer of the replica may be. The positions of the primary that queries report say what a replica has that is not
//! too old; no clock of another machine is asked.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::log_position::LogPosition;

/// So many positions are kept for the time that an answer may be old.
const SAMPLES: u32 = 10;

/// The positions of the primary in the last moments.
pub(super) struct Staleness {
    most: Duration,
    samples: Mutex<VecDeque<(Instant, LogPosition)>>,
}

/// What a replica must have to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Floor {
    /// Up to where it must have replayed the log.
    pub position: LogPosition,
    /// Whether a replica that has not is too far behind. If not, the position is so young that it may just be catching up.
    pub is_old: bool,
}

impl Staleness {
    /// Answers may be as old as `most`.
    pub fn new(most: Duration) -> Self {
        Self { most, samples: Mutex::default() }
    }

    /// What a replica needs for a query, when the primary was at `position` after the moment `asked`: where the primary was at the earliest
    /// moment that is known and not too long ago.
    pub fn floor(&self, asked: Instant, position: LogPosition) -> Floor {
        let now = Instant::now();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        while samples.front().is_some_and(|(at, _)| now.duration_since(*at) > self.most) {
            samples.pop_front();
        }
        if samples.back().is_none_or(|(at, _)| asked.saturating_duration_since(*at) >= self.most / SAMPLES) {
            samples.push_back((asked, position));
        }
        let (at, position) = samples.front().copied().unwrap_or((asked, position));
        Floor { position, is_old: now.duration_since(at) >= self.most / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_position_that_is_not_too_old_counts() {
        let floor =
            |staleness: &Staleness, position| staleness.floor(Instant::now(), LogPosition::at(position)).position;
        let hour = Staleness::new(Duration::from_secs(3600));
        assert_eq!([1, 2, 3].map(|position| floor(&hour, position)), [LogPosition::at(1); 3]);
        assert_eq!(hour.samples.lock().unwrap().len(), 1);
        let none = Staleness::new(Duration::ZERO);
        for position in 1..4 {
            std::thread::yield_now();
            let begun = Instant::now();
            while begun.elapsed().is_zero() {}
            assert_eq!(
                none.floor(begun, LogPosition::at(position)),
                Floor { position: LogPosition::at(position), is_old: true }
            );
        }
    }
}
