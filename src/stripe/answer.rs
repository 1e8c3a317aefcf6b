//! Reading Stripe's responses: their size, their errors, and the time of what they say.

use std::time::Duration;

use chrono::DateTime;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::retry::Failure;
use crate::db::Timestamp;

/// Bytes of a response that describes one object or an error.
pub const OBJECT_BYTES: usize = 1024 * 1024;
/// Bytes of a response that lists objects.
pub const LIST_BYTES: usize = 16 * 1024 * 1024;

#[derive(Deserialize)]
struct ErrorBody {
    error: Option<ErrorDetail>,
}

/// Stripe's description of an error, for the log and the operator only. Its message could repeat what was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    r#type: String,
    code: String,
    param: String,
}

/// Reads the body of a response of at most `most` bytes. A larger one is not read to its end, so that whoever answers
/// in place of Stripe cannot fill the memory.
pub async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_broken| broken("its response broke off"))? {
        if bytes.len().saturating_add(chunk.len()) > most {
            tracing::error!(most, "a response of Stripe is too large");
            return Err(Failure::Permanent(format!("Stripe's response has more than {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// No usable response, for this reason.
pub fn broken(why: &str) -> Failure {
    Failure::Broken { reason: format!("Stripe was asked, and {why}"), retry_after: None }
}

/// Classifies a response that is not a success (Stripe's API reference, "Errors").
pub async fn failure(response: Response) -> Failure {
    let (status, retry_after) = (response.status(), retry_after(&response));
    let should_retry = flag(&response, "stripe-should-retry");
    let is_replayed = flag(&response, "idempotent-replayed") == Some(true);
    let read = body(response, OBJECT_BYTES).await.ok();
    let read = read.and_then(|bytes| serde_json::from_slice::<ErrorBody>(&bytes).ok());
    let reason = read.and_then(|body| body.error).unwrap_or_default();
    if status.is_client_error() && reason.code == "resource_missing" {
        tracing::warn!(status = status.as_u16(), ?reason, "Stripe does not know an object");
        return Failure::Missing { param: reason.param };
    }
    tracing::error!(status = status.as_u16(), ?reason, "Stripe returned an error");
    let ErrorDetail { r#type, code, param } = reason;
    let parts = [("type", r#type), ("code", code), ("param", param)];
    let parts = parts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!(", {name} {text:?}"));
    let reason = format!("Stripe answered with status {}{}", status.as_u16(), parts.collect::<String>());
    match (status, should_retry) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Failure::Busy { retry_after },
        (status, _) if is_replayed && status.is_server_error() => Failure::Replayed(reason),
        (status, Some(false)) if status.is_server_error() => Failure::Permanent(reason),
        (status, _) if status.is_server_error() => Failure::Broken { reason, retry_after },
        (_, Some(true)) => Failure::Busy { retry_after },
        // A request with the same idempotency key is in progress.
        (StatusCode::CONFLICT, None) => Failure::Busy { retry_after },
        _ => Failure::Refused(reason),
    }
}

/// A time by Stripe's clock before which nothing that the response says was read. `took` is the time from sending the
/// request to the head of the response. Without a `Date` this machine's clock decides.
pub fn read_after(response: &Response, took: Duration) -> Timestamp {
    let date = response.headers().get("date").and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| DateTime::parse_from_rfc2822(text).ok());
    let date = date.and_then(|date| Timestamp::from_millis(date.timestamp_millis()));
    date.unwrap_or_else(Timestamp::now).minus(took)
}

/// The boolean value of a header (Stripe's documentation, "Advanced error handling").
fn flag(response: &Response, header: &str) -> Option<bool> {
    response.headers().get(header)?.to_str().ok()?.trim().parse().ok()
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
