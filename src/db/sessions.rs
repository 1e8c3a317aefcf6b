//! Finds a pooler that nobody has declared. In transaction mode it gives each transaction another session, and what one
//! server sets in a session meets the next one.

use anyhow::{Context, Result, ensure};
use diesel::{Connection, PgConnection};

use super::{dialect, url::DatabaseUrl};

/// What to do about a pooler that nobody has declared.
const UNDECLARED: &str = "leads to a pooler that gives each transaction another session, as PgBouncer does in transaction mode; set \
     DATABASE_POOLER=transaction, or use its session mode";

/// How often two connections are asked for their process. A busy pooler gives them different ones by chance.
const QUESTIONS: usize = 5;

/// Refuses a pooler in transaction mode at DATABASE_URL, unless DATABASE_POOLER declares it.
///
/// # Errors
/// There is such a pooler, or the server can't be reached.
pub fn check(url: &DatabaseUrl) -> Result<()> {
    let DatabaseUrl::Postgres(secret) = url else { return Ok(()) };
    let connect = || PgConnection::establish(secret.expose()).context("could not open the PostgreSQL database");
    check_connections(connect()?, connect()?)
}

/// Like [`check`], with two connections that are open already.
pub(super) fn check_connections(mut first: PgConnection, mut second: PgConnection) -> Result<()> {
    ensure!(!are_shared(&mut first, &mut second)?, "DATABASE_URL {UNDECLARED}");
    Ok(())
}

/// Refuses a pooler in transaction mode at the URL of a setting that needs sessions. One that can't be reached is not refused.
///
/// # Errors
/// There is such a pooler, or the server can be reached and not be read. Names the setting.
pub fn require(url: &DatabaseUrl, setting: &str) -> Result<()> {
    let DatabaseUrl::Postgres(secret) = url else { return Ok(()) };
    let connect = || PgConnection::establish(secret.expose());
    let (Ok(mut first), Ok(mut second)) = (connect(), connect()) else { return Ok(()) };
    let shared = are_shared(&mut first, &mut second).with_context(|| format!("could not read from {setting}"))?;
    ensure!(
        !shared,
        "{setting} leads to a pooler in transaction mode; it needs PostgreSQL itself, or a pooler in session mode"
    );
    Ok(())
}

/// Whether two connections share a PostgreSQL process, or one of them has several. False on a server that only resembles
/// PostgreSQL.
fn are_shared(first: &mut PgConnection, second: &mut PgConnection) -> Result<bool> {
    let mut known = None;
    for _ in 0..QUESTIONS {
        let (Some(one), Some(other)) = (dialect::backend_of_postgres(first)?, dialect::backend_of_postgres(second)?)
        else {
            return Ok(false);
        };
        if one == other || known.is_some_and(|known| known != (one, other)) {
            return Ok(true);
        }
        known = Some((one, other));
    }
    Ok(false)
}
