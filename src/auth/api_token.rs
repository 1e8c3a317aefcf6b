//! API tokens: `cdk_`, 30 random characters and a checksum of 6, all base62 (contract §6).

use std::fmt;

use data_encoding::HEXLOWER;
use rand::{
    distr::{Alphanumeric, SampleString},
    rand_core::UnwrapErr,
    rngs::SysRng,
};
use sha2::{Digest, Sha256};

/// 62^30 is more than 2^178.
const RANDOM_CHARS: usize = 30;
/// 62^6 is more than 2^32: a CRC-32 always fits.
const CHECKSUM_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A token in the clear: shown once to its owner, never stored, never printed by accident.
#[derive(Clone)]
pub struct ApiToken(String);

impl ApiToken {
    /// What every API token starts with. It lets secret scanners find leaked ones.
    pub const PREFIX: &str = "cdk_";

    /// A new token from the operating system's random numbers. Panics if the system has none to give.
    pub fn generate() -> Self {
        let random = Alphanumeric.sample_string(&mut UnwrapErr(SysRng), RANDOM_CHARS);
        let checksum = checksum(&random);
        Self(format!("{}{random}{checksum}", Self::PREFIX))
    }

    /// Reads a token; `None` unless prefix, length, alphabet and checksum are right.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(Self::PREFIX)?;
        if body.len() != RANDOM_CHARS + CHECKSUM_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (random, given) = body.split_at_checked(RANDOM_CHARS)?;
        (given == checksum(random)).then(|| Self(text.to_owned()))
    }

    /// What the database keeps in the token's stead. No salt: 178 random bits can't be guessed.
    pub fn hash(&self) -> TokenHash {
        TokenHash(HEXLOWER.encode(&Sha256::digest(&self.0)))
    }

    /// The token itself, for its owner's eyes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[API token]")
    }
}

/// SHA-256 of an API token, 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// CRC-32 in base62, padded with zeros. It tells a mistyped token from an unknown one; it keeps nobody out.
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
    fn a_generated_token_parses_and_no_two_are_alike() {
        let tokens: std::collections::HashSet<String> =
            (0..100).map(|_| ApiToken::generate().expose().to_owned()).collect();
        assert_eq!(tokens.len(), 100);
        for token in &tokens {
            assert_eq!(token.len(), 40);
            assert_eq!(ApiToken::parse(token).unwrap().expose(), token);
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let token = ApiToken::generate();
        for position in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            assert!(ApiToken::parse(std::str::from_utf8(&bytes).unwrap()).is_none(), "position {position}");
        }
    }

    #[test]
    fn wrong_length_prefix_or_alphabet_is_refused() {
        let token = ApiToken::generate();
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
            assert!(ApiToken::parse(&text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_format_stays_as_it_is() {
        // CRC-32 of thirty zeros and SHA-256 of the token, both computed with Python's zlib and hashlib.
        let token = ApiToken::parse("cdk_0000000000000000000000000000002C8GjS").unwrap();
        assert_eq!(token.hash().as_str(), "fe126975773796c8ea0c20ebeb646162556adb7be14dc9ec79717f8d1ffafcce");
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let token = ApiToken::generate();
        assert_eq!(format!("{token:?}"), "[API token]");
    }
}
