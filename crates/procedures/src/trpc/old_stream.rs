//! Batches of `unstable_httpBatchStreamLink` in tRPC's client 10, whose format is another than that of client 11: each call is
//! refused in a form that this link reads.

use super::{request::Request, shape::refuse};
use crate::{echo::echo, error::Error};

const WHY: &str = "The stream link of tRPC's client 10 is not supported. Use httpBatchLink, or client 11.";

/// Why none of the calls is run.
pub fn error() -> Error {
    Error::bad_call(WHY)
}

/// The body that refuses each of up to `most` calls: an object with a line for each, by its index.
pub fn body(request: &Request, most: usize, error: &Error, request_id: &str) -> String {
    let mut body = String::new();
    for (index, path) in request.path.split(',').take(most).enumerate() {
        let refusal = refuse(request.answer, error, Some(echo(path)), request_id);
        body += &format!("{}\"{index}\":{refusal}\n", if index == 0 { '{' } else { ',' });
    }
    body + "}\n"
}
