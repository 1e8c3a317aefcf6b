//! The error type of the application, and its conversion to the errors that callers see (docs/API.md, "Errors").

use std::{borrow::Cow, fmt, time::Duration};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
pub use procedures::{Code, Issue, milliseconds};
use schemars::JsonSchema;
use serde_json::{Map, Value};

/// The result of an operation whose error a caller can see.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What callers read when too many others wait, or when their transaction has lost a conflict.
pub const BUSY: &str = "The server is busy. Try again.";
/// What callers read when the database cannot be reached.
pub const NO_DATABASE: &str = "The database is unavailable.";

/// What callers read when the database is there and refuses to write: after a failover, or when its disk is full.
pub const NO_WRITES: &str = "The database accepts no writes at the moment.";

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
    /// What the caller has confirmed has changed since.
    Changed {
        /// The summary as it is.
        summary: Value,
    },
    /// An earlier call with the same idempotency key has not ended yet.
    StillRunning,
    /// Events after the position of a subscription were purged.
    EventsPurged {
        /// The position after which all events are kept.
        through: i64,
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
    /// Stripe answered with an error. The reason is for the operator.
    BadGateway(String),
    /// Stripe does not know an object that a request named. To callers this is BAD_GATEWAY.
    NotAtStripe {
        /// The parameter that named it, such as `customer`.
        param: String,
    },
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

    /// The error for an operator, who may see internal details.
    pub fn into_detail(self) -> anyhow::Error {
        match self {
            Self::Internal(detail) => detail,
            other => other.into(),
        }
    }

    /// For the log: the cause of a fault of ours or of Stripe, else the sentence that the caller reads.
    pub fn detail(&self) -> String {
        match self {
            Self::Internal(detail) => format!("{detail:#}"),
            Self::BadGateway(reason) => reason.clone(),
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
            Self::Conflict { .. } | Self::Changed { .. } | Self::StillRunning => Code::Conflict,
            Self::PreconditionFailed(_) | Self::EventsPurged { .. } => Code::PreconditionFailed,
            Self::TooManyRequests { .. } => Code::TooManyRequests,
            Self::Unavailable { .. } | Self::NotConfigured(_) | Self::OutcomeUnknown | Self::Contention => {
                Code::ServiceUnavailable
            }
            Self::BadGateway(_) | Self::NotAtStripe { .. } => Code::BadGateway,
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
            Error::Changed { ref summary } => same(&error).detail("summary", summary.clone()),
            Error::Validation(issues) => Self::validation(issues),
            Error::InvalidRequest(what) => Self::invalid_request(what),
            Error::Internal(_) => Self::internal(),
            Error::Conflict { conflicting_id: Some(id), .. } => same(&error).detail("conflictingId", id),
            // A string, as ids of events are.
            Error::EventsPurged { through } => same(&error).detail("purgedThrough", through.to_string()),
            Error::TooManyRequests { retry_after } | Error::Unavailable { retry_after, .. } => {
                same(&error).retry_after(retry_after)
            }
            Error::StillRunning => same(&error).retry_after(STILL_RUNNING_PAUSE),
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
            | Error::BadGateway(_)
            | Error::NotAtStripe { .. }
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
    /// With CONFLICT, when a `confirmToken` is stale: the new `UserSummary`, with timestamps as strings on every wire.
    #[schemars(with = "Map<String, Value>")]
    _summary: Option<Map<String, Value>>,
    /// With PRECONDITION_FAILED of a subscription: the id of the last purged event. Events after `lastEventId` are lost;
    /// subscribe without it and read again what they would have changed.
    #[schemars(with = "String")]
    _purged_through: Option<String>,
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
            Self::EventsPurged { .. } => {
                f.write_str("Events after lastEventId were purged. Subscribe again without it, and read what you show.")
            }
            Self::Timeout => f.write_str("The call took too long and was cancelled."),
            Self::Conflict { message, .. } => f.write_str(message),
            Self::Changed { .. } => f.write_str("This has changed since it was shown. Look at it again."),
            Self::StillRunning => f.write_str("The first call with this idempotency key still runs. Try again."),
            Self::TooManyRequests { .. } => f.write_str("Too many requests. Try again later."),
            Self::Unavailable { reason, .. } => f.write_str(reason),
            Self::OutcomeUnknown => {
                f.write_str("The database did not confirm the write. Look whether it was made before you repeat it.")
            }
            Self::Contention => f.write_str(BUSY),
            Self::BadGateway(_) | Self::NotAtStripe { .. } => f.write_str("The payment provider failed. Try again."),
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
                DatabaseErrorKind::ReadOnlyTransaction => reported(&error, NO_WRITES),
                // Diesel has no kind for these errors, so the databases' own messages identify them.
                _ if info.message().contains("deadlock detected") => Self::Contention,
                _ if info.message().contains("database is locked") => Self::unavailable("The database is busy."),
                _ if info.message().contains("canceling statement due to") => Self::Timeout,
                _ if info.message().contains("terminating connection") => Self::unavailable(NO_DATABASE),
                _ if is_among(info.message(), &WRITE_FAILURES) => reported(&error, NO_WRITES),
                _ if is_among(info.message(), &SHORTAGES) => reported(&error, NO_DATABASE),
                _ => Self::Internal(error.into()),
            },
            DieselError::BrokenTransactionManager => Self::unavailable(NO_DATABASE),
            _ => Self::Internal(error.into()),
        }
    }
}

/// What the databases say when they can't write: SQLITE_READONLY, SQLITE_FULL; 25006 and 53100 of PostgreSQL.
const WRITE_FAILURES: [&str; 7] = [
    "attempt to write a readonly database",
    "database or disk is full",
    "in a read-only transaction",
    "No space left on device",
    "Disk quota exceeded",
    "could not extend file",
    "could not write",
];

/// What they say when they lack something else: SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOMEM; the class 53 of PostgreSQL.
const SHORTAGES: [&str; 6] = [
    "disk I/O error",
    "unable to open database file",
    "out of memory",
    "out of shared memory",
    "too many clients already",
    "remaining connection slots are reserved",
];

fn is_among(message: &str, texts: &[&str]) -> bool {
    texts.iter().any(|text| message.contains(text))
}

/// SERVICE_UNAVAILABLE for the caller; the cause is for the log.
fn reported(error: &DieselError, reason: &'static str) -> Error {
    tracing::error!(%error, "{reason}");
    Error::unavailable(reason)
}

/// The time after which a call that failed with a conflict should be retried.
const CONFLICT_PAUSE: Duration = Duration::from_millis(100);
/// The time after which to ask again for the answer to a call that still runs.
const STILL_RUNNING_PAUSE: Duration = Duration::from_secs(1);

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
