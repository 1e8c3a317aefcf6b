//! Keyset pages: a cursor names the last row of a page, so that every page costs the same.

use std::{fmt::Display, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    db::{Timestamp, text_enum::text_enum},
    error::{Error, Result},
};

/// Rows that a total counts at most.
pub const COUNTED: i64 = 1000;

text_enum! {
    /// The order of a list.
    #[derive(Default)]
    pub enum Order {
        /// From the first to the last.
        Ascending = "asc",
        /// From the last to the first.
        #[default]
        Descending = "desc",
    }
}

/// How many rows a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// As many were counted.
    pub count: i64,
    /// Whether there are more.
    pub more: bool,
}

impl Total {
    /// Of a counter.
    pub fn exact(count: i64) -> Self {
        Self { count, more: false }
    }

    /// Of a count that stops after [`COUNTED`] and one.
    pub fn bounded(counted: i64) -> Self {
        Self { count: counted.min(COUNTED), more: counted > COUNTED }
    }

    /// That of two lists together.
    pub fn and(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), more: self.more || other.more }
    }
}

/// The row after which a page starts. Rows are ordered by a time and then by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position<Id> {
    /// The row's time, in the column by which the list is ordered.
    pub at: Timestamp,
    /// The row's id: a number or a text, as in its table.
    pub id: Id,
}

impl<Id: Display + FromStr> Position<Id> {
    /// The opaque cursor for `list`. Its checksum covers the list's name, so a cursor is valid for its own list only.
    pub fn to_cursor(&self, list: &str) -> String {
        let text = format!("{}.{}", self.at.millis(), self.id);
        URL_SAFE_NO_PAD.encode(format!("{:08x}.{text}", checksum(list, &text)))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// BAD_REQUEST naming `cursor`, unless [`Self::to_cursor`] made it for the same `list`.
    pub fn from_cursor(list: &str, cursor: &str) -> Result<Self> {
        Self::decode(list, cursor).ok_or_else(|| {
            Error::field(
                "cursor",
                "invalid_value",
                "must be the nextCursor of an earlier page of this list, in the same order",
            )
        })
    }

    fn decode(list: &str, cursor: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (sum, text) = decoded.split_once('.')?;
        // PostgreSQL refuses NUL in text.
        if sum != format!("{:08x}", checksum(list, text)) || text.contains('\0') {
            return None;
        }
        let (millis, id) = text.split_once('.')?;
        Some(Self { at: Timestamp::from_millis(millis.parse().ok()?)?, id: id.parse().ok()? })
    }
}

fn checksum(list: &str, text: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(list.as_bytes());
    hasher.update(b"\0");
    hasher.update(text.as_bytes());
    hasher.finalize()
}

/// A row of a paged list.
pub trait Listed {
    /// The type of its id.
    type Id: Display + FromStr;

    /// Where the next page starts when this is the last row of a page.
    fn position(&self) -> Position<Self::Id>;
}

/// The rows of one page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Whether another page follows.
    pub more: bool,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` rows from up to `limit + 1` fetched ones.
    pub fn new(mut rows: Vec<T>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { items: rows, more }
    }
}

/// A pattern for LIKE … ESCAPE '\' that finds `text` as a substring; `%` and `_` in it are escaped.
pub fn like_pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
