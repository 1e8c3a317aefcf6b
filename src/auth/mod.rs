//! Who a request says it is: API tokens by their shape, JSON Web Tokens (RFC 7519) by their signature and claims.
//! Nothing here asks the database; whether a token is live and its user exists is decided there.

mod api_token;
mod cache;
mod claims;
mod jwks;
mod key;
mod key_set;
mod profile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

pub use api_token::{ApiToken, TokenHash};
pub use claims::Claims;

use crate::config::JwtSettings;
use cache::TokenCache;
use claims::Rules;
use jwks::{RemoteKeys, Timing};
use key::{Key, Source};
use key_set::KeySet;

/// Bytes of a bearer token. Session tokens must fit a cookie, where browsers may stop at 4 KiB (RFC 6265 §6.1).
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Verified tokens remembered.
const CACHED_TOKENS: usize = 10_000;

const TOO_LONG: &str = "The bearer token is too long.";
const BAD_API_TOKEN: &str = "The API token is not well-formed. Check that it was copied whole.";
const NOT_ACCEPTED: &str = "The bearer token is not an API token, and JWTs are not accepted by this server.";
const MALFORMED: &str = "The token is not a well-formed JWT.";
const CRITICAL_HEADER: &str = "The token depends on header extensions that this server does not know.";
const UNKNOWN_KEY: &str = "The token names no key that this server knows.";
const WRONG_ALGORITHM: &str = "The token is not signed with the algorithm of its key.";
const BAD_SIGNATURE: &str = "The token's signature is not valid.";

/// Why a token is refused: a constant sentence, fit for the caller to read.
type Refusal = &'static str;

/// Who a request says it is, checked as far as that goes without the database.
#[derive(Clone, Debug)]
pub enum Credential {
    /// No token at all.
    Anonymous,
    /// A well-formed API token; whether it is known, live and whose is the database's business.
    ApiToken(TokenHash),
    /// A JWT whose signature and claims hold.
    Jwt(Arc<Claims>),
    /// Presented and not good: the constant sentence to answer UNAUTHORIZED with.
    Rejected(&'static str),
    /// A JWT, while no keys to verify it with could be fetched: our trouble, not the caller's.
    Unverifiable,
}

/// Tells callers apart by their bearer tokens.
pub struct Authenticator {
    keys: Keys,
    rules: Rules,
    verified: TokenCache,
}

/// Where the keys that sign JWTs come from.
enum Keys {
    /// No kind of key is configured: no JWT is accepted.
    Unconfigured,
    Fixed(Arc<KeySet>),
    Remote(Arc<RemoteKeys>),
}

impl Authenticator {
    /// Loads the configured keys; those behind a URL wait for the first token.
    /// Errors name the setting that is wrong.
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

    /// Judges the token of `Authorization: Bearer …` (RFC 6750 §2.1), or the one from the WebSocket subprotocol.
    pub async fn authenticate(&self, bearer: Option<&str>) -> Credential {
        let Some(token) = bearer else { return Credential::Anonymous };
        if token.len() > MAX_TOKEN_BYTES {
            return Credential::Rejected(TOO_LONG);
        }
        if token.starts_with(ApiToken::PREFIX) {
            return match ApiToken::parse(token) {
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

    /// For `clusterdesk doctor`: loads or fetches the keys now and says how many there are; none configured is 0.
    /// Errors say why a fetch failed.
    pub async fn check_keys(&self) -> anyhow::Result<usize> {
        match &self.keys {
            Keys::Unconfigured => Ok(0),
            Keys::Fixed(keys) => Ok(keys.len()),
            Keys::Remote(remote) => remote.fetch_now().await,
        }
    }

    async fn verify(&self, token: &str, mut keys: Arc<KeySet>) -> Result<Arc<Claims>, Refusal> {
        let digest = Sha256::digest(token).into();
        if let Some(claims) = self.verified.get(&digest, keys.generation()) {
            return if claims.is_expired() { Err(claims::EXPIRED) } else { Ok(claims) };
        }

        let Ok(header) = jsonwebtoken::decode_header(token) else { return Err(MALFORMED) };
        // RFC 7515 §4.1.11: an extension that is critical and not understood makes the token invalid.
        if header.crit.is_some() {
            return Err(CRITICAL_HEADER);
        }
        let kid = header.kid.as_deref();
        if let (Keys::Remote(remote), Some(kid)) = (&self.keys, kid)
            && !keys.knows(kid)
        {
            keys = remote.refetched().await.unwrap_or(keys);
        }
        let payload = keys.verify(token, kid)?;
        let claims = Arc::new(self.rules.check(&payload, claims::now())?);
        self.verified.put(digest, keys.generation(), Arc::clone(&claims));
        Ok(claims)
    }
}

impl Keys {
    fn configured(settings: &JwtSettings, timing: Timing) -> anyhow::Result<Self> {
        let kinds = [
            ("JWT_SECRET", settings.jwt_secret.is_some()),
            ("JWT_PUBLIC_KEY_FILE", settings.jwt_public_key_file.is_some()),
            ("JWT_JWKS_FILE", settings.jwt_jwks_file.is_some()),
            ("JWT_JWKS_URL", settings.jwt_jwks_url.is_some()),
        ];
        let configured: Vec<&str> = kinds.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        if let [one, other, ..] = configured.as_slice() {
            bail!("{one} and {other} are both set: configure one kind of key");
        }

        if let Some(secret) = &settings.jwt_secret {
            let key = Key::from_secret(secret).context("JWT_SECRET")?;
            return Ok(Self::Fixed(Arc::new(KeySet::single(key))));
        }
        if let Some(path) = &settings.jwt_public_key_file {
            let setting = || format!("JWT_PUBLIC_KEY_FILE {}", path.display());
            let pem = std::fs::read_to_string(path).with_context(setting)?;
            let key = Key::from_pem(&pem).with_context(setting)?;
            return Ok(Self::Fixed(Arc::new(KeySet::single(key))));
        }
        if let Some(path) = &settings.jwt_jwks_file {
            let setting = || format!("JWT_JWKS_FILE {}", path.display());
            let json = std::fs::read(path).with_context(setting)?;
            let keys = KeySet::from_jwks(&json, Source::File, 0).with_context(setting)?;
            return Ok(Self::Fixed(Arc::new(keys)));
        }
        if let Some(url) = &settings.jwt_jwks_url {
            let remote = RemoteKeys::new(url, timing).context("JWT_JWKS_URL")?;
            return Ok(Self::Remote(Arc::new(remote)));
        }
        Ok(Self::Unconfigured)
    }
}
