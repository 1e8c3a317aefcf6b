//! `clusterdesk serve`, also without a subcommand: runs the server.

use std::{
    fs::File,
    io::{Write, stdout},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::PathBuf,
    pin::pin,
    time::Duration,
};

use anyhow::Result;
use clusterdesk::{
    config::{BindAddr, Limits, Settings, Switch},
    db::{DatabaseUrl, SqliteLock, migrations::Migrations, sessions, wait},
    routers,
    server::{Prepared, Server},
};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    bootstrap::{self, FirstToken},
    data,
    place::{link_url, place},
    supervisor, token_file,
};
use crate::logging;

/// Open files that are not counted as connections: the 256 of the reserve, the database, the log.
const OTHER_FILES: usize = 400;

/// How long a start waits for the database to write a link to sign in with.
const LINK_PATIENCE: Duration = Duration::from_secs(2);

/// Checks the settings, then prepares the database, prints the banner, and serves until SIGTERM or SIGINT. `unknown` are
/// variables of the environment that were probably meant as settings.
///
/// # Errors
/// The server can't start.
pub fn run(settings: &Settings, unknown: &[String]) -> Result<()> {
    let log = logging::start(settings.log_format)?;
    if !unknown.is_empty() {
        tracing::warn!(
            variables = unknown.join(", "),
            "variables of the environment that are not settings are ignored"
        );
    }
    let limits = limits();
    let url = DatabaseUrl::from_settings(&settings.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut shutdown = pin!(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        // Everything is checked before anything is changed.
        let server = Prepared::new(settings, limits, routers::all()).await?;
        server.show_dropped_log_lines(log.dropped());
        let (own_settings, own_url) = (settings.clone(), url.clone());
        let (tokens, _lock) = tokio::select! {
            prepared = tokio::task::spawn_blocking(move || prepare(&own_settings, &own_url)) => prepared??,
            () = &mut shutdown => return Ok(()),
        };
        let server = server.listen()?;
        let (address, database) = (server.address()?, format!("{} at {}", url.kind(), url.place()));
        let metrics = server.metrics_address()?.unwrap_or_else(|| address.clone());
        tracing::info!(%address, database, "listening");
        let entry = Entry { tokens, link: link(&server, &address).await };
        // `println!` would panic if standard output were closed.
        if let Err(error) = writeln!(stdout(), "{}", banner((&address, &metrics), &database, &entry)) {
            tracing::warn!(%error, "could not print the banner");
        }
        supervisor::ready();
        server
            .run(async {
                shutdown.await;
                supervisor::stopping();
            })
            .await;
        anyhow::Ok(())
    });
    runtime.shutdown_background();
    served
}

/// How an admin gets in, as the banner may show it.
struct Entry {
    tokens: Tokens,
    /// The URL that signs a browser in.
    link: Option<String>,
}

/// The tokens that the banner may show.
struct Tokens {
    /// The one that was created just now.
    first: Option<FirstToken>,
    /// The file with one that an admin can use.
    file: Option<PathBuf>,
}

/// Waits for the database, migrates it, and creates the first admin if there is none. A SQLite database can't be restored
/// as long as the lock is held.
fn prepare(settings: &Settings, url: &DatabaseUrl) -> Result<(Tokens, Option<SqliteLock>)> {
    let data_dir = &settings.data.data_dir;
    wait::until_available(url, Duration::from_millis(settings.database_wait_ms))?;
    let others = [
        (&settings.database_replica_url, "DATABASE_REPLICA_URL"),
        (&settings.database_listen_url, "DATABASE_LISTEN_URL"),
    ];
    for (other, setting) in others {
        if let Some(other) = other {
            sessions::require(&DatabaseUrl::parse(other, setting)?, setting)?;
        }
    }
    if settings.bootstrap_admin == Switch::On {
        bootstrap::check(url, data_dir)?;
    }
    data::create(url)?;
    let lock = url.sqlite_path().map(SqliteLock::share).transpose()?;
    for name in Migrations::open(url)?.up(usize::MAX)? {
        tracing::info!(migration = name, "applied");
    }
    let first = match settings.bootstrap_admin {
        Switch::On => bootstrap::run(url, data_dir)?,
        Switch::Off => None,
    };
    // Without it the banner only lacks a command to try.
    let file = token_file::usable(&mut data::open(url)?, data_dir).unwrap_or_else(|error| {
        tracing::warn!(error = format!("{error:#}"), "could not look for the token of an admin");
        None
    });
    Ok((Tokens { first, file }, lock))
}

/// The limits of this process: each connection needs a file descriptor, and others are for health checks and the database.
fn limits() -> Limits {
    let limits = Limits::default();
    let files = rlimit::increase_nofile_limit(u64::MAX).or_else(|_| rlimit::Resource::NOFILE.get_soft());
    let files = files.ok().and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    let connections = files.saturating_sub(OTHER_FILES).max(1).min(limits.connections);
    if connections < limits.connections {
        tracing::warn!(connections, files, "fewer connections than usual: the limit of open files is low");
    }
    Limits { connections, ..limits }
}

/// Whether systemd's journal keeps what is printed (systemd.exec(5), `JOURNAL_STREAM`). Nothing secret belongs there. The
/// variable alone says little: every program that a service starts inherits it.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let output = stdout().as_fd().try_clone_to_owned().and_then(|output| File::from(output).metadata());
    output.is_ok_and(|output| stream == format!("{}:{}", output.dev(), output.ino()))
}

/// A link for the banner, if only this machine can reach the server and no journal keeps it.
async fn link(server: &Server, address: &BindAddr) -> Option<String> {
    let is_local = matches!(address, BindAddr::Tcp(address) if address.ip().is_loopback());
    if !is_local || is_journal() {
        return None;
    }
    match server.link_for_admin(LINK_PATIENCE).await {
        Ok(link) => link.map(|link| link_url(&place(address).0, &link)),
        Err(error) => {
            tracing::warn!(error = error.detail(), "could not make a link to sign in with");
            None
        }
    }
}

/// The text printed at start: the URLs, the new token if there is one, and a curl command to try.
fn banner((address, metrics): (&BindAddr, &BindAddr), database: &str, entry: &Entry) -> String {
    let Entry { tokens: Tokens { first, file }, link } = entry;
    let ((url, socket), (metrics, metrics_socket)) = (place(address), place(metrics));
    let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
    let mut lines = vec![
        format!("clusterdesk {} on {database}", env!("CARGO_PKG_VERSION")),
        format!("  explorer   {url}   (open in a browser)"),
        format!("  JSON-RPC   {url}   (POST or WebSocket)"),
        format!("  tRPC       {url}trpc"),
        format!("  health     {url}health/ready"),
        format!("  metrics    {metrics_socket}{metrics}metrics"),
    ];
    if let Some(link) = link {
        lines.push(format!("  sign in    {link}   (the explorer, once, within five minutes)"));
    }
    if let Some(FirstToken { token, file }) = first {
        let file = absolute(file);
        if is_journal() {
            lines.push(format!("  admin token, stored in {}", file.display()));
        } else {
            lines.push(format!("  admin token, shown once and stored in {}:", file.display()));
            lines.push(format!("    {}", token.expose()));
        }
    }
    if let Some(file) = file {
        lines.push("Try it:".to_owned());
        lines.push(format!(
            "  curl -s {socket}{url} -H 'Content-Type: application/json' -H \"Authorization: Bearer $(cat '{}')\" \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"admin.getStats\"}}'",
            absolute(file).display()
        ));
    } else {
        lines.push("No token at hand? `clusterdesk token create` makes one.".to_owned());
    }
    lines.join("\n")
}
