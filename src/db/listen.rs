//! One connection that LISTENs: PostgreSQL tells when clusters have changed, whichever server changed them.
//!
//! Diesel can't wait for a notification, so this one connection is tokio-postgres'.

use std::{convert::Infallible, future::poll_fn, pin::pin, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_postgres::{
    AsyncMessage, Config,
    config::{SslMode, TargetSessionAttrs},
};

use super::{tls, url::libpq};
use crate::config::Secret;

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_secs(1);
/// For a server that accepts connections, and then says nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where libpq as we build it looks for a server that nobody has named.
const SOCKET_FOLDER: &str = "/tmp";

/// Starts to listen. The receiver changes with every notification and after every connect; the connection ends with it.
pub fn start(url: &Secret) -> watch::Receiver<()> {
    let (told, receiver) = watch::channel(());
    let url = url.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = told.closed() => {}
            () = listen(&url, &told) => {}
        }
    });
    receiver
}

/// Listens for ever, and connects again as often as it must.
async fn listen(url: &Secret, told: &watch::Sender<()>) {
    let mut away = false;
    loop {
        let Err(end) = connect(url, told, &mut away).await;
        if !away {
            tracing::warn!(error = format!("{end:#}"), "no connection to listen on; looking for changes instead");
        }
        away = true;
        sleep(PAUSE).await;
    }
}

/// One connection's life, and how it ended.
async fn connect(url: &Secret, told: &watch::Sender<()>, away: &mut bool) -> Result<Infallible> {
    let (config, tls) = (config(url.expose())?, tls::connector(url.expose())?);
    let (client, mut connection) = timeout(PATIENCE, config.connect(tls)).await.context("the server is silent")??;
    let mut listen = pin!(timeout(PATIENCE, client.batch_execute("LISTEN cluster_events")));
    let mut listening = false;
    loop {
        tokio::select! {
            done = &mut listen, if !listening => {
                done.context("the server is silent")??;
                listening = true;
                *away = false;
                // Whatever happened until now was not told.
                told.send_replace(());
            }
            message = poll_fn(|context| connection.poll_message(context)) => match message {
                Some(Ok(AsyncMessage::Notification(_))) => told.send_replace(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the server closed the connection"),
            },
        }
    }
}

/// What libpq would make of the URL and its environment (PostgreSQL manual §34.1, §34.15), as far as tokio-postgres can.
fn config(url: &str) -> Result<Config> {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let parameters: Vec<String> = parameters.split('&').filter_map(translated).collect();
    let mut config: Config = format!("{address}?{}", parameters.join("&")).parse()?;
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let hosts = environment("PGHOST").unwrap_or_else(|| SOCKET_FOLDER.to_owned());
        for host in hosts.split(',') {
            config.host(host);
        }
    }
    if config.get_ports().is_empty()
        && let Some(ports) = environment("PGPORT")
    {
        for port in ports.split(',') {
            config.port(port.parse()?);
        }
    }
    if config.get_user().is_none()
        && let Some(user) = environment("PGUSER")
    {
        config.user(user);
    }
    if config.get_password().is_none()
        && let Some(password) = environment("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none()
        && let Some(name) = environment("PGDATABASE")
    {
        config.dbname(name);
    }
    config.ssl_mode(match libpq(url, "sslmode", "PGSSLMODE").as_deref() {
        Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
        Some("disable") => SslMode::Disable,
        _ => SslMode::Prefer,
    });
    // Only the primary tells.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite).application_name("clusterdesk listener");
    Ok(config)
}

/// A parameter of the URL under tokio-postgres' name and in its unit. None when it does not know it.
fn translated(pair: &str) -> Option<String> {
    let (name, value) = pair.split_once('=')?;
    match name {
        "user"
        | "password"
        | "dbname"
        | "options"
        | "host"
        | "hostaddr"
        | "port"
        | "connect_timeout"
        | "keepalives"
        | "keepalives_idle"
        | "keepalives_interval"
        | "channel_binding"
        | "load_balance_hosts"
        | "sslnegotiation" => Some(pair.to_owned()),
        "keepalives_count" => Some(format!("keepalives_retries={value}")),
        // Milliseconds there, seconds here.
        "tcp_user_timeout" => Some(format!("tcp_user_timeout={}", value.parse::<u64>().ok()?.div_ceil(1000))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;
    use crate::db::DatabaseUrl;

    /// What becomes of a URL that the rest of the program accepts, with our patience in it.
    fn listening(url: &str) -> Config {
        let DatabaseUrl::Postgres(url) = DatabaseUrl::parse(&Secret::new(url), "DATABASE_URL").unwrap() else {
            panic!()
        };
        config(url.expose()).unwrap()
    }

    #[test]
    fn a_url_means_what_it_means_to_libpq() {
        let config = listening("postgres://u%40x:p%2Fw@127.0.0.1:1,localhost:2/db?options=-c%20a%3Db");
        assert_eq!((config.get_user(), config.get_password()), (Some("u@x"), Some("p/w".as_bytes())));
        assert_eq!((config.get_dbname(), config.get_options()), (Some("db"), Some("-c a=b")));
        assert_eq!(config.get_hosts(), ["127.0.0.1", "localhost"].map(|host| Host::Tcp(host.to_owned())));
        assert_eq!(config.get_ports(), [1, 2]);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(5)));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(30)));
        assert_eq!((config.get_keepalives_idle(), config.get_keepalives_retries()), (Duration::from_secs(30), Some(3)));
        let config =
            listening("postgres:///db?host=/run/pg&user=u&sslmode=disable&fallback_application_name=x&passfile=/p");
        assert_eq!((config.get_hosts(), config.get_user()), ([Host::Unix("/run/pg".into())].as_slice(), Some("u")));
        assert_eq!((config.get_dbname(), config.get_ssl_mode()), (Some("db"), SslMode::Disable));
        let config =
            listening("postgresql://[::1]:5433/db?connect_timeout=2&tcp_user_timeout=1500&target_session_attrs=any");
        assert_eq!(
            (config.get_hosts(), config.get_ports()),
            ([Host::Tcp("::1".to_owned())].as_slice(), [5433].as_slice())
        );
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(2)));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    }
}
