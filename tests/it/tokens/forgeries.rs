//! Common attacks on JWTs.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use super::{assert_accepted_as, assert_refused, fixture, private_key, sign, with_keys};
use crate::support::{Backend, Builder, SECRET, claims, hs256};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[tokio::test]
async fn the_algorithm_none_is_refused() {
    let servers = [
        Builder::new(Backend::Sqlite),
        with_keys("jwt-public-key-file", &fixture("rsa_public.pem")),
        with_keys("jwt-jwks-file", &fixture("jwks.json")),
    ];
    for server in servers {
        let app = server.start().await;
        let payload = part(&claims("user_1"));
        let [_, _, signature] = parts(&hs256(&claims("user_1")));
        for algorithm in [json!("none"), json!("None"), json!("NONE"), json!("nOnE"), json!(""), json!(null)] {
            let header = part(&json!({"alg": algorithm, "typ": "JWT"}));
            for signature in ["", &signature] {
                assert_refused(&app, &format!("{header}.{payload}.{signature}"), "well-formed").await;
            }
        }
    }
}

#[tokio::test]
async fn a_public_key_is_not_accepted_as_an_hmac_secret() {
    for name in ["rsa", "ec", "ed"] {
        let path = fixture(&format!("{name}_public.pem"));
        let app = with_keys("jwt-public-key-file", &path).start().await;
        let pem = std::fs::read_to_string(&path).unwrap();
        for secret in [pem.as_bytes(), pem.trim().as_bytes(), b""] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let key = EncodingKey::from_secret(secret);
                let token = encode(&Header::new(algorithm), &claims("user_1"), &key).unwrap();
                assert_refused(&app, &token, "algorithm of its key").await;
            }
        }
    }
}

#[tokio::test]
async fn a_key_accepts_one_algorithm() {
    let app = with_keys("jwt-public-key-file", &fixture("rsa_public.pem")).start().await;
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let token = encode(&Header::new(algorithm), &claims("user_1"), &private_key("rsa").0).unwrap();
        assert_refused(&app, &token, "algorithm of its key").await;
    }
    let app = Builder::new(Backend::Sqlite).start().await;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::new(Algorithm::HS512), &claims("user_1"), &key).unwrap();
    assert_refused(&app, &token, "algorithm of its key").await;
}

#[tokio::test]
async fn a_tampered_token_is_refused() {
    let app = with_keys("jwt-public-key-file", &fixture("ed_public.pem")).start().await;
    let good = sign("ed", None, &claims("user_1"));
    assert_accepted_as(&app, &good, "user_1").await;
    let [header, payload, signature] = parts(&good);
    let [_, admins, other] = parts(&sign("ed", None, &claims("root")));
    let [_, _, foreign] = parts(&sign("ed_other", None, &claims("user_1")));
    let forged = [
        format!("{header}.{admins}.{signature}"),
        format!("{header}.{payload}.{other}"),
        format!("{header}.{payload}.{foreign}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.AAAA"),
    ];
    for token in forged {
        assert_refused(&app, &token, "signature is not valid").await;
    }
    let broken = [
        format!("{header}.{payload}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        "..".to_owned(),
        "x".to_owned(),
    ];
    for token in broken {
        assert_refused(&app, &token, "well-formed").await;
    }
}

#[tokio::test]
async fn a_token_can_not_bring_its_own_key() {
    let app = with_keys("jwt-jwks-file", &fixture("jwks.json")).start().await;
    assert_accepted_as(&app, &sign("ed", Some("ed"), &claims("user_1")), "user_1").await;
    let (key, algorithm) = private_key("ed_other");
    let header = Header {
        kid: Some("ed".to_owned()),
        jwk: Some(Jwk::from_encoding_key(&key, algorithm).unwrap()),
        jku: Some("https://evil.example.com/jwks".to_owned()),
        x5u: Some("https://evil.example.com/cert".to_owned()),
        ..Header::new(algorithm)
    };
    assert_refused(&app, &encode(&header, &claims("user_1"), &key).unwrap(), "signature is not valid").await;
    for kid in ["../../etc/passwd", "' OR 1=1 --", "", "ec"] {
        let token = sign("ed_other", Some(kid), &claims("user_1"));
        let part = if kid == "ec" { "algorithm of its key" } else { "names no key" };
        assert_refused(&app, &token, part).await;
    }
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&critical, &claims("user_1"), &private_key("ed").0).unwrap();
    assert_refused(&app, &token, "header extensions").await;
}

#[tokio::test]
async fn an_oversized_token_is_refused() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let padded = |bytes: usize| {
        let mut claims = claims("user_1");
        claims["pad"] = json!("p".repeat(bytes));
        hs256(&claims)
    };
    assert_accepted_as(&app, &padded(5000), "user_1").await;
    assert_refused(&app, &padded(6100), "too long").await;
    assert_refused(&app, &padded(40_000), "too long").await;
    assert_refused(&app, &format!("cdk_{}", "0".repeat(9000)), "too long").await;
}

#[tokio::test]
async fn without_keys_no_jwt_is_accepted() {
    let app = Builder::new(Backend::Sqlite).without("jwt-secret").start().await;
    assert_refused(&app, &hs256(&claims("user_1")), "not accepted by this server").await;
}
