//! Keyset pages: a cursor names the last row seen, so that a page costs the same wherever it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    db::Timestamp,
    error::{Error, Result},
};

/// Where a page begins: after this row. Rows are ordered by a moment and then by id, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub at: Timestamp,
    pub id: String,
}

impl Position {
    /// The opaque cursor for `list`. Its checksum covers the list's name: a cursor fits only the list it came from.
    pub fn to_cursor(&self, list: &str) -> String {
        let text = format!("{}.{}", self.at.millis(), self.id);
        URL_SAFE_NO_PAD.encode(format!("{:08x}.{text}", checksum(list, &text)))
    }

    /// # Errors
    /// BAD_REQUEST naming `cursor`, unless [`Self::to_cursor`] made it for the same `list`.
    pub fn from_cursor(list: &str, cursor: &str) -> Result<Self> {
        Self::decode(list, cursor).ok_or_else(|| {
            Error::field("cursor", "invalid_value", "must be the nextCursor of an earlier page of this list")
        })
    }

    fn decode(list: &str, cursor: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (sum, text) = decoded.split_once('.')?;
        // PostgreSQL can't take a NUL, also not to compare with.
        if sum != format!("{:08x}", checksum(list, text)) || text.contains('\0') {
            return None;
        }
        let (millis, id) = text.split_once('.')?;
        Some(Self { at: Timestamp::from_millis(millis.parse().ok()?)?, id: id.to_owned() })
    }

    /// The id of a row that is numbered.
    ///
    /// # Errors
    /// BAD_REQUEST naming `cursor`.
    pub fn number(&self) -> Result<i64> {
        self.id.parse().map_err(|_not_ours| Error::field("cursor", "invalid_value", "belongs to another list"))
    }
}

fn checksum(list: &str, text: &str) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(list.as_bytes());
    hasher.update(b"\0");
    hasher.update(text.as_bytes());
    hasher.finalize()
}

/// Rows of one page, and whether there are more.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub more: bool,
}

impl<T> Page<T> {
    /// From `limit + 1` fetched rows, or fewer.
    pub fn new(mut rows: Vec<T>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { items: rows, more }
    }
}

/// A substring pattern for LIKE … ESCAPE '\': `%` and `_` in `text` mean themselves.
pub fn like_pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
