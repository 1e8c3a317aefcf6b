//! The secrets of the explorer: of a link that signs a browser in, and of the session that it opens.

use std::fmt;

use super::plain_token::{RANDOM_CHARS, TokenHash, random_chars};

/// A secret in plain text, which is never stored; its `Debug` output does not contain it.
#[derive(Clone)]
pub struct ConsoleSecret(String);

impl ConsoleSecret {
    /// The prefix of every secret. Secret scanners find leaked ones by it.
    pub const PREFIX: &str = "cdc_";

    /// Generates a secret with random numbers of the operating system. Panics when the operating system has none.
    pub fn generate() -> Self {
        Self(format!("{}{}", Self::PREFIX, random_chars()))
    }

    /// Parses a secret. None unless prefix, length and alphabet are correct.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(Self::PREFIX)?;
        let is_whole = random.len() == RANDOM_CHARS && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_whole.then(|| Self(text.to_owned()))
    }

    /// The hash that the database stores instead of the secret.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }

    /// The secret itself, for the link or the cookie only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConsoleSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret of the explorer]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_secrets_are_read() {
        let secret = ConsoleSecret::generate();
        let text = secret.expose();
        assert_eq!(ConsoleSecret::parse(text).unwrap().hash(), secret.hash());
        let other = text.replace("cdc_", "cdk_");
        for wrong in ["", "cdc_", &text[..33], &format!("{text}0"), &format!("{}-", &text[..33]), &other] {
            assert!(ConsoleSecret::parse(wrong).is_none(), "{wrong:?}");
        }
        assert!(!format!("{secret:?}").contains(&text[4..]));
    }
}
