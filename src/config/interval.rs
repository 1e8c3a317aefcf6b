//! A setting that is a length of time.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, Result};

/// The units, with their seconds.
const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];

/// The longest interval in seconds: a hundred years.
const LONGEST: u64 = 36_500 * 24 * 60 * 60;

/// A length of time of at least a second, such as `90s`, `30m`, `1h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(Duration);

impl Interval {
    /// The length.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Interval {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (unit, seconds) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            Some(Self(Duration::from_secs(
                number.checked_mul(seconds).filter(|seconds| (1..=LONGEST).contains(seconds))?,
            )))
        };
        read().context("expected a number with a unit: 90s, 30m, 1h, 7d")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_number_with_a_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(text.parse::<Interval>().unwrap().duration(), Duration::from_secs(seconds));
        }
        for refused in ["", "1", "h", "0h", "-1h", "1.5h", "1 h", "1w", "99999999999999999999d", "999999999999999999d"]
        {
            assert!(refused.parse::<Interval>().is_err(), "{refused}");
        }
    }
}
