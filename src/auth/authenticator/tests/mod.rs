//! Valid and forged tokens.

mod remote;
mod tokens;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::auth::refusal::{BAD_SIGNATURE, CRITICAL_HEADER, MALFORMED, UNKNOWN_KEY, WRONG_ALGORITHM};

const SECRET: &str = "a secret of thirty-two bytes, or more";

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/keys/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The private key of a pair in tests/fixtures/keys.
fn private_key(name: &str) -> EncodingKey {
    let pem = std::fs::read(fixture(&format!("{name}_private.pem"))).unwrap();
    match name {
        "rsa" => EncodingKey::from_rsa_pem(&pem),
        "ec" => EncodingKey::from_ec_pem(&pem),
        _ => EncodingKey::from_ed_pem(&pem),
    }
    .unwrap()
}

fn algorithm(name: &str) -> Algorithm {
    match name {
        "rsa" => Algorithm::RS256,
        "ec" => Algorithm::ES256,
        _ => Algorithm::EdDSA,
    }
}

/// The public key as a JWK.
fn jwk(name: &str, kid: &str) -> Value {
    let jwk = Jwk::from_encoding_key(&private_key(name), algorithm(name)).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

fn sign(name: &str, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm(name)) };
    encode(&header, claims, &private_key(name)).unwrap()
}

fn sign_with_secret(secret: &[u8], claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn valid_claims() -> Value {
    json!({"sub": "user_1", "exp": claims::now() + 600})
}

fn with_secret() -> JwtSettings {
    JwtSettings { jwt_secret: Some(crate::config::Secret::new(SECRET)), ..JwtSettings::default() }
}

fn with_pem(name: &str) -> JwtSettings {
    let path = fixture(&format!("{name}_public.pem"));
    JwtSettings { jwt_public_key_file: Some(path.into()), ..JwtSettings::default() }
}

fn with_jwks() -> JwtSettings {
    JwtSettings { jwt_jwks_file: Some(fixture("jwks.json").into()), ..JwtSettings::default() }
}

/// The claims of a token, or the refusal.
async fn verify(authenticator: &Authenticator, token: &str) -> Result<Arc<Claims>, &'static str> {
    match authenticator.authenticate(Some(token)).await {
        Credential::Jwt(claims) => Ok(claims),
        Credential::Rejected(refusal) => Err(refusal),
        Credential::Unverifiable => Err(UNVERIFIABLE),
        other => panic!("{other:?}"),
    }
}

/// What [`verify`] returns when there are no keys.
const UNVERIFIABLE: &str = "no keys";
