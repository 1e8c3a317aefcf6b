//! The text of API tokens: `cdk_`, 30 random base62 characters, and a base62 checksum of 6.

use std::fmt;

use data_encoding::HEXLOWER;
use rand::{
    distr::{Alphanumeric, SampleString},
    rand_core::UnwrapErr,
    rngs::SysRng,
};
use sha2::{Digest, Sha256};

/// 62^30 is more than 2^178.
pub(super) const RANDOM_CHARS: usize = 30;
/// Of a token whose last 3 characters are shown, more than 2^160 remain possible.
const HINT_CHARS: usize = 3;
/// 62^6 is more than 2^32: a CRC-32 always fits.
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API token in plain text. It is shown once to its owner and never stored; its `Debug` output does not contain it.
#[derive(Clone)]
pub struct PlainToken(String);

impl PlainToken {
    /// The prefix of every API token. Secret scanners find leaked tokens by it.
    pub const PREFIX: &str = "cdk_";

    /// Generates a token with random numbers of the operating system. Panics when the operating system has none.
    pub fn generate() -> Self {
        let random = random_chars();
        let checksum = checksum(&random);
        Self(format!("{}{random}{checksum}", Self::PREFIX))
    }

    /// Parses a token. None unless prefix, length, alphabet and checksum are correct.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(Self::PREFIX)?;
        if body.len() != RANDOM_CHARS + CHECKSUM_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (random, given) = body.split_at_checked(RANDOM_CHARS)?;
        (given == checksum(random)).then(|| Self(text.to_owned()))
    }

    /// The hash that the database stores instead of the token. It needs no salt: 178 random bits can't be guessed.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The last characters, by which its owner knows it from others.
    pub fn hint(&self) -> &str {
        let start = self.0.len().saturating_sub(HINT_CHARS);
        self.0.get(start..).unwrap_or_default()
    }

    /// The token itself, to be shown to its owner only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[API token]")
    }
}

/// SHA-256 of an API token, 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a secret.
    pub(super) fn of(secret: &str) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(secret)))
    }

    /// The hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 30 random characters of base62. Panics when the operating system has no random numbers.
pub(super) fn random_chars() -> String {
    Alphanumeric.sample_string(&mut UnwrapErr(SysRng), RANDOM_CHARS)
}

/// CRC-32 in base62, padded with zeros. It distinguishes a mistyped token from an unknown one; it is not a protection.
fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes());
    let mut digits = ['0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = base62_digit(rest % 62);
        rest /= 62;
    }
    digits.iter().collect()
}

fn base62_digit(value: u32) -> char {
    let digit = usize::try_from(value).ok().and_then(|value| BASE62.get(value));
    digit.map_or('0', |digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_tokens_parse_and_are_unique() {
        let tokens: std::collections::HashSet<String> =
            (0..100).map(|_| PlainToken::generate().expose().to_owned()).collect();
        assert_eq!(tokens.len(), 100);
        for token in &tokens {
            assert_eq!(token.len(), 40);
            assert_eq!(PlainToken::parse(token).unwrap().expose(), token);
        }
    }

    #[test]
    fn changing_any_character_invalidates_the_token() {
        let token = PlainToken::generate();
        for position in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            assert!(PlainToken::parse(std::str::from_utf8(&bytes).unwrap()).is_none(), "position {position}");
        }
    }

    #[test]
    fn wrong_length_prefix_or_alphabet_is_refused() {
        let token = PlainToken::generate();
        let token = token.expose();
        let body = token.strip_prefix("cdk_").unwrap();
        let wrong = [
            String::new(),
            "cdk_".to_owned(),
            body.to_owned(),
            format!("CDK_{body}"),
            format!("{token}0"),
            format!(" {token}"),
            format!("{token}\n"),
            token.chars().take(39).collect(),
            format!("cdk_{}", "é".repeat(18)),
            format!("cdk_{}", "-".repeat(36)),
        ];
        for text in wrong {
            assert!(PlainToken::parse(&text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_format_is_stable() {
        // CRC-32 of thirty zeros and SHA-256 of the token, both computed with Python's zlib and hashlib.
        let token = PlainToken::parse("cdk_0000000000000000000000000000002C8GjS").unwrap();
        assert_eq!(token.hash().as_str(), "fe126975773796c8ea0c20ebeb646162556adb7be14dc9ec79717f8d1ffafcce");
    }

    #[test]
    fn debug_output_does_not_contain_the_token() {
        let token = PlainToken::generate();
        assert_eq!(format!("{token:?}"), "[API token]");
    }
}
