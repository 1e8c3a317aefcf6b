//! The header `Stripe-Signature: t=…,v1=…`, an HMAC-SHA256 over timestamp and body (Stripe's documentation, "Verify
//! webhook signatures manually").

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Largest difference in seconds between the timestamp and our clock, so that a recorded request can't be replayed
/// later. Stripe's own libraries use the same value.
const TOLERANCE: i64 = 300;

/// Verifies the signature of a payload with any of the secrets. `now` is in seconds since the Unix epoch.
///
/// # Errors
/// BAD_REQUEST if no signature is valid or the timestamp is out of tolerance. The message does not say which.
pub fn verify(payload: &[u8], header: &str, secrets: &[Secret], now: i64) -> Result<()> {
    let invalid = || Error::InvalidRequest("the signature is not valid");
    let field = |name: &'static str| {
        header.split(',').filter_map(|part| part.trim().split_once('=')).filter(move |(key, _)| *key == name)
    };
    let (_, time) = field("t").next().ok_or_else(invalid)?;
    let age = time.parse::<i64>().ok().and_then(|time| now.checked_sub(time)).ok_or_else(invalid)?;
    if !(-TOLERANCE..=TOLERANCE).contains(&age) {
        return Err(invalid());
    }
    let signed = [time.as_bytes(), b".", payload].concat();
    let decode = |digits: &str| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    let is_valid = field("v1").filter_map(|(_, digits)| decode(digits)).any(|signature| {
        secrets.iter().any(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            hmac::verify(&key, &signed, &signature).is_ok()
        })
    });
    if is_valid { Ok(()) } else { Err(invalid()) }
}
