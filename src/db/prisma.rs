//! The address of a database that Prisma made. Prisma's URLs have parameters that libpq does not know, and one of them
//! names the schema.

use anyhow::{Result, anyhow, bail};
use diesel::{Connection, PgConnection, connection::CacheSize};
use percent_encoding::percent_decode_str;

use super::{libpq, libpq_syntax::is_parameter, url::DatabaseUrl};
use crate::config::Secret;

/// The schema that Prisma uses if the URL names none.
const DEFAULT_SCHEMA: &str = "public";

/// What libpq's messages say, and what is told instead: they may repeat the URL, in which the password is.
const CAUSES: [(&str, &str); 8] = [
    ("authentication failed", "the server refuses the user or the password"),
    ("no password supplied", "the server asks for a password, and the URL has none"),
    ("does not exist", "the server has no such database or user"),
    ("could not translate host name", "the host is not found"),
    ("Connection refused", "the server refuses the connection"),
    ("No such file or directory", "the server does not listen on this socket"),
    ("timeout expired", "the server does not answer in time"),
    ("pg_hba.conf", "the server refuses connections from this machine, or without TLS"),
];

/// What a build without TLS needs for it.
const TLS: &str = if cfg!(feature = "pg-tls") { "" } else { " and build with `--features pg-tls`" };

/// The checked address of a database that Prisma made.
#[derive(Clone, Debug)]
pub struct PrismaUrl {
    url: Secret,
    /// The schema of its tables.
    pub schema: String,
}

impl PrismaUrl {
    /// Checks a URL that comes from `setting`.
    ///
    /// # Errors
    /// Names `setting`: not a URL of PostgreSQL, or a plaintext connection to another host. Never repeats the URL.
    pub fn parse(url: &Secret, setting: &str) -> Result<Self> {
        let text = url.expose();
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            bail!("{setting}: the old database is on PostgreSQL; write postgres://…");
        }
        let schema = libpq::parameter(text, "schema").filter(|schema| !schema.is_empty());
        let schema = schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned());
        match DatabaseUrl::parse(&Secret::new(without_unknown(text)), setting) {
            Ok(DatabaseUrl::Postgres(url)) => Ok(Self { url, schema }),
            // What is taken for the host may be a part of a password with a `/` or an `@`, so it is not repeated.
            _ => bail!(
                "{setting}: name the host in the URL, not in a service file; if it is another machine, add \
                 sslmode=verify-full (or require){TLS}, or sslmode=disable to accept an unencrypted connection"
            ),
        }
    }

    /// Connects to the database.
    ///
    /// # Errors
    /// Why there is no connection, without any part of the URL.
    pub fn connect(&self) -> Result<PgConnection> {
        let connected = PgConnection::establish(self.url.expose()).map(|mut connection| {
            // Behind a pooler, which Prisma's users often have, statements of an earlier import may be prepared already.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection
        });
        connected.map_err(|error| {
            let message = error.to_string();
            let known = CAUSES.iter().find(|(part, _)| message.contains(part)).map(|(_, cause)| *cause);
            let cause = known.unwrap_or("try the URL, without ?schema=… and Prisma's other parameters, with psql");
            anyhow!("could not connect to the old database: {cause}")
        })
    }
}

/// The URL without the parameters that libpq would refuse.
fn without_unknown(url: &str) -> String {
    let Some((before, query)) = libpq::split_query(url) else { return url.to_owned() };
    let is_known = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        is_parameter(&percent_decode_str(name).decode_utf8_lossy())
    };
    let kept: Vec<&str> = query.split('&').filter(is_known).collect();
    if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parameters_of_libpq_are_kept() {
        for (url, kept) in [
            ("postgres://h/db", "postgres://h/db"),
            ("postgres://h/db?schema=shop", "postgres://h/db"),
            ("postgres://u:a?b@h/db?schema=a&sslmode=disable&pgbouncer=true", "postgres://u:a?b@h/db?sslmode=disable"),
            ("postgres://h/db?connection_limit=1&%68ost=x&pool_timeout=2", "postgres://h/db?%68ost=x"),
        ] {
            assert_eq!(without_unknown(url), kept);
        }
    }

    #[test]
    fn the_url_names_the_schema() {
        let schema = |url: &str| PrismaUrl::parse(&Secret::new(url), "--from").unwrap().schema;
        assert_eq!(schema("postgres://localhost/db?schema=My%20Shop&connection_limit=1"), "My Shop");
        assert_eq!(schema("postgres://localhost/db?schema="), "public");
        assert_eq!(schema("postgresql://localhost/db"), "public");
    }

    #[test]
    fn other_databases_are_refused_without_repeating_the_url() {
        for url in ["mysql://u:hunter2@h/x", "sqlite:hunter2.db", "hunter2"] {
            let message = PrismaUrl::parse(&Secret::new(url), "--from").unwrap_err().to_string();
            assert!(message.starts_with("--from: ") && !message.contains("hunter2"), "{message}");
        }
    }
}
