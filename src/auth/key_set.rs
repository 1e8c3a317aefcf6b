//! All the keys that are good at one time: a JSON Web Key Set (RFC 7517 §5), or one configured key.

use anyhow::{anyhow, ensure};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Refusal, UNKNOWN_KEY,
    key::{Key, Source},
};

/// RFC 7517 §5. The keys are read one by one, so that one we can't read costs no other.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The keys, found by the names (`kid`) that tokens call them.
pub(super) struct KeySet {
    keys: Vec<Key>,
    ignores_kid: bool,
    generation: u64,
}

impl KeySet {
    /// The one key of a server without a key set; what tokens call it doesn't matter.
    pub(super) fn single(key: Key) -> Self {
        Self { keys: vec![key], ignores_kid: true, generation: 0 }
    }

    /// Reads a JSON Web Key Set. Keys of no use are skipped, as RFC 7517 §5 recommends, with a line in the log.
    /// Errors if none is left.
    pub(super) fn from_jwks(json: &[u8], source: Source, generation: u64) -> anyhow::Result<Self> {
        // Parse errors may quote what they stumble over, which may be a key: only the place is told.
        let document: Document = serde_json::from_slice(json)
            .map_err(|error| anyhow!("is not a JSON Web Key Set (line {}, column {})", error.line(), error.column()))?;
        let mut keys = Vec::new();
        for (index, value) in document.keys.into_iter().enumerate() {
            let jwk: Result<Jwk, _> = serde_json::from_value(value);
            match jwk.map_or_else(|_| Err(anyhow!("it is not a JSON Web Key")), |jwk| Key::from_jwk(&jwk, source)) {
                Ok(key) => keys.push(key),
                Err(error) => tracing::info!(index, "JSON Web Key skipped: {error:#}"),
            }
        }
        ensure!(!keys.is_empty(), "has no key that is supported: RSA, P-256 or Ed25519 for signatures");
        Ok(Self { keys, ignores_kid: false, generation })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// A number that grows whenever the keys behind a URL change.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a token that names this key can be looked at.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.ignores_kid || self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// The payload of a token whose signature holds. Several keys may bear one name (RFC 7517 §4.5): each is tried.
    /// A token that names none is good where there is only one.
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
    fn a_key_set_keeps_what_it_can_use() {
        let rsa = jwk("rsa_private.pem", Algorithm::RS256);
        let ec = jwk("ec_private.pem", Algorithm::ES256);
        let ed = jwk("ed_private.pem", Algorithm::EdDSA);
        let good = [
            with(&rsa, json!({"kid": "a", "use": "sig", "x5c": [], "e2e": 1})),
            with(&rsa, json!({"kid": "b", "alg": null})),
            with(&ec, json!({"kid": "a", "key_ops": ["verify"]})),
            ed.clone(),
        ];
        let useless = [
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
        for jwk in &useless {
            assert!(load(std::slice::from_ref(jwk), Source::File).is_err(), "{jwk}");
        }
        let set = load(&[&useless[..], &good[..]].concat(), Source::File).unwrap();
        assert_eq!(set.len(), good.len());
        assert!(set.knows("a") && set.knows("b") && !set.knows("c") && !set.knows(""));
    }

    #[test]
    fn secret_keys_come_from_files_alone() {
        let secret = json!({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"});
        assert_eq!(load(std::slice::from_ref(&secret), Source::File).unwrap().len(), 1);
        assert!(load(std::slice::from_ref(&secret), Source::Url).is_err());
        assert!(load(&[with(&secret, json!({"alg": "HS512"}))], Source::File).is_err());
    }

    #[test]
    fn what_is_no_key_set_is_refused() {
        for json in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert!(refusal(KeySet::from_jwks(json.as_bytes(), Source::Url, 0)).contains("not a JSON Web Key Set"));
        }
        assert!(refusal(load(&[], Source::Url)).contains("no key"));
    }
}
