//! A key that verifies JWTs. It accepts one algorithm, whatever the header of a token says (RFC 8725 §3.1).

use anyhow::{Context, bail, ensure};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::{Map, Value};

use super::refusal::{BAD_SIGNATURE, MALFORMED, Refusal, WRONG_ALGORITHM};
use crate::config::Secret;

/// RFC 7518 §3.2: an HMAC key is at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;
/// 2048 bits are the minimum of RFC 7518 §3.3; above 4096 a verification would cost too much.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

const UNREADABLE: &str = "its type (kty, crv) is not supported, or its numbers are not base64url";

/// Where a JSON Web Key Set comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A private file, which may contain secret keys.
    File,
    /// A public document.
    Url,
}

/// A key with its algorithm.
pub(super) struct Key {
    kid: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl Key {
    /// An HS256 key.
    ///
    /// # Errors
    /// The secret is too short.
    pub(super) fn from_secret(secret: &Secret) -> anyhow::Result<Self> {
        let secret = secret.expose().as_bytes();
        Self::symmetric(None, DecodingKey::from_secret(secret))
    }

    /// The public key of a PEM file: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    ///
    /// # Errors
    /// The file does not contain exactly one such key; the message says what it contains instead.
    pub(super) fn from_pem(pem: &str) -> anyhow::Result<Self> {
        let mut labels = pem.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN "));
        let label = labels.next().context("is not a PEM file")?.trim_end_matches('-');
        ensure!(labels.next().is_none(), "holds more than one PEM block; one public key is expected");
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
            "CERTIFICATE" => bail!("holds a certificate; extract its key with `openssl x509 -pubkey -noout`"),
            other if other.ends_with("PRIVATE KEY") => {
                bail!("holds a private key; extract the public one with `openssl pkey -pubout`")
            }
            other => bail!("holds a {other}; one PUBLIC KEY is expected"),
        }

        let pem = pem.as_bytes();
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .context("holds no key that is supported: RSA, P-256 or Ed25519")?;
        // Converted to a JWK, so that the same checks apply to both formats.
        Self::from_jwk(&Jwk::from_decoding_key(&key, None)?, Source::File)
    }

    /// A key of a JSON Web Key Set (RFC 7517 §4, RFC 7518 §6).
    ///
    /// # Errors
    /// The key is invalid or not supported; the message says why.
    pub(super) fn from_jwk(jwk: &Jwk, source: Source) -> anyhow::Result<Self> {
        let common = &jwk.common;
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            bail!("it is not for signatures (use)");
        }
        if common.key_operations.as_ref().is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            bail!("it is not for verification (key_ops)");
        }
        // The cause is dropped, because it may quote the key.
        let Ok(key) = DecodingKey::from_jwk(jwk) else { bail!(UNREADABLE) };
        let kid = common.key_id.clone();
        match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => {
                ensure_algorithm(jwk, KeyAlgorithm::RS256)?;
                let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else { bail!(UNREADABLE) };
                // Some providers publish leading zeros, which the verification would refuse.
                let (modulus, exponent) = (without_leading_zeros(n), without_leading_zeros(e));
                ensure!(RSA_MODULUS_BYTES.contains(&modulus.len()), "an RSA key must have 2048 to 4096 bits");
                ensure!(is_odd(modulus) && is_odd(exponent), "the key itself is not valid");
                Ok(Self::new(kid, DecodingKey::from_rsa_raw_components(modulus, exponent), Algorithm::RS256))
            }
            AlgorithmParameters::EllipticCurve(parameters) => {
                ensure!(parameters.curve == EllipticCurve::P256, "of the EC curves only P-256 is supported");
                ensure_algorithm(jwk, KeyAlgorithm::ES256)?;
                // Finds a point that is not on the curve now rather than at every token.
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.try_get_as_bytes()?)
                    .context("the key itself is not valid")?;
                Ok(Self::new(kid, key, Algorithm::ES256))
            }
            AlgorithmParameters::OctetKeyPair(parameters) => {
                ensure!(parameters.curve == EllipticCurve::Ed25519, "of the OKP curves only Ed25519 is supported");
                ensure_algorithm(jwk, KeyAlgorithm::EdDSA)?;
                ensure!(key.try_get_as_bytes()?.len() == 32, "an Ed25519 key has 32 bytes");
                Ok(Self::new(kid, key, Algorithm::EdDSA))
            }
            AlgorithmParameters::OctetKey(_) => {
                ensure!(source == Source::File, "a secret key must not be published");
                ensure_algorithm(jwk, KeyAlgorithm::HS256)?;
                Self::symmetric(kid, key)
            }
            _ => bail!(UNREADABLE),
        }
    }

    fn symmetric(kid: Option<String>, key: DecodingKey) -> anyhow::Result<Self> {
        let bytes = key.try_get_as_bytes()?.len();
        ensure!(bytes >= MIN_SECRET_BYTES, "has {bytes} bytes; HS256 needs at least {MIN_SECRET_BYTES}");
        Ok(Self::new(kid, key, Algorithm::HS256))
    }

    fn new(kid: Option<String>, key: DecodingKey, algorithm: Algorithm) -> Self {
        let mut validation = Validation::new(algorithm);
        // jsonwebtoken checks the signature only; claims.rs checks the claims, more strictly.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { kid, key, validation }
    }

    /// The key id (RFC 7517 §4.5).
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Verifies a token and returns its payload.
    pub(super) fn verify(&self, token: &str) -> Result<Map<String, Value>, Refusal> {
        match jsonwebtoken::decode(token, &self.key, &self.validation) {
            Ok(decoded) => Ok(decoded.claims),
            Err(error) => Err(match error.kind() {
                ErrorKind::InvalidAlgorithm => WRONG_ALGORITHM,
                ErrorKind::InvalidSignature => BAD_SIGNATURE,
                _ => MALFORMED,
            }),
        }
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte % 2 == 1)
}

/// `alg` is optional in a JWK (RFC 7517 §4.4), but must match if present.
fn ensure_algorithm(jwk: &Jwk, algorithm: KeyAlgorithm) -> anyhow::Result<()> {
    let named = jwk.common.key_algorithm.unwrap_or(algorithm);
    ensure!(named == algorithm, "its algorithm (alg) is not supported; {algorithm} is");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> String {
        let path = format!("{}/tests/fixtures/keys/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    fn refusal(result: anyhow::Result<Key>) -> String {
        format!("{:#}", result.err().unwrap())
    }

    #[test]
    fn the_type_of_a_pem_key_determines_its_algorithm() {
        let expected = [
            ("rsa_public.pem", Algorithm::RS256),
            ("ec_public.pem", Algorithm::ES256),
            ("ed_public.pem", Algorithm::EdDSA),
        ];
        for (name, algorithm) in expected {
            assert_eq!(Key::from_pem(&fixture(name)).unwrap().validation.algorithms, [algorithm]);
        }
    }

    #[test]
    fn a_pem_file_without_exactly_one_supported_public_key_is_refused() {
        let refused = |name| refusal(Key::from_pem(&fixture(name)));
        assert!(refused("p384_public.pem").contains("P-256"));
        assert!(refused("k256_public.pem").contains("not valid"));
        assert!(refused("rsa1024_public.pem").contains("2048"));
        assert!(refused("rsa_private.pem").contains("private key"));
        assert!(refused("README.md").contains("not a PEM file"));
        let two = fixture("ec_public.pem") + &fixture("ed_public.pem");
        assert!(refusal(Key::from_pem(&two)).contains("more than one"));
        let certificate = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
        assert!(refusal(Key::from_pem(certificate)).contains("openssl x509"));
        let broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
        assert!(refusal(Key::from_pem(broken)).contains("no key that is supported"));
    }

    #[test]
    fn a_secret_must_have_at_least_32_bytes() {
        assert!(Key::from_secret(&Secret::new("s".repeat(32))).is_ok());
        assert!(refusal(Key::from_secret(&Secret::new("s".repeat(31)))).contains("31 bytes"));
    }
}
