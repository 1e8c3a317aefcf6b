//! Error codes: tRPC's names, with their JSON-RPC numbers and HTTP statuses.

use schemars::JsonSchema;
use serde::Serialize;

/// What clients switch on: `error.data.code`. Names and HTTP statuses are those of tRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "ErrorCode")]
pub enum Code {
    /// The request is not JSON.
    ParseError,
    /// The request or its input is invalid.
    BadRequest,
    /// No usable credentials.
    Unauthorized,
    /// The call must be paid for.
    PaymentRequired,
    /// The caller lacks the rights.
    Forbidden,
    /// Not found, or not visible to the caller.
    NotFound,
    /// The procedure can't be called in this way.
    MethodNotSupported,
    /// The call exceeded its deadline and was undone.
    Timeout,
    /// Conflicts with an existing resource.
    Conflict,
    /// A condition of the call does not hold.
    PreconditionFailed,
    /// The request or the response is too large.
    PayloadTooLarge,
    /// The request has the wrong content type.
    UnsupportedMediaType,
    /// The caller's rate limit is used up.
    TooManyRequests,
    /// A fault of the server.
    InternalServerError,
    /// A service that the server depends on failed.
    BadGateway,
    /// The server is busy, stopping or cut off from its database.
    ServiceUnavailable,
    /// A service that the server depends on did not answer in time.
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
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
            Self::BadGateway => "BAD_GATEWAY",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::GatewayTimeout => "GATEWAY_TIMEOUT",
        }
    }

    /// The number of a JSON-RPC error object, unless JSON-RPC 2.0 §5.1 has a more specific one.
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
            Self::InternalServerError | Self::BadGateway | Self::ServiceUnavailable | Self::GatewayTimeout => -32603,
        }
    }

    /// The number on the tRPC wire (tRPC's `TRPC_ERROR_CODES_BY_KEY`).
    pub fn trpc_number(self) -> i32 {
        match self {
            Self::BadRequest => -32600,
            code => code.number(),
        }
    }

    /// The HTTP status.
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
            Self::InternalServerError => 500,
            Self::BadGateway => 502,
            Self::ServiceUnavailable => 503,
            Self::GatewayTimeout => 504,
        }
    }

    /// What the code means, whichever procedure answers it. The message of an error is more specific.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ParseError => "The request is not JSON.",
            Self::BadRequest => "The input is not valid; `data.issues` lists every issue.",
            Self::Unauthorized => "The token is missing, invalid, expired or revoked.",
            Self::PaymentRequired => "The caller has not paid for this.",
            Self::Forbidden => "The caller may not do this.",
            Self::NotFound => "Does not exist, or belongs to somebody else.",
            Self::MethodNotSupported => "The procedure can't be called in this way.",
            Self::Timeout => "The call took too long and was undone.",
            Self::Conflict => "Conflicts with an existing resource.",
            Self::PreconditionFailed => "A condition of the call does not hold.",
            Self::PayloadTooLarge => "The request or the response is too large.",
            Self::UnsupportedMediaType => "The request is not sent as JSON.",
            Self::TooManyRequests => "The caller's rate limit is used up; retry after `data.retryAfterMs`.",
            Self::InternalServerError => "The server failed.",
            Self::BadGateway => "An upstream service failed.",
            Self::ServiceUnavailable => "The server is busy or stopping; retry after `data.retryAfterMs`.",
            Self::GatewayTimeout => "An upstream service did not answer in time.",
        }
    }
}
