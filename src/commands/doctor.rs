//! `clusterdesk doctor`: checks whether the server could run.

use std::{fs::OpenOptions, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, ensure};
use clusterdesk::{
    auth::Authenticator,
    checks,
    config::{Secret, Settings},
    db::{
        DatabaseUrl, DbConnection, Manager, Purpose, backups::Schedule, dialect, refuse_unfinished, sessions,
        transaction,
    },
    error::Error,
    kernel::limiter::Place,
    stripe::Stripe,
    traces,
};
use serde::Serialize;

use super::{report::Rows, token_file};
use crate::{cli::Output, logging};

/// The result of a check.
#[derive(Serialize)]
struct Check {
    check: &'static str,
    ok: bool,
    detail: String,
}

/// Checks everything, prints a line for each check, and fails if there is a problem. Nothing is changed.
///
/// # Errors
/// Standard output can't be written.
pub fn run(settings: &Settings, unknown: &[String], Output { json }: Output) -> Result<ExitCode> {
    let mut rows = Rows::new(json, "")?;
    let detail = format!("listens on {}", settings.bind_addr);
    let text = format!("configuration: ok ({detail})");
    rows.add(&Check { check: "configuration", ok: true, detail }, text)?;
    for variable in unknown {
        let detail = format!("not a setting: {variable}");
        let text = format!("environment: {detail}");
        rows.add(&Check { check: "environment", ok: true, detail }, text)?;
    }
    let (mut healthy, mut printed) = (true, Ok(()));
    // As soon as it is known: a check of something that is out of reach takes its time.
    each(settings, &mut |check, found| {
        let ok = found.is_ok();
        healthy &= ok;
        let detail = found.unwrap_or_else(|problem| format!("{problem:#}"));
        let text = if ok { format!("{check}: ok ({detail})") } else { format!("{check}: PROBLEM: {detail}") };
        if printed.is_ok() {
            printed = rows.add(&Check { check, ok, detail }, text);
        }
    });
    printed?;
    rows.end()?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes each check, and reports its name and its result.
fn each(settings: &Settings, report: &mut dyn FnMut(&'static str, Result<String>)) {
    let url = DatabaseUrl::from_settings(&settings.data);
    let url_is_sqlite = url.as_ref().is_ok_and(|url| url.sqlite_path().is_some());
    let existing = url.and_then(|url| match url.sqlite_path() {
        Some(path) => existing(path).map(|()| url),
        None => Ok(url),
    });
    match existing {
        Ok(url) => {
            report("database", database(&url).and_then(|found| sessions::check(&url).map(|()| found)));
            report("writes", writes(&url));
            report("migrations", connection(&url).and_then(|mut conn| checks::migrations(&mut conn)));
            report("clock", connection(&url).and_then(|mut conn| checks::clock(&mut conn)));
            if let Some(path) = url.sqlite_path() {
                report("database file", checks::private(path.display(), path, 0o600));
            }
        }
        Err(problem) => report("database", Err(problem)),
    }
    if let Some(url) = &settings.database_replica_url {
        report("replica", replica(url));
    }
    let data_dir = &settings.data.data_dir;
    for (what, path, mode) in
        [("data folder", data_dir.clone(), 0o700), ("admin token", token_file::first(data_dir), 0o600)]
    {
        if path.exists() {
            report(what, checks::private(path.display(), &path, mode));
        }
    }
    report("token keys", keys(settings));
    if !settings.session_cookies.is_empty() && !settings.jwt.has_key() {
        report(
            "session cookies",
            Err(anyhow::anyhow!("SESSION_COOKIES needs a key that verifies JWTs: JWT_JWKS_URL or another")),
        );
    }
    match provider(settings) {
        Ok(None) => {}
        found => report("identity provider", found.map(Option::unwrap_or_default)),
    }
    if let Some(store) = &settings.rate_limits.rate_limit_store
        && let Ok(url) = DatabaseUrl::from_settings(&settings.data)
    {
        report("rate limits", Place::parse(Some(store), &url).map(|place| place.as_str().to_owned()));
    }
    report("billing", billing(settings));
    match traces::check(&settings.traces) {
        Ok(false) => {}
        found => report("traces", found.map(|_| "for a collector".to_owned())),
    }
    if url_is_sqlite || settings.backups.backup_every.is_some() {
        report("backups", backups(settings));
    }
    if let Err(problem) = logging::filter() {
        report("log", Err(problem));
    }
}

/// Refuses a SQLite file that is missing.
fn existing(path: &Path) -> Result<()> {
    refuse_unfinished(path)?;
    ensure!(path.exists(), "{} does not exist yet; the first start of `clusterdesk` creates it", path.display());
    Ok(())
}

fn connection(url: &DatabaseUrl) -> Result<DbConnection> {
    manager(url).open().context("could not connect")
}

fn manager(url: &DatabaseUrl) -> Manager {
    Manager { url: url.clone(), purpose: Purpose::Read, statement_timeout: Duration::from_secs(10) }
}

fn database(url: &DatabaseUrl) -> Result<String> {
    checks::language(&mut connection(url)?)?;
    Ok(format!("{} answers", url.kind()))
}

fn replica(url: &Secret) -> Result<String> {
    let url = DatabaseUrl::parse(url, "DATABASE_REPLICA_URL")?;
    sessions::require(&url, "DATABASE_REPLICA_URL")?;
    database(&url)
}

/// Begins a transaction that may write, and rolls it back.
fn writes(url: &DatabaseUrl) -> Result<String> {
    if let Some(path) = url.sqlite_path() {
        // Like the server, which creates the file if it is missing.
        let file = OpenOptions::new().append(true).open(path);
        file.with_context(|| format!("could not open {} for writing", path.display()))?;
    }
    let manager = Manager { purpose: Purpose::Write, ..manager(url) };
    let mut connection = manager.open().context("could not connect")?;
    let read_only = transaction::rehearse(&mut connection, |conn| Ok(dialect::is_read_only(conn)?));
    ensure!(!read_only.map_err(Error::into_detail)?, "the database is read-only, as a standby is");
    Ok("the database accepts them".to_owned())
}

/// The age of the newest backup that the server has made.
fn backups(settings: &Settings) -> Result<String> {
    let schedule = Schedule::from_settings(settings)?;
    let folder = schedule.as_ref().map_or_else(String::new, |schedule| schedule.folder.display().to_string());
    checks::backups(schedule.as_ref(), folder)
}

fn billing(settings: &Settings) -> Result<String> {
    Ok(checks::billing(&Stripe::new(&settings.stripe, settings.app_url.as_ref())?))
}

/// Asks the provider with which people sign in to the explorer, if there is one.
fn provider(settings: &Settings) -> Result<Option<String>> {
    let Some(provider) = clusterdesk::http::identity_provider(settings)? else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(provider.check())?;
    Ok(Some(format!("{} answers", provider.host())))
}

fn keys(settings: &Settings) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Authenticator::new(&settings.jwt)?.check_keys()).map(checks::keys)
}
