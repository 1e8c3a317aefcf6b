//! A setting that is a share of a whole.

use std::str::FromStr;

use anyhow::{Context, Result};

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The number.
    pub fn number(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
        number.map(Self).context("expected a number from 0 to 1, such as 0.01")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_from_0_to_1() {
        for (text, number) in [("0", 0.0), ("0.01", 0.01), ("1", 1.0), ("1.0", 1.0), ("1e-3", 0.001)] {
            assert_eq!(text.parse::<Share>().unwrap().number(), number);
        }
        for refused in ["", "-0.1", "1.1", "NaN", "inf", "1%", "0,1", "all"] {
            assert!(refused.parse::<Share>().is_err(), "{refused}");
        }
    }
}
