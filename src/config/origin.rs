//! Origins of web pages, as settings name them.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use anyhow::{Result, bail, ensure};

const EXPECTED: &str = "expected an origin such as https://app.example.com";

/// An origin in the form that browsers send (RFC 6454 §6.1): `scheme://host[:port]` in lower case, without default port.
/// The scheme may be any, because pages inside apps and browser extensions have schemes of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// An origin that may call, or all origins that differ in one label of the host: `https://*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// This origin.
    Exact(Origin),
    /// What comes before and after the one label.
    Wildcard {
        /// Ends with `://` or a dot.
        before: String,
        /// Begins with a dot.
        after: String,
    },
}

/// The parts of an origin, in lower case.
struct Parts {
    scheme: String,
    host: String,
    /// None for the default port.
    port: Option<u16>,
}

impl Origin {
    /// `scheme://host[:port]`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = Parts::read(text)?;
        ensure!(!parts.host.contains('*'), "must be one origin; ALLOWED_ORIGINS may have a * for a label of the host");
        Ok(Self(parts.to_string()))
    }
}

impl AllowedOrigin {
    /// Whether a page with this origin may call.
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str() == origin,
            Self::Wildcard { before, after } => {
                let label = origin.strip_prefix(&**before).and_then(|rest| rest.strip_suffix(&**after));
                label.is_some_and(|label| !label.is_empty() && label.bytes().all(is_in_label))
            }
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = Parts::read(text)?;
        let Some((first, rest)) = parts.host.split_once('*') else { return Ok(Self::Exact(Origin(parts.to_string()))) };
        // `https://*.com` would let nearly everybody in.
        let is_narrow = rest.strip_prefix('.').is_some_and(|domain| domain == "localhost" || domain.contains('.'));
        ensure!(
            (first.is_empty() || first.ends_with('.')) && is_narrow && !rest.contains('*'),
            "a * stands for one whole label of the host, before a domain: https://*.example.com"
        );
        let origin = parts.to_string();
        let (before, after) = origin.split_once('*').unwrap_or_default();
        Ok(Self::Wildcard { before: before.to_owned(), after: after.to_owned() })
    }
}

impl From<Origin> for AllowedOrigin {
    fn from(origin: Origin) -> Self {
        Self::Exact(origin)
    }
}

impl Parts {
    /// Reads the origin of a URL; what follows it is ignored.
    fn read(text: &str) -> Result<Self> {
        let text = text.trim().to_ascii_lowercase();
        let Some((scheme, rest)) = text.split_once("://") else { bail!(EXPECTED) };
        let is_in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        ensure!(scheme.starts_with(|first: char| first.is_ascii_alphabetic()), EXPECTED);
        ensure!(scheme.bytes().all(is_in_scheme), EXPECTED);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let address = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (address, ""),
        };
        let port =
            if port.is_empty() { None } else { Some(port.parse::<u16>().map_err(|_odd| anyhow::anyhow!(EXPECTED))?) };
        let is_default = matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
        let port = port.filter(|_| !is_default);
        Ok(Self { scheme: scheme.to_owned(), host: host_as_sent(host)?, port })
    }
}

/// The host as browsers write it.
fn host_as_sent(host: &str) -> Result<String> {
    if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let Ok(address) = v6.parse::<Ipv6Addr>() else { bail!(EXPECTED) };
        return Ok(format!("[{address}]"));
    }
    ensure!(host.is_ascii(), "write the host as browsers send it, in punycode: xn--…");
    let is_in_host = |byte: u8| is_in_label(byte) || byte == b'.' || byte == b'*';
    ensure!(!host.is_empty() && host.bytes().all(is_in_host), EXPECTED);
    Ok(host.to_owned())
}

fn is_in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{scheme}://{host}")?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
