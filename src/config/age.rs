//! An age after which data may be removed.

use std::{fmt, str::FromStr, time::Duration};

use anyhow::{Context, Result, bail};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A century.
const MOST: u32 = 36_500;

/// A number of days, written as in `90d`. At least one, because the last day is counted and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    days: u32,
}

impl Age {
    /// How long it is.
    pub fn duration(self) -> Duration {
        DAY.saturating_mul(self.days)
    }
}

impl FromStr for Age {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
        match days.context("must be a number of days, such as 90d")? {
            days @ 1..=MOST => Ok(Self { days }),
            _ => bail!("must be between 1d and {MOST}d"),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_of_days() {
        for (text, days) in [("1d", 1), ("90d", 90), ("36500d", 36_500)] {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.days, age.to_string().as_str(), age.duration()), (days, text, DAY * days));
        }
        for wrong in ["", "d", "90", "0d", "-1d", "36501d", "99999999999d", "1.5d", "2h", "90 d", "90D"] {
            let error = wrong.parse::<Age>().unwrap_err().to_string();
            assert!(error.starts_with("must be "), "{wrong}: {error}");
        }
    }
}
