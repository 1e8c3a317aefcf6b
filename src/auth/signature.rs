//! The signature of a JWT, with keys that may have to be fetched first.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    jwks::RemoteKeys,
    key_set::KeySet,
    refusal::{CRITICAL_HEADER, MALFORMED, Refusal},
};

/// What a token with a valid signature says, and the keys that verified it.
pub(super) struct Signed {
    /// Its claims, not yet checked.
    pub payload: Map<String, Value>,
    /// The keys, which may be newer than those at hand.
    pub keys: Arc<KeySet>,
}

/// Verifies the signature of a token. If it names an unknown key, the keys are fetched again from where they came.
///
/// # Errors
/// No key of ours has signed it.
pub(super) async fn verify(
    token: &str,
    mut keys: Arc<KeySet>,
    source: Option<&Arc<RemoteKeys>>,
) -> Result<Signed, Refusal> {
    let Ok(header) = jsonwebtoken::decode_header(token) else { return Err(MALFORMED) };
    // RFC 7515 §4.1.11: a token with a critical extension that is not understood is invalid.
    if header.crit.is_some() {
        return Err(CRITICAL_HEADER);
    }
    let kid = header.kid.as_deref();
    if let (Some(source), Some(kid)) = (source, kid)
        && !keys.knows(kid)
    {
        keys = source.refetched().await.unwrap_or(keys);
    }
    let payload = keys.verify(token, kid)?;
    Ok(Signed { payload, keys })
}
