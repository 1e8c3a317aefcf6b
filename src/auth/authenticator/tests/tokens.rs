//! Which tokens the configured keys accept.

use super::*;

/// A token assembled from parts of other tokens.
fn forge(header: &str, payload: &str, signature: &str) -> String {
    format!("{header}.{payload}.{signature}")
}

fn parts(token: &str) -> [String; 3] {
    token.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

fn error(settings: &JwtSettings) -> String {
    format!("{:#}", Authenticator::new(settings).err().unwrap())
}

#[tokio::test]
async fn a_request_without_a_token_is_anonymous() {
    let authenticator = Authenticator::new(&with_secret()).unwrap();
    assert!(matches!(authenticator.authenticate(None).await, Credential::Anonymous));
    assert_eq!(verify(&authenticator, "").await, Err(MALFORMED));
}

#[tokio::test]
async fn api_tokens_are_recognised_by_prefix_and_checksum() {
    let authenticator = Authenticator::new(&JwtSettings::default()).unwrap();
    let token = PlainToken::generate();
    match authenticator.authenticate(Some(token.expose())).await {
        Credential::ApiToken(hash) => assert_eq!(hash, token.hash()),
        other => panic!("{other:?}"),
    }
    let mistyped = format!("{}x", token.expose());
    assert_eq!(verify(&authenticator, &mistyped).await, Err(BAD_API_TOKEN));
}

#[tokio::test]
async fn without_keys_no_jwt_is_accepted() {
    let authenticator = Authenticator::new(&JwtSettings::default()).unwrap();
    let token = sign_with_secret(SECRET.as_bytes(), &valid_claims());
    assert_eq!(verify(&authenticator, &token).await, Err(NOT_ACCEPTED));
    assert_eq!(authenticator.check_keys().await.unwrap(), 0);
}

#[test]
fn two_kinds_of_key_are_refused_by_name() {
    let settings = JwtSettings { jwt_jwks_url: Some("https://id.example.com".into()), ..with_secret() };
    let error = error(&settings);
    assert!(error.contains("JWT_SECRET") && error.contains("JWT_JWKS_URL"), "{error}");
}

#[test]
fn errors_name_the_wrong_setting_without_its_secret() {
    let short = JwtSettings { jwt_secret: Some(crate::config::Secret::new("hunter2")), ..JwtSettings::default() };
    assert!(error(&short).contains("JWT_SECRET") && !error(&short).contains("hunter2"));
    assert!(error(&with_pem("missing")).contains("JWT_PUBLIC_KEY_FILE"));
    assert!(error(&with_pem("p384")).contains("JWT_PUBLIC_KEY_FILE"));
    let no_set = JwtSettings { jwt_jwks_file: Some(fixture("README.md").into()), ..JwtSettings::default() };
    assert!(error(&no_set).contains("JWT_JWKS_FILE"));
    let plain = JwtSettings { jwt_jwks_url: Some("http://id.example.com/jwks".into()), ..JwtSettings::default() };
    assert!(error(&plain).contains("JWT_JWKS_URL"));
}

#[tokio::test]
async fn every_kind_of_key_accepts_its_own_tokens() {
    let claims = json!({"sub": "auth0|1", "exp": claims::now() + 600, "name": "Ada", "email": "ada@example.com"});
    let secret = Authenticator::new(&with_secret()).unwrap();
    let accepted = verify(&secret, &sign_with_secret(SECRET.as_bytes(), &claims)).await.unwrap();
    assert_eq!(accepted.subject, "auth0|1");
    assert_eq!(accepted.name.as_deref(), Some("Ada"));
    assert_eq!(accepted.email.as_deref(), Some("ada@example.com"));
    assert_eq!(accepted.image, None);

    let jwks = Authenticator::new(&with_jwks()).unwrap();
    for name in ["rsa", "ec", "ed"] {
        let pem = Authenticator::new(&with_pem(name)).unwrap();
        assert_eq!(pem.check_keys().await.unwrap(), 1);
        // A single key accepts any key id, a set only the right one.
        for kid in [None, Some("whatever"), Some(name)] {
            assert_eq!(verify(&pem, &sign(name, kid, &claims)).await.unwrap(), accepted, "{name} {kid:?}");
        }
        assert_eq!(verify(&jwks, &sign(name, Some(name), &claims)).await.unwrap(), accepted, "{name}");
    }
}

#[tokio::test]
async fn leading_zeros_of_an_rsa_key_do_not_matter() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let mut key = jwk("rsa", "padded");
    for number in ["n", "e"] {
        let bytes = URL_SAFE_NO_PAD.decode(key[number].as_str().unwrap()).unwrap();
        key[number] = URL_SAFE_NO_PAD.encode([&[0, 0], bytes.as_slice()].concat()).into();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({"keys": [key]}).to_string()).unwrap();
    let settings = JwtSettings { jwt_jwks_file: Some(file.path().into()), ..JwtSettings::default() };
    let authenticator = Authenticator::new(&settings).unwrap();
    assert!(verify(&authenticator, &sign("rsa", Some("padded"), &valid_claims())).await.is_ok());
}

#[tokio::test]
async fn with_several_keys_a_token_must_name_its_key() {
    let jwks = Authenticator::new(&with_jwks()).unwrap();
    let claims = valid_claims();
    assert_eq!(verify(&jwks, &sign("ed", None, &claims)).await, Err(UNKNOWN_KEY));
    assert_eq!(verify(&jwks, &sign("ed", Some("other"), &claims)).await, Err(UNKNOWN_KEY));
    assert_eq!(verify(&jwks, &sign("ed", Some("ec"), &claims)).await, Err(WRONG_ALGORITHM));
    assert_eq!(verify(&jwks, &sign("ed_other", Some("ed"), &claims)).await, Err(BAD_SIGNATURE));
    // Two keys have this id; each is tried.
    assert!(verify(&jwks, &sign("ec", Some("shared"), &claims)).await.is_ok());
    assert!(verify(&jwks, &sign("ed", Some("shared"), &claims)).await.is_ok());
}

#[tokio::test]
async fn the_algorithm_none_is_refused() {
    // {"alg":"none","typ":"JWT"}, {"alg":"NONE"}, {"alg":"nOnE"} and {}
    let headers = ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOT05FIn0", "eyJhbGciOiJuT25FIn0", "e30"];
    for settings in [with_secret(), with_pem("rsa"), with_jwks()] {
        let authenticator = Authenticator::new(&settings).unwrap();
        let [_, payload, signature] = parts(&sign_with_secret(SECRET.as_bytes(), &valid_claims()));
        for header in headers {
            for signature in ["", &signature] {
                let token = forge(header, &payload, signature);
                assert_eq!(verify(&authenticator, &token).await, Err(MALFORMED), "{token}");
            }
        }
    }
}

#[tokio::test]
async fn a_public_key_is_not_accepted_as_an_hmac_secret() {
    for name in ["rsa", "ec", "ed"] {
        let authenticator = Authenticator::new(&with_pem(name)).unwrap();
        let pem = std::fs::read_to_string(fixture(&format!("{name}_public.pem"))).unwrap();
        for secret in [pem.as_bytes(), pem.trim().as_bytes(), b""] {
            let token = sign_with_secret(secret, &valid_claims());
            assert_eq!(verify(&authenticator, &token).await, Err(WRONG_ALGORITHM));
        }
    }
}

#[tokio::test]
async fn other_algorithms_of_the_same_key_are_refused() {
    let rsa = Authenticator::new(&with_pem("rsa")).unwrap();
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = encode(&Header::new(algorithm), &valid_claims(), &private_key("rsa")).unwrap();
        assert_eq!(verify(&rsa, &token).await, Err(WRONG_ALGORITHM));
    }
    let secret = Authenticator::new(&with_secret()).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::new(Algorithm::HS512), &valid_claims(), &key).unwrap();
    assert_eq!(verify(&secret, &token).await, Err(WRONG_ALGORITHM));
}

#[tokio::test]
async fn a_tampered_token_is_refused() {
    let authenticator = Authenticator::new(&with_pem("ed")).unwrap();
    let mut claims = valid_claims();
    let [header, payload, signature] = parts(&sign("ed", None, &claims));
    claims["sub"] = "admin".into();
    let [_, other_payload, other_signature] = parts(&sign("ed", None, &claims));
    let [_, _, foreign] = parts(&sign("ed_other", None, &claims));

    for token in [
        forge(&header, &other_payload, &signature),
        forge(&header, &payload, &other_signature),
        forge(&header, &other_payload, &foreign),
        forge(&header, &payload, ""),
        forge(&header, &payload, "AAAA"),
    ] {
        assert_eq!(verify(&authenticator, &token).await, Err(BAD_SIGNATURE), "{token}");
    }
    for token in [
        forge("", &payload, &signature),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!(" {header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        "...".to_owned(),
        "not a token".to_owned(),
    ] {
        assert_eq!(verify(&authenticator, &token).await, Err(MALFORMED), "{token}");
    }
}

#[tokio::test]
async fn a_key_in_the_header_is_not_used() {
    let authenticator = Authenticator::new(&with_pem("ed")).unwrap();
    let key = private_key("ed_other");
    let header = Header {
        jwk: Some(Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap()),
        jku: Some("https://evil.example.com/jwks".into()),
        ..Header::new(Algorithm::EdDSA)
    };
    let token = encode(&header, &valid_claims(), &key).unwrap();
    assert_eq!(verify(&authenticator, &token).await, Err(BAD_SIGNATURE));
}

#[tokio::test]
async fn critical_header_extensions_are_refused() {
    let authenticator = Authenticator::new(&with_pem("ed")).unwrap();
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::EdDSA) };
    let token = encode(&header, &valid_claims(), &private_key("ed")).unwrap();
    assert_eq!(verify(&authenticator, &token).await, Err(CRITICAL_HEADER));
}

#[tokio::test]
async fn an_oversized_token_is_refused_before_it_is_verified() {
    let authenticator = Authenticator::new(&with_secret()).unwrap();
    let mut claims = valid_claims();
    claims["pad"] = "p".repeat(5000).into();
    assert!(verify(&authenticator, &sign_with_secret(SECRET.as_bytes(), &claims)).await.is_ok());
    claims["pad"] = "p".repeat(6100).into();
    assert_eq!(verify(&authenticator, &sign_with_secret(SECRET.as_bytes(), &claims)).await, Err(TOO_LONG));
    assert_eq!(verify(&authenticator, &format!("cdk_{}", "0".repeat(9000))).await, Err(TOO_LONG));
}

#[tokio::test]
async fn claims_that_break_a_rule_are_refused() {
    let settings = JwtSettings {
        jwt_issuer: Some("https://id.example.com".into()),
        jwt_audience: vec!["api".into()],
        jwt_authorized_parties: vec!["https://app.example.com".into()],
        ..with_secret()
    };
    let authenticator = Authenticator::new(&settings).unwrap();
    let now = claims::now();
    let good = json!({
        "sub": "user_1", "exp": now + 600, "nbf": now - 5, "iss": "https://id.example.com",
        "aud": ["web", "api"], "azp": "https://app.example.com"
    });
    let verdict = async |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        verify(&authenticator, &sign_with_secret(SECRET.as_bytes(), &claims)).await
    };

    for (claim, value) in [("exp", json!(now - 20)), ("nbf", json!(now + 20)), ("aud", json!("api"))] {
        assert!(verdict(claim, value.clone()).await.is_ok(), "{claim} {value}");
    }
    for (claim, value) in [
        ("exp", json!(now - 40)),
        ("exp", json!(null)),
        ("exp", json!((now + 600).to_string())),
        ("nbf", json!(now + 100)),
        ("nbf", json!("0")),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("sub", json!("")),
        ("iss", json!(null)),
        ("iss", json!("https://evil.example.com")),
        ("iss", json!(["https://id.example.com"])),
        ("aud", json!(null)),
        ("aud", json!("web")),
        ("aud", json!({"api": 1})),
        ("azp", json!(null)),
        ("azp", json!("https://evil.example.com")),
    ] {
        assert!(verdict(claim, value.clone()).await.is_err(), "{claim} {value}");
    }
}

#[tokio::test]
async fn a_payload_that_is_not_an_object_is_refused() {
    let authenticator = Authenticator::new(&with_secret()).unwrap();
    for payload in [json!([]), json!(["user_1", 1]), json!("user_1"), json!(null)] {
        let token = sign_with_secret(SECRET.as_bytes(), &payload);
        assert_eq!(verify(&authenticator, &token).await, Err(MALFORMED), "{payload}");
    }
    let empty = sign_with_secret(SECRET.as_bytes(), &json!({}));
    assert!(verify(&authenticator, &empty).await.is_err());
}

#[tokio::test]
async fn a_verified_token_is_cached_until_it_expires() {
    let authenticator = Authenticator::new(&with_secret()).unwrap();
    let token = sign_with_secret(SECRET.as_bytes(), &valid_claims());
    let first = verify(&authenticator, &token).await.unwrap();
    let second = verify(&authenticator, &token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));

    let expired = Claims { expires_at: claims::now() - 31, ..Claims::clone(&first) };
    authenticator.verified.put(Sha256::digest(&token).into(), 0, Arc::new(expired));
    assert_eq!(verify(&authenticator, &token).await, Err(claims::EXPIRED));
}
