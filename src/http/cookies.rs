//! The cookies of a request.

use http::{HeaderMap, header};

/// Names and values, in the order of the browser. What is not text is left out: another cookie may have a value in any encoding.
pub fn cookies(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('=')).collect()
}
