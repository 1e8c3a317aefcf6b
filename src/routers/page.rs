//! Paged lists: `cursor` and `limit` in the input, `items` and `nextCursor` in the output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    models::page::{Listed, Page, Position},
};

/// Items per page by default.
const DEFAULT_LIMIT: u8 = 20;

/// Send the `nextCursor` of a page as `cursor` to get the next page.
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
    /// At most `limit` items.
    items: Vec<T>,
    /// The `cursor` of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// Fetches one page of the list named `list` and converts its rows to items. `fetch` receives the position after which
/// to start and the number of rows to read: one more than the page holds, to tell whether another page follows.
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
