//! A checksum of rows that does not depend on their order.

use std::fmt;

use sha2::{Digest, Sha256};

use super::text_row::TextRow;

/// The number of rows and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checksum {
    rows: u64,
    sum: u128,
}

impl Checksum {
    /// Adds a row. Unlike an exclusive or, a sum also notices a row that is there twice.
    pub fn add(&mut self, row: &TextRow) {
        let mut hash = Sha256::new();
        for value in &row.0 {
            match value {
                // The length keeps neighbours apart.
                Some(text) => {
                    hash.update([1]);
                    hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
                    hash.update(text);
                }
                None => hash.update([0]),
            }
        }
        let half = hash.finalize().first_chunk().copied().unwrap_or_default();
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(half));
        self.rows = self.rows.saturating_add(1);
    }

    /// The number of rows.
    pub fn rows(self) -> u64 {
        self.rows
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[&[Option<&str>]]) -> Checksum {
        let mut sum = Checksum::default();
        for row in rows {
            sum.add(&TextRow(row.iter().map(|value| value.map(str::to_owned)).collect()));
        }
        sum
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_everything_else_does() {
        let (a, b): (&[_], &[_]) = (&[Some("1"), None], &[Some("2"), Some("x")]);
        assert_eq!(sum(&[a, b]), sum(&[b, a]));
        let others: [&[&[Option<&str>]]; 7] = [
            &[a],
            &[a, b, b],
            &[a, a],
            &[&[Some("1"), Some("")], b],
            &[&[None, Some("1")], b],
            &[a, &[Some("2x"), Some("")]],
            &[a, &[Some("2"), Some("y")]],
        ];
        for other in others {
            assert_ne!(sum(other), sum(&[a, b]), "{other:?}");
        }
    }
}
