//! The error of a call.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;

use super::{code::Code, issue::Issue};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed, as far as the caller may know. An application converts its own error type into this one and logs
/// what the caller must not see.
///
/// ```
/// use procedures::{Code, Error};
///
/// enum ShopError {
///     SoldOut { left: u32 },
///     Database(std::io::Error),
/// }
///
/// impl From<ShopError> for Error {
///     fn from(error: ShopError) -> Self {
///         match error {
///             ShopError::SoldOut { left } => Error::new(Code::Conflict, "Sold out.").detail("left", left),
///             ShopError::Database(error) => {
///                 tracing::error!(%error, "the database failed");
///                 Error::internal()
///             }
///         }
///     }
/// }
///
/// let error = Error::from(ShopError::SoldOut { left: 2 });
/// assert_eq!(error.code.as_str(), "CONFLICT");
/// # drop(ShopError::Database(std::io::Error::other("x")));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What clients switch on.
    pub code: Code,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// With BAD_REQUEST: every issue of the input.
    pub issues: Vec<Issue>,
    /// When a retry makes sense.
    pub retry_after: Option<Duration>,
    /// Further members of `error.data`, in the application's own terms.
    pub details: BTreeMap<String, Value>,
    /// The JSON-RPC number where it is not the code's.
    number: Option<i32>,
}

impl Error {
    /// An error with a code and a sentence.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            issues: Vec::new(),
            retry_after: None,
            details: BTreeMap::new(),
            number: None,
        }
    }

    /// The same error with a hint when to retry.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The same error with one more member in `error.data`.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// PARSE_ERROR (JSON-RPC 2.0 §5.1, -32700).
    pub fn parse() -> Self {
        Self::new(Code::ParseError, "The request is not valid JSON.")
    }

    /// BAD_REQUEST for JSON that is not a request (JSON-RPC 2.0 §5.1, -32600).
    pub fn invalid_request(what: impl fmt::Display) -> Self {
        Self { number: Some(-32600), ..Self::new(Code::BadRequest, format!("Invalid request: {what}.")) }
    }

    /// BAD_REQUEST for a request that can't be split into calls.
    pub fn bad_call(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// NOT_FOUND for a name that no procedure has (JSON-RPC 2.0 §5.1, -32601).
    pub fn unknown_procedure(name: &str) -> Self {
        Self { number: Some(-32601), ..Self::new(Code::NotFound, format!("No procedure found on path \"{name}\"")) }
    }

    /// METHOD_NOT_SUPPORTED.
    pub fn method_not_supported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::MethodNotSupported, message)
    }

    /// PAYLOAD_TOO_LARGE for a response of more than `limit` bytes.
    pub fn response_too_large(limit: usize) -> Self {
        Self::new(Code::PayloadTooLarge, format!("The response would be larger than {limit} bytes. Ask for less."))
    }

    /// INTERNAL_SERVER_ERROR. Callers see one constant sentence.
    pub fn internal() -> Self {
        Self::new(Code::InternalServerError, "Something went wrong on our side.")
    }

    /// BAD_REQUEST with every issue of an input.
    pub fn validation(issues: Vec<Issue>) -> Self {
        let message = match issues.as_slice() {
            [Issue { path, message, .. }] if path.is_empty() => format!("Invalid input: {message}."),
            [Issue { path, message, .. }] => format!("Invalid input: {path} {message}."),
            many => {
                let mut paths: Vec<&str> = Vec::new();
                for issue in many {
                    if !paths.contains(&issue.path.as_str()) {
                        paths.push(&issue.path);
                    }
                }
                format!("Invalid input: {} issues at {}.", many.len(), paths.join(", "))
            }
        };
        Self { issues, ..Self::new(Code::BadRequest, message) }
    }

    /// The number of the JSON-RPC error object.
    pub fn number(&self) -> i32 {
        self.number.unwrap_or_else(|| self.code.number())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
