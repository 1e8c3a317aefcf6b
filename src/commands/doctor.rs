//! `clusterdesk doctor`: checks whether the server could run.

use std::{os::unix::fs::PermissionsExt, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, ensure};
use clusterdesk::{
    auth::Authenticator,
    config::Settings,
    db::{DatabaseUrl, Manager, Purpose, Timestamp, dialect, migrations::Migrations},
};

use super::bootstrap;
use crate::logging;

/// Allowed difference between our clock and the database's: the clock skew that JWTs are checked with.
const MAX_SKEW: Duration = Duration::from_secs(30);

/// Checks everything, prints a line for each check, and fails if there is a problem. Nothing is changed.
pub fn run(settings: &Settings) -> ExitCode {
    println!("configuration: ok (listens on {})", settings.bind_addr);
    let mut healthy = true;
    let mut report = |what: &str, found: Result<String>| match found {
        Ok(detail) => println!("{what}: ok ({detail})"),
        Err(problem) => {
            healthy = false;
            println!("{what}: PROBLEM: {problem:#}");
        }
    };
    let url = DatabaseUrl::from_settings(&settings.data);
    let existing = url.and_then(|url| match url.sqlite_path() {
        Some(path) if !path.exists() => {
            Err(anyhow::anyhow!("{} does not exist yet; the first start of `clusterdesk` creates it", path.display()))
        }
        _ => Ok(url),
    });
    match existing {
        Ok(url) => {
            report("database", database(&url));
            report("migrations", migrations(&url));
            report("clock", clock(&url));
            if let Some(path) = url.sqlite_path() {
                report("database file", private(path, 0o600));
            }
        }
        Err(problem) => report("database", Err(problem)),
    }
    if let Some(url) = &settings.database_replica_url {
        report("replica", DatabaseUrl::parse(url, "DATABASE_REPLICA_URL").and_then(|url| database(&url)));
    }
    let data_dir = &settings.data.data_dir;
    for (what, path, mode) in
        [("data folder", data_dir.clone(), 0o700), ("admin token", bootstrap::token_file(data_dir), 0o600)]
    {
        if path.exists() {
            report(what, private(&path, mode));
        }
    }
    report("token keys", keys(settings));
    if let Err(problem) = logging::filter() {
        report("log", Err(problem));
    }
    if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn manager(url: &DatabaseUrl) -> Manager {
    Manager { url: url.clone(), purpose: Purpose::Read, statement_timeout: Duration::from_secs(10) }
}

fn database(url: &DatabaseUrl) -> Result<String> {
    let mut connection = manager(url).open().context("could not connect")?;
    let language = dialect::message_language(&mut connection)?;
    let english = language.is_empty() || ["C", "POSIX", "en"].iter().any(|prefix| language.starts_with(prefix));
    ensure!(
        english,
        "lc_messages is {language}: deadlocks and timeouts are recognised by their English messages only; \
         ALTER DATABASE … SET lc_messages = 'C'"
    );
    Ok(format!("{} answers", url.kind()))
}

fn migrations(url: &DatabaseUrl) -> Result<String> {
    let status = Migrations::open(url)?.status()?;
    let pending = status.iter().filter(|step| !step.applied).count();
    ensure!(
        pending == 0,
        "{pending} of {} are pending; start the server or run `clusterdesk migrate up`",
        status.len()
    );
    if let Some(unknown) = status.iter().find(|step| step.name.contains("unknown")) {
        anyhow::bail!("the database is newer than this binary: {}", unknown.name);
    }
    Ok(format!("at {}", status.last().map_or("no migration", |step| step.name.as_str())))
}

fn clock(url: &DatabaseUrl) -> Result<String> {
    let theirs = dialect::clock(&mut manager(url).open()?)?;
    let skew = Timestamp::now().millis().abs_diff(theirs.millis());
    ensure!(Duration::from_millis(skew) <= MAX_SKEW, "the database's clock differs by {skew} ms from this machine's");
    Ok(format!("{skew} ms from the database's"))
}

fn private(path: &Path, expected: u32) -> Result<String> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    ensure!(mode & !expected == 0, "{} has mode {mode:04o}; chmod {expected:04o} it", path.display());
    Ok(format!("{} has mode {mode:04o}", path.display()))
}

fn keys(settings: &Settings) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let loaded = runtime.block_on(async { Authenticator::new(&settings.jwt)?.check_keys().await })?;
    Ok(match loaded {
        0 => "none configured: API tokens only".to_owned(),
        count => format!("{count} loaded"),
    })
}
