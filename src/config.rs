//! Settings (docs/API.md, "Configuration") and fixed limits (docs/API.md, "Limits"). Comments of settings are help
//! texts.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use ipnet::IpNet;

/// The location of the data.
#[derive(Clone, Debug, Args)]
pub struct DataSettings {
    /// sqlite:PATH or postgres://… (libpq syntax, also with several hosts) [default: sqlite:<DATA_DIR>/clusterdesk.db]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,

    /// Folder of the SQLite file and the first admin's token; created with mode 0700
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// All settings of a server.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Where the data is.
    #[command(flatten)]
    pub data: DataSettings,

    /// URL of a PostgreSQL read replica, which queries use
    #[arg(long, env = "DATABASE_REPLICA_URL", hide_env_values = true)]
    pub database_replica_url: Option<Secret>,

    /// Number of database threads for reads, each with a connection; two more list things for admins, and PostgreSQL uses as
    /// many again for writes, and two more
    #[arg(long, env = "DATABASE_THREADS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub database_threads: u16,

    /// Address to listen on: HOST:PORT or unix:PATH
    #[arg(long, env = "BIND_ADDR", default_value = "127.0.0.1:8080")]
    pub bind_addr: BindAddr,

    /// Origin of the frontend, for CORS, WebSockets and Stripe's return URL
    #[arg(long, env = "APP_URL")]
    pub app_url: Option<Origin>,

    /// More origins that browsers may call from, comma separated
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<Origin>,

    /// CIDRs of proxies whose X-Forwarded-For is used, comma separated; `unix` stands for the unix socket
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<TrustedProxy>,

    /// Whose JSON Web Tokens are accepted.
    #[command(flatten)]
    pub jwt: JwtSettings,

    /// Rate limits.
    #[command(flatten)]
    pub rate_limits: RateLimitSettings,

    /// The Stripe account.
    #[command(flatten)]
    pub stripe: StripeSettings,

    /// Format of the log [default: pretty on a terminal, otherwise json]
    #[arg(long, env = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Connections from one address, or from one /64 of IPv6 addresses; trusted proxies are not counted; 0 for no limit
    #[arg(long, env = "CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: u32,

    /// Milliseconds that calls in progress may take after SIGTERM
    #[arg(long, env = "SHUTDOWN_GRACE_MS", default_value_t = 10_000)]
    pub shutdown_grace_ms: u64,

    /// Whether to create an admin at start if the database has none
    #[arg(long, env = "BOOTSTRAP_ADMIN", default_value = "on")]
    pub bootstrap_admin: Switch,
}

/// Which JSON Web Tokens are accepted. At most one kind of key may be configured.
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

    /// URL of a JSON Web Key Set; fetched again when a token names an unknown key
    #[arg(long, env = "JWT_JWKS_URL")]
    pub jwt_jwks_url: Option<String>,

    /// Required `iss` claim of tokens
    #[arg(long, env = "JWT_ISSUER")]
    pub jwt_issuer: Option<String>,

    /// Accepted values of the `aud` claim, comma separated
    #[arg(long, env = "JWT_AUDIENCE", value_delimiter = ',')]
    pub jwt_audience: Vec<String>,

    /// Accepted values of the `azp` claim, comma separated
    #[arg(long, env = "JWT_AUTHORIZED_PARTIES", value_delimiter = ',')]
    pub jwt_authorized_parties: Vec<String>,
}

/// Rate limits: calls per window and caller. 0 requests disables a limit.
#[derive(Clone, Debug, Args)]
pub struct RateLimitSettings {
    /// Queries and subscriptions per caller and window; 0 disables the limit
    #[arg(long, env = "RATE_LIMIT_READ_MAX_REQUESTS", default_value_t = 100)]
    pub rate_limit_read_max_requests: u32,

    /// Window of that limit in milliseconds
    #[arg(long, env = "RATE_LIMIT_READ_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_read_window_ms: u64,

    /// Mutations per caller and window; 0 disables the limit
    #[arg(long, env = "RATE_LIMIT_WRITE_MAX_REQUESTS", default_value_t = 20)]
    pub rate_limit_write_max_requests: u32,

    /// Window of that limit in milliseconds
    #[arg(long, env = "RATE_LIMIT_WRITE_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_write_window_ms: u64,

    /// Calls of stripe.createSession per caller and window; 0 disables the limit
    #[arg(long, env = "RATE_LIMIT_STRIPE_MAX_REQUESTS", default_value_t = 10)]
    pub rate_limit_stripe_max_requests: u32,

    /// Window of that limit in milliseconds
    #[arg(long, env = "RATE_LIMIT_STRIPE_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_stripe_window_ms: u64,
}

/// The Stripe account. Without one, `stripe.*` and the webhook return SERVICE_UNAVAILABLE, and the rest works.
#[derive(Clone, Debug, Default, Args)]
pub struct StripeSettings {
    /// Secret key for Stripe's API
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true)]
    pub stripe_secret_key: Option<Secret>,

    /// URL of Stripe's API, for tests [default: api.stripe.com over https]
    #[arg(long, env = "STRIPE_API_BASE")]
    pub stripe_api_base: Option<String>,

    /// JSON file with texts and amounts of plan cards, by plan; other plans keep the built-in card
    #[arg(long, env = "STRIPE_PLANS_FILE")]
    pub stripe_plans_file: Option<PathBuf>,

    /// Signing secret of the webhook endpoint; several, comma separated, during a rotation
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, value_delimiter = ',')]
    pub stripe_webhook_secret: Vec<Secret>,

    /// Id of the monthly price of plan PRO
    #[arg(long, env = "STRIPE_PRO_MONTHLY_PRICE_ID")]
    pub stripe_pro_monthly_price_id: Option<String>,

    /// Id of the yearly price of plan PRO
    #[arg(long, env = "STRIPE_PRO_YEARLY_PRICE_ID")]
    pub stripe_pro_yearly_price_id: Option<String>,

    /// Id of the monthly price of plan BUSINESS
    #[arg(long, env = "STRIPE_BUSINESS_MONTHLY_PRICE_ID")]
    pub stripe_business_monthly_price_id: Option<String>,

    /// Id of the yearly price of plan BUSINESS
    #[arg(long, env = "STRIPE_BUSINESS_YEARLY_PRICE_ID")]
    pub stripe_business_yearly_price_id: Option<String>,
}

/// The fixed limits (docs/API.md, "Limits"). Not configurable; tests use smaller ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What the wires enforce. Request bodies over HTTP have the same limit as WebSocket messages.
    pub wire: procedures::Limits,
    /// Deadline of a call.
    pub call_timeout: Duration,
    /// Most connections at a time.
    pub connections: usize,
    /// Timeout for idle connections. The head of a request has `wire.message_timeout`, from its first byte.
    pub idle_timeout: Duration,
    /// Timeout for the body of a request.
    pub body_timeout: Duration,
    /// How long a connection beyond the limits may last. It is answered one request about the server's health.
    pub reserve_timeout: Duration,
    /// Most jobs that wait for a database thread.
    pub queued_jobs: usize,
    /// Interval of purging expired data.
    pub purge_interval: Duration,
    /// Most events buffered for the slowest subscriber; one that falls further behind reads them from the database.
    pub feed_events: usize,
    /// Most subscriptions of one user, on all connections together. Twice those of a WebSocket: a client whose network
    /// changed subscribes again before its old socket is known to be dead.
    pub user_subscriptions: usize,
    /// Interval of checking whether a subscriber still has access.
    pub recheck_interval: Duration,
    /// Polling interval for new events when no commit is notified.
    pub feed_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wire: procedures::Limits::default(),
            call_timeout: Duration::from_secs(30),
            connections: 10_000,
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            reserve_timeout: Duration::from_secs(5),
            queued_jobs: 1024,
            purge_interval: Duration::from_secs(10 * 60),
            recheck_interval: Duration::from_secs(30),
            feed_events: 1024,
            user_subscriptions: 128,
            feed_interval: Duration::from_secs(1),
        }
    }
}

/// A secret string. Its `Debug` output does not contain it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
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

/// An origin in the form that browsers send (RFC 6454 §6.1): `scheme://host[:port]` in lower case, without default
/// port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// `scheme://host[:port]`
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

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Pretty,
    /// One JSON object per line
    Json,
}

/// The value of a setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Enabled
    On,
    /// Disabled
    Off,
}
