//! Tokens in the formats of Clerk, Auth0 and Supabase, and the users that they create.

use serde_json::{Value, json};

use super::{assert_refused, fixture, me, sign};
use crate::support::{Builder, both_databases, hs256, now};

/// The claims with the times that every provider adds.
fn fresh(mut claims: Value) -> Value {
    claims["iat"] = json!(now());
    claims["exp"] = json!(now() + 3600);
    claims
}

/// The user without `createdAt`, after checking that it is recent.
fn timeless(mut user: Value) -> Value {
    let created = user.as_object_mut().unwrap().remove("createdAt").unwrap();
    let created = chrono::DateTime::parse_from_rfc3339(created.as_str().unwrap()).unwrap();
    assert!((created.timestamp() - now() as i64).abs() < 120);
    user
}

both_databases! {
    async fn clerk_sends_the_profile_by_a_token_template(builder: Builder) {
        let builder = builder.without("jwt-secret").flag("jwt-public-key-file", &fixture("rsa_public.pem"));
        let builder = builder.flag("jwt-issuer", "https://clerk.example.com");
        let app = builder.flag("jwt-authorized-parties", "https://app.example.com").start().await;
        // The default session token, version 2.
        let mut claims = json!({
            "azp": "https://app.example.com", "fva": [3, -1], "iss": "https://clerk.example.com", "nbf": now() - 10,
            "sid": "sess_2jX", "sts": "active", "sub": "user_2jXplain", "v": 2, "jti": "0b1c", "pla": "u:free"
        });
        let user = me(&app, &sign("rsa", Some("ins_2jX"), &fresh(claims.clone()))).await.unwrap();
        let expected = json!({"id": "user_2jXplain", "name": null, "email": null, "image": null, "role": "USER"});
        assert_eq!(timeless(user), expected);
        claims["sts"] = json!("pending");
        assert_refused(&app, &sign("rsa", Some("ins_2jX"), &fresh(claims.clone())), "pending").await;
        claims["sts"] = json!("active");
        // With the claims of a template.
        claims["sub"] = json!("user_2jXnamed");
        claims["full_name"] = json!("Ada Lovelace");
        claims["primary_email"] = json!("ada@example.com");
        claims["image_url"] = json!("https://img.clerk.com/ada");
        let user = me(&app, &sign("rsa", Some("ins_2jX"), &fresh(claims))).await.unwrap();
        let expected = json!({
            "id": "user_2jXnamed", "name": "Ada Lovelace", "email": "ada@example.com",
            "image": "https://img.clerk.com/ada", "role": "USER"
        });
        assert_eq!(timeless(user), expected);
    }

    async fn auth0_sends_the_profile_in_id_tokens(builder: Builder) {
        let builder = builder.without("jwt-secret").flag("jwt-public-key-file", &fixture("rsa_public.pem"));
        let builder = builder.flag("jwt-issuer", "https://tenant.eu.auth0.com/");
        let app = builder.flag("jwt-audience", "https://api.example.com").start().await;
        let mut claims = json!({
            "iss": "https://tenant.eu.auth0.com/", "sub": "auth0|65f0c0ffee",
            "aud": ["https://api.example.com", "https://tenant.eu.auth0.com/userinfo"],
            "scope": "openid profile email", "azp": "my_client_id", "gty": "password"
        });
        let user = me(&app, &sign("rsa", Some("NjVF"), &fresh(claims.clone()))).await.unwrap();
        let expected = json!({"id": "auth0|65f0c0ffee", "name": null, "email": null, "image": null, "role": "USER"});
        assert_eq!(timeless(user), expected);
        claims["sub"] = json!("google-oauth2|1150");
        claims["aud"] = json!("https://api.example.com");
        claims["nickname"] = json!("ada");
        claims["name"] = json!("Ada Lovelace");
        claims["email"] = json!("ada@example.com");
        claims["email_verified"] = json!(true);
        claims["picture"] = json!("https://s.gravatar.com/ada.png");
        claims["updated_at"] = json!("2026-11-22T09:30:00.000Z");
        let user = me(&app, &sign("rsa", Some("NjVF"), &fresh(claims))).await.unwrap();
        let expected = json!({
            "id": "google-oauth2|1150", "name": "Ada Lovelace", "email": "ada@example.com",
            "image": "https://s.gravatar.com/ada.png", "role": "USER"
        });
        assert_eq!(timeless(user), expected);
    }

    async fn supabase_signs_with_a_secret_and_sends_the_profile_in_metadata(builder: Builder) {
        let builder = builder.flag("jwt-issuer", "https://project.supabase.co/auth/v1");
        let app = builder.flag("jwt-audience", "authenticated").start().await;
        let id = "7d0f3c1e-58d5-4f30-a2ab-0c5cf8d1f0b4";
        let claims = json!({
            "iss": "https://project.supabase.co/auth/v1", "sub": id, "aud": "authenticated", "role": "authenticated",
            "email": "ada@example.com", "phone": "", "aal": "aal1", "amr": [{"method": "oauth", "timestamp": now()}],
            "session_id": "f0c5", "is_anonymous": false,
            "app_metadata": {"provider": "github", "providers": ["github"], "role": "ADMIN"},
            "user_metadata": {
                "avatar_url": "https://avatars.example.com/ada", "full_name": "Ada Lovelace",
                "email": "somebody.else@example.com", "email_verified": true
            }
        });
        let user = me(&app, &hs256(&fresh(claims))).await.unwrap();
        let expected = json!({
            "id": id, "name": "Ada Lovelace", "email": "ada@example.com",
            "image": "https://avatars.example.com/ada", "role": "USER"
        });
        assert_eq!(timeless(user), expected);
    }
}
