//! A key that JWTs are verified with. It is good for one algorithm, whatever a token's header says (RFC 8725 §3.1).

use anyhow::{Context, bail, ensure};
use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Validation,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::{Map, Value};

use super::{BAD_SIGNATURE, MALFORMED, Refusal, WRONG_ALGORITHM};
use crate::config::Secret;

/// RFC 7518 §3.2: an HMAC key is at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;
/// RFC 7518 §3.3 wants 2048 bits or more; the RSA implementation stops at 4096.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;

const UNREADABLE: &str = "its type (kty, crv) is not supported, or its numbers are not base64url";

/// Where a JSON Web Key Set comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Ours alone: may hold secret keys.
    File,
    /// Anyone's to read.
    Url,
}

/// One key with its algorithm.
pub(super) struct Key {
    kid: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl Key {
    /// An HS256 key. Errors say that the secret is too short.
    pub(super) fn from_secret(secret: &Secret) -> anyhow::Result<Self> {
        let secret = secret.expose().as_bytes();
        Self::symmetric(None, DecodingKey::from_secret(secret))
    }

    /// The one public key in a PEM file: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    /// Errors say what is in the file instead.
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
        // As a JWK, so that one piece of code decides what is good.
        Self::from_jwk(&Jwk::from_decoding_key(&key, None)?, Source::File)
    }

    /// RFC 7517 §4 and RFC 7518 §6. Errors say why the key is not for us.
    pub(super) fn from_jwk(jwk: &Jwk, source: Source) -> anyhow::Result<Self> {
        let common = &jwk.common;
        if !matches!(common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            bail!("it is not for signatures (use)");
        }
        if common.key_operations.as_ref().is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            bail!("it is not for verification (key_ops)");
        }
        // Without the cause: it may quote the key.
        let Ok(key) = DecodingKey::from_jwk(jwk) else { bail!(UNREADABLE) };
        let kid = common.key_id.clone();
        match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => {
                ensure_algorithm(jwk, KeyAlgorithm::RS256)?;
                let modulus = match key.kind() {
                    DecodingKeyKind::RsaModulusExponent { n, .. } => n.iter().skip_while(|byte| **byte == 0).count(),
                    DecodingKeyKind::SecretOrDer(_) => 0,
                };
                ensure!(RSA_MODULUS_BYTES.contains(&modulus), "an RSA key must have 2048 to 4096 bits");
                Self::new(kid, key, Algorithm::RS256)
            }
            AlgorithmParameters::EllipticCurve(parameters) => {
                ensure!(parameters.curve == EllipticCurve::P256, "of the EC curves only P-256 is supported");
                ensure_algorithm(jwk, KeyAlgorithm::ES256)?;
                Self::new(kid, key, Algorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(parameters) => {
                ensure!(parameters.curve == EllipticCurve::Ed25519, "of the OKP curves only Ed25519 is supported");
                ensure_algorithm(jwk, KeyAlgorithm::EdDSA)?;
                // The library slices without looking.
                ensure!(key.try_get_as_bytes()?.len() == 32, "an Ed25519 key has 32 bytes");
                Self::new(kid, key, Algorithm::EdDSA)
            }
            AlgorithmParameters::OctetKey(_) => {
                ensure!(source == Source::File, "a secret key that is published is no secret");
                ensure_algorithm(jwk, KeyAlgorithm::HS256)?;
                Self::symmetric(kid, key)
            }
            _ => bail!(UNREADABLE),
        }
    }

    fn symmetric(kid: Option<String>, key: DecodingKey) -> anyhow::Result<Self> {
        let bytes = key.try_get_as_bytes()?.len();
        ensure!(bytes >= MIN_SECRET_BYTES, "has {bytes} bytes; HS256 needs at least {MIN_SECRET_BYTES}");
        Self::new(kid, key, Algorithm::HS256)
    }

    fn new(kid: Option<String>, key: DecodingKey, algorithm: Algorithm) -> anyhow::Result<Self> {
        // Finds a point that is not on its curve now rather than at every token.
        jsonwebtoken::crypto::verify("", b"", &key, algorithm).context("the key itself is not valid")?;
        let mut validation = Validation::new(algorithm);
        // The library checks the signature. The claims are checked in claims.rs, more strictly.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(Self { kid, key, validation })
    }

    /// What this key's owner calls it (RFC 7517 §4.5).
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The payload of a token that this key signed.
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

/// A JWK may leave `alg` out (RFC 7517 §4.4), not ask for another one.
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
    fn the_type_of_a_pem_key_decides_its_algorithm() {
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
    fn a_pem_file_with_anything_else_is_refused() {
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
    fn a_secret_has_at_least_32_bytes() {
        assert!(Key::from_secret(&Secret::new("s".repeat(32))).is_ok());
        assert!(refusal(Key::from_secret(&Secret::new("s".repeat(31)))).contains("31 bytes"));
    }
}
