//! Bearer tokens in requests: which are accepted, as which user, and how others are refused.

mod api;
mod forgeries;
mod keys;
mod procedures;
mod providers;
mod remote_keys;
mod rules;
mod secrets;
mod users;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use crate::support::{Backend, Builder, TestApp};

pub fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The private key of a pair in tests/fixtures/keys, and its algorithm.
pub fn private_key(name: &str) -> (EncodingKey, Algorithm) {
    let pem = std::fs::read(fixture(&format!("{name}_private.pem"))).unwrap();
    match name {
        "rsa" => (EncodingKey::from_rsa_pem(&pem).unwrap(), Algorithm::RS256),
        "ec" => (EncodingKey::from_ec_pem(&pem).unwrap(), Algorithm::ES256),
        _ => (EncodingKey::from_ed_pem(&pem).unwrap(), Algorithm::EdDSA),
    }
}

pub fn sign(name: &str, kid: Option<&str>, claims: &Value) -> String {
    let (key, algorithm) = private_key(name);
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, &key).unwrap()
}

/// The public key as a JSON Web Key.
pub fn jwk(name: &str, kid: &str) -> Value {
    let (key, algorithm) = private_key(name);
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

/// A server on SQLite with these keys only.
fn with_keys(flag: &str, value: &str) -> Builder {
    Builder::new(Backend::Sqlite).without("jwt-secret").flag(flag, value)
}

/// The result of `user.me` with a token, or the code and message of the error.
async fn me(app: &TestApp, token: &str) -> Result<Value, (String, String)> {
    let failure = match app.with_token(token).try_call("user.me", json!({})).await {
        Ok(user) => return Ok(user),
        Err(failure) => failure,
    };
    Err((failure.code().to_owned(), failure.message().to_owned()))
}

/// Asserts that a token authenticates this user.
async fn assert_accepted_as(app: &TestApp, token: &str, id: &str) {
    assert_eq!(me(app, token).await.unwrap()["id"], id);
}

/// Asserts that a token is UNAUTHORIZED, with a message that contains this part.
async fn assert_refused(app: &TestApp, token: &str, part: &str) {
    let (code, message) = me(app, token).await.expect_err(token);
    assert_eq!(code, "UNAUTHORIZED");
    assert!(message.contains(part), "{message:?} does not say {part:?}: {token}");
}
