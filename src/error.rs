//! The one error type, and its one way to the wire (contract §4).

use std::{borrow::Cow, fmt, time::Duration};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use schemars::JsonSchema;
use serde::Serialize;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What clients switch on: `error.data.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "ErrorCode")]
pub enum Code {
    ParseError,
    BadRequest,
    Unauthorized,
    PaymentRequired,
    Forbidden,
    NotFound,
    MethodNotSupported,
    Timeout,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    ClientClosedRequest,
    InternalServerError,
    /// Stripe failed.
    BadGateway,
    ServiceUnavailable,
    /// Stripe did not answer in time.
    GatewayTimeout,
}

impl Code {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ParseError => "PARSE_ERROR",
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::PaymentRequired => "PAYMENT_REQUIRED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotSupported => "METHOD_NOT_SUPPORTED",
            Self::Timeout => "TIMEOUT",
            Self::Conflict => "CONFLICT",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::ClientClosedRequest => "CLIENT_CLOSED_REQUEST",
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
            Self::BadGateway => "BAD_GATEWAY",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::GatewayTimeout => "GATEWAY_TIMEOUT",
        }
    }

    /// The JSON-RPC number, where nothing more special applies (see [`Error::number`]).
    pub fn number(self) -> i32 {
        match self {
            Self::ParseError => -32700,
            Self::BadRequest => -32602,
            Self::Unauthorized => -32001,
            Self::PaymentRequired => -32002,
            Self::Forbidden => -32003,
            Self::NotFound => -32004,
            Self::MethodNotSupported => -32005,
            Self::Timeout => -32008,
            Self::Conflict => -32009,
            Self::PreconditionFailed => -32012,
            Self::PayloadTooLarge => -32013,
            Self::UnsupportedMediaType => -32015,
            Self::TooManyRequests => -32029,
            Self::ClientClosedRequest => -32099,
            Self::InternalServerError | Self::BadGateway | Self::ServiceUnavailable | Self::GatewayTimeout => -32603,
        }
    }

    pub fn http_status(self) -> u16 {
        match self {
            Self::ParseError | Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::PaymentRequired => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotSupported => 405,
            Self::Timeout => 408,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests => 429,
            Self::ClientClosedRequest => 499,
            Self::InternalServerError => 500,
            Self::BadGateway => 502,
            Self::ServiceUnavailable => 503,
            Self::GatewayTimeout => 504,
        }
    }
}

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Issue {
    /// Where: property names and array indices joined by dots; empty for the input as a whole.
    pub path: String,
    /// What, for programs: `required`, `unknown_field`, `invalid_type`, `invalid_value`, `invalid_format`,
    /// `too_short`, `too_long`, `too_small`, `too_big`, `duplicate_field`.
    pub code: &'static str,
    /// What, for people.
    pub message: String,
}

impl Issue {
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into() }
    }
}

/// Everything that can go wrong with a call.
#[derive(Debug)]
pub enum Error {
    /// The bytes are not JSON.
    Parse,
    /// The JSON is not a request.
    InvalidRequest(Cow<'static, str>),
    /// The request can't be taken apart into calls, in tRPC's own words.
    BadCall(Cow<'static, str>),
    /// The input breaks its schema, or a rule that one field alone breaks.
    Validation(Vec<Issue>),
    UnknownMethod(String),
    /// A page of this server that does not exist.
    UnknownPage,
    Unauthorized(&'static str),
    PaymentRequired(String),
    Forbidden(&'static str),
    /// The noun that is missing (or somebody else's): "cluster".
    NotFound(&'static str),
    MethodNotSupported(Cow<'static, str>),
    Timeout,
    Conflict {
        message: String,
        conflicting_id: Option<i64>,
    },
    PreconditionFailed(String),
    PayloadTooLarge(String),
    UnsupportedMediaType,
    TooManyRequests {
        retry_after: Duration,
    },
    /// Busy, draining, or the database is out of reach: worth another try.
    Unavailable {
        reason: Cow<'static, str>,
        retry_after: Duration,
    },
    /// Stripe failed.
    BadGateway,
    /// Stripe did not answer in time.
    GatewayTimeout,
    /// Two transactions got into each other's way; the executor runs the job again.
    Contention,
    /// Our fault. The detail is for the log only.
    Internal(anyhow::Error),
}

impl Error {
    /// One invalid field.
    pub fn field(path: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Validation(vec![Issue::new(path, code, message)])
    }

    pub fn invalid_request(what: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(what.into())
    }

    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: Duration::from_secs(1) }
    }

    pub fn response_too_large(limit: usize) -> Self {
        Self::PayloadTooLarge(format!("The response would be larger than {limit} bytes. Ask for less."))
    }

    pub fn code(&self) -> Code {
        match self {
            Self::Parse => Code::ParseError,
            Self::InvalidRequest(_) | Self::BadCall(_) | Self::Validation(_) => Code::BadRequest,
            Self::UnknownMethod(_) | Self::UnknownPage | Self::NotFound(_) => Code::NotFound,
            Self::Unauthorized(_) => Code::Unauthorized,
            Self::PaymentRequired(_) => Code::PaymentRequired,
            Self::Forbidden(_) => Code::Forbidden,
            Self::MethodNotSupported(_) => Code::MethodNotSupported,
            Self::Timeout => Code::Timeout,
            Self::Conflict { .. } => Code::Conflict,
            Self::PreconditionFailed(_) => Code::PreconditionFailed,
            Self::PayloadTooLarge(_) => Code::PayloadTooLarge,
            Self::UnsupportedMediaType => Code::UnsupportedMediaType,
            Self::TooManyRequests { .. } => Code::TooManyRequests,
            Self::Unavailable { .. } | Self::Contention => Code::ServiceUnavailable,
            Self::BadGateway => Code::BadGateway,
            Self::GatewayTimeout => Code::GatewayTimeout,
            Self::Internal(_) => Code::InternalServerError,
        }
    }

    /// The number of a JSON-RPC error object: JSON-RPC 2.0 §5.1 where that has one, else contract §4.
    pub fn number(&self) -> i32 {
        match self {
            Self::InvalidRequest(_) => -32600,
            Self::UnknownMethod(_) => -32601,
            other => other.code().number(),
        }
    }

    /// The number on the tRPC wire, which has one for each code (`TRPC_ERROR_CODES_BY_KEY`).
    pub fn trpc_number(&self) -> i32 {
        match self.code() {
            Code::BadRequest => -32600,
            code => code.number(),
        }
    }

    /// The error as a caller sees it. `path` is the procedure, where one was named.
    pub fn to_wire<'a>(&'a self, path: Option<&'a str>, request_id: &'a str) -> WireError<'a> {
        let code = self.code();
        let mut data = ErrorData {
            code,
            http_status: code.http_status(),
            path,
            request_id,
            issues: None,
            retry_after_ms: None,
            conflicting_id: None,
        };
        match self {
            Self::Validation(issues) => data.issues = Some(issues),
            Self::TooManyRequests { retry_after } | Self::Unavailable { retry_after, .. } => {
                data.retry_after_ms = Some(milliseconds(*retry_after));
            }
            Self::Contention => data.retry_after_ms = Some(100),
            Self::Conflict { conflicting_id, .. } => data.conflicting_id = *conflicting_id,
            Self::Parse
            | Self::InvalidRequest(_)
            | Self::BadCall(_)
            | Self::UnknownMethod(_)
            | Self::UnknownPage
            | Self::Unauthorized(_)
            | Self::PaymentRequired(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::MethodNotSupported(_)
            | Self::Timeout
            | Self::PreconditionFailed(_)
            | Self::PayloadTooLarge(_)
            | Self::UnsupportedMediaType
            | Self::BadGateway
            | Self::GatewayTimeout
            | Self::Internal(_) => {}
        }
        WireError { code: self.number(), message: self.to_string(), data }
    }
}

/// The sentence a caller reads: precise for their faults, constant for ours.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse => f.write_str("The request is not valid JSON."),
            Self::InvalidRequest(what) => write!(f, "Invalid request: {what}."),
            Self::Validation(issues) => match issues.as_slice() {
                [Issue { path, message, .. }] if path.is_empty() => {
                    write!(f, "Invalid input: {message}.")
                }
                [Issue { path, message, .. }] => write!(f, "Invalid input: {path} {message}."),
                many => {
                    let mut paths: Vec<&str> = Vec::new();
                    for issue in many {
                        if !paths.contains(&issue.path.as_str()) {
                            paths.push(&issue.path);
                        }
                    }
                    write!(f, "Invalid input: {} issues at {}.", many.len(), paths.join(", "))
                }
            },
            Self::UnknownMethod(name) => write!(f, "No procedure found on path \"{name}\""),
            Self::UnknownPage => f.write_str("There is nothing at this address."),
            Self::NotFound(noun) => write!(f, "No such {noun}."),
            Self::Unauthorized(why) | Self::Forbidden(why) => f.write_str(why),
            Self::BadCall(why) | Self::MethodNotSupported(why) => f.write_str(why),
            Self::PaymentRequired(why) | Self::PreconditionFailed(why) | Self::PayloadTooLarge(why) => f.write_str(why),
            Self::Timeout => f.write_str("The call took too long and was cancelled."),
            Self::Conflict { message, .. } => f.write_str(message),
            Self::UnsupportedMediaType => f.write_str("Send the request as Content-Type: application/json."),
            Self::TooManyRequests { .. } => f.write_str("Too many requests. Try again later."),
            Self::Unavailable { reason, .. } => f.write_str(reason),
            Self::Contention => f.write_str("The server is busy. Try again."),
            Self::BadGateway => f.write_str("The payment provider failed. Try again."),
            Self::GatewayTimeout => f.write_str("The payment provider did not answer in time. Try again."),
            Self::Internal(_) => f.write_str("Something went wrong on our side."),
        }
    }
}

impl std::error::Error for Error {}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::SerializationFailure => Self::Contention,
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => out_of_reach(),
                // Diesel has no kind for these; the messages are the servers' own (pitfalls, Diesel 10).
                _ if info.message().contains("deadlock detected") => Self::Contention,
                _ if info.message().contains("database is locked") => Self::unavailable("The database is busy."),
                _ if info.message().contains("canceling statement due to") => Self::Timeout,
                _ if info.message().contains("terminating connection") => out_of_reach(),
                _ => Self::Internal(error.into()),
            },
            DieselError::BrokenTransactionManager => out_of_reach(),
            _ => Self::Internal(error.into()),
        }
    }
}

fn out_of_reach() -> Error {
    Error::unavailable("The database is out of reach.")
}

impl From<diesel::ConnectionError> for Error {
    fn from(error: diesel::ConnectionError) -> Self {
        tracing::error!(%error, "no database connection");
        out_of_reach()
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

/// A JSON-RPC error object (§5.1).
#[derive(Debug, Serialize)]
pub struct WireError<'a> {
    pub code: i32,
    pub message: String,
    pub data: ErrorData<'a>,
}

/// `error.data`
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ErrorData")]
pub struct ErrorData<'a> {
    pub code: Code,
    pub http_status: u16,
    /// The procedure, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub path: Option<&'a str>,
    /// A UUID, also in the server's log.
    pub request_id: &'a str,
    /// With BAD_REQUEST: all that is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Issue>")]
    pub issues: Option<&'a [Issue]>,
    /// When another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub retry_after_ms: Option<u64>,
    /// With CONFLICT: what is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub conflicting_id: Option<i64>,
}

/// Whole milliseconds, rounded up so that a caller who waits that long has waited enough.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
