//! What a token tells about its user besides the id, in the shapes that identity providers really send.
//! Nothing here is needed to sign in, so whatever is missing, blank or of the wrong type is left out.

use serde_json::{Map, Value};

/// The limit of `user.updateName` (contract §1). A longer name is cut.
const NAME_CHARS: usize = 100;
/// RFC 5321 §4.5.3.1: 64 octets of local part, `@`, 255 of domain. A longer address is dropped.
const EMAIL_CHARS: usize = 320;
/// A longer address of a picture is dropped.
const IMAGE_CHARS: usize = 2048;

/// The user's name: `name` (OpenID Connect Core §5.1), `full_name` (Clerk's templates),
/// `user_metadata.full_name` or `.name` (Supabase). At most 100 characters.
pub(super) fn name(payload: &Map<String, Value>) -> Option<String> {
    let name = first(payload, &["name", "full_name"], &["full_name", "name"], usize::MAX)?;
    Some(name.chars().take(NAME_CHARS).collect::<String>().trim_end().to_owned())
}

/// The user's address: `email` (OpenID Connect Core §5.1, Supabase), `primary_email` or `primary_email_address`
/// (Clerk's templates). At most 320 characters. Supabase's `user_metadata.email` is the user's own to edit: not asked.
pub(super) fn email(payload: &Map<String, Value>) -> Option<String> {
    first(payload, &["email", "primary_email", "primary_email_address"], &[], EMAIL_CHARS)
}

/// The address of the user's picture: `picture` (OpenID Connect Core §5.1), `image_url` (Clerk's templates),
/// `user_metadata.avatar_url` or `.picture` (Supabase). At most 2048 characters.
pub(super) fn image(payload: &Map<String, Value>) -> Option<String> {
    first(payload, &["picture", "image_url"], &["avatar_url", "picture"], IMAGE_CHARS)
}

/// The first usable text among the claims and then among the `user_metadata` fields.
fn first(payload: &Map<String, Value>, claims: &[&str], metadata: &[&str], max_chars: usize) -> Option<String> {
    let user_metadata = payload.get("user_metadata").and_then(Value::as_object);
    let top = claims.iter().filter_map(|claim| payload.get(*claim));
    let nested = metadata.iter().filter_map(|field| user_metadata?.get(*field));
    top.chain(nested).find_map(|value| usable(value, max_chars))
}

/// PostgreSQL stores no NUL in text, hence neither do we.
fn usable(value: &Value, max_chars: usize) -> Option<String> {
    let text = value.as_str()?.trim();
    let is_good = !text.is_empty() && !text.contains('\0') && text.chars().count() <= max_chars;
    is_good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Profile = (Option<String>, Option<String>, Option<String>);

    fn read(payload: Value) -> Profile {
        let payload = payload.as_object().unwrap();
        (name(payload), email(payload), image(payload))
    }

    fn all(name: &str, email: &str, image: &str) -> Profile {
        (Some(name.into()), Some(email.into()), Some(image.into()))
    }

    const NOTHING: Profile = (None, None, None);

    #[test]
    fn clerk_sends_what_the_template_says() {
        let session = json!({
            "azp": "https://app.example.com", "exp": 1, "fva": [0, -1], "iat": 0, "iss": "https://clerk.example.com",
            "nbf": 0, "sid": "sess_1", "sts": "active", "sub": "user_1", "v": 2
        });
        assert_eq!(read(session), NOTHING);
        let template =
            json!({"full_name": "Ada L", "primary_email": "ada@example.com", "image_url": "https://i/a.png"});
        assert_eq!(read(template), all("Ada L", "ada@example.com", "https://i/a.png"));
        let template =
            json!({"name": "Ada L", "primary_email_address": "ada@example.com", "picture": "https://i/a.png"});
        assert_eq!(read(template), all("Ada L", "ada@example.com", "https://i/a.png"));
    }

    #[test]
    fn auth0_sends_a_profile_in_id_tokens_and_none_in_access_tokens() {
        let id_token = json!({
            "nickname": "ada", "name": "Ada L", "picture": "https://i/a.png", "email": "ada@example.com",
            "email_verified": true, "sub": "auth0|1"
        });
        assert_eq!(read(id_token), all("Ada L", "ada@example.com", "https://i/a.png"));
        let access_token = json!({"iss": "https://t.auth0.com/", "sub": "auth0|1", "aud": ["api"], "scope": "openid"});
        assert_eq!(read(access_token), NOTHING);
    }

    #[test]
    fn supabase_hides_name_and_picture_in_user_metadata() {
        let token = json!({
            "email": "ada@example.com", "role": "authenticated",
            "user_metadata": {"avatar_url": "https://i/a.png", "full_name": "Ada L", "email": "forged@example.com"}
        });
        assert_eq!(read(token), all("Ada L", "ada@example.com", "https://i/a.png"));
        let token =
            json!({"email": "", "user_metadata": {"name": "Ada", "picture": "p", "email": "forged@example.com"}});
        assert_eq!(read(token), (Some("Ada".into()), None, Some("p".into())));
    }

    #[test]
    fn unusable_values_are_left_out_and_the_next_candidate_is_asked() {
        let wrong = json!({"name": 7, "email": ["a@b"], "picture": {"url": "x"}, "user_metadata": "none"});
        assert_eq!(read(wrong), NOTHING);
        let blank = json!({"name": "", "email": "  ", "picture": null, "user_metadata": null});
        assert_eq!(read(blank), NOTHING);
        let with_nul = json!({"name": "a\u{0}b", "full_name": " Ada ", "email": "a\u{0}@b", "primary_email": "a@b"});
        assert_eq!(read(with_nul), (Some("Ada".into()), Some("a@b".into()), None));
    }

    #[test]
    fn long_names_are_cut_and_long_addresses_dropped() {
        let fits = json!({"name": "é".repeat(100), "email": "e".repeat(320), "picture": "i".repeat(2048)});
        assert_eq!(read(fits), all(&"é".repeat(100), &"e".repeat(320), &"i".repeat(2048)));
        let long = json!({"name": "é".repeat(101), "email": "e".repeat(321), "picture": "i".repeat(2049)});
        assert_eq!(read(long), (Some("é".repeat(100)), None, None));
    }
}
