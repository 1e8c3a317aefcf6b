//! The header `Stripe-Signature: t=…,v1=…`, an HMAC-SHA256 over timestamp and body (Stripe's documentation, "Verify
//! webhook signatures manually").
//!
//! Anybody can send a header, and an HMAC over 1 MiB takes milliseconds. So the header is limited and its timestamp
//! checked before anything is hashed, and the number of HMACs depends on the configured secrets alone.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{Context, HMAC_SHA256, Key, Tag},
};
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::{
    config::Secret,
    error::{Error, Result},
};

/// Largest difference in seconds between the timestamp and our clock, so that a recorded request can't be replayed
/// later. Stripe's own libraries use the same value.
const TOLERANCE: i64 = 300;
/// Most bytes of the header. Eight signatures of each of two schemes take about 1,100.
const HEADER_BYTES: usize = 2048;
/// Most `v1` entries. Stripe sends one for each active secret of an endpoint: one, or two while a secret is rotated.
const SIGNATURES: usize = 8;

/// A header whose timestamp is within tolerance.
#[derive(Debug)]
struct Header<'a> {
    /// The timestamp as it is signed.
    time: &'a str,
    /// The well-formed signatures of the scheme `v1`.
    signatures: Vec<Vec<u8>>,
}

/// Verifies the signature of a payload with any of the secrets. `now` is in seconds since the Unix epoch.
///
/// # Errors
/// BAD_REQUEST if no signature is valid, the timestamp is out of tolerance or the header exceeds its limits. The message
/// does not say which.
pub fn verify(payload: &[u8], header: &str, secrets: &[Secret], now: i64) -> Result<()> {
    let header = Header::read(header, now);
    let is_valid = header.is_some_and(|header| header.matches(secrets, |secret| sign(secret, header.time, payload)));
    if is_valid { Ok(()) } else { Err(Error::InvalidRequest("the signature is not valid")) }
}

impl<'a> Header<'a> {
    /// None for a header that can't be valid, whatever the payload.
    fn read(header: &'a str, now: i64) -> Option<Self> {
        if header.len() > HEADER_BYTES {
            return None;
        }
        let field = |name: &'static str| {
            let fields = header.split(',').filter_map(|part| part.trim().split_once('='));
            fields.filter(move |(key, _)| *key == name).map(|(_, value)| value)
        };
        let time = field("t").next()?;
        let age = now.checked_sub(time.parse().ok()?)?;
        if !(-TOLERANCE..=TOLERANCE).contains(&age) || field("v1").count() > SIGNATURES {
            return None;
        }
        let signatures = field("v1").filter_map(|digits| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()).collect();
        Some(Self { time, signatures })
    }

    /// Whether a signature is that of a secret. `sign` is called exactly once for each secret.
    fn matches(&self, secrets: &[Secret], sign: impl FnMut(&Secret) -> Tag) -> bool {
        let expected: Vec<Tag> = secrets.iter().map(sign).collect();
        let equals = |signature: &Vec<u8>, tag: &Tag| verify_slices_are_equal(signature, tag.as_ref()).is_ok();
        self.signatures.iter().any(|signature| expected.iter().any(|tag| equals(signature, tag)))
    }
}

fn sign(secret: &Secret, time: &str, payload: &[u8]) -> Tag {
    let mut context = Context::with_key(&Key::new(HMAC_SHA256, secret.expose().as_bytes()));
    for part in [time.as_bytes(), b".", payload] {
        context.update(part);
    }
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn entry(scheme: &str, tag: &Tag) -> String {
        format!("{scheme}={}", HEXLOWER_PERMISSIVE.encode(tag.as_ref()))
    }

    /// The number of HMACs that the verification of a header takes, and whether a signature matches.
    fn verified(header: &str, secrets: &[Secret]) -> (usize, bool) {
        let mut hmacs = 0;
        let matches = Header::read(header, NOW).is_some_and(|header| {
            header.matches(secrets, |secret| {
                hmacs += 1;
                sign(secret, header.time, b"{}")
            })
        });
        (hmacs, matches)
    }

    #[test]
    fn each_secret_is_hashed_once_for_any_number_of_signatures() {
        let secrets = ["one", "two", "three"].map(Secret::new);
        let time = NOW.to_string();
        let valid = entry("v1", &sign(&secrets[1], &time, b"{}"));
        let wrong = entry("v1", &sign(&Secret::new("other"), &time, b"{}"));
        let header = |entries: Vec<&str>| format!("t={time},{}", entries.join(","));
        for (entries, expected) in [
            (vec![valid.as_str()], (3, true)),
            (vec![wrong.as_str()], (3, false)),
            ([vec![wrong.as_str(); 7], vec![valid.as_str()]].concat(), (3, true)),
            (vec![wrong.as_str(); 8], (3, false)),
            (vec![valid.as_str(); 9], (0, false)),
        ] {
            assert_eq!(verified(&header(entries.clone()), &secrets), expected, "{entries:?}");
        }
    }

    #[test]
    fn nothing_is_hashed_before_length_and_timestamp_are_checked() {
        let secrets = [Secret::new("one")];
        let signed = |time: i64| format!("t={time},{}", entry("v1", &sign(&secrets[0], &time.to_string(), b"{}")));
        assert_eq!(verified(&signed(NOW), &secrets), (1, true));
        for time in [NOW - 301, NOW + 301, i64::MIN, i64::MAX] {
            assert_eq!(verified(&signed(time), &secrets), (0, false), "{time}");
        }
        let padded = |bytes: usize| format!("{},v0={}", signed(NOW), "0".repeat(bytes - signed(NOW).len() - 4));
        assert_eq!(verified(&padded(2048), &secrets), (1, true));
        assert_eq!(verified(&padded(2049), &secrets), (0, false));
    }
}
