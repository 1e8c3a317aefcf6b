//! `token.*`: a user's own API tokens, and for admins those of others.

use std::time::Duration;

use procedures::{Access, Code};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    example,
    success::{SUCCESS, Success},
};
use crate::{
    auth::{self, Grant, Granted, NO_TOKEN},
    db::Timestamp,
    error::{Error, Result},
    kernel::{Audited, Call, Router},
    models::{
        api_token::{ApiToken, Scope},
        user::{Role, User},
    },
};

/// The kind of thing in the audit log.
const ENTITY: &str = "apiToken";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateToken {
    /// What the token is for.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// At most that of the token of this call. `admin` only for a user who is an admin.
    scope: Scope,
    /// Days until it expires. By default it lives as long as the token of this call, and never expires if the call was made with
    /// a JWT or a session; a token can't make one that lives longer.
    #[schemars(range(min = 1, max = 36_500))]
    expires_in_days: Option<u32>,
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListTokens {
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OneToken {
    /// The id of the token.
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    id: i64,
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

/// An API token, also one that is expired or revoked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApiToken")]
struct TokenOutput {
    id: i64,
    user_id: String,
    name: String,
    scope: Scope,
    /// Its last characters; null for a token from before they were kept.
    hint: Option<String>,
    created_at: Timestamp,
    /// Null for never.
    expires_at: Option<Timestamp>,
    /// When it was last used, to ten minutes; null for never.
    last_used_at: Option<Timestamp>,
    /// The address from which it was last used.
    last_used_address: Option<String>,
    /// Null unless it was revoked.
    revoked_at: Option<Timestamp>,
}

/// A new API token.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewApiToken")]
struct Created {
    id: i64,
    /// The token itself, which is never shown again: null in the answer to a call that is repeated with its idempotency key.
    token: Option<String>,
    scope: Scope,
    /// Null for never.
    expires_at: Option<Timestamp>,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("token")
        .mutation("create", Access::User, "Makes an API token. The answer has the token, which is never shown again.", create)
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({"name": "deploy", "scope": "write", "expiresInDays": 90}), example::new_token())
        .query("list", Access::User, "API tokens, newest first, also those that are expired or revoked.", list)
        .one_statement()
        .example(json!({}), json!([example::token()]))
        .mutation("revoke", Access::User, "Revokes an API token. It stops working at once.", revoke)
        .consequence("Whatever uses the token stops working at once. This cannot be undone.")
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::success())
        .mutation(
            "rotate",
            Access::User,
            "Replaces an API token by a new one with the same name, scope and expiry. The old one stops working at once.",
            rotate,
        )
        .consequence("Whatever uses the old token stops working at once, until it has the new one.")
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::rotated_token())
}

fn create(call: &mut Call<'_>, input: CreateToken) -> Result<Audited<Created>> {
    let owner = owner(call, input.user_id.as_deref())?;
    if input.scope > Scope::Write && owner.role != Role::Admin {
        return Err(Error::Forbidden("Only an admin's token can have the scope `service` or `admin`."));
    }
    let end = input.expires_in_days.map(|days| call.now.plus(DAY.saturating_mul(days)));
    let expires_at = end.or(call.token_expiry());
    let grant = Grant { user_id: &owner.id, name: &input.name, scope: input.scope, expires_at };
    check_reach(call, &grant)?;
    let granted = grant.issue(call.conn, call.now)?;
    Ok(announced(&grant, granted))
}

fn list(call: &mut Call<'_>, input: ListTokens) -> Result<Vec<TokenOutput>> {
    let caller = call.caller()?;
    let owner = call.other(input.user_id.as_deref())?.unwrap_or(&caller.id);
    let mut tokens = ApiToken::list(call.conn, Some(owner))?;
    tokens.reverse();
    Ok(tokens.into_iter().map(TokenOutput::from).collect())
}

fn revoke(call: &mut Call<'_>, input: OneToken) -> Result<Audited<Success>> {
    let token = live(call, &input)?;
    if !ApiToken::revoke(call.conn, token.id, call.now)? {
        return Err(NO_TOKEN);
    }
    Ok(Audited::changed(SUCCESS, ENTITY, token.id, json!({"owner": token.user_id})))
}

fn rotate(call: &mut Call<'_>, input: OneToken) -> Result<Audited<Created>> {
    let old = live(call, &input)?;
    let grant = Grant::in_place_of(&old);
    check_reach(call, &grant)?;
    Ok(announced(&grant, auth::rotate(call.conn, &old, call.now)?))
}

/// The user whose tokens are meant, locked until the transaction ends.
fn owner(call: &mut Call<'_>, user_id: Option<&str>) -> Result<User> {
    match call.other(user_id)? {
        Some(other) => User::find_locked(call.conn, other)?.ok_or(Error::NotFound("user")),
        None => call.caller().cloned(),
    }
}

/// The token that is meant, unless it is expired or revoked. Its user is locked until the transaction ends.
fn live(call: &mut Call<'_>, input: &OneToken) -> Result<ApiToken> {
    let owner = owner(call, input.user_id.as_deref())?;
    let token = ApiToken::find_live(call.conn, input.id, call.now)?;
    token.filter(|token| token.user_id == owner.id).ok_or(NO_TOKEN)
}

/// Refuses a token that can do more, or lives longer, than the one of this call.
fn check_reach(call: &Call<'_>, grant: &Grant<'_>) -> Result<()> {
    if grant.scope > call.scope() {
        return Err(Error::Forbidden("This API token can't create a token with a higher scope than its own."));
    }
    let lives_longer = |end: Timestamp| grant.expires_at.is_none_or(|at| at > end);
    if call.token_expiry().is_some_and(lives_longer) {
        return Err(Error::Forbidden("This API token can't create a token that expires later than it does."));
    }
    Ok(())
}

/// The answer with the token, which is not stored.
fn announced(grant: &Grant<'_>, Granted { id, token, detail }: Granted) -> Audited<Created> {
    let answer = |token| Created { id, token, scope: grant.scope, expires_at: grant.expires_at };
    let shown = answer(Some(token.expose().to_owned()));
    Audited::changed(shown, ENTITY, id, detail).answered_again_with(answer(None))
}

impl From<ApiToken> for TokenOutput {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id,
            user_id: token.user_id,
            name: token.name,
            scope: token.scope,
            hint: token.hint,
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            last_used_address: token.last_used_address,
            revoked_at: token.revoked_at,
        }
    }
}
