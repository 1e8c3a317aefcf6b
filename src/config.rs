//! Settings (docs/API.md, "Configuration") and fixed limits (docs/API.md, "Limits"). Comments of settings are help
//! texts.

mod age;
mod interval;
mod limits;
mod network;
mod origin;
mod share;

use std::{fmt, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};

pub use self::{
    age::Age,
    interval::Interval,
    limits::Limits,
    network::{BindAddr, CookieName, TrustedProxy},
    origin::{AllowedOrigin, Origin},
    share::Share,
};

/// The location of the data.
#[derive(Clone, Debug, Args)]
pub struct DataSettings {
    /// sqlite:PATH or postgres://… (libpq syntax, also with several hosts) [default: sqlite:<DATA_DIR>/clusterdesk.db]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<Secret>,

    /// Whether DATABASE_URL leads to a pooler that gives each transaction another session, as PgBouncer does in transaction mode
    #[arg(long, env = "DATABASE_POOLER", default_value = "none")]
    pub database_pooler: Pooler,

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

    /// URL of the same PostgreSQL database past the pooler, for LISTEN
    #[arg(long, env = "DATABASE_LISTEN_URL", hide_env_values = true)]
    pub database_listen_url: Option<Secret>,

    /// Milliseconds that a start waits for a PostgreSQL server that does not answer yet; 0 to fail at once
    #[arg(long, env = "DATABASE_WAIT_MS", default_value_t = 30_000)]
    pub database_wait_ms: u64,

    /// Number of database threads for reads, each with a connection; two more list things for admins, and PostgreSQL uses as
    /// many again for writes, and two more
    #[arg(long, env = "DATABASE_THREADS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub database_threads: u16,

    /// Address to listen on: IP:PORT, localhost:PORT or unix:PATH
    #[arg(long, env = "BIND_ADDR", default_value = "127.0.0.1:8080")]
    pub bind_addr: BindAddr,

    /// Address for `/metrics` alone: IP:PORT, localhost:PORT or unix:PATH [default: `/metrics` is at BIND_ADDR]
    #[arg(long, env = "METRICS_ADDR")]
    pub metrics_addr: Option<BindAddr>,

    /// Origin of the frontend, for CORS, WebSockets and Stripe's return URL
    #[arg(long, env = "APP_URL")]
    pub app_url: Option<Origin>,

    /// More origins that browsers may call from, comma separated; `*` stands for one label, as in https://*.example.com
    #[arg(long, env = "ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<AllowedOrigin>,

    /// Cookies that may carry a session's JWT, comma separated: names, or prefixes as in `__session_*`
    #[arg(long, env = "SESSION_COOKIES", value_delimiter = ',')]
    pub session_cookies: Vec<CookieName>,

    /// CIDRs of proxies whose X-Forwarded-For is used, comma separated; `unix` stands for the unix socket
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<TrustedProxy>,

    /// Whose JSON Web Tokens are accepted.
    #[command(flatten)]
    pub jwt: JwtSettings,

    /// By which provider people sign in to the explorer.
    #[command(flatten)]
    pub oidc: OidcSettings,

    /// Rate limits.
    #[command(flatten)]
    pub rate_limits: RateLimitSettings,

    /// The Stripe account.
    #[command(flatten)]
    pub stripe: StripeSettings,

    /// How long data is kept.
    #[command(flatten)]
    pub retention: RetentionSettings,

    /// Format of the log [default: pretty on a terminal, otherwise json]
    #[arg(long, env = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Connections from one address, or from one /64 of IPv6 addresses; trusted proxies are not counted; 0 for no limit
    #[arg(long, env = "CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: u32,

    /// Milliseconds that an idle connection is kept; longer than the proxy in front keeps it, so that none is closed while a
    /// request is on its way
    #[arg(long, env = "KEEP_ALIVE_MS", default_value_t = 75_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_alive_ms: u64,

    /// Milliseconds that calls in progress may take after SIGTERM
    #[arg(long, env = "SHUTDOWN_GRACE_MS", default_value_t = 10_000)]
    pub shutdown_grace_ms: u64,

    /// Whether to create an admin at start if the database has none
    #[arg(long, env = "BOOTSTRAP_ADMIN", default_value = "on")]
    pub bootstrap_admin: Switch,

    /// The backups that the server makes.
    #[command(flatten)]
    pub backups: BackupSettings,

    /// Where traces are sent.
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// Traces of calls for an OpenTelemetry collector, by the standard's own names.
#[derive(Clone, Debug, Args)]
pub struct TraceSettings {
    /// URL of an OpenTelemetry collector, which gets traces by OTLP over HTTP, such as http://127.0.0.1:4318 [default: no traces]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub otel_exporter_otlp_endpoint: Option<Secret>,

    /// Headers of the requests to it, such as its key: name=value, comma separated
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", hide_env_values = true)]
    pub otel_exporter_otlp_headers: Option<Secret>,

    /// What the server is called in traces
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "clusterdesk")]
    pub otel_service_name: String,

    /// Share of the calls that are traced, from 0 to 1; a caller who sends `traceparent` has decided already
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1")]
    pub otel_traces_sampler_arg: Share,
}

/// The backups of a SQLite database that the server makes by itself.
#[derive(Clone, Debug, Args)]
pub struct BackupSettings {
    /// Time between two backups of a SQLite database into DATA_DIR/backups, such as 30m, 1h or 1d [default: no backups]
    #[arg(long, env = "BACKUP_EVERY")]
    pub backup_every: Option<Interval>,

    /// Number of these backups that are kept
    #[arg(long, env = "BACKUP_KEEP", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub backup_keep: u32,
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
    #[arg(long, env = "JWT_JWKS_URL", hide_env_values = true)]
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

impl JwtSettings {
    /// Whether any key is configured.
    pub fn has_key(&self) -> bool {
        let files = [&self.jwt_public_key_file, &self.jwt_jwks_file];
        self.jwt_secret.is_some() || self.jwt_jwks_url.is_some() || files.into_iter().any(Option::is_some)
    }
}

/// The OpenID Connect provider with which people sign in to the explorer. Without an issuer there is none.
#[derive(Clone, Debug, Default, Args)]
pub struct OidcSettings {
    /// Issuer of the OpenID Connect provider with which people sign in to the explorer: an https URL [default: none]
    #[arg(long, env = "OIDC_ISSUER")]
    pub oidc_issuer: Option<String>,

    /// The id that the provider has given to this server
    #[arg(long, env = "OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,

    /// The secret that belongs to it; none for a public client
    #[arg(long, env = "OIDC_CLIENT_SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<Secret>,

    /// Where the provider sends the browser back to, as it is registered there: the URL of the explorer with /sign-in/oidc/callback
    #[arg(long, env = "OIDC_REDIRECT_URL")]
    pub oidc_redirect_url: Option<String>,

    /// What the provider is asked for, comma separated; `openid` must be among it
    #[arg(long, env = "OIDC_SCOPES", value_delimiter = ',', default_value = "openid,profile,email")]
    pub oidc_scopes: Vec<String>,
}

/// Rate limits: calls per window and caller. 0 requests disables a limit.
#[derive(Clone, Debug, Args)]
pub struct RateLimitSettings {
    /// Where calls are counted: local (each server for itself), or for all servers together in postgres (their database) or
    /// redis://… [default: local]
    #[arg(long, env = "RATE_LIMIT_STORE", hide_env_values = true)]
    pub rate_limit_store: Option<Secret>,

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

    /// Calls that ask Stripe (stripe.createSession, admin.reconcileUser) per caller and window; 0 disables the limit
    #[arg(long, env = "RATE_LIMIT_STRIPE_MAX_REQUESTS", default_value_t = 10)]
    pub rate_limit_stripe_max_requests: u32,

    /// Window of that limit in milliseconds
    #[arg(long, env = "RATE_LIMIT_STRIPE_WINDOW_MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub rate_limit_stripe_window_ms: u64,
}

/// The Stripe account. Without a key, `stripe.createSession` and `admin.reconcileUser` return SERVICE_UNAVAILABLE; without a webhook
/// secret, the webhook does. The rest works.
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

/// How long data is kept. What has no age is kept for ever.
#[derive(Clone, Debug, Args)]
pub struct RetentionSettings {
    /// Days for which deleted clusters are kept, such as 90d [default: for ever]
    #[arg(long, env = "RETENTION_CLUSTERS")]
    pub retention_clusters: Option<Age>,

    /// Days for which soft-deleted users are kept before they are erased [default: for ever]
    #[arg(long, env = "RETENTION_USERS")]
    pub retention_users: Option<Age>,

    /// Days for which events of clusters are kept; a watcher who was away for longer begins anew [default: for ever]
    #[arg(long, env = "RETENTION_EVENTS")]
    pub retention_events: Option<Age>,

    /// Days for which processed events of Stripe are kept
    #[arg(long, env = "RETENTION_WEBHOOKS", default_value = "90d")]
    pub retention_webhooks: Age,

    /// Days for which the addresses of clients are kept in the audit log [default: for ever]
    #[arg(long, env = "RETENTION_ADDRESSES")]
    pub retention_addresses: Option<Age>,

    /// Days for which entries of the audit log are kept before they are moved to a file [default: for ever]
    #[arg(long, env = "RETENTION_AUDIT", requires = "retention_audit_dir")]
    pub retention_audit: Option<Age>,

    /// Folder for these files
    #[arg(long, env = "RETENTION_AUDIT_DIR")]
    pub retention_audit_dir: Option<PathBuf>,
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

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    Pretty,
    /// One JSON object per line
    Json,
}

/// What is between a server and its PostgreSQL database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Pooler {
    /// Nothing, or a pooler that gives each connection a session of its own
    #[default]
    None,
    /// A pooler that gives each transaction another session
    Transaction,
}

/// The value of a setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Enabled
    On,
    /// Disabled
    Off,
}
