//! Pages on the wire: `cursor` and `limit` in, `items` and `nextCursor` out.

use std::{fmt::Display, str::FromStr};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    error::Result,
    models::page::{Page, Position},
};

/// Items of a page when the caller does not say.
const DEFAULT_LIMIT: u8 = 20;

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct PageOutput<T> {
    items: Vec<T>,
    /// Send it as `cursor` to get the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Fetches one page of `list` and turns its rows into items. `fetch` gets the position to go on from and the number of
/// rows to ask for, which is one more than fit.
pub fn page<R, T: From<R>, Id: Display + FromStr>(
    list: &str,
    (cursor, limit): (Option<String>, Option<u8>),
    fetch: impl FnOnce(Option<&Position<Id>>, i64) -> Result<Vec<R>>,
    position: impl Fn(&R) -> Position<Id>,
) -> Result<PageOutput<T>> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let after = cursor.map(|cursor| Position::from_cursor(list, &cursor)).transpose()?;
    let rows = fetch(after.as_ref(), i64::from(limit) + 1)?;
    let page = Page::new(rows, usize::from(limit));
    let last = page.items.last().filter(|_| page.more);
    let next_cursor = last.map(|row| position(row).to_cursor(list));
    Ok(PageOutput { items: page.items.into_iter().map(T::from).collect(), next_cursor })
}
