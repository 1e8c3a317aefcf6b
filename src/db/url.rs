//! Which database: the URL's scheme decides, and anything we would have to guess about is refused.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::config::{DataSettings, Secret};

/// Environment in which libpq finds a host or a TLS mode that the URL does not name (PostgreSQL manual §34.15).
const LIBPQ_HOST: [&str; 2] = ["PGHOST", "PGHOSTADDR"];

/// A checked database address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(Secret),
}

impl DatabaseUrl {
    /// The configured database, or `<DATA_DIR>/clusterdesk.db`.
    ///
    /// # Errors
    /// Names what is wrong with DATABASE_URL; never repeats the URL, which may hold a password.
    pub fn from_settings(settings: &DataSettings) -> Result<Self> {
        match &settings.database_url {
            Some(url) => Self::parse(url, "DATABASE_URL"),
            None => Ok(Self::Sqlite(settings.data_dir.join("clusterdesk.db"))),
        }
    }

    /// # Errors
    /// Names `setting`: an unknown scheme, an in-memory SQLite database, or a plaintext connection to another host.
    pub fn parse(url: &Secret, setting: &str) -> Result<Self> {
        let text = url.expose();
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(":memory:") || path.contains('?') {
                bail!(
                    "{setting}: sqlite:PATH needs the path of a file; memory databases and parameters are not supported"
                );
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            refuse_plaintext(text, setting)?;
            return Ok(Self::Postgres(with_patience(text)));
        }
        let scheme = text.split_once(':').map_or("no scheme", |(scheme, _)| scheme);
        bail!("{setting}: {scheme:?} is not supported; write sqlite:PATH or postgres://…");
    }

    pub fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The kind of database, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// What libpq waits for by itself is minutes or for ever: connecting, a silent peer, unacknowledged data.
const PATIENCE: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("keepalives_idle", "30"),
    ("keepalives_interval", "10"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// The URL with our patience, where it does not say its own.
fn with_patience(url: &str) -> Secret {
    let mut text = url.to_owned();
    for (name, value) in PATIENCE {
        if parameter(url, name).is_none() {
            let separator = if text.contains('?') { '&' } else { '?' };
            text.push_str(&format!("{separator}{name}={value}"));
        }
    }
    Secret::new(text)
}

/// Refuses what might send passwords to another machine in the clear: libpq's own default is to try TLS and go on
/// without it.
fn refuse_plaintext(url: &str, setting: &str) -> Result<()> {
    if parameter(url, "service").is_some() || std::env::var_os("PGSERVICE").is_some() {
        bail!("{setting}: name the host in the URL; a service file would hide whether it is another machine");
    }
    let mode = libpq(url, "sslmode", "PGSSLMODE");
    let remote = hosts(url).into_iter().find(|host| !is_local(host));
    match (mode.as_deref(), remote) {
        (Some("disable"), _) => Ok(()),
        (Some("require" | "verify-ca" | "verify-full"), _) if cfg!(feature = "pg-tls") => Ok(()),
        (Some("require" | "verify-ca" | "verify-full"), _) => {
            bail!("{setting}: sslmode asks for TLS, which this build does not have; build with `--features pg-tls`")
        }
        (_, None) => Ok(()),
        (_, Some(host)) if cfg!(feature = "pg-tls") => bail!(
            "{setting}: {host:?} is another machine; add sslmode=verify-full (or require) to the URL, \
             or sslmode=disable to accept an unencrypted connection"
        ),
        (_, Some(host)) => bail!(
            "{setting}: this build has no TLS and {host:?} is another machine; build with `--features pg-tls`, \
             or add sslmode=disable to the URL to accept an unencrypted connection"
        ),
    }
}

fn hosts(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let addresses = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    let mut hosts: Vec<String> = addresses.split(',').map(host_of).filter(|host| !host.is_empty()).collect();
    for name in ["host", "hostaddr"] {
        hosts.extend(parameter(url, name).iter().flat_map(|list| list.split(',')).map(str::to_owned));
    }
    if hosts.is_empty() {
        hosts.extend(LIBPQ_HOST.iter().filter_map(|name| std::env::var(name).ok()));
    }
    hosts
}

fn host_of(address: &str) -> String {
    if let Some(v6) = address.strip_prefix('[') {
        return v6.split(']').next().unwrap_or_default().to_owned();
    }
    decode(address.split(':').next().unwrap_or_default())
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| decode(value))
}

/// What the URL says, or else libpq's environment.
pub(super) fn libpq(url: &str, name: &str, variable: &str) -> Option<String> {
    parameter(url, name).or_else(|| std::env::var(variable).ok()).filter(|value| !value.is_empty())
}

fn decode(text: &str) -> String {
    text.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":")
}

fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl> {
        DatabaseUrl::parse(&Secret::new(url), "DATABASE_URL")
    }

    #[test]
    fn the_scheme_decides() {
        assert_eq!(parse("sqlite:a/b.db").unwrap(), DatabaseUrl::Sqlite("a/b.db".into()));
        assert_eq!(parse("sqlite:///a/b.db").unwrap(), DatabaseUrl::Sqlite("/a/b.db".into()));
        assert!(matches!(parse("postgres://localhost/x").unwrap(), DatabaseUrl::Postgres(_)));
        for refused in ["mysql://h/x", "a.db", "", "sqlite:", "sqlite::memory:", "sqlite:x.db?mode=ro"] {
            assert!(parse(refused).unwrap_err().to_string().starts_with("DATABASE_URL: "), "{refused}");
        }
    }

    #[cfg(not(feature = "pg-tls"))]
    #[test]
    fn another_machine_needs_tls_or_a_clear_no() {
        for local in ["postgres:///x?host=/run/pg", "postgres://u:p@[::1]:5432/x", "postgres://127.0.0.1,localhost/x"] {
            parse(local).unwrap();
        }
        for remote in ["postgres://u:pw@db.example.com/x", "postgres://localhost,10.0.0.7/x", "postgres:///x?host=db"] {
            let message = parse(remote).unwrap_err().to_string();
            assert!(message.contains("pg-tls") && !message.contains("pw"), "{message}");
            parse(&format!("{remote}{}sslmode=disable", if remote.contains('?') { "&" } else { "?" })).unwrap();
        }
    }
}
