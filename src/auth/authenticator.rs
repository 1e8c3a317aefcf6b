//! Verification of bearer tokens.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{
    cache::TokenCache,
    claims::{self, Claims, Rules},
    credential::Credential,
    jwks::Timing,
    key_set::KeySet,
    keys::Keys,
    plain_token::PlainToken,
    refusal::{BAD_API_TOKEN, NOT_A_SESSION, NOT_ACCEPTED, Refusal, TOO_LONG},
    signature::{self, Signed},
};
use crate::config::JwtSettings;

/// Longest bearer token, in bytes. Session tokens fit into a cookie, which browsers may limit to 4 KiB (RFC 6265 §6.1).
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Capacity of the cache of verified JWTs.
const CACHED_TOKENS: usize = 10_000;

/// Verifies bearer tokens with the configured keys and rules.
pub struct Authenticator {
    keys: Keys,
    rules: Rules,
    verified: TokenCache,
}

impl Authenticator {
    /// Loads the configured keys. Keys behind a URL are fetched when the first JWT arrives.
    ///
    /// # Errors
    /// A setting is wrong; the message names it.
    pub fn new(settings: &JwtSettings) -> anyhow::Result<Self> {
        Self::with_timing(settings, Timing::default())
    }

    fn with_timing(settings: &JwtSettings, timing: Timing) -> anyhow::Result<Self> {
        Ok(Self {
            keys: Keys::configured(settings, timing)?,
            rules: Rules::new(settings)?,
            verified: TokenCache::new(CACHED_TOKENS),
        })
    }

    /// Verifies the token of `Authorization: Bearer …` (RFC 6750 §2.1), or the one of a WebSocket subprotocol.
    pub async fn authenticate(&self, bearer: Option<&str>) -> Credential {
        let Some(token) = bearer else { return Credential::Anonymous };
        if token.len() > MAX_TOKEN_BYTES {
            return Credential::Rejected(TOO_LONG);
        }
        if token.starts_with(PlainToken::PREFIX) {
            return match PlainToken::parse(token) {
                Some(token) => Credential::ApiToken(token.hash()),
                None => Credential::Rejected(BAD_API_TOKEN),
            };
        }
        let keys = match &self.keys {
            Keys::Unconfigured => return Credential::Rejected(NOT_ACCEPTED),
            Keys::Fixed(keys) => Arc::clone(keys),
            Keys::Remote(remote) => match remote.current().await {
                Some(keys) => keys,
                None => return Credential::Unverifiable,
            },
        };
        match self.verify(token, keys).await {
            Ok(claims) => Credential::Jwt(claims),
            Err(refusal) => Credential::Rejected(refusal),
        }
    }

    /// Verifies the token of a session cookie. It must be a JWT: a browser would send an API token with everything, for as
    /// long as it is valid.
    pub async fn authenticate_session(&self, token: &str) -> Credential {
        if token.starts_with(PlainToken::PREFIX) {
            return Credential::Rejected(NOT_A_SESSION);
        }
        self.authenticate(Some(token)).await
    }

    /// Number of usable keys, 0 when none is configured. Keys behind a URL are fetched now, for `clusterdesk doctor`.
    ///
    /// # Errors
    /// The keys could not be fetched or read.
    pub async fn check_keys(&self) -> anyhow::Result<usize> {
        match &self.keys {
            Keys::Unconfigured => Ok(0),
            Keys::Fixed(keys) => Ok(keys.len()),
            Keys::Remote(remote) => remote.fetch_now().await,
        }
    }

    /// Number of keys in use, 0 when none is configured. Keys behind a URL are fetched if the first JWT is still to come.
    /// None if they are configured, but could not be fetched so far.
    pub async fn keys_in_use(&self) -> Option<usize> {
        match &self.keys {
            Keys::Unconfigured => Some(0),
            Keys::Fixed(keys) => Some(keys.len()),
            Keys::Remote(remote) => remote.current().await.map(|keys| keys.len()),
        }
    }

    async fn verify(&self, token: &str, keys: Arc<KeySet>) -> Result<Arc<Claims>, Refusal> {
        let digest = Sha256::digest(token).into();
        if let Some(claims) = self.verified.get(&digest, keys.generation()) {
            return if claims.is_expired() { Err(claims::EXPIRED) } else { Ok(claims) };
        }

        let source = if let Keys::Remote(remote) = &self.keys { Some(remote) } else { None };
        let Signed { payload, keys } = signature::verify(token, keys, source).await?;
        let claims = Arc::new(self.rules.check(&payload, claims::now())?);
        self.verified.put(digest, keys.generation(), Arc::clone(&claims));
        Ok(claims)
    }
}
