//! The claims that the settings require.

use serde_json::{Value, json};

use super::{assert_accepted_as, assert_refused};
use crate::support::{Backend, Builder, TestApp, hs256, now};

fn good() -> Value {
    json!({
        "sub": "user_1", "exp": now() + 600, "nbf": now() - 5, "iat": now(), "iss": "https://id.example.com",
        "aud": ["web", "api"], "azp": "https://app.example.com"
    })
}

fn with(claim: &str, value: Value) -> String {
    let mut claims = good();
    claims[claim] = value;
    hs256(&claims)
}

async fn strict() -> TestApp {
    let builder = Builder::new(Backend::Sqlite).flag("jwt-issuer", "https://id.example.com");
    let builder = builder.flag("jwt-audience", "api,internal");
    builder.flag("jwt-authorized-parties", "https://app.example.com,https://two.example.com").start().await
}

#[tokio::test]
async fn issuer_audience_and_authorized_party_must_match() {
    let app = strict().await;
    let good = [("aud", json!("api")), ("aud", json!(["internal"])), ("azp", json!("https://two.example.com"))];
    for (claim, value) in good {
        assert_accepted_as(&app, &with(claim, value), "user_1").await;
    }
    let bad = [
        ("iss", json!("https://evil.example.com"), "issuer"),
        ("iss", json!("https://id.example.com/"), "issuer"),
        ("iss", json!(null), "issuer"),
        ("iss", json!(["https://id.example.com"]), "issuer"),
        ("aud", json!("web"), "audience"),
        ("aud", json!(["API"]), "audience"),
        ("aud", json!([]), "audience"),
        ("aud", json!(null), "audience"),
        ("aud", json!({"api": true}), "audience"),
        ("aud", json!(["api", 1]), "audience"),
        ("azp", json!("https://evil.example.com"), "party"),
        ("azp", json!(null), "party"),
        ("azp", json!(7), "party"),
    ];
    for (claim, value, part) in bad {
        assert_refused(&app, &with(claim, value), part).await;
    }
}

#[tokio::test]
async fn expiry_and_start_allow_thirty_seconds_of_clock_skew() {
    let app = strict().await;
    for (claim, value) in [("exp", now() - 15), ("nbf", now() + 25), ("exp", 4_000_000_000)] {
        assert_accepted_as(&app, &with(claim, json!(value)), "user_1").await;
    }
    assert_accepted_as(&app, &with("exp", json!(4e9 + 0.5)), "user_1").await;
    let bad = [
        ("exp", json!(now() - 31), "expired"),
        ("exp", json!(0), "expired"),
        ("nbf", json!(now() + 90), "not valid yet"),
    ];
    for (claim, value, part) in bad {
        assert_refused(&app, &with(claim, value), part).await;
    }
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_refused_without_a_rule_for_them() {
    let app = Builder::new(Backend::Sqlite).start().await;
    assert_accepted_as(&app, &hs256(&good()), "user_1").await;
    let bad = [
        ("sub", json!(null), "(sub)"),
        ("sub", json!(7), "(sub)"),
        ("sub", json!(["user_1"]), "well-formed"),
        ("exp", json!(null), "(exp)"),
        ("exp", json!((now() + 600).to_string()), "(exp)"),
        ("exp", json!(true), "(exp)"),
        ("exp", json!(1e300), "(exp)"),
        ("nbf", json!("0"), "(nbf)"),
        ("iss", json!({}), "(iss)"),
        ("aud", json!(1), "(aud)"),
        ("azp", json!([]), "(azp)"),
    ];
    for (claim, value, part) in bad {
        assert_refused(&app, &with(claim, value), part).await;
    }
    // Claims that only describe the user may have any type.
    for claim in ["name", "email", "picture", "user_metadata", "iat", "jti"] {
        assert_accepted_as(&app, &with(claim, json!({"odd": [1, null]})), "user_1").await;
    }
    for payload in [json!([]), json!("user_1"), json!(null), json!(1)] {
        assert_refused(&app, &hs256(&payload), "well-formed").await;
    }
}
