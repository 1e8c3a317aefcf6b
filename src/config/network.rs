//! How settings name what is on the network: addresses, proxies, cookies.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use anyhow::{Context, bail};
use ipnet::IpNet;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddr {
    /// `IP:PORT` or `localhost:PORT`.
    Tcp(SocketAddr),
    /// `unix:PATH`, a unix socket.
    Unix(PathBuf),
}

impl FromStr for BindAddr {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        text.parse().map(Self::Tcp).context("expected IP:PORT, localhost:PORT or unix:PATH")
    }
}

impl fmt::Display for BindAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Which cookies are meant: one name, or all that begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieName {
    /// This name.
    Exact(String),
    /// `prefix*`.
    Prefix(String),
}

impl CookieName {
    /// Whether a cookie with this name is meant. Case matters (RFC 6265 §5.3).
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => name == exact,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

impl FromStr for CookieName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        // A name is a token (RFC 6265 §4.1.1), as the names of headers are.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            bail!("expected the name of a cookie such as __session, or a prefix such as __session_*");
        }
        Ok(if is_prefix { Self::Prefix(name.to_owned()) } else { Self::Exact(name.to_owned()) })
    }
}

/// A proxy whose X-Forwarded-For is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Any address of a network.
    Network(IpNet),
    /// Any peer on the unix socket.
    UnixSocket,
}

impl FromStr for TrustedProxy {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        if text == "unix" {
            return Ok(Self::UnixSocket);
        }
        if let Ok(address) = text.parse::<std::net::IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        text.parse().map(Self::Network).context("expected a CIDR such as 10.0.0.0/8, an address, or `unix`")
    }
}
