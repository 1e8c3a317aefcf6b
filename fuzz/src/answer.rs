//! What every answer must look like (docs/API.md, "Errors").

use serde_json::Value;
use uuid::Uuid;

/// Every code, with its JSON-RPC numbers (JSON-RPC 2.0 §5.1 and tRPC have others for some) and its HTTP status.
const CODES: [(&str, &[i64], u64); 17] = [
    ("PARSE_ERROR", &[-32700], 400),
    ("BAD_REQUEST", &[-32602, -32600], 400),
    ("UNAUTHORIZED", &[-32001], 401),
    ("PAYMENT_REQUIRED", &[-32002], 402),
    ("FORBIDDEN", &[-32003], 403),
    ("NOT_FOUND", &[-32004, -32601], 404),
    ("METHOD_NOT_SUPPORTED", &[-32005], 405),
    ("TIMEOUT", &[-32008], 408),
    ("CONFLICT", &[-32009], 409),
    ("PRECONDITION_FAILED", &[-32012], 412),
    ("PAYLOAD_TOO_LARGE", &[-32013], 413),
    ("UNSUPPORTED_MEDIA_TYPE", &[-32015], 415),
    ("TOO_MANY_REQUESTS", &[-32029], 429),
    ("INTERNAL_SERVER_ERROR", &[-32603], 500),
    ("BAD_GATEWAY", &[-32603], 502),
    ("SERVICE_UNAVAILABLE", &[-32603], 503),
    ("GATEWAY_TIMEOUT", &[-32603], 504),
];

/// JSON that the server has sent.
///
/// # Errors
/// What is wrong with it.
pub fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|why| format!("not JSON ({why}): {text:?}"))
}

/// Checks an error object of either wire, and returns its code.
///
/// # Errors
/// What is wrong with it.
pub fn code_of(error: &Value) -> Result<&'static str, String> {
    let wrong = |what: &str| Err(format!("{what}: {error}"));
    let data = &error["data"];
    if error["message"].as_str().is_none_or(str::is_empty) {
        return wrong("no message");
    }
    if data["requestId"].as_str().is_none_or(|id| Uuid::parse_str(id).is_err()) {
        return wrong("the request id is not a UUID");
    }
    let Some((code, numbers, status)) = CODES.iter().find(|(code, ..)| data["code"] == *code) else {
        return wrong("unknown code");
    };
    // A head that is too large has a status of its own (RFC 9110 §15.5.15, RFC 6585 §5).
    let head_is_too_large =
        *code == "PAYLOAD_TOO_LARGE" && [414, 431].iter().any(|status| data["httpStatus"] == *status);
    if data["httpStatus"] != *status && !head_is_too_large
        || error["code"].as_i64().is_none_or(|number| !numbers.contains(&number))
    {
        return wrong("the numbers do not fit the code");
    }
    let issues = data.get("issues").map_or(Some(&[][..]), |issues| Some(issues.as_array()?.as_slice()));
    let is_issue = |issue: &Value| ["path", "code", "message"].iter().all(|member| issue[*member].is_string());
    if issues.is_none_or(|issues| issues.len() > 51 || !issues.iter().all(is_issue)) {
        return wrong("malformed issues");
    }
    let retries = data["retryAfterMs"].is_u64() || data["outcome"] == "unknown";
    if matches!(*code, "SERVICE_UNAVAILABLE" | "TOO_MANY_REQUESTS") && !retries {
        return wrong("does not say when to retry");
    }
    Ok(code)
}

/// Checks a JSON-RPC response, and returns the code of its error.
///
/// # Errors
/// What is wrong with it.
pub fn code_of_response(response: &Value) -> Result<Option<&'static str>, String> {
    if response["jsonrpc"] != "2.0" || response.get("id").is_none() {
        return Err(format!("not a response: {response}"));
    }
    code_of_outcome(response, false)
}

/// Checks that there is either a `result` or an `error`, and returns the code of the error. With `superjson` the error may
/// be in superjson's envelope.
///
/// # Errors
/// What is wrong with it.
pub fn code_of_outcome(answer: &Value, superjson: bool) -> Result<Option<&'static str>, String> {
    match (answer.get("result"), answer.get("error")) {
        (Some(_), None) => Ok(None),
        (None, Some(error)) => code_of(unwrapped(error, superjson)).map(Some),
        _ => Err(format!("neither result nor error, or both: {answer}")),
    }
}

/// The JSON in an envelope of superjson. A request without the envelope is answered without it.
pub fn unwrapped(value: &Value, superjson: bool) -> &Value {
    match value.get("json") {
        Some(json) if superjson => json,
        _ => value,
    }
}

/// Panics for what is wrong with an answer, and for the code of a fault of the server, such as a panic.
pub fn check(code: Result<Option<&'static str>, String>) -> Option<&'static str> {
    let code = code.unwrap_or_else(|wrong| panic!("{wrong}"));
    let status = CODES.iter().find(|(known, ..)| Some(*known) == code).map_or(200, |(.., status)| *status);
    assert!(status < 500, "the server failed: {code:?}");
    code
}
