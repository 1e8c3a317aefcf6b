//! Checks the syntax of a connection URL before libpq does. libpq quotes what it can't read, which may be a piece of the
//! password: `%`, `@`, `/` and blanks in one must be percent-encoded.

use super::libpq::{Parts, decode, parts};

/// What to do about a URL that can't be read.
const ENCODE: &str = "the URL can't be read; a user, password, database or parameter with special characters must be \
     percent-encoded: % as %25, @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, = as %3D, a blank as %20";

/// The parameters of libpq (PostgreSQL manual §34.1.2), and `ssl`, which it reads for JDBC's sake.
const PARAMETERS: [&str; 43] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
    "requiressl",
];

/// Characters of a parameter's name that are repeated.
const NAME: usize = 40;

/// Says what is wrong with a URL, without repeating what may be secret.
///
/// # Errors
/// libpq could not read the URL, or would read it otherwise than it was meant.
pub(super) fn check(url: &str) -> Result<(), String> {
    let unreadable = || Err(ENCODE.to_owned());
    if url.chars().any(|character| character.is_whitespace() || character.is_control()) || !is_encoded(url) {
        return unreadable();
    }
    let Parts { hosts, query, .. } = parts(url);
    // The only one ends the credentials. With any other, a part of the password would count as a host or a database.
    let separators = usize::from(has_credentials(url));
    if url.matches('@').count() > separators || !hosts.split(',').all(has_port_number) {
        return unreadable();
    }
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let name = match pair.split_once('=') {
            Some((name, value)) if !value.contains('=') => decode(name),
            _ => return unreadable(),
        };
        if !is_parameter(&name) {
            return Err(unknown_parameter(&name));
        }
    }
    Ok(())
}

/// Whether libpq knows a parameter of this name.
pub(super) fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name)
}

/// Whether there is a `@` before the first `/`.
fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_scheme, rest)| rest);
    rest.split('/').next().is_some_and(|authority| authority.contains('@'))
}

/// Whether every `%` begins an escape other than that of NUL.
fn is_encoded(url: &str) -> bool {
    url.split('%').skip(1).all(|escape| {
        let digits = escape.get(..2);
        digits.is_some_and(|digits| digits != "00" && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    })
}

/// Whether what follows the host is a port or nothing. libpq decodes before it looks.
fn has_port_number(address: &str) -> bool {
    let port = match address.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, "")) => "",
            Some((_, rest)) => rest.strip_prefix(':').unwrap_or("?"),
            None => "?",
        },
        None => address.split_once(':').map_or("", |(_host, port)| port),
    };
    port.is_empty() || port.parse::<u16>().is_ok()
}

fn unknown_parameter(name: &str) -> String {
    let hint = match name {
        "schema" => "; this server's tables are in the schema of the search_path: options=-csearch_path%3Dname",
        "pgbouncer" | "connection_limit" | "pool_timeout" | "statement_cache_size" => "; it is one of Prisma's own",
        _ => "",
    };
    format!("{:?} is not a parameter of PostgreSQL's URLs{hint}", name.chars().take(NAME).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpq_can_not_read_is_refused_without_a_word_of_it() {
        for url in [
            "postgres://u:hun%ter2@h/x",
            "postgres://u:hunter2%@h/x",
            "postgres://u:hunter2%0@h/x",
            "postgres://u:hunter2%00@h/x",
            "postgres://u:hun ter2@h/x",
            "postgres://u:hun\tter2@h/x",
            "postgres://u:hun@ter2@h/x",
            "postgres://u:hun@ter2/x@h/x",
            "postgres://u:hun/ter2@h/x",
            "postgres://u:12/ter2@h/x",
            "postgres://u:hunter2?x=1",
            "postgres://h:hunter2/x",
            "postgres://[::1]hunter2/x",
            "postgres://h/x?hunter2",
            "postgres://h/x?options=a=hunter2",
            "postgres://h/x?options=hunter2@h",
        ] {
            assert_eq!(check(url).as_ref().map_err(String::as_str), Err(ENCODE), "{url}");
        }
    }

    #[test]
    fn what_libpq_can_read_is_accepted() {
        for url in [
            "postgres://u:hun%25t%40r%2F2@h:5432/x?sslmode=disable",
            "postgres://u:a?b@h/db",
            "postgres://u:p#w@h/db",
            "postgres://u:p:w@h/db",
            "postgres://h1:1,h2:2,[::1]:3,[::1]/x?&target_session_attrs=any&",
            "postgres:///x?host=%2Frun%2Fpg&user=u&password=p",
            "postgres:///x?host=/run/pg&%73slmode=disable",
            "postgresql://u@/x",
            "postgres://",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }
}
