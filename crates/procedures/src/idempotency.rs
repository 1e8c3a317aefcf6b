//! Idempotency keys: a call that is repeated with the key of the first gets the first one's answer.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// The header with the key of a request that has one call.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// The member with the key of one call, in batches and on sockets.
pub const IDEMPOTENCY_KEY_MEMBER: &str = "idempotencyKey";
/// The member of an answer that was given before.
pub const IDEMPOTENCY_REPLAYED_MEMBER: &str = "idempotencyReplayed";

/// The most characters of a key.
const LENGTH: usize = 255;

/// What a client calls one mutation, however often it sends it: 1 to 255 printable ASCII characters. An application that
/// keeps no answers ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// A key as a client wrote it.
    ///
    /// # Errors
    /// BAD_REQUEST, which says `what` is wrong, such as "the member idempotencyKey".
    pub fn new(text: &str, what: &str) -> Result<Self> {
        let is_printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.is_empty() || text.len() > LENGTH || !is_printable {
            return Err(invalid(what));
        }
        Ok(Self(text.into()))
    }

    /// The key in the values of the header [`IDEMPOTENCY_KEY`], if there is one.
    ///
    /// # Errors
    /// BAD_REQUEST for a bad key, and for several.
    pub fn of_header<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> Result<Option<Self>> {
        let what = "the header Idempotency-Key";
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                let text = str::from_utf8(value).map_err(|_binary| invalid(what))?;
                Self::new(text, what).map(Some)
            }
            (Some(_), Some(_)) => Err(Error::invalid_request("there are several headers Idempotency-Key")),
        }
    }

    /// The key in the member [`IDEMPOTENCY_KEY_MEMBER`] of a call.
    ///
    /// # Errors
    /// BAD_REQUEST for a bad key.
    pub(crate) fn of_member(value: &RawValue) -> Result<Self> {
        let text: String = serde_json::from_str(value.get()).unwrap_or_default();
        Self::new(&text, &format!("the member {IDEMPOTENCY_KEY_MEMBER}"))
    }

    /// The error for the header on a request with several calls.
    pub(crate) fn is_ambiguous() -> Error {
        let what =
            "the header Idempotency-Key is for a request with one call; in a JSON-RPC batch, give each call a member";
        Error::invalid_request(format_args!("{what} {IDEMPOTENCY_KEY_MEMBER}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn invalid(what: &str) -> Error {
    Error::invalid_request(format_args!("{what} must have 1 to {LENGTH} printable ASCII characters"))
}
