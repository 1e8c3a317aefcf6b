//! Settings: flags over environment over `clusterdesk.toml` (contract §6), and the fixed limits (contract §5).

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ipnet::IpNet;

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct DataSettings {
    /// sqlite:PATH or postgres://… (libpq syntax, several hosts allowed) [default: sqlite:<DATA_DIR>/clusterdesk.db]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,

    /// Folder of the SQLite file and the first admin token; created with mode 0700
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// Everything a running server can be told.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    pub data: DataSettings,

    /// A PostgreSQL read replica for queries
    #[arg(long, env = "DATABASE_REPLICA_URL", hide_env_values = true)]
    pub database_replica_url: Option<Secret>,

    /// Database threads, each with a connection, for reads; PostgreSQL has as many again for writes
    #[arg(long, env = "DATABASE_THREADS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub database_threads: u16,

    /// Where to listen: HOST:PORT or unix:PATH
    #[arg(long, env = "BIND_ADDR", default_value = "127.0.0.1:8080")]
    pub bind_addr: BindAddr,

    /// The frontend's origin: CORS, WebSocket Origin
    #[arg(long, env = "APP_URL")]
    pub app_url: Option<Origin>,

    /// More origins a browser may call from, comma separated
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// CIDRs whose X-Forwarded-For counts, comma separated; `unix` means the unix socket
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<TrustedProxy>,

    #[command(flatten)]
    pub jwt: JwtSettings,

    #[command(flatten)]
    pub rate_limits: RateLimitSettings,

    #[command(flatten)]
    pub stripe: StripeSettings,

    /// How to write the log [default: pretty on a terminal, else json]
    #[arg(long, env = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// How long in-flight calls may take after SIGTERM
    #[arg(long, env = "SHUTDOWN_GRACE_MS", default_value_t = 10_000)]
    pub shutdown_grace_ms: u64,

    /// Whether a database without an admin gets one at start
    #[arg(long, env = "BOOTSTRAP_ADMIN", default_value = "on")]
    pub bootstrap_admin: Switch,
}

/// Whose JSON Web Tokens are accepted. At most one kind of key is configured.
#[derive(Clone, Debug, Default, Args)]
pub struct JwtSettings {
    /// HS256 secret, at least 32 bytes
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<Secret>,

    /// PEM file with one public key: RS256, ES256 or EdDSA
    #[arg(long, env = "JWT_PUBLIC_KEY_FILE")]
    pub jwt_public_key_file: Option<PathBuf>,

    /// File with a JSON Web Key Set
    #[arg(long, env = "JWT_JWKS_FILE")]
    pub jwt_jwks_file: Option<PathBuf>,

    /// URL of a JSON Web Key Set, fetched when an unknown key is named
    #[arg(long, env = "JWT_JWKS_URL")]
    pub jwt_jwks_url: Option<String>,

    /// Required `iss` claim
    #[arg(long, env = "JWT_ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Required `aud` claim: one of these, comma separated
    #[arg(long, env = "JWT_AUDIENCE", value_delimiter = ',')]
    pub jwt_audience: Vec<String>,

    /// Required `azp` claim: one of these, comma separated
    #[arg(long, env = "JWT_AUTHORIZED_PARTIES", value_delimiter = ',')]
    pub jwt_authorized_parties: Vec<String>,
}

/// Calls per window and caller; 0 requests switches a bucket off.
#[derive(Clone, Debug, Args)]
pub struct RateLimitSettings {
    #[arg(long, env = "RATE_LIMIT_READ_MAX_REQUESTS", default_value_t = 100)]
    pub rate_limit_read_max_requests: u32,
    #[arg(long, env = "RATE_LIMIT_READ_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_read_window_ms: u64,
    #[arg(long, env = "RATE_LIMIT_WRITE_MAX_REQUESTS", default_value_t = 20)]
    pub rate_limit_write_max_requests: u32,
    #[arg(long, env = "RATE_LIMIT_WRITE_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_write_window_ms: u64,
    #[arg(long, env = "RATE_LIMIT_STRIPE_MAX_REQUESTS", default_value_t = 10)]
    pub rate_limit_stripe_max_requests: u32,
    #[arg(long, env = "RATE_LIMIT_STRIPE_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_stripe_window_ms: u64,
}

/// What we know of the Stripe account. Without it `stripe.*` and the webhook say SERVICE_UNAVAILABLE, and the rest works.
#[derive(Clone, Debug, Default, Args)]
pub struct StripeSettings {
    /// Secret key of Stripe's API
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true)]
    pub stripe_secret_key: Option<Secret>,

    /// Another address of Stripe's API, for tests [default: api.stripe.com over https]
    #[arg(long, env = "STRIPE_API_BASE")]
    pub stripe_api_base: Option<String>,

    /// JSON file with the texts and amounts of the plan cards, by plan; plans that it leaves out keep ours
    #[arg(long, env = "STRIPE_PLANS_FILE")]
    pub stripe_plans_file: Option<PathBuf>,

    /// Signing secrets of the webhook endpoint, comma separated while one replaces another
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_delimiter = ',')]
    pub stripe_webhook_secret: Vec<Secret>,

    /// Price of plan PRO, paid by the month
    #[arg(long, env = "STRIPE_PRO_MONTHLY_PRICE_ID")]
    pub stripe_pro_monthly_price_id: Option<String>,

    /// Price of plan PRO, paid by the year
    #[arg(long, env = "STRIPE_PRO_YEARLY_PRICE_ID")]
    pub stripe_pro_yearly_price_id: Option<String>,

    /// Price of plan BUSINESS, paid by the month
    #[arg(long, env = "STRIPE_BUSINESS_MONTHLY_PRICE_ID")]
    pub stripe_business_monthly_price_id: Option<String>,

    /// Price of plan BUSINESS, paid by the year
    #[arg(long, env = "STRIPE_BUSINESS_YEARLY_PRICE_ID")]
    pub stripe_business_yearly_price_id: Option<String>,
}

/// What contract §5 fixes. Not for operators; tests make them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request body or WebSocket message.
    pub request_bytes: usize,
    /// Bytes of a response, a whole batch counted as one.
    pub response_bytes: usize,
    pub batch_entries: usize,
    pub call_timeout: Duration,
    pub connections: usize,
    /// For the head of a request, also the idle time between two of them.
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    /// Between two pings on a WebSocket; a peer that misses two is gone.
    pub ping_interval: Duration,
    /// Calls in flight on one WebSocket; further messages wait unread.
    pub socket_calls: usize,
    /// Subscriptions on one WebSocket; one more is refused.
    pub socket_subscriptions: usize,
    /// Jobs waiting for a database thread; one more is refused.
    pub queued_jobs: usize,
    /// Between two looks for what may be purged.
    pub purge_interval: Duration,
    /// Events that wait for the slowest watcher; one who falls further behind gets the rest from the database.
    pub feed_events: usize,
    /// Between two looks whether a watcher may still watch.
    pub recheck_interval: Duration,
    /// Between two looks for new events when nobody says that something was committed.
    pub feed_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes: 1024 * 1024,
            response_bytes: 10 * 1024 * 1024,
            batch_entries: 50,
            call_timeout: Duration::from_secs(30),
            connections: 10_000,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            ping_interval: Duration::from_secs(30),
            socket_calls: 64,
            socket_subscriptions: 64,
            queued_jobs: 1024,
            purge_interval: Duration::from_secs(10 * 60),
            recheck_interval: Duration::from_secs(30),
            feed_events: 1024,
            feed_interval: Duration::from_secs(1),
        }
    }
}

/// A string that no log line or error message can print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddr {
    Tcp(SocketAddr),
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

/// `scheme://host[:port]` as a browser sends it (RFC 6454 §6.1): lower case, no path, no default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let text = text.trim().to_ascii_lowercase();
        let uri: http::Uri = text.parse().context("expected an origin such as https://app.example.com")?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("expected an origin such as https://app.example.com");
        };
        let default_port = if scheme == "https" { 443 } else { 80 };
        Ok(Self(match uri.port_u16() {
            Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        }))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    Network(IpNet),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Pretty,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}
