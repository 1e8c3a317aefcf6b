//! Tokens of the tests' own identity provider.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

/// The HS256 secret of the test servers.
pub const SECRET: &str = "a test secret that is long enough for HS256";

/// Claims of a user that are valid for an hour.
pub fn claims(subject: &str) -> Value {
    let mut claims = nameless(subject);
    claims["name"] = json!(format!("Name of {subject}"));
    claims
}

/// Claims that say nothing about their user but the id.
pub fn nameless(subject: &str) -> Value {
    json!({"sub": subject, "exp": now() + 3600})
}

/// Seconds since the Unix epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token with these claims, signed with [`SECRET`].
pub fn hs256(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}
