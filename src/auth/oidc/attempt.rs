//! An attempt to sign in by the provider. The browser keeps it in a cookie; what the provider gets to see is made from it by hashes,
//! so the server needs to remember nothing until the browser comes back.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::{
    auth::{console_secret::ConsoleSecret, plain_token::TokenHash},
    db::Timestamp,
};

/// How long an attempt may take.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How much the clocks of two servers may differ.
const SKEW: Duration = Duration::from_secs(30);

/// An attempt. Its text is `<milliseconds>.<secret>`.
pub struct Attempt {
    text: String,
    expires_at: Timestamp,
}

impl Attempt {
    /// Begins an attempt, with random numbers of the operating system.
    pub fn begin(now: Timestamp) -> Self {
        let text = format!("{}.{}", now.millis(), ConsoleSecret::generate().expose());
        Self { text, expires_at: now.plus(LONGEST) }
    }

    /// Reads the cookie of a browser. None unless it has the form of an attempt that is not over.
    pub fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (millis, secret) = cookie.split_once('.')?;
        ConsoleSecret::parse(secret)?;
        let begun_at = Timestamp::from_millis(millis.parse().ok()?)?;
        let expires_at = begun_at.plus(LONGEST);
        let is_open = begun_at <= now.plus(SKEW) && now < expires_at;
        is_open.then(|| Self { text: cookie.to_owned(), expires_at })
    }

    /// The text for the cookie.
    pub fn cookie(&self) -> &str {
        &self.text
    }

    /// How long the cookie is kept, in seconds.
    pub fn seconds() -> u64 {
        LONGEST.as_secs()
    }

    /// The hash by which the database knows that the attempt was used.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }

    /// When it is over.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// What the provider must send back with the browser (RFC 6749 §10.12).
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// What the ID token must contain (OpenID Connect Core §3.1.2.1).
    pub fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What only the sender of the code can know (RFC 7636 §4.1).
    pub fn verifier(&self) -> String {
        self.derived("verifier")
    }

    /// 43 characters that say nothing about the secret, nor about one another.
    fn derived(&self, purpose: &str) -> String {
        BASE64URL_NOPAD.encode(&Sha256::digest(format!("{purpose} {}", self.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_back_for_ten_minutes() {
        let now = Timestamp::now();
        let attempt = Attempt::begin(now);
        let read = |at| Attempt::read(attempt.cookie(), at);
        let minutes = |minutes: u64| now.plus(Duration::from_secs(60 * minutes));
        for at in [now.minus(SKEW), now, minutes(9)] {
            let read = read(at).unwrap();
            assert_eq!((read.state(), read.expires_at()), (attempt.state(), minutes(10)));
        }
        assert!(read(minutes(10)).is_none() && read(now.minus(2 * SKEW)).is_none());
    }

    #[test]
    fn what_the_provider_sees_differs_by_purpose_and_attempt() {
        let now = Timestamp::now();
        let (one, two) = (Attempt::begin(now), Attempt::begin(now));
        let mut texts = [&one, &two].map(|attempt| [attempt.state(), attempt.nonce(), attempt.verifier()]).concat();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 6);
        assert!(texts.iter().all(|text| text.len() == 43 && !text.contains(one.cookie())));
    }

    #[test]
    fn other_texts_are_no_attempts() {
        let now = Timestamp::now();
        let good = Attempt::begin(now);
        let (millis, secret) = good.cookie().split_once('.').unwrap();
        for wrong in ["", ".", millis, secret, &format!("{millis}.cdc_"), &format!("x.{secret}"), &format!(".{secret}")]
        {
            assert!(Attempt::read(wrong, now).is_none(), "{wrong:?}");
        }
    }
}
