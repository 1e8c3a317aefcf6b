//! ID tokens that sign nobody in, and keys that change.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{CLIENT, Provider, SECRET, Visitor, location, refusal, signed_in, start, visit};
use crate::{
    support::{Builder, both_databases, eventually, now},
    tokens::{fixture, jwk, sign},
};

/// A token without a signature.
fn unsigned(claims: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT", "kid": "1"})), part(claims))
}

fn by_hmac(claims: &Value, secret: &[u8]) -> String {
    let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::HS256) };
    encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn by_public_key(claims: &Value) -> String {
    by_hmac(claims, &std::fs::read(fixture("rsa_public.pem")).unwrap())
}

both_databases! {
    async fn a_token_of_another_sign_in_or_client_signs_nobody_in(builder: Builder) {
        let (app, provider) = start(builder).await;
        let (issuer, hour) = (provider.url.clone(), 3600);
        for claims in [
            json!({"nonce": "another"}), json!({"nonce": null}), json!({"nonce": 7}),
            json!({"aud": "another"}), json!({"aud": []}), json!({"aud": null}),
            json!({"aud": [CLIENT, "another"], "azp": "another"}), json!({"azp": 7}),
            json!({"aud": [CLIENT, "another"]}), json!({"aud": [CLIENT, "another"], "azp": null}),
            json!({"iss": "https://id.example.com"}), json!({"iss": format!("{issuer}/")}), json!({"iss": null}),
            json!({"exp": now() - hour}), json!({"exp": null}), json!({"nbf": now() + 3600}),
            json!({"sub": null}), json!({"sub": ""}), json!({"sub": " root"}), json!({"sub": 7}),
            json!({"sts": "pending"}),
        ] {
            provider.claim(claims.clone());
            assert_eq!(refusal(&visit(&app, &provider).await), "rejected", "{claims}");
        }
        assert_eq!((app.count("sessions"), app.count("users")), (0, 0));
        for claims in [json!({}), json!({"aud": [CLIENT, "another"], "azp": CLIENT}), json!({"name": null, "email": 7, "azp": null}), json!({"aud": [CLIENT]})] {
            provider.claim(claims);
            signed_in(&app, &visit(&app, &provider).await);
        }
    }

    async fn a_token_that_the_provider_s_keys_have_not_signed_signs_nobody_in(builder: Builder) {
        let (app, provider) = start(builder).await;
        let forgeries: [fn(&Value) -> String; 7] = [
            unsigned,
            by_public_key,
            |claims| by_hmac(claims, SECRET.as_bytes()),
            |claims| by_hmac(claims, b""),
            |claims| sign("ed_other", Some("1"), claims),
            |claims| sign("rsa", Some("unknown"), claims),
            |_| "no token".to_owned(),
        ];
        for (number, forge) in forgeries.into_iter().enumerate() {
            provider.state().forge = Some(forge);
            assert_eq!(refusal(&visit(&app, &provider).await), "rejected", "forgery {number}");
        }
        assert_eq!(app.count("users"), 0);
        provider.state().forge = None;
        signed_in(&app, &visit(&app, &provider).await);
    }

    async fn new_keys_are_fetched_and_old_ones_forgotten(builder: Builder) {
        let (app, provider) = start(builder).await;
        signed_in(&app, &visit(&app, &provider).await);
        provider.state().keys = vec![jwk("ed", "3")];
        provider.state().signer = ("ed", "3");
        // The first attempts may come too soon after the first fetch.
        let mut answer = visit(&app, &provider).await;
        eventually(async || {
            let is_in = location(&answer) == "../../";
            if !is_in {
                answer = visit(&app, &provider).await;
            }
            is_in
        })
        .await;
        signed_in(&app, &answer);
        provider.state().signer = ("rsa", "1");
        assert_eq!(refusal(&visit(&app, &provider).await), "rejected");
    }

    async fn a_code_works_once_and_in_its_own_attempt(builder: Builder) {
        let (app, provider) = start(builder).await;
        let visitor = Visitor::begin(&app, &provider).await;
        let code = provider.authorize(&visitor.request);
        signed_in(&app, &visitor.come_back(&[("code", &code), ("state", visitor.state())]).await);
        let next = Visitor::begin(&app, &provider).await;
        assert_eq!(refusal(&next.come_back(&[("code", &code), ("state", next.state())]).await), "rejected");
        // The code of somebody else's attempt does not fit the verifier of one's own.
        let (own, other) = (Visitor::begin(&app, &provider).await, Visitor::begin(&app, &provider).await);
        let code = provider.authorize(&other.request);
        assert_eq!(refusal(&own.come_back(&[("code", &code), ("state", own.state())]).await), "rejected");
        let own = Visitor::begin(&app, &provider).await;
        assert_eq!(refusal(&own.come_back(&[("state", own.state())]).await), "rejected");
        let own = Visitor::begin(&app, &provider).await;
        let code = provider.authorize(&own.request);
        let mixed_up = [("code", code.as_str()), ("state", own.state()), ("iss", "https://evil.example.com")];
        assert_eq!(refusal(&own.come_back(&mixed_up).await), "rejected");
        let own_issuer = [("code", code.as_str()), ("state", own.state()), ("iss", provider.url.as_str())];
        signed_in(&app, &own.come_back(&own_issuer).await);
    }
}

#[tokio::test]
async fn an_answer_without_an_id_token_signs_nobody_in() {
    let provider = Provider::start().await;
    let app = super::by(Builder::new(crate::support::Backend::Sqlite), &provider).start().await;
    // The key set is JSON without a token in it.
    provider.state().discovery = json!({"token_endpoint": format!("{}/keys", provider.url)});
    assert_eq!(refusal(&visit(&app, &provider).await), "unavailable");
}
