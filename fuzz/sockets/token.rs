//! Credentials: users, the admin, and what is no credential.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::json;

/// What the server was started with.
pub struct Secrets {
    pub jwt: String,
    pub webhook: String,
    pub admin_token: String,
}

/// Seconds since the Unix epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

impl Secrets {
    /// A JSON Web Token of a user.
    pub fn user(&self, id: &str) -> String {
        let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = json!({"sub": id, "exp": now() + 3600, "name": "Fuzz", "email": format!("{id}@example.com")});
        let signed = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.jwt.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
    }

    /// The value of an `Authorization` header. None for an anonymous caller.
    pub fn authorization(&self, rng: &mut impl Rng) -> Option<String> {
        Some(match rng.random_range(0..20) {
            0..3 => return None,
            3..8 => format!("Bearer {}", self.admin_token),
            8..18 => format!("Bearer {}", self.user(&user_id(rng))),
            18 => (*["Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "Bearer  two words", ""].choose(rng).unwrap())
                .into(),
            _ => {
                let mut token = self.user("fuzz-1").into_bytes();
                let at = rng.random_range(0..token.len());
                token[at] = rng.random_range(0x21..0x7f);
                format!("Bearer {}", String::from_utf8(token).unwrap())
            }
        })
    }
}

/// One of two thousand users, or a new one.
pub fn user_id(rng: &mut impl Rng) -> String {
    match rng.random_bool(0.1) {
        true => format!("fuzz-new-{}", rng.random::<u32>()),
        false => format!("fuzz-{}", rng.random_range(0..2000)),
    }
}
