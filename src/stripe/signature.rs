//! `Stripe-Signature: t=…,v1=…`: an HMAC over time and body (Stripe's documentation, "Verify webhook signatures manually").

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Seconds that a message may be old, or ahead of our clock: who records one can't send it again later. Stripe's own
/// libraries allow as much.
const TOLERANCE: i64 = 300;

/// # Errors
/// BAD_REQUEST: no signature by one of the secrets, or too old a one. Which of the two is not for the sender to know.
pub fn verify(payload: &[u8], header: &str, secrets: &[Secret], now: i64) -> Result<()> {
    let refused = || Error::invalid_request("the signature is not valid");
    let field = |name: &'static str| {
        header.split(',').filter_map(|part| part.trim().split_once('=')).filter(move |(key, _)| *key == name)
    };
    let (_, time) = field("t").next().ok_or_else(refused)?;
    let age = time.parse::<i64>().ok().and_then(|time| now.checked_sub(time)).ok_or_else(refused)?;
    if !(-TOLERANCE..=TOLERANCE).contains(&age) {
        return Err(refused());
    }
    let signed = [time.as_bytes(), b".", payload].concat();
    let decode = |digits: &str| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    let good = field("v1").filter_map(|(_, digits)| decode(digits)).any(|signature| {
        secrets.iter().any(|secret| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            hmac::verify(&key, &signed, &signature).is_ok()
        })
    });
    if good { Ok(()) } else { Err(refused()) }
}
