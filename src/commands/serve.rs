//! `clusterdesk serve`, also without a subcommand: runs the server.

use std::{
    io::{Write, stdout},
    path::Path,
};

use anyhow::{Context, Result};
use clusterdesk::{
    config::{BindAddr, Limits, Settings, Switch},
    db::migrations::Migrations,
    routers,
    server::Server,
};
use tokio::signal::unix::{SignalKind, signal};

use super::{bootstrap, data};
use crate::logging;

/// Open files that are not counted as connections: the 256 of the reserve, the database, the log.
const OTHER_FILES: usize = 400;

/// Migrates the database, creates the first admin if there is none, prints the banner, and serves until SIGTERM or
/// SIGINT.
///
/// # Errors
/// The server can't start.
pub fn run(settings: &Settings) -> Result<()> {
    let log = logging::start(settings.log_format)?;
    let limits = limits();
    let url = data::prepare(&settings.data)?;
    for name in Migrations::open(&url)?.up(usize::MAX)? {
        tracing::info!(migration = name, "applied");
    }
    let token = match settings.bootstrap_admin {
        Switch::On => bootstrap::run(&url, &settings.data.data_dir)?,
        Switch::Off => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = Server::bind(settings, limits, routers::all()).await?;
        server.show_dropped_log_lines(log.dropped())?;
        let token = token.as_ref().map(|token| token.expose());
        let banner = banner(&server.address()?, url.kind(), &settings.data.data_dir, token);
        // `println!` would panic if standard output were closed.
        if let Err(error) = writeln!(stdout(), "{banner}") {
            tracing::warn!(%error, "could not print the banner");
        }
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        server.run(shutdown).await;
        anyhow::Ok(())
    });
    runtime.shutdown_background();
    served.context("could not serve")
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

/// The text printed at start: the URLs, the new token if there is one, and a curl command to try.
fn banner(address: &BindAddr, database: &str, data_dir: &Path, token: Option<&str>) -> String {
    let (url, socket) = match address {
        BindAddr::Tcp(address) if address.ip().is_unspecified() => {
            (format!("http://127.0.0.1:{}/", address.port()), String::new())
        }
        BindAddr::Tcp(address) => (format!("http://{address}/"), String::new()),
        BindAddr::Unix(path) => ("http://localhost/".to_owned(), format!("--unix-socket '{}' ", path.display())),
    };
    let file = bootstrap::token_file(data_dir);
    let file = std::path::absolute(&file).unwrap_or(file);
    let mut lines = vec![
        format!("clusterdesk {} on {database}", env!("CARGO_PKG_VERSION")),
        format!("  explorer   {url}   (open in a browser)"),
        format!("  JSON-RPC   {url}   (POST or WebSocket)"),
        format!("  tRPC       {url}trpc"),
        format!("  health     {url}health/ready"),
        format!("  metrics    {url}metrics"),
    ];
    if let Some(token) = token {
        lines.push(format!("  admin token, shown once and stored in {}:", file.display()));
        lines.push(format!("    {token}"));
    }
    if file.exists() {
        lines.push("Try it:".to_owned());
        lines.push(format!(
            "  curl -s {socket}{url} -H 'Content-Type: application/json' -H \"Authorization: Bearer $(cat '{}')\" \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"admin.getStats\"}}'",
            file.display()
        ));
    } else {
        lines.push("No token at hand? `clusterdesk token create` makes one.".to_owned());
    }
    lines.join("\n")
}
