//! The error type of the application, and its conversion to the errors that callers see (docs/API.md, "Errors").

use std::{borrow::Cow, fmt, time::Duration};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
pub use procedures::{Code, Issue, milliseconds};
use schemars::JsonSchema;

/// The result of an operation whose error a caller can see.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What callers read when too many others wait, or when their transaction has lost a conflict.
pub const BUSY: &str = "The server is busy. Try again.";
/// What callers read when the database cannot be reached.
pub const NO_DATABASE: &str = "The database is unavailable.";

/// The reasons why a call can fail.
#[derive(Debug)]
pub enum Error {
    /// The input does not match its schema, or breaks a rule about a field.
    Validation(Vec<Issue>),
    /// A malformed message or header; the text says what is wrong with it.
    InvalidRequest(&'static str),
    /// No usable credential. The sentence says why.
    Unauthorized(&'static str),
    /// The caller's subscription does not cover the plan. The sentence is for the caller.
    PaymentRequired(String),
    /// The caller lacks the rights. The sentence says which.
    Forbidden(&'static str),
    /// An object that does not exist or belongs to another user, such as `cluster`.
    NotFound(&'static str),
    /// A query or mutation was subscribed to, or a subscription was called.
    MethodNotSupported(&'static str),
    /// The call exceeded its deadline and was rolled back.
    Timeout,
    /// Conflicts with an existing resource.
    Conflict {
        /// A sentence for the caller.
        message: String,
        /// The id of that resource.
        conflicting_id: Option<i64>,
    },
    /// A precondition of the call is not met. The sentence says which.
    PreconditionFailed(String),
    /// The caller's rate limit is used up.
    TooManyRequests {
        /// The time until the next call is allowed.
        retry_after: Duration,
    },
    /// The server is overloaded, stopping or without a database. A retry may succeed.
    Unavailable {
        /// A sentence for the caller.
        reason: Cow<'static, str>,
        /// The time after which to retry.
        retry_after: Duration,
    },
    /// The operator has not configured what this needs, so a retry is of no use.
    NotConfigured(&'static str),
    /// A write that may or may not have been committed: the connection was lost during the commit, or the database did
    /// not finish in time. All other errors mean that this write was not made.
    OutcomeUnknown,
    /// Stripe answered with an error.
    BadGateway,
    /// Stripe did not answer in time.
    GatewayTimeout,
    /// A transaction conflicted with another one; the database worker runs it again.
    Contention,
    /// An internal error. The details are only for the log.
    Internal(anyhow::Error),
}

impl Error {
    /// A validation error about one field.
    pub fn field(path: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Validation(vec![Issue::new(path, code, message)])
    }

    /// SERVICE_UNAVAILABLE, to be retried after one second.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: Duration::from_secs(1) }
    }

    /// For the log: the cause of a fault of ours, else the sentence that the caller reads.
    pub fn detail(&self) -> String {
        match self {
            Self::Internal(detail) => format!("{detail:#}"),
            other => other.to_string(),
        }
    }

    /// The code that clients switch on.
    pub fn code(&self) -> Code {
        match self {
            Self::Validation(_) | Self::InvalidRequest(_) => Code::BadRequest,
            Self::Unauthorized(_) => Code::Unauthorized,
            Self::PaymentRequired(_) => Code::PaymentRequired,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::MethodNotSupported(_) => Code::MethodNotSupported,
            Self::Timeout => Code::Timeout,
            Self::Conflict { .. } => Code::Conflict,
            Self::PreconditionFailed(_) => Code::PreconditionFailed,
            Self::TooManyRequests { .. } => Code::TooManyRequests,
            Self::Unavailable { .. } | Self::NotConfigured(_) | Self::OutcomeUnknown | Self::Contention => {
                Code::ServiceUnavailable
            }
            Self::BadGateway => Code::BadGateway,
            Self::GatewayTimeout => Code::GatewayTimeout,
            Self::Internal(_) => Code::InternalServerError,
        }
    }
}

/// The only conversion to the error that a caller sees.
impl From<Error> for procedures::Error {
    fn from(error: Error) -> Self {
        let same = |error: &Error| Self::new(error.code(), error.to_string());
        match error {
            Error::Validation(issues) => Self::validation(issues),
            Error::InvalidRequest(what) => Self::invalid_request(what),
            Error::Internal(_) => Self::internal(),
            Error::Conflict { conflicting_id: Some(id), .. } => same(&error).detail("conflictingId", id),
            Error::TooManyRequests { retry_after } | Error::Unavailable { retry_after, .. } => {
                same(&error).retry_after(retry_after)
            }
            // Without a time to retry after: whoever repeats the call has to look first.
            Error::OutcomeUnknown => same(&error).detail("outcome", "unknown"),
            Error::Contention => same(&error).retry_after(CONFLICT_PAUSE),
            Error::Conflict { conflicting_id: None, .. }
            | Error::Unauthorized(_)
            | Error::PaymentRequired(_)
            | Error::Forbidden(_)
            | Error::NotFound(_)
            | Error::MethodNotSupported(_)
            | Error::Timeout
            | Error::PreconditionFailed(_)
            | Error::NotConfigured(_)
            | Error::BadGateway
            | Error::GatewayTimeout => same(&error),
        }
    }
}

/// What the application adds to `error.data`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ErrorDetails {
    /// With CONFLICT: the id of the existing resource.
    #[schemars(with = "i64")]
    _conflicting_id: Option<i64>,
    /// With SERVICE_UNAVAILABLE: the write may or may not have been made. Without this, nothing was written.
    #[schemars(with = "String", extend("enum" = ["unknown"]))]
    _outcome: Option<String>,
}

/// The sentence for the caller: precise about errors in the request, without details about internal errors.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validation(issues) => procedures::Error::validation(issues.clone()).fmt(f),
            Self::InvalidRequest(what) => procedures::Error::invalid_request(what).fmt(f),
            Self::NotFound(noun) => write!(f, "No such {noun}."),
            Self::Unauthorized(why) | Self::Forbidden(why) | Self::MethodNotSupported(why) => f.write_str(why),
            Self::PaymentRequired(why) | Self::PreconditionFailed(why) => f.write_str(why),
            Self::NotConfigured(why) => f.write_str(why),
            Self::Timeout => f.write_str("The call took too long and was cancelled."),
            Self::Conflict { message, .. } => f.write_str(message),
            Self::TooManyRequests { .. } => f.write_str("Too many requests. Try again later."),
            Self::Unavailable { reason, .. } => f.write_str(reason),
            Self::OutcomeUnknown => {
                f.write_str("The database did not confirm the write. Look whether it was made before you repeat it.")
            }
            Self::Contention => f.write_str(BUSY),
            Self::BadGateway => f.write_str("The payment provider failed. Try again."),
            Self::GatewayTimeout => f.write_str("The payment provider did not answer in time. Try again."),
            Self::Internal(_) => procedures::Error::internal().fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::SerializationFailure => Self::Contention,
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                    Self::unavailable(NO_DATABASE)
                }
                // Diesel has no kind for these errors, so the databases' own messages identify them.
                _ if info.message().contains("deadlock detected") => Self::Contention,
                _ if info.message().contains("database is locked") => Self::unavailable("The database is busy."),
                _ if info.message().contains("canceling statement due to") => Self::Timeout,
                _ if info.message().contains("terminating connection") => Self::unavailable(NO_DATABASE),
                _ => Self::Internal(error.into()),
            },
            DieselError::BrokenTransactionManager => Self::unavailable(NO_DATABASE),
            _ => Self::Internal(error.into()),
        }
    }
}

/// The time after which a call that failed with a conflict should be retried.
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);

impl From<diesel::ConnectionError> for Error {
    fn from(error: diesel::ConnectionError) -> Self {
        tracing::error!(%error, "cannot connect to the database");
        Self::unavailable(NO_DATABASE)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
