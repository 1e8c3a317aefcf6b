//! The one error type of the application, and its one conversion to what callers see (docs/API.md, "Errors").

use std::{borrow::Cow, fmt, time::Duration};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
pub use procedures::{Code, Issue, milliseconds};
use schemars::JsonSchema;

/// The result of anything that can fail for a caller to see.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong with a call.
#[derive(Debug)]
pub enum Error {
    /// The input breaks its schema, or a rule that concerns one field.
    Validation(Vec<Issue>),
    /// A message or header that is not what the page expects.
    InvalidRequest(&'static str),
    /// No usable credentials: the sentence says why.
    Unauthorized(&'static str),
    /// The caller's plan does not cover the call.
    PaymentRequired(String),
    /// The caller lacks the rights.
    Forbidden(&'static str),
    /// The noun that is missing or somebody else's, such as "cluster".
    NotFound(&'static str),
    /// A query was subscribed to, or a subscription called.
    MethodNotSupported(&'static str),
    /// The call exceeded its deadline and was undone.
    Timeout,
    /// Conflicts with an existing resource.
    Conflict {
        /// A sentence for the caller.
        message: String,
        /// The id of that resource.
        conflicting_id: Option<i64>,
    },
    /// A condition of the call does not hold.
    PreconditionFailed(String),
    /// The caller's rate limit is used up.
    TooManyRequests {
        /// Until the next call is allowed.
        retry_after: Duration,
    },
    /// Busy, stopping, or cut off from the database: worth a retry.
    Unavailable {
        /// A sentence for the caller.
        reason: Cow<'static, str>,
        /// When to retry.
        retry_after: Duration,
    },
    /// Stripe failed.
    BadGateway,
    /// Stripe did not answer in time.
    GatewayTimeout,
    /// Two transactions conflicted; the executor runs the job again.
    Contention,
    /// A fault of the server. The detail is for the log only.
    Internal(anyhow::Error),
}

impl Error {
    /// One invalid field.
    pub fn field(path: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Validation(vec![Issue::new(path, code, message)])
    }

    /// SERVICE_UNAVAILABLE with a hint to retry in a second.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: Duration::from_secs(1) }
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
            Self::Unavailable { .. } | Self::Contention => Code::ServiceUnavailable,
            Self::BadGateway => Code::BadGateway,
            Self::GatewayTimeout => Code::GatewayTimeout,
            Self::Internal(_) => Code::InternalServerError,
        }
    }
}

/// The one way to a caller.
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
            Error::Contention => same(&error).retry_after(BUSY),
            Error::Conflict { conflicting_id: None, .. }
            | Error::Unauthorized(_)
            | Error::PaymentRequired(_)
            | Error::Forbidden(_)
            | Error::NotFound(_)
            | Error::MethodNotSupported(_)
            | Error::Timeout
            | Error::PreconditionFailed(_)
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
}

/// The sentence a caller reads: precise about their faults, constant about ours.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validation(issues) => procedures::Error::validation(issues.clone()).fmt(f),
            Self::InvalidRequest(what) => procedures::Error::invalid_request(what).fmt(f),
            Self::NotFound(noun) => write!(f, "No such {noun}."),
            Self::Unauthorized(why) | Self::Forbidden(why) | Self::MethodNotSupported(why) => f.write_str(why),
            Self::PaymentRequired(why) | Self::PreconditionFailed(why) => f.write_str(why),
            Self::Timeout => f.write_str("The call took too long and was cancelled."),
            Self::Conflict { message, .. } => f.write_str(message),
            Self::TooManyRequests { .. } => f.write_str("Too many requests. Try again later."),
            Self::Unavailable { reason, .. } => f.write_str(reason),
            Self::Contention => f.write_str("The server is busy. Try again."),
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

/// How soon a call that lost a conflict may be retried.
const BUSY: Duration = Duration::from_millis(100);

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
