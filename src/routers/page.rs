//! Paged lists: `cursor` and `limit` in the input, `items` and `nextCursor` in the output. Those for admins also have an `order`
//! and a `total`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    models::page::{Listed, Order, Page, Position, Total},
};

/// Items per page by default.
const DEFAULT_LIMIT: u8 = 20;

/// Send the `nextCursor` of a page as `cursor` to get the next page.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageInput {
    /// The `nextCursor` of the previous page.
    // A cursor may hold a name and an id of 255 characters.
    #[schemars(length(min = 1, max = 4000))]
    cursor: Option<String>,
    /// Items per page; 20 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u8>,
}

/// Send the `nextCursor` of a page as `cursor` to get the next page.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ListInput {
    #[serde(flatten)]
    page: PageInput,
    /// The order of the items; `desc` by default. A cursor fits only the order that it was made in.
    order: Option<Order>,
    /// Whether to count the items of all pages; false by default.
    total: Option<bool>,
}

/// How many items a list has.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Total")]
struct TotalOutput {
    /// The number of items that were counted.
    count: i64,
    /// Whether there are more than these.
    more: bool,
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
    /// The number of items of all pages. Only if the input asked for it, and where it can be counted quickly.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<TotalOutput>,
}

/// A list in one order of its items.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    name: &'static str,
    /// The order of its items.
    pub order: Order,
    is_first: bool,
    is_counted: bool,
}

impl ListInput {
    /// The list named `name` in the order that the caller wants, and the page of it.
    pub fn of(self, name: &'static str) -> (Listing, PageInput) {
        let Self { page, order, total } = self;
        let (order, is_first) = (order.unwrap_or_default(), page.cursor.is_none());
        (Listing { name, order, is_first, is_counted: total.unwrap_or(false) }, page)
    }
}

impl Listing {
    /// Fetches one page, as [`page`] does. `sort` names the field by which the list is sorted, if it is not the usual one.
    ///
    /// # Errors
    /// BAD_REQUEST for a cursor of another list or order; those of `fetch`.
    pub fn page<R: Listed, T: From<R>>(
        self,
        input: PageInput,
        sort: &str,
        fetch: impl FnOnce(Option<&Position<R::Id>>, i64) -> Result<Vec<R>>,
    ) -> Result<PageOutput<T>> {
        // Cursors from before lists had an order fit the usual one.
        if sort.is_empty() && self.order == Order::Descending {
            return page(self.name, input, fetch);
        }
        page(&format!("{} {sort} {}", self.name, self.order.as_str()), input, fetch)
    }

    /// Adds the total if the caller asked for it. `count` is not called for a list that is one page long.
    ///
    /// # Errors
    /// Those of `count`.
    pub fn total<T>(self, page: PageOutput<T>, count: impl FnOnce() -> Result<Option<Total>>) -> Result<PageOutput<T>> {
        if !self.is_counted {
            return Ok(page);
        }
        let total = if self.is_first && page.next_cursor.is_none() {
            i64::try_from(page.items.len()).ok().map(Total::exact)
        } else {
            count()?
        };
        let total = total.map(|Total { count, more }| TotalOutput { count, more });
        Ok(PageOutput { total, ..page })
    }
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
    Ok(PageOutput { items: page.items.into_iter().map(T::from).collect(), next_cursor, total: None })
}
