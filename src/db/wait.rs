//! Waiting for a PostgreSQL server that does not answer yet, as when both are started together.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use diesel::{Connection, ConnectionError, ConnectionResult, PgConnection};

use super::{sessions, url::DatabaseUrl};

/// The first pause between two attempts. Each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What libpq and PostgreSQL say of a server that may answer soon. Diesel does not expose SQLSTATE.
const AWAY: [&str; 14] = [
    "Connection refused",
    "Connection reset",
    // There is no socket yet.
    "No such file or directory",
    "No route to host",
    "Network is unreachable",
    "could not translate host name",
    "timeout expired",
    "Connection timed out",
    "server closed the connection unexpectedly",
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is not yet accepting connections",
    "the database system is in recovery mode",
    // Of several hosts, none accepts writes during a failover.
    "session is read-only",
];

/// Waits until the server answers, for at most `patience`. A SQLite file is not waited for.
///
/// # Errors
/// The server did not answer in time, or it answered that it refuses us; those of [`sessions::check`].
pub fn until_available(url: &DatabaseUrl, patience: Duration) -> Result<()> {
    let (DatabaseUrl::Postgres(secret) | DatabaseUrl::Pooled(secret)) = url else { return Ok(()) };
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        let error = match connect(secret.expose(), url.has_sessions()) {
            Ok((first, second)) => {
                if pause > FIRST_PAUSE {
                    tracing::info!("the database answers");
                }
                return second.map_or(Ok(()), |second| sessions::check_connections(first, second));
            }
            Err(error) => error,
        };
        let left = patience.saturating_sub(began.elapsed());
        if !is_away(&error) || left.is_zero() {
            let waited = if pause > FIRST_PAUSE { ", also after DATABASE_WAIT_MS" } else { "" };
            return Err(error).with_context(|| format!("could not open the PostgreSQL database{waited}"));
        }
        if pause == FIRST_PAUSE {
            let (database, error) = (url.place(), error.to_string());
            tracing::warn!(database, error, "the database does not answer yet; waiting for it");
        }
        sleep(pause.min(left));
        pause = LONGEST_PAUSE.min(pause.saturating_mul(2));
    }
}

/// One connection, and another one if there should be sessions.
fn connect(url: &str, twice: bool) -> ConnectionResult<(PgConnection, Option<PgConnection>)> {
    let first = PgConnection::establish(url)?;
    let second = if twice { Some(PgConnection::establish(url)?) } else { None };
    Ok((first, second))
}

fn is_away(error: &ConnectionError) -> bool {
    let text = error.to_string();
    // Of several hosts each has said something. One that refuses us will not change its mind.
    AWAY.iter().any(|away| text.contains(away))
        && !text.contains("authentication failed")
        && !text.contains("does not exist")
}
