//! The claims of a JWT (RFC 7519 §4.1) and the rules that they must satisfy.

use std::{fmt, sync::OnceLock, time::Duration};

use anyhow::bail;
use procedures::is_identifier;
use serde_json::{Map, Value};
use tokio::time::sleep;

use super::{profile, refusal::Refusal};
use crate::config::JwtSettings;

/// Longest wait between two looks at the clock.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(30);
/// Allowed clock skew in seconds (RFC 7519 §4.1.4 and §4.1.5: "some small leeway").
const SKEW: i64 = 30;

/// Longest user id, in characters (docs/API.md, "Procedures").
const SUBJECT_CHARS: usize = 255;

/// The refusal of an expired token.
pub(super) const EXPIRED: Refusal = "The token has expired.";
const NO_EXPIRY: Refusal = "The token has no valid expiry (exp).";
const NOT_YET: Refusal = "The token is not valid yet.";
const BAD_NOT_BEFORE: Refusal = "The token's start (nbf) is not a number.";
const BAD_SUBJECT: Refusal = "The token's subject (sub) must be a string of 1 to 255 characters, without white space at its ends and without control characters.";
const BAD_ISSUER: Refusal = "The token was not issued by the issuer (iss) this server trusts.";
const BAD_AUDIENCE: Refusal = "The token is not meant for this server's audience (aud).";
/// Clerk gives such a token to a user who has yet to choose an organisation, or to do what else the sign-in needs.
const PENDING: Refusal = "The sign-in is not complete yet (sts is pending).";
const BAD_PARTY: Refusal = "The token was not issued to a party (azp) this server trusts.";

/// What a verified token says about its user.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The user's id at the identity provider, unchanged: 1 to 255 characters.
    pub subject: String,
    /// The user's name, at most 100 characters.
    pub name: Option<String>,
    /// The user's email address, at most 320 characters.
    pub email: Option<String>,
    /// URL of the user's picture, at most 2048 characters.
    pub image: Option<String>,
    /// Expiry in seconds since the Unix epoch.
    pub expires_at: i64,
    /// Set when name, email and image were offered to the database, which is done once for a token.
    pub offered: OnceLock<()>,
}

impl Claims {
    /// Whether the token expired at least 30 seconds ago (the allowed clock skew).
    pub fn is_expired(&self) -> bool {
        self.is_expired_at(now())
    }

    /// Resolves in the last second in which the token is accepted.
    pub async fn expiry(&self) {
        loop {
            // The clock is set now and then, and goes on while the machine sleeps.
            let left = self.expires_at.saturating_add(SKEW).saturating_sub(now()).saturating_sub(1);
            match u64::try_from(left) {
                Ok(seconds @ 1..) => sleep(Duration::from_secs(seconds).min(LOOK_AT_CLOCK)).await,
                _ => return,
            }
        }
    }

    /// RFC 7519 §4.1.4: expired "on or after" `exp`.
    fn is_expired_at(&self, now: i64) -> bool {
        now >= self.expires_at.saturating_add(SKEW)
    }
}

/// Omits name and email, so that they are not logged.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The current time in seconds since the Unix epoch.
pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The configured requirements. A claim of the wrong type is refused even if no rule requires it; `null` counts as
/// absent.
pub(super) struct Rules {
    issuer: Option<String>,
    audience: Vec<String>,
    authorized_parties: Vec<String>,
}

impl Rules {
    /// Reads the rules from the settings.
    ///
    /// # Errors
    /// A setting is blank or has a blank entry, which would be an unintended rule; the message names it.
    pub(super) fn new(settings: &JwtSettings) -> anyhow::Result<Self> {
        if settings.jwt_issuer.as_deref().is_some_and(|issuer| issuer.trim().is_empty()) {
            bail!("JWT_ISSUER is empty: set it or leave it out");
        }
        Ok(Self {
            issuer: settings.jwt_issuer.clone(),
            audience: entries("JWT_AUDIENCE", &settings.jwt_audience)?,
            authorized_parties: entries("JWT_AUTHORIZED_PARTIES", &settings.jwt_authorized_parties)?,
        })
    }

    /// The rules for tokens that an issuer makes for one client.
    pub(super) fn of_client(issuer: &str, client_id: &str) -> Self {
        Self { issuer: Some(issuer.to_owned()), audience: vec![client_id.to_owned()], authorized_parties: Vec::new() }
    }

    /// Checks the claims of a token with a valid signature. `now` is in seconds since the Unix epoch.
    pub(super) fn check(&self, payload: &Map<String, Value>, now: i64) -> Result<Claims, Refusal> {
        let claims = Claims {
            subject: subject(payload)?,
            name: profile::name(payload),
            email: profile::email(payload),
            image: profile::image(payload),
            expires_at: claim(payload, "exp").and_then(seconds).ok_or(NO_EXPIRY)?,
            offered: OnceLock::new(),
        };
        if claims.is_expired_at(now) {
            return Err(EXPIRED);
        }
        if let Some(not_before) = claim(payload, "nbf") {
            let not_before = seconds(not_before).ok_or(BAD_NOT_BEFORE)?;
            if now.saturating_add(SKEW) < not_before {
                return Err(NOT_YET);
            }
        }
        if claim(payload, "sts").is_some_and(|status| status == "pending") {
            return Err(PENDING);
        }
        let issuer = text(payload, "iss", BAD_ISSUER)?;
        if self.issuer.is_some() && issuer != self.issuer.as_deref() {
            return Err(BAD_ISSUER);
        }
        let audience = audience(payload).ok_or(BAD_AUDIENCE)?;
        if !self.audience.is_empty() && !audience.iter().any(|one| is_among(&self.audience, one)) {
            return Err(BAD_AUDIENCE);
        }
        let party = text(payload, "azp", BAD_PARTY)?;
        if !self.authorized_parties.is_empty() && !party.is_some_and(|one| is_among(&self.authorized_parties, one)) {
            return Err(BAD_PARTY);
        }
        Ok(claims)
    }
}

/// The entries of a comma-separated setting, trimmed.
fn entries(setting: &str, list: &[String]) -> anyhow::Result<Vec<String>> {
    let entries: Vec<String> = list.iter().map(|entry| entry.trim().to_owned()).collect();
    if entries.iter().any(String::is_empty) {
        bail!("{setting} has an empty entry");
    }
    Ok(entries)
}

fn is_among(list: &[String], one: &str) -> bool {
    list.iter().any(|entry| entry == one)
}

fn claim<'a>(payload: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    payload.get(name).filter(|value| !value.is_null())
}

/// A string claim that may be absent.
fn text<'a>(payload: &'a Map<String, Value>, name: &str, refusal: Refusal) -> Result<Option<&'a str>, Refusal> {
    claim(payload, name).map(|value| value.as_str().ok_or(refusal)).transpose()
}

/// The id is refused instead of trimmed, because two ids could then become the same user. Inputs that name a user follow
/// the same rule.
fn subject(payload: &Map<String, Value>) -> Result<String, Refusal> {
    let subject = claim(payload, "sub").and_then(Value::as_str).ok_or(BAD_SUBJECT)?;
    if subject.is_empty() || !is_identifier(subject) || subject.chars().count() > SUBJECT_CHARS {
        return Err(BAD_SUBJECT);
    }
    Ok(subject.to_owned())
}

/// A NumericDate (RFC 7519 §2) in whole seconds. None for other types and for numbers out of range.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let seconds = Duration::try_from_secs_f64(value.as_f64()?).ok()?.as_secs();
        i64::try_from(seconds).ok()
    })
}

/// A string or an array of strings (RFC 7519 §4.1.3). Empty when the claim is absent; None for any other type.
fn audience(payload: &Map<String, Value>) -> Option<Vec<&str>> {
    match claim(payload, "aud") {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one]),
        Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn rules(change: impl FnOnce(&mut JwtSettings)) -> Rules {
        let mut settings = JwtSettings::default();
        change(&mut settings);
        Rules::new(&settings).unwrap()
    }

    /// Valid claims with one of them replaced.
    fn check(rules: &Rules, claim: &str, value: Value) -> Result<Claims, Refusal> {
        let mut payload = json!({"sub": "user_1", "exp": NOW + 60});
        payload[claim] = value;
        rules.check(payload.as_object().unwrap(), NOW)
    }

    #[test]
    fn the_subject_is_a_string_of_1_to_255_characters() {
        let rules = rules(|_| {});
        for good in ["u", "auth0|1", "two words", &"é".repeat(255)] {
            assert_eq!(check(&rules, "sub", json!(good)).unwrap().subject, good);
        }
        for bad in [json!(""), json!("é".repeat(256)), json!(7), json!(["u"]), json!(null)] {
            assert_eq!(check(&rules, "sub", bad.clone()), Err(BAD_SUBJECT), "{bad}");
        }
    }

    #[test]
    fn a_subject_with_outer_white_space_or_control_characters_is_refused() {
        let rules = rules(|_| {});
        for bad in [" u", "u ", "u\n", "\u{a0}u", "u\u{2003}", "a\u{0}b", "a\tb", "a\u{1b}[2J", "a\u{85}b"] {
            assert_eq!(check(&rules, "sub", json!(bad)), Err(BAD_SUBJECT), "{bad:?}");
        }
    }

    #[test]
    fn expiry_and_start_allow_thirty_seconds_of_clock_skew() {
        let rules = rules(|_| {});
        assert!(check(&rules, "exp", json!(NOW - 29)).is_ok());
        assert_eq!(check(&rules, "exp", json!(NOW - 30)), Err(EXPIRED));
        assert_eq!(check(&rules, "exp", json!(-1)), Err(EXPIRED));
        assert!(check(&rules, "nbf", json!(NOW + 30)).is_ok());
        assert_eq!(check(&rules, "nbf", json!(NOW + 31)), Err(NOT_YET));
    }

    #[test]
    fn dates_are_numbers_with_an_optional_fraction() {
        let rules = rules(|_| {});
        assert_eq!(check(&rules, "exp", json!(1_700_000_060.9)).unwrap().expires_at, NOW + 60);
        assert_eq!(check(&rules, "exp", json!(i64::MAX)).unwrap().expires_at, i64::MAX);
        for bad in [json!("1700000060"), json!(null), json!(true), json!([1]), json!(u64::MAX), json!(1e300)] {
            assert_eq!(check(&rules, "exp", bad.clone()), Err(NO_EXPIRY), "{bad}");
        }
        assert_eq!(check(&rules, "nbf", json!("1700000000")), Err(BAD_NOT_BEFORE));
        assert!(check(&rules, "nbf", json!(null)).is_ok());
    }

    #[test]
    fn a_configured_issuer_must_match_exactly() {
        let rules = rules(|settings| settings.jwt_issuer = Some("https://id.example.com/".into()));
        assert!(check(&rules, "iss", json!("https://id.example.com/")).is_ok());
        for bad in [json!("https://id.example.com"), json!(null), json!(["https://id.example.com/"])] {
            assert_eq!(check(&rules, "iss", bad.clone()), Err(BAD_ISSUER), "{bad}");
        }
    }

    #[test]
    fn a_configured_audience_must_be_one_of_the_tokens_audiences() {
        let rules = rules(|settings| settings.jwt_audience = vec!["api".into(), " web".into()]);
        for good in [json!("api"), json!("web"), json!(["other", "api"])] {
            assert!(check(&rules, "aud", good.clone()).is_ok(), "{good}");
        }
        for bad in [json!("other"), json!([]), json!(["api", 7]), json!({"api": true}), json!(null), json!("api,web")] {
            assert_eq!(check(&rules, "aud", bad.clone()), Err(BAD_AUDIENCE), "{bad}");
        }
    }

    #[test]
    fn a_configured_party_must_match_the_token() {
        let rules = rules(|settings| settings.jwt_authorized_parties = vec!["https://app.example.com".into()]);
        assert!(check(&rules, "azp", json!("https://app.example.com")).is_ok());
        for bad in [json!("https://evil.example.com"), json!(null), json!(["https://app.example.com"])] {
            assert_eq!(check(&rules, "azp", bad.clone()), Err(BAD_PARTY), "{bad}");
        }
    }

    #[test]
    fn a_pending_session_is_refused() {
        let rules = rules(|_| {});
        assert_eq!(check(&rules, "sts", json!("pending")), Err(PENDING));
        for good in [json!("active"), json!(null), json!(["pending"])] {
            assert!(check(&rules, "sts", good.clone()).is_ok(), "{good}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_are_refused_without_a_rule_for_them() {
        let rules = rules(|_| {});
        assert_eq!(check(&rules, "iss", json!(1)), Err(BAD_ISSUER));
        assert_eq!(check(&rules, "aud", json!({})), Err(BAD_AUDIENCE));
        assert_eq!(check(&rules, "azp", json!([])), Err(BAD_PARTY));
        assert!(check(&rules, "aud", json!("anything")).is_ok());
    }

    #[test]
    fn blank_settings_are_refused_by_name() {
        let blanks: [(&str, JwtSettings); 3] = [
            ("JWT_ISSUER", JwtSettings { jwt_issuer: Some(" ".into()), ..JwtSettings::default() }),
            ("JWT_AUDIENCE", JwtSettings { jwt_audience: vec!["a".into(), "".into()], ..JwtSettings::default() }),
            (
                "JWT_AUTHORIZED_PARTIES",
                JwtSettings { jwt_authorized_parties: vec!["".into()], ..JwtSettings::default() },
            ),
        ];
        for (name, settings) in blanks {
            assert!(Rules::new(&settings).err().unwrap().to_string().contains(name));
        }
    }

    #[test]
    fn debug_output_contains_neither_name_nor_email() {
        let claims = check(&rules(|_| {}), "email", json!("ada@example.com")).unwrap();
        assert_eq!(format!("{claims:?}"), "Claims { subject: \"user_1\", expires_at: 1700000060, .. }");
    }
}
