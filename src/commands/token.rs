//! `clusterdesk token create|list|revoke`: manages API tokens.

use std::{
    io::{Write, stdout},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clusterdesk::{
    auth::PlainToken,
    db::{DbConnection, Timestamp, transaction},
    models::{
        api_token::{ApiToken, NewApiToken, Scope},
        user::{self, User},
    },
};

use super::{
    audit::{self, Change},
    data,
};
use crate::cli::Token;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the subcommand. A new token is printed alone, for use in scripts.
///
/// # Errors
/// An option is invalid, there is no such user or token, or the database failed.
pub fn run(command: &Token) -> Result<()> {
    match command {
        Token::Create { user, name, scope, expires_in_days, data } => {
            let mut conn = data::connect(data)?;
            let lifetime = expires_in_days.map(|days| DAY.saturating_mul(days));
            let token = create(&mut conn, user.as_deref(), name, *scope, lifetime)?;
            println!("{}", token.expose());
        }
        Token::List { user, data } => {
            let tokens = ApiToken::list(&mut data::connect(data)?, user.as_deref())?;
            let mut out = stdout().lock();
            writeln!(out, "{:>6}  {:5}  {:7}  {:24}  {:30}  NAME", "ID", "SCOPE", "STATE", "CREATED", "USER")?;
            for token in tokens {
                let (state, created) = (state(&token), token.created_at.to_string());
                let (id, scope) = (token.id, token.scope.as_str());
                writeln!(out, "{id:>6}  {scope:5}  {state:7}  {created:24}  {:30}  {}", token.user_id, token.name)?;
            }
        }
        Token::Revoke { id, data } => {
            let mut conn = data::connect(data)?;
            revoke(&mut conn, *id)?;
            println!("revoked token {id}");
        }
    }
    Ok(())
}

fn create(
    conn: &mut DbConnection,
    user: Option<&str>,
    name: &str,
    scope: Scope,
    lifetime: Option<Duration>,
) -> Result<PlainToken> {
    ensure!((1..=100).contains(&name.chars().count()), "--name must have 1 to 100 characters");
    let token = PlainToken::generate();
    let created = transaction::write(conn, |conn| {
        let owner = match user {
            Some(id) => User::find_locked(conn, id)?.with_context(|| format!("there is no user {id:?}"))?,
            None => user::oldest_admin(conn)?.context("there is no admin; name a user with --user")?,
        };
        let (now, hash) = (Timestamp::now(), token.hash());
        let row = NewApiToken {
            user_id: &owner.id,
            name,
            hash: hash.as_str(),
            scope,
            created_at: now,
            expires_at: lifetime.map(|lifetime| now.plus(lifetime)),
        };
        let id = row.insert(conn)?;
        let detail = format!("{{\"scope\":\"{}\"}}", scope.as_str());
        let entity_id = id.to_string();
        let change = Change { action: "token.create", entity: "apiToken", entity_id: &entity_id, detail: &detail };
        Ok(audit::record(conn, &change)?)
    });
    created.map_err(data::detailed)?;
    Ok(token)
}

fn revoke(conn: &mut DbConnection, id: i64) -> Result<()> {
    let revoked = transaction::write(conn, |conn| {
        if !ApiToken::revoke(conn, id, Timestamp::now())? {
            return Err(anyhow::anyhow!("there is no live token {id}").into());
        }
        let entity_id = id.to_string();
        let change = Change { action: "token.revoke", entity: "apiToken", entity_id: &entity_id, detail: "{}" };
        Ok(audit::record(conn, &change)?)
    });
    revoked.map_err(data::detailed)
}

fn state(token: &ApiToken) -> &'static str {
    match (token.revoked_at, token.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= Timestamp::now() => "expired",
        _ => "live",
    }
}
