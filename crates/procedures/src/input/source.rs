//! The input of a call, before it is checked.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::strict::{self, Parsed};

/// The input of a procedure that takes none.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// Without the empty list the validator does not name an unknown field.
#[schemars(extend("properties" = {}))]
pub struct NoInput {}

/// The unread input of one call. A service reads it once it has refused callers without usable credentials.
pub enum Input<'a> {
    /// JSON text, if there is any.
    Text(Option<&'a str>),
    /// An input in another format, with the function that reads it.
    Deferred(Box<dyn FnOnce() -> Parsed + Send + 'a>),
}

impl<'a> Input<'a> {
    /// An input that `read` reads.
    pub fn deferred(read: impl FnOnce() -> Parsed + Send + 'a) -> Self {
        Self::Deferred(Box::new(read))
    }

    /// Reads it.
    pub fn read(self) -> Parsed {
        match self {
            Self::Text(Some(text)) => strict::read(text),
            Self::Text(None) => Parsed { value: Some(Value::Null), issues: Vec::new() },
            Self::Deferred(read) => read(),
        }
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Input")
    }
}
