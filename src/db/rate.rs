//! A rate limit as stores count it, in whole microseconds.

use std::time::Duration;

/// So many calls, of which one comes back after each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    calls: u32,
    microseconds: i64,
}

/// What a store has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How long until the whole limit is available again.
    pub full_in: Duration,
    /// How long until a call is available. None if the call was counted or, if it was not to be counted, could have been.
    pub retry_after: Option<Duration>,
}

impl Rate {
    /// A limit of `calls`, of which one comes back after `per_call`. A fraction of a microsecond is cut off.
    pub fn new(calls: u32, per_call: Duration) -> Self {
        Self { calls, microseconds: i64::try_from(per_call.as_micros()).unwrap_or(i64::MAX).max(1) }
    }

    /// The calls that can be made at once.
    pub fn calls(self) -> u32 {
        self.calls
    }

    /// After how many microseconds a call comes back.
    pub fn microseconds(self) -> i64 {
        self.microseconds
    }

    /// What it means that a call was not counted, and that the whole limit is available after so many microseconds.
    pub fn uncounted(self, full_in: i64) -> Count {
        let window = self.microseconds.saturating_mul(i64::from(self.calls));
        let wait = full_in.saturating_add(self.microseconds).saturating_sub(window);
        Count { full_in: duration(full_in), retry_after: Some(duration(wait)).filter(|wait| !wait.is_zero()) }
    }
}

impl Count {
    /// A call that was counted. The whole limit is available after so many microseconds.
    pub fn counted(full_in: i64) -> Self {
        Self { full_in: duration(full_in), retry_after: None }
    }
}

fn duration(microseconds: i64) -> Duration {
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}
