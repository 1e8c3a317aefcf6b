//! The database address: the URL's scheme decides which database it is, and anything ambiguous is refused.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::{libpq, libpq_syntax};
use crate::config::{DataSettings, Pooler, Secret};

/// A checked database address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The path of a SQLite file.
    Sqlite(PathBuf),
    /// A URL for libpq, with our defaults added.
    Postgres(Secret),
    /// The same for a pooler that gives each transaction another session, so that no state of a session may be used.
    Pooled(Secret),
}

impl DatabaseUrl {
    /// The configured primary database, or `<DATA_DIR>/clusterdesk.db`. Of several PostgreSQL hosts, only one that accepts
    /// writes is used, unless the URL says otherwise.
    ///
    /// # Errors
    /// Names what is wrong with DATABASE_URL; never repeats the URL, which may hold a password.
    pub fn from_settings(settings: &DataSettings) -> Result<Self> {
        match &settings.database_url {
            Some(url) => match (Self::parse(url, "DATABASE_URL")?, settings.database_pooler) {
                (Self::Postgres(url), Pooler::None) => Ok(Self::Postgres(with_primary(url))),
                (Self::Postgres(url), Pooler::Transaction) => Ok(Self::Pooled(with_primary(url))),
                (_, Pooler::Transaction) => bail!(POOLED_FILE),
                (sqlite, Pooler::None) => Ok(sqlite),
            },
            None if settings.database_pooler == Pooler::Transaction => bail!(POOLED_FILE),
            None => Ok(Self::Sqlite(settings.data_dir.join("clusterdesk.db"))),
        }
    }

    /// Like [`Self::parse`], for a database to write to: of several hosts, only one that accepts writes is used.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub fn parse_primary(url: &Secret, setting: &str) -> Result<Self> {
        Ok(match Self::parse(url, setting)? {
            Self::Postgres(url) => Self::Postgres(with_primary(url)),
            sqlite => sqlite,
        })
    }

    /// Checks a URL that comes from `setting`.
    ///
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
            libpq_syntax::check(text).map_err(|why| anyhow!("{setting}: {why}"))?;
            refuse_plaintext(text, setting)?;
            return Ok(Self::Postgres(with_timeouts(text)));
        }
        // What precedes a colon alone may be a piece of the password.
        let is_scheme =
            |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme).unwrap_or("no scheme");
        bail!("{setting}: {scheme:?} is not supported; write sqlite:PATH or postgres://…");
    }

    /// The path of the SQLite file; None on PostgreSQL.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) | Self::Pooled(_) => None,
        }
    }

    /// Whether a connection is a session, which keeps its settings and its PostgreSQL process between transactions.
    pub fn has_sessions(&self) -> bool {
        !matches!(self, Self::Pooled(_))
    }

    /// Where the database is, for messages: its file, or its hosts and name. Nothing of it is secret.
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) | Self::Pooled(url) => libpq::place(url.expose()),
        }
    }

    /// The database's name for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) | Self::Pooled(_) => "PostgreSQL",
        }
    }
}

/// What is wrong with a pooler in front of a file.
const POOLED_FILE: &str = "DATABASE_POOLER: only PostgreSQL is behind a pooler, and the database is a SQLite file";

/// Timeouts for libpq, whose own defaults are minutes or infinite: for connecting, for a peer that says nothing, and for
/// data that is not acknowledged. Seconds, except `tcp_user_timeout`, which is in milliseconds.
const TIMEOUTS: [(&str, &str); 5] = [
    ("connect_timeout", "5"),
    ("keepalives_idle", "30"),
    ("keepalives_interval", "10"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// The URL with our timeouts, except those that it sets itself.
fn with_timeouts(url: &str) -> Secret {
    let missing = TIMEOUTS.iter().filter(|(name, _)| libpq::parameter(url, name).is_none());
    Secret::new(missing.fold(url.to_owned(), |url, (name, value)| libpq::with_parameter(&url, name, value)))
}

/// A URL that names several hosts, with the condition that the host accepts writes. By default libpq would take the first
/// host that accepts connections, which may be a standby.
fn with_primary(url: Secret) -> Secret {
    let text = url.expose();
    let has_condition = libpq::setting(text, "target_session_attrs", "PGTARGETSESSIONATTRS").is_some();
    if has_condition || !libpq::has_several_hosts(text) {
        return url;
    }
    Secret::new(libpq::with_parameter(text, "target_session_attrs", "read-write"))
}

/// Refuses a URL with which libpq might send a password to another machine unencrypted: by default it tries TLS and
/// continues without it.
fn refuse_plaintext(url: &str, setting: &str) -> Result<()> {
    if libpq::parameter(url, "service").is_some() || std::env::var_os("PGSERVICE").is_some() {
        bail!("{setting}: name the host in the URL; a service file would hide whether it is another machine");
    }
    let mode = libpq::setting(url, "sslmode", "PGSSLMODE");
    let remote = libpq::hosts(url).into_iter().find(|host| !is_local(host));
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

/// Whether `host` is this machine: a socket folder or a loopback address.
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
    fn the_scheme_selects_the_database() {
        assert_eq!(parse("sqlite:a/b.db").unwrap(), DatabaseUrl::Sqlite("a/b.db".into()));
        assert_eq!(parse("sqlite:///a/b.db").unwrap(), DatabaseUrl::Sqlite("/a/b.db".into()));
        assert!(matches!(parse("postgres://localhost/x").unwrap(), DatabaseUrl::Postgres(_)));
        for refused in ["mysql://h/x", "a.db", "", "sqlite:", "sqlite::memory:", "sqlite:x.db?mode=ro"] {
            assert!(parse(refused).unwrap_err().to_string().starts_with("DATABASE_URL: "), "{refused}");
        }
    }

    #[test]
    fn several_hosts_of_the_primary_are_searched_for_one_that_accepts_writes() {
        let condition = |url: &str| {
            let settings = DataSettings {
                database_url: Some(Secret::new(url)),
                database_pooler: Pooler::None,
                data_dir: PathBuf::from("data"),
            };
            let DatabaseUrl::Postgres(url) = DatabaseUrl::from_settings(&settings).unwrap() else { panic!("{url}") };
            libpq::parameter(url.expose(), "target_session_attrs")
        };
        for several in
            ["postgres://127.0.0.1,localhost/x", "postgres:///x?host=/run/a,/run/b", "postgres://[::1]:1,[::1]:2"]
        {
            assert_eq!(condition(several).as_deref(), Some("read-write"), "{several}");
        }
        for one in ["postgres://localhost/x", "postgres:///x", "postgres://localhost/x?hostaddr=127.0.0.1"] {
            assert_eq!(condition(one), None, "{one}");
        }
        let explicit = "postgres://127.0.0.1,localhost/x?target_session_attrs=any";
        assert_eq!(condition(explicit).as_deref(), Some("any"));
        // The URL of a replica is parsed without this.
        let DatabaseUrl::Postgres(replica) = parse("postgres://127.0.0.1,localhost/x").unwrap() else { panic!() };
        assert_eq!(libpq::parameter(replica.expose(), "target_session_attrs"), None);
    }

    #[cfg(not(feature = "pg-tls"))]
    #[test]
    fn a_remote_host_needs_tls_or_sslmode_disable() {
        for local in ["postgres:///x?host=/run/pg", "postgres://u:p@[::1]:5432/x", "postgres://127.0.0.1,localhost/x"] {
            parse(local).unwrap();
        }
        for remote in [
            "postgres://u:pw@db.example.com/x",
            "postgres://localhost,10.0.0.7/x",
            "postgres:///x?host=db",
            "postgres:///x?%68ost=db",
            "postgres://localhost/x?sslmode=disable&sslmode=prefer&host=db",
        ] {
            let message = parse(remote).unwrap_err().to_string();
            assert!(message.contains("pg-tls") && !message.contains("pw"), "{message}");
            parse(&format!("{remote}{}sslmode=disable", if remote.contains('?') { "&" } else { "?" })).unwrap();
        }
    }
}
