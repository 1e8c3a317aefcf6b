//! HS256 tokens. One that was verified is not verified again until it expires.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

const CAPACITY: usize = 100_000;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
}

struct Verified {
    subject: Arc<str>,
    exp: u64,
}

/// The verified tokens.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
    verified: RwLock<HashMap<String, Verified>>,
}

impl Tokens {
    pub fn new(secret: &str) -> Self {
        let validation = Validation::new(Algorithm::HS256);
        Self { key: DecodingKey::from_secret(secret.as_bytes()), validation, verified: RwLock::default() }
    }

    /// The id of the user to whom a valid token belongs.
    pub fn verify(&self, token: &str) -> Option<Arc<str>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        if let Some(known) = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return (known.exp > now).then(|| Arc::clone(&known.subject));
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let subject: Arc<str> = claims.sub.into();
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= CAPACITY {
            verified.clear();
        }
        verified.insert(token.to_owned(), Verified { subject: Arc::clone(&subject), exp: claims.exp });
        Some(subject)
    }
}
