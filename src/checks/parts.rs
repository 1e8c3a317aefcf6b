//! The checks, one function each.

use std::{fmt::Display, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use anyhow::Result;

use super::finding::require;
use crate::{
    db::{
        DbConnection, Timestamp,
        backups::Schedule,
        dialect,
        migrations::{self, Level},
    },
    stripe::Stripe,
};

/// Allowed difference between our clock and the database's: the clock skew that JWTs are checked with.
const MAX_SKEW: Duration = Duration::from_secs(30);

/// Whether the database's messages are in English.
///
/// # Errors
/// They are not, or the database's.
pub fn language(conn: &mut DbConnection) -> Result<()> {
    let language = dialect::message_language(conn)?;
    let english = language.is_empty() || ["C", "POSIX", "en"].iter().any(|prefix| language.starts_with(prefix));
    require(english, || {
        format!(
            "lc_messages is {language}: deadlocks and timeouts are recognised by their English messages only; \
             ALTER DATABASE … SET lc_messages = 'C'"
        )
    })
}

/// Whether exactly the migrations of this binary are applied.
///
/// # Errors
/// They are not, or the database's.
pub fn migrations(conn: &mut DbConnection) -> Result<String> {
    let (level, total) = (migrations::level(conn)?, migrations::names()?.len());
    let pending = level.as_ref().map_or(total, |level| level.pending);
    require(pending == 0, || {
        format!("{pending} of {total} are pending; start the server or run `clusterdesk migrate up`")
    })?;
    let Some(Level { newest, unknown, .. }) = level else { return Ok("at no migration".to_owned()) };
    require(unknown.is_none(), || {
        format!("the database is newer than this binary: {}", unknown.as_deref().unwrap_or_default())
    })?;
    Ok(format!("at {newest}"))
}

/// Whether the database's clock agrees with this machine's.
///
/// # Errors
/// It does not, or the database's.
pub fn clock(conn: &mut DbConnection) -> Result<String> {
    let theirs = dialect::clock(conn)?;
    let skew = Timestamp::now().millis().abs_diff(theirs.millis());
    require(Duration::from_millis(skew) <= MAX_SKEW, || {
        format!("the database's clock differs by {skew} ms from this machine's")
    })?;
    Ok(format!("{skew} ms from the database's"))
}

/// Whether a file or folder, here called `name`, has only permissions of the mode `allowed`.
///
/// # Errors
/// It has others, or can't be looked at.
pub fn private(name: impl Display, path: &Path, allowed: u32) -> Result<String> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    require(mode & !allowed == 0, || format!("{name} has mode {mode:04o}; chmod {allowed:04o} it"))?;
    Ok(format!("{name} has mode {mode:04o}"))
}

/// Whether the newest backup that the server has made is new enough. `folder` is what their folder is called here.
///
/// # Errors
/// It is not, or the folder can't be read.
pub fn backups(schedule: Option<&Schedule>, folder: impl Display) -> Result<String> {
    let Some(schedule) = schedule else { return Ok("none by the server: BACKUP_EVERY is not set".to_owned()) };
    let Some(newest) = schedule.newest()? else {
        // The server creates the folder before its first backup.
        require(!schedule.folder.exists(), || format!("there is none in {folder}"))?;
        return Ok("none yet; the server makes one when it starts".to_owned());
    };
    let age = Timestamp::now().since(newest);
    let found = format!("the newest in {folder} is {} minutes old", age.as_secs() / 60);
    require(age <= schedule.every.saturating_mul(2), || {
        format!("{found}, although BACKUP_EVERY is shorter; the server's log says why")
    })?;
    Ok(found)
}

/// Whether there is a Stripe account.
pub fn billing(stripe: &Stripe) -> String {
    if stripe.client().is_ok() { "configured" } else { "not configured" }.to_owned()
}

/// The number of keys that verify JWTs.
pub fn keys(count: usize) -> String {
    match count {
        0 => "none configured: API tokens only".to_owned(),
        count => format!("{count} loaded"),
    }
}
