//! Counts what became of the rows of one table.

use serde::Serialize;

/// Numbers of rows of an old table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowCounts {
    /// All rows: the sum of the following four.
    pub read: u64,
    /// Imported unchanged.
    pub imported: u64,
    /// Imported after a repair.
    pub repaired: u64,
    /// Not imported, because they break a rule.
    pub skipped: u64,
    /// Not imported, because they are there already, or their user was deleted since.
    pub already_there: u64,
}

impl RowCounts {
    /// Rows that are written.
    pub fn written(&self) -> u64 {
        self.imported.saturating_add(self.repaired)
    }
}

/// Adds one.
pub fn increment(count: &mut u64) {
    *count = count.saturating_add(1);
}
