//! Pages on the wire: `cursor` and `limit` in, `items` and `nextCursor` out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    models::page::{Listed, Page, Position},
};

/// Items of a page by default.
const DEFAULT_LIMIT: u8 = 20;

/// The fields of every paged list.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageInput {
    /// The `nextCursor` of the previous page.
    #[schemars(length(min = 1, max = 1000))]
    cursor: Option<String>,
    /// Items per page; 20 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u8>,
}

/// One page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct PageOutput<T> {
    items: Vec<T>,
    /// Send it as `cursor` to get the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Fetches one page of `list` and turns its rows into items. `fetch` gets the position to start from and the number of rows
/// to read, which is one more than fit.
///
/// # Errors
/// BAD_REQUEST for a cursor of another list; those of `fetch`.
pub fn page<R: Listed, T: From<R>>(
    list: &str,
    input: PageInput,
    fetch: impl FnOnce(Option<&Position<R::Id>>, i64) -> Result<Vec<R>>,
) -> Result<PageOutput<T>> {
    let limit = input.limit.unwrap_or(DEFAULT_LIMIT);
    let after = input.cursor.map(|cursor| Position::from_cursor(list, &cursor)).transpose()?;
    let rows = fetch(after.as_ref(), i64::from(limit) + 1)?;
    let page = Page::new(rows, usize::from(limit));
    let next_cursor = page.items.last().filter(|_| page.more).map(|row| row.position().to_cursor(list));
    Ok(PageOutput { items: page.items.into_iter().map(T::from).collect(), next_cursor })
}
