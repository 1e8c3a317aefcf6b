//! `clusterdesk token create|list|revoke|rotate`: manages API tokens, as the procedures `token.*` do.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clusterdesk::{
    auth::{self, Grant, Granted, NO_TOKEN},
    config::DataSettings,
    db::{DbConnection, Timestamp},
    error,
    models::{
        api_token::{ApiToken, Scope},
        user::{self, User},
    },
};
use serde_json::{Value, json};

use super::{
    audit::{self, Change},
    data,
    report::{self, Rows},
};
use crate::cli::{Effect, Token};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the subcommand. A new token is printed alone, for use in scripts.
///
/// # Errors
/// An option is invalid, there is no such user or token, or the database failed.
pub fn run(command: &Token) -> Result<()> {
    match command {
        Token::Create { user, name, scope, expires_in_days, effect, data } => {
            let lifetime = expires_in_days.map(|days| DAY.saturating_mul(days));
            create(data, user.as_deref(), (name, *scope, lifetime), *effect)
        }
        Token::List { user, output, data } => list(data, user.as_deref(), output.json),
        Token::Revoke { id, effect, data } => revoke(data, *id, *effect),
        Token::Rotate { id, effect, data } => rotate(data, *id, *effect),
    }
}

fn list(settings: &DataSettings, user: Option<&str>, json: bool) -> Result<()> {
    let tokens = ApiToken::list(&mut data::connect(settings)?, user)?;
    let header = format!(
        "{:>6}  {:7}  {:7}  {:24}  {:24}  {:24}  {:4}  {:30}  NAME",
        "ID", "SCOPE", "STATE", "CREATED", "EXPIRES", "USED", "HINT", "USER"
    );
    let mut rows = Rows::new(json, header)?;
    let or_never = |moment: Option<Timestamp>| moment.map_or_else(|| "never".to_owned(), |moment| moment.to_string());
    for token in &tokens {
        let (state, scope, created) = (state(token), token.scope.as_str(), token.created_at.to_string());
        let (expires, used) = (or_never(token.expires_at), or_never(token.last_used_at));
        let (id, hint, user, name) = (token.id, token.hint.as_deref().unwrap_or("-"), &token.user_id, &token.name);
        let text = format!(
            "{id:>6}  {scope:7}  {state:7}  {created:24}  {expires:24}  {used:24}  {hint:4}  {user:30}  {name}"
        );
        rows.add(&row(token), text)?;
    }
    rows.end()
}

fn row(token: &ApiToken) -> Value {
    json!({
        "id": token.id, "userId": token.user_id, "name": token.name, "scope": token.scope, "state": state(token),
        "hint": token.hint, "createdAt": token.created_at, "expiresAt": token.expires_at,
        "lastUsedAt": token.last_used_at, "lastUsedAddress": token.last_used_address, "revokedAt": token.revoked_at,
    })
}

fn create(
    settings: &DataSettings,
    user: Option<&str>,
    (name, scope, lifetime): (&str, Scope, Option<Duration>),
    effect: Effect,
) -> Result<()> {
    ensure!((1..=100).contains(&name.chars().count()), "--name must have 1 to 100 characters");
    let granted = data::change(&mut data::connect(settings)?, effect.dry_run, |conn| {
        let owner = match user {
            Some(id) => User::find_locked(conn, id)?.with_context(|| format!("there is no user {id:?}"))?,
            None => {
                let admin = user::oldest_admin(conn)?.context("there is no admin; name a user with --user")?;
                User::find_locked(conn, &admin.id)?.context("the admin was deleted meanwhile")?
            }
        };
        let now = Timestamp::now();
        let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
        let granted = Grant { user_id: &owner.id, name, scope, expires_at }.issue(conn, now)?;
        record(conn, "token.create", granted.id, &granted.detail)?;
        Ok(granted)
    })?;
    print(&granted, effect, "would create a token")
}

fn rotate(settings: &DataSettings, id: i64, effect: Effect) -> Result<()> {
    let granted = data::change(&mut data::connect(settings)?, effect.dry_run, |conn| {
        let now = Timestamp::now();
        let old = live(conn, id, now)?;
        User::find_locked(conn, &old.user_id)?;
        let granted = auth::rotate(conn, &old, now)?;
        record(conn, "token.rotate", granted.id, &granted.detail)?;
        Ok(granted)
    })?;
    print(&granted, effect, &format!("would rotate token {id}"))
}

/// Prints a new token, unless it was only tried: then it works for nobody.
fn print(Granted { id, token, detail }: &Granted, Effect { dry_run, json }: Effect, tried: &str) -> Result<()> {
    let (id, token) = if dry_run { (None, None) } else { (Some(id), Some(token.expose())) };
    let mut result = json!({"dryRun": dry_run, "id": id, "token": token});
    if let (Some(result), Some(detail)) = (result.as_object_mut(), detail.as_object()) {
        result.extend(detail.clone());
    }
    report::print_once(json, &result, format!("{}\n", token.unwrap_or(tried)))
}

fn revoke(settings: &DataSettings, id: i64, Effect { dry_run, json }: Effect) -> Result<()> {
    data::change(&mut data::connect(settings)?, dry_run, |conn| {
        let now = Timestamp::now();
        let token = live(conn, id, now)?;
        if !ApiToken::revoke(conn, id, now)? {
            return Err(NO_TOKEN);
        }
        record(conn, "token.revoke", id, &json!({"owner": token.user_id}))
    })?;
    let done = if dry_run { "would revoke" } else { "revoked" };
    report::print(json, &json!({"dryRun": dry_run, "id": id}), format!("{done} token {id}\n"))
}

fn live(conn: &mut DbConnection, id: i64, now: Timestamp) -> error::Result<ApiToken> {
    Ok(ApiToken::find_live(conn, id, now)?.with_context(|| format!("there is no live token {id}"))?)
}

fn record(conn: &mut DbConnection, action: &'static str, id: i64, detail: &Value) -> error::Result<()> {
    let (entity_id, detail) = (id.to_string(), detail.to_string());
    let change = Change { action, entity: "apiToken", entity_id: &entity_id, detail: &detail };
    Ok(audit::record(conn, &change)?)
}

fn state(token: &ApiToken) -> &'static str {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= Timestamp::now() => "expired",
        _ => "live",
    }
}
