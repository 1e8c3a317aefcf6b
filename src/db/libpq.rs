//! Reads a connection URL as libpq reads it (PostgreSQL manual §34.1.1.2): what we check must be what it connects to.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Environment variables in which libpq finds the host when the URL has none (PostgreSQL manual §34.15).
const HOST_VARIABLES: [&str; 2] = ["PGHOST", "PGHOSTADDR"];

/// The parts of a URL that follow the credentials, still percent-encoded.
pub(super) struct Parts<'a> {
    /// `host[:port],…`
    pub hosts: &'a str,
    /// The name of the database.
    pub database: &'a str,
    /// `key=value&…`
    pub query: Option<&'a str>,
}

pub(super) fn parts(url: &str) -> Parts<'_> {
    let rest = url.split_once("://").map_or("", |(_scheme, rest)| rest);
    // Credentials end at the first `@` before the first `/`, and may contain a `?`.
    let rest = match rest.split_once('@') {
        Some((credentials, after)) if !credentials.contains('/') => after,
        _ => rest,
    };
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (hosts, database) = before.split_once('/').unwrap_or((before, ""));
    Parts { hosts, database, query }
}

/// The value of a parameter in the URL's query. Of several with one name the last counts.
pub(super) fn parameter(url: &str, name: &str) -> Option<String> {
    let pairs = parts(url).query.unwrap_or_default().split('&').rev().filter_map(|pair| pair.split_once('='));
    let mut decoded = pairs.map(|(key, value)| (decode(key), decode(value)));
    decoded.find_map(|(key, value)| match (key.as_ref(), value.as_ref()) {
        // How JDBC spells it.
        ("ssl", "true") if name == "sslmode" => Some("require".to_owned()),
        (key, value) => (key == name).then(|| value.to_owned()),
    })
}

/// The value of a parameter in the URL, or else in libpq's environment variable.
pub(super) fn setting(url: &str, name: &str, variable: &str) -> Option<String> {
    parameter(url, name).or_else(|| std::env::var(variable).ok()).filter(|value| !value.is_empty())
}

/// The URL with one more parameter, which overrides an earlier one of that name. `name` and `value` must not need
/// percent-encoding.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let separator = match parts(url).query {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{url}{separator}{name}={value}")
}

/// The URL up to its query, and the query. None without one.
pub(super) fn split_query(url: &str) -> Option<(&str, &str)> {
    let query = parts(url).query?;
    let before = url.len().checked_sub(query.len().saturating_add(1))?;
    Some((url.get(..before)?, query))
}

/// Every host that libpq might connect to.
pub(super) fn hosts(url: &str) -> Vec<String> {
    let mut hosts: Vec<String> = parts(url).hosts.split(',').flat_map(host_of).collect();
    for name in ["host", "hostaddr"] {
        hosts.extend(parameter(url, name).iter().flat_map(|list| list.split(',')).map(str::to_owned));
    }
    hosts.retain(|host| !host.is_empty());
    if hosts.is_empty() {
        hosts.extend(HOST_VARIABLES.iter().filter_map(|name| std::env::var(name).ok()));
    }
    hosts
}

/// `host[:port],…/database`, decoded. What the URL leaves to libpq's defaults is left out.
pub(super) fn place(url: &str) -> String {
    let Parts { hosts, database, .. } = parts(url);
    let hosts = match parameter(url, "hostaddr").or_else(|| parameter(url, "host")) {
        Some(hosts) => hosts,
        None if hosts.is_empty() => HOST_VARIABLES.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default(),
        None => decode(hosts).into_owned(),
    };
    let port = parameter(url, "port").map(|port| format!(":{port}")).unwrap_or_default();
    let database = parameter(url, "dbname").unwrap_or_else(|| decode(database).into_owned());
    match database.as_str() {
        "" => format!("{hosts}{port}"),
        database => format!("{hosts}{port}/{database}"),
    }
}

/// Whether libpq may have to choose between hosts.
pub(super) fn has_several_hosts(url: &str) -> bool {
    // In the query they override those before the path; `hostaddr` only adds the addresses of the same hosts.
    let in_url = || Some(decode(parts(url).hosts).into_owned()).filter(|hosts| !hosts.is_empty());
    let hosts = parameter(url, "hostaddr").or_else(|| parameter(url, "host")).or_else(in_url);
    let from_environment = || HOST_VARIABLES.iter().find_map(|name| std::env::var(name).ok());
    hosts.or_else(from_environment).is_some_and(|hosts| hosts.contains(','))
}

/// The host of `host[:port]` or `[IPv6][:port]`. libpq decodes before it splits at commas, so it may be several.
fn host_of(address: &str) -> Vec<String> {
    let host = match address.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => address.split(':').next(),
    };
    decode(host.unwrap_or_default()).split(',').map(str::to_owned).collect()
}

pub(super) fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_percent_decoded() {
        let url = "postgres://u:p@h/db?%73slmode=ver%69fy-full&host=%2Frun%2Fpg&options=-c%20a%3Db";
        assert_eq!(parameter(url, "sslmode").as_deref(), Some("verify-full"));
        assert_eq!(parameter(url, "options").as_deref(), Some("-c a=b"));
        assert_eq!(hosts(url), ["h", "/run/pg"]);
        assert_eq!(hosts("postgres://%6Cocalhost:1,%2Ftmp,[::1]:2,a%2Cb/db"), ["localhost", "/tmp", "::1", "a", "b"]);
        // `+` is no space in libpq, and an invalid escape is an error there.
        assert_eq!(parameter("postgres:///?options=a+b", "options").as_deref(), Some("a+b"));
    }

    #[test]
    fn the_last_of_equal_parameters_counts() {
        assert_eq!(parameter("postgres://h/?sslmode=require&sslmode=prefer", "sslmode").as_deref(), Some("prefer"));
        assert_eq!(parameter("postgres://h/?sslmode=disable&ssl=true", "sslmode").as_deref(), Some("require"));
        assert_eq!(parameter("postgres://h/?ssl=false", "sslmode"), None);
    }

    #[test]
    fn credentials_end_at_the_first_at_sign_before_the_path() {
        assert_eq!(hosts("postgres://u:a?b@example.com/db?sslmode=disable"), ["example.com"]);
        assert_eq!(hosts("postgres://localhost?application_name=x@example.com"), ["example.com"]);
        assert_eq!(hosts("postgres://localhost/db?application_name=x@example.com"), ["localhost"]);
        assert_eq!(hosts("postgres://u@h1:1,h2:2?dbname=x"), ["h1", "h2"]);
    }

    #[test]
    fn a_parameter_is_added_to_the_query() {
        for (url, expected) in [
            ("postgres://u:a?b@h/db", "postgres://u:a?b@h/db?x=1"),
            ("postgres://h/db?", "postgres://h/db?x=1"),
            ("postgres://h/db?y=2", "postgres://h/db?y=2&x=1"),
            ("postgres://h/db?y=2&", "postgres://h/db?y=2&x=1"),
        ] {
            assert_eq!(with_parameter(url, "x", "1"), expected);
        }
    }
}
