//! The JSON of errors.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{code::Code, failure::Error, issue::Issue};

/// A JSON-RPC error object (JSON-RPC 2.0 §5.1).
#[derive(Debug, Serialize)]
pub struct ErrorObject<'a> {
    /// The number; several codes share one.
    pub code: i32,
    /// A sentence for people.
    pub message: &'a str,
    /// Details for programs.
    pub data: ErrorData<'a>,
}

/// `error.data`
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ErrorData")]
pub struct ErrorData<'a> {
    /// What to switch on.
    pub code: Code,
    /// The HTTP status of the code.
    pub http_status: u16,
    /// The procedure, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub path: Option<&'a str>,
    /// A UUID, also in the server's log.
    pub request_id: &'a str,
    /// With BAD_REQUEST: every issue of the input.
    #[serde(skip_serializing_if = "<[Issue]>::is_empty")]
    #[schemars(with = "Vec<Issue>")]
    pub issues: &'a [Issue],
    /// When a retry makes sense, in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub retry_after_ms: Option<u64>,
    /// What the application adds.
    #[serde(flatten)]
    #[schemars(skip)]
    pub details: &'a BTreeMap<String, Value>,
}

impl Error {
    /// The `data` of the error, for a call of `path`, where one was named.
    pub fn data<'a>(&'a self, path: Option<&'a str>, request_id: &'a str) -> ErrorData<'a> {
        ErrorData {
            code: self.code,
            http_status: self.code.http_status(),
            path,
            request_id,
            issues: &self.issues,
            retry_after_ms: self.retry_after.map(milliseconds),
            details: &self.details,
        }
    }

    /// The JSON-RPC error object.
    pub fn object<'a>(&'a self, path: Option<&'a str>, request_id: &'a str) -> ErrorObject<'a> {
        ErrorObject { code: self.number(), message: &self.message, data: self.data(path, request_id) }
    }
}

/// Whole milliseconds, rounded up, so that a caller who waits that long does not retry too early.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
