//! What is wrong with an input, field by field.

use schemars::JsonSchema;
use serde::Serialize;

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Issue {
    /// Property names and array indices joined by dots; empty for the input as a whole.
    pub path: String,
    /// For programs: `required`, `unknown_field`, `invalid_type`, `invalid_value`, `invalid_format`, `too_short`,
    /// `too_long`, `too_small`, `too_big`, `duplicate_field`, `too_many_issues`.
    pub code: &'static str,
    /// For people: what follows the path in a sentence, such as "must not be empty".
    pub message: String,
}

impl Issue {
    /// An issue at `path`.
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into() }
    }
}
