//! The keys in use: a JSON Web Key Set (RFC 7517 §5) or one configured key.

use anyhow::{anyhow, ensure};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    key::{Key, Source},
    refusal::{Refusal, UNKNOWN_KEY},
};

/// A key set as JSON (RFC 7517 §5). The keys are parsed one by one, so that an invalid one does not affect the others.
#[derive(Deserialize)]
struct RawKeySet {
    keys: Vec<Value>,
}

/// The keys, which tokens refer to by key id (`kid`).
pub(super) struct KeySet {
    keys: Vec<Key>,
    ignores_kid: bool,
    generation: u64,
}

impl KeySet {
    /// A set of one configured key, which verifies tokens with any key id.
    pub(super) fn single(key: Key) -> Self {
        Self { keys: vec![key], ignores_kid: true, generation: 0 }
    }

    /// Parses a JSON Web Key Set. Unsupported keys are skipped, as RFC 7517 §5 recommends, and logged.
    ///
    /// # Errors
    /// The JSON is not a key set, or contains no supported key.
    pub(super) fn from_jwks(json: &[u8], source: Source, generation: u64) -> anyhow::Result<Self> {
        // A parse error may quote a part of a key, so the message gives only the position.
        let key_set: RawKeySet = serde_json::from_slice(json)
            .map_err(|error| anyhow!("is not a JSON Web Key Set (line {}, column {})", error.line(), error.column()))?;
        let mut keys = Vec::new();
        for (index, value) in key_set.keys.into_iter().enumerate() {
            let jwk: Result<Jwk, _> = serde_json::from_value(value);
            match jwk.map_or_else(|_| Err(anyhow!("it is not a JSON Web Key")), |jwk| Key::from_jwk(&jwk, source)) {
                Ok(key) => keys.push(key),
                Err(error) => tracing::info!(index, "JSON Web Key skipped: {error:#}"),
            }
        }
        ensure!(!keys.is_empty(), "has no key that is supported: RSA, P-256 or Ed25519 for signatures");
        Ok(Self { keys, ignores_kid: false, generation })
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// A number that increases whenever the keys behind a URL change.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is a key with this id.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.ignores_kid || self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Verifies a token and returns its payload. Several keys may have the same id (RFC 7517 §4.5): each is tried.
    /// A token without a key id is verified only if there is exactly one key.
    pub(super) fn verify(&self, token: &str, kid: Option<&str>) -> Result<Map<String, Value>, Refusal> {
        let is_candidate = |key: &&Key| match kid {
            _ if self.ignores_kid => true,
            Some(kid) => key.kid() == Some(kid),
            None => self.keys.len() == 1,
        };
        let mut refusal = UNKNOWN_KEY;
        for key in self.keys.iter().filter(is_candidate) {
            match key.verify(token) {
                Ok(payload) => return Ok(payload),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::json;

    use super::*;

    fn jwk(name: &str, algorithm: Algorithm) -> Value {
        let path = format!("{}/tests/fixtures/keys/{name}", env!("CARGO_MANIFEST_DIR"));
        let pem = std::fs::read(path).unwrap();
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem),
            Algorithm::ES256 => EncodingKey::from_ec_pem(&pem),
            _ => EncodingKey::from_ed_pem(&pem),
        };
        let jwk = Jwk::from_encoding_key(&key.unwrap(), algorithm).unwrap();
        serde_json::to_value(jwk).unwrap()
    }

    /// The JWK with some members replaced.
    fn with(jwk: &Value, members: Value) -> Value {
        let mut jwk = jwk.clone();
        for (name, value) in members.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    fn load(keys: &[Value], source: Source) -> anyhow::Result<KeySet> {
        KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes(), source, 0)
    }

    fn refusal(result: anyhow::Result<KeySet>) -> String {
        format!("{:#}", result.err().unwrap())
    }

    #[test]
    fn a_key_set_keeps_the_supported_keys() {
        let rsa = jwk("rsa_private.pem", Algorithm::RS256);
        let ec = jwk("ec_private.pem", Algorithm::ES256);
        let ed = jwk("ed_private.pem", Algorithm::EdDSA);
        let supported = [
            with(&rsa, json!({"kid": "a", "use": "sig", "x5c": [], "e2e": 1})),
            with(&rsa, json!({"kid": "b", "alg": null})),
            with(&ec, json!({"kid": "a", "key_ops": ["verify"]})),
            ed.clone(),
        ];
        let unsupported = [
            with(&rsa, json!({"use": "enc"})),
            with(&rsa, json!({"alg": "RS512"})),
            with(&rsa, json!({"alg": "RSA-OAEP"})),
            with(&rsa, json!({"alg": "HS256"})),
            with(&rsa, json!({"n": "AQAB"})),
            with(&rsa, json!({"n": null})),
            with(&rsa, json!({"kid": 7})),
            with(&ec, json!({"key_ops": ["sign"]})),
            with(&ec, json!({"crv": "P-384"})),
            with(&ec, json!({"crv": "secp256k1"})),
            with(&ec, json!({"y": ec["x"]})),
            with(&ec, json!({"alg": "ES512"})),
            with(&ed, json!({"x": "AQAB"})),
            with(&ed, json!({"crv": "X25519"})),
            with(&ed, json!({"alg": "RS256"})),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB"}),
            json!({"kty": "oct", "k": "c2hvcnQ"}),
            json!("a key"),
        ];
        for jwk in &unsupported {
            assert!(load(std::slice::from_ref(jwk), Source::File).is_err(), "{jwk}");
        }
        let set = load(&[&unsupported[..], &supported[..]].concat(), Source::File).unwrap();
        assert_eq!(set.len(), supported.len());
        assert!(set.knows("a") && set.knows("b") && !set.knows("c") && !set.knows(""));
    }

    #[test]
    fn secret_keys_are_accepted_from_files_only() {
        let secret = json!({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"});
        assert_eq!(load(std::slice::from_ref(&secret), Source::File).unwrap().len(), 1);
        assert!(load(std::slice::from_ref(&secret), Source::Url).is_err());
        assert!(load(&[with(&secret, json!({"alg": "HS512"}))], Source::File).is_err());
    }

    #[test]
    fn json_that_is_not_a_key_set_is_refused() {
        for json in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert!(refusal(KeySet::from_jwks(json.as_bytes(), Source::Url, 0)).contains("not a JSON Web Key Set"));
        }
        assert!(refusal(load(&[], Source::Url)).contains("no key"));
    }
}
