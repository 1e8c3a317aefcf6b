//! Reads the user's name, email and picture from a token, in the formats of Clerk, Auth0, NextAuth and Supabase. None of them is
//! required to sign in, so values that are missing, blank or of the wrong type are ignored.

use serde_json::{Map, Value};

/// Longest name in characters, as in `user.updateName` (docs/API.md, "Procedures"). A longer name is truncated.
const NAME_CHARS: usize = 100;
/// RFC 5321 §4.5.3.1: 64 octets of local part, `@`, 255 of domain. A longer address is ignored.
const EMAIL_CHARS: usize = 320;
/// Longest picture URL in characters. A longer one is ignored.
const IMAGE_CHARS: usize = 2048;

/// The user's name: `name` (OpenID Connect Core §5.1), `full_name` (Clerk's templates), one of them in `user` (NextAuth), or in
/// `user_metadata` (Supabase). At most 100 characters.
pub(super) fn name(payload: &Map<String, Value>) -> Option<String> {
    let name = first(payload, &["name", "full_name"], &["full_name", "name"], usize::MAX)?;
    Some(name.chars().take(NAME_CHARS).collect::<String>().trim_end().to_owned())
}

/// The user's email address: `email` (OpenID Connect Core §5.1, Supabase), `primary_email` or `primary_email_address`
/// (Clerk's templates), or one of them in `user` (NextAuth). At most 320 characters. Supabase's `user_metadata.email` is not used,
/// because users can edit it themselves.
pub(super) fn email(payload: &Map<String, Value>) -> Option<String> {
    first(payload, &["email", "primary_email", "primary_email_address"], &[], EMAIL_CHARS)
}

/// URL of the user's picture: `picture` (OpenID Connect Core §5.1), `image_url` (Clerk's templates) or `image` (NextAuth), also in
/// `user`; `user_metadata.avatar_url` or `.picture` (Supabase). At most 2048 characters.
pub(super) fn image(payload: &Map<String, Value>) -> Option<String> {
    first(payload, &["picture", "image_url", "image"], &["avatar_url", "picture"], IMAGE_CHARS)
}

/// The first usable string among the claims, then among the same fields of `user`, then among the `metadata` fields of
/// `user_metadata`.
fn first(payload: &Map<String, Value>, claims: &[&str], metadata: &[&str], max_chars: usize) -> Option<String> {
    let nested = |name: &str| payload.get(name).and_then(Value::as_object);
    let sources = [(Some(payload), claims), (nested("user"), claims), (nested("user_metadata"), metadata)];
    let mut values =
        sources.iter().flat_map(|(object, fields)| fields.iter().filter_map(|field| (*object)?.get(*field)));
    values.find_map(|value| usable(value, max_chars))
}

/// The trimmed string, unless it is blank, too long, or contains NUL, which PostgreSQL text can't.
fn usable(value: &Value, max_chars: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let is_good = !text.is_empty() && !text.contains('\0') && text.chars().count() <= max_chars;
    is_good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Profile {
        name: Option<String>,
        email: Option<String>,
        image: Option<String>,
    }

    fn read(payload: Value) -> Profile {
        let payload = payload.as_object().unwrap();
        Profile { name: name(payload), email: email(payload), image: image(payload) }
    }

    fn all(name: &str, email: &str, image: &str) -> Profile {
        Profile { name: Some(name.into()), email: Some(email.into()), image: Some(image.into()) }
    }

    #[test]
    fn clerk_sends_the_claims_of_its_token_template() {
        let session = json!({
            "azp": "https://app.example.com", "exp": 1, "fva": [0, -1], "iat": 0, "iss": "https://clerk.example.com",
            "nbf": 0, "sid": "sess_1", "sts": "active", "sub": "user_1", "v": 2
        });
        assert_eq!(read(session), Profile::default());
        let template =
            json!({"full_name": "Ada L", "primary_email": "ada@example.com", "image_url": "https://i/a.png"});
        assert_eq!(read(template), all("Ada L", "ada@example.com", "https://i/a.png"));
        let template =
            json!({"name": "Ada L", "primary_email_address": "ada@example.com", "picture": "https://i/a.png"});
        assert_eq!(read(template), all("Ada L", "ada@example.com", "https://i/a.png"));
    }

    #[test]
    fn auth0_sends_a_profile_in_id_tokens_but_not_in_access_tokens() {
        let id_token = json!({
            "nickname": "ada", "name": "Ada L", "picture": "https://i/a.png", "email": "ada@example.com",
            "email_verified": true, "sub": "auth0|1"
        });
        assert_eq!(read(id_token), all("Ada L", "ada@example.com", "https://i/a.png"));
        let access_token = json!({"iss": "https://t.auth0.com/", "sub": "auth0|1", "aud": ["api"], "scope": "openid"});
        assert_eq!(read(access_token), Profile::default());
    }

    #[test]
    fn supabase_sends_name_and_picture_in_user_metadata() {
        let token = json!({
            "email": "ada@example.com", "role": "authenticated",
            "user_metadata": {"avatar_url": "https://i/a.png", "full_name": "Ada L", "email": "forged@example.com"}
        });
        assert_eq!(read(token), all("Ada L", "ada@example.com", "https://i/a.png"));
        let token =
            json!({"email": "", "user_metadata": {"name": "Ada", "picture": "p", "email": "forged@example.com"}});
        assert_eq!(read(token), Profile { name: Some("Ada".into()), email: None, image: Some("p".into()) });
    }

    #[test]
    fn nextauth_and_templates_of_clerk_send_a_user_object() {
        let token = json!({"user": {"name": "Ada L", "email": "ada@example.com", "image": "https://i/a.png"}});
        assert_eq!(read(token), all("Ada L", "ada@example.com", "https://i/a.png"));
        let token = json!({
            "name": "Ada", "email": " ",
            "user": {"name": "Other", "primary_email_address": "ada@example.com", "image_url": "https://i/a.png"}
        });
        assert_eq!(read(token), all("Ada", "ada@example.com", "https://i/a.png"));
        assert_eq!(read(json!({"user": "ada"})), Profile::default());
    }

    #[test]
    fn unusable_values_are_skipped_in_favour_of_the_next_claim() {
        let wrong = json!({"name": 7, "email": ["a@b"], "picture": {"url": "x"}, "user_metadata": "none"});
        assert_eq!(read(wrong), Profile::default());
        let blank = json!({"name": "", "email": "  ", "picture": null, "user_metadata": null});
        assert_eq!(read(blank), Profile::default());
        let with_nul = json!({"name": "a\u{0}b", "full_name": " Ada ", "email": "a\u{0}@b", "primary_email": "a@b"});
        assert_eq!(read(with_nul), Profile { name: Some("Ada".into()), email: Some("a@b".into()), image: None });
    }

    #[test]
    fn long_names_are_truncated_and_long_addresses_ignored() {
        let fits = json!({"name": "é".repeat(100), "email": "e".repeat(320), "picture": "i".repeat(2048)});
        assert_eq!(read(fits), all(&"é".repeat(100), &"e".repeat(320), &"i".repeat(2048)));
        let long = json!({"name": "é".repeat(101), "email": "e".repeat(321), "picture": "i".repeat(2049)});
        assert_eq!(read(long), Profile { name: Some("é".repeat(100)), ..Profile::default() });
    }
}
