//! The listener: our own accept loop, every limit explicit, drained on shutdown.

use std::{
    convert::Infallible,
    future::Future,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_util::{either::Either, task::TaskTracker};

use crate::{
    config::{BindAddr, Limits, Settings},
    db::{Database, DatabaseUrl, Options, Timestamp},
    http::{Connection, Peer, Site, drained},
    kernel::{
        Feeds, Kernel, Router, Services, Timeouts,
        limiter::Limiter,
        metrics::{DroppedLines, Metrics},
        registry,
    },
    models::stripe_event::StripeEvent,
    stripe::{Stripe, inbox::oldest_kept},
};

/// Connections beyond the limit that are still answered, so that a full server can say that it lives.
const SHED: usize = 256;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;

/// A bound server, ready to [run](Server::run).
pub struct Server {
    listener: Listener,
    site: Arc<Site>,
    limits: Limits,
    grace: Duration,
    drain: watch::Sender<bool>,
}

type Stream = Either<TcpStream, UnixStream>;

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Server {
    /// Builds the kernel from `routers` and starts to listen. The database may be away still.
    ///
    /// # Errors
    /// When a setting is wrong, two procedures share a name, or the address is taken.
    pub async fn bind(settings: &Settings, limits: Limits, routers: Vec<Router>) -> Result<Self> {
        let url = DatabaseUrl::from_settings(&settings.data)?;
        let replica = settings.database_replica_url.as_ref();
        let replica = replica.map(|url| DatabaseUrl::parse(url, "DATABASE_REPLICA_URL")).transpose()?;
        if replica.as_ref().is_some_and(|replica| replica.sqlite_path().or(url.sqlite_path()).is_some()) {
            bail!("DATABASE_REPLICA_URL: only PostgreSQL has replicas, of a PostgreSQL database");
        }
        let db = Database::open(&Options {
            url,
            replica,
            threads: u32::from(settings.database_threads),
            queued_jobs: limits.queued_jobs,
            statement_timeout: limits.call_timeout,
        })?;
        let (drain, draining) = watch::channel(false);
        let metrics = Metrics::new()?;
        let services = Services {
            limiter: Limiter::new(&settings.rate_limits),
            feeds: Feeds::new(db.clone(), metrics.subscriptions.clone(), &limits),
            stripe: Stripe::new(&settings.stripe, settings.app_url.as_ref())?,
            timeouts: Timeouts { call: limits.call_timeout, recheck: limits.recheck_interval },
            db,
            metrics,
            draining,
        };
        let kernel = Arc::new(Kernel::new(registry(routers)?, services)?);
        let site = Arc::new(Site::new(kernel, settings, limits.clone())?);
        let listener = Listener::bind(&settings.bind_addr).await?;
        Ok(Self { listener, site, limits, grace: Duration::from_millis(settings.shutdown_grace_ms), drain })
    }

    /// Where it listens, with the port that the system chose where the setting said 0.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn address(&self) -> Result<BindAddr> {
        Ok(match &self.listener {
            Listener::Tcp(listener) => BindAddr::Tcp(listener.local_addr()?),
            Listener::Unix(_, path) => BindAddr::Unix(path.clone()),
        })
    }

    /// Shows at `/metrics` how many log lines were dropped. The log belongs to the process, not to the server.
    ///
    /// # Errors
    /// When called twice.
    pub fn show_dropped_log_lines(&self, dropped: &DroppedLines) -> Result<()> {
        self.site.kernel().services().metrics.show_dropped_log_lines(dropped)
    }

    /// Serves until `shutdown` resolves; then accepts nothing more, finishes what is in flight and closes the sockets,
    /// all within the grace time.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        let spare = Arc::new(Semaphore::new(SHED));
        let connections = TaskTracker::new();
        let mut shutdown = pin!(shutdown);
        tokio::spawn(purge(Arc::clone(&self.site), self.limits.purge_interval, self.drain.subscribe()));
        loop {
            let (stream, peer) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: they come back.
                        tracing::warn!(%error, "could not accept a connection");
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut shutdown => break,
            };
            let permit = Arc::clone(&permits).try_acquire_owned().ok().map(Arc::new);
            let header_timeout = if permit.is_some() { self.limits.header_timeout } else { Duration::from_secs(5) };
            let Some(place) = permit.clone().or_else(|| Arc::clone(&spare).try_acquire_owned().ok().map(Arc::new))
            else {
                continue;
            };
            let served = self.serve(stream, Connection { peer, permit }, header_timeout);
            let gauge = self.site.kernel().services().metrics.connections.clone();
            connections.spawn(async move {
                gauge.inc();
                if let Err(error) = served.await {
                    tracing::debug!(%error, "connection broke");
                }
                gauge.dec();
                drop(place);
            });
        }
        self.stop(connections).await;
    }

    /// HTTP/1.1 on one connection, until it closes or the server drains.
    fn serve(
        &self,
        stream: Stream,
        connection: Connection,
        header_timeout: Duration,
    ) -> impl Future<Output = hyper::Result<()>> + Send + use<> {
        let site = Arc::clone(&self.site);
        let service = service_fn(move |request: Request<Incoming>| {
            let (site, connection) = (Arc::clone(&site), connection.clone());
            async move { Ok::<_, Infallible>(site.handle(request, connection).await) }
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut draining = self.drain.subscribe();
        async move {
            let mut http = pin!(http);
            tokio::select! {
                done = http.as_mut() => return done,
                () = drained(&mut draining) => http.as_mut().graceful_shutdown(),
            }
            http.await
        }
    }

    async fn stop(self, connections: TaskTracker) {
        let Self { listener, site, grace, drain, .. } = self;
        tracing::info!("stopping");
        drop(listener);
        drain.send_replace(true);
        connections.close();
        let done = async {
            connections.wait().await;
            site.sockets_closed().await;
        };
        match timeout(grace, done).await {
            Ok(()) => tracing::info!("stopped"),
            Err(_elapsed) => tracing::warn!("stopped with calls in flight: the grace time is over"),
        }
    }
}

impl Listener {
    async fn bind(address: &BindAddr) -> Result<Self> {
        match address {
            BindAddr::Tcp(address) => {
                let bound = TcpListener::bind(address).await;
                Ok(Self::Tcp(bound.with_context(|| format!("BIND_ADDR: could not listen on {address}"))?))
            }
            BindAddr::Unix(path) => {
                remove_stale(path).await?;
                let bound = UnixListener::bind(path);
                let bound = bound.with_context(|| format!("BIND_ADDR: could not listen on {}", path.display()))?;
                Ok(Self::Unix(bound, path.clone()))
            }
        }
    }

    async fn accept(&self) -> std::io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Either::Left(stream), Peer::Address(address.ip())))
            }
            Self::Unix(listener, _) => Ok((Either::Right(listener.accept().await?.0), Peer::UnixSocket)),
        }
    }
}

/// Removes the events of Stripe's that were handled long ago, now and then.
async fn purge(site: Arc<Site>, interval: Duration, mut draining: watch::Receiver<bool>) {
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = drained(&mut draining) => return,
        }
        let before = oldest_kept(Timestamp::now());
        let purged = site
            .kernel()
            .services()
            .db
            .write(Instant::now() + interval, move |conn| Ok(StripeEvent::purge(conn, before)?));
        match purged.await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "purged events of Stripe's"),
            Err(error) => tracing::warn!(%error, "the events of Stripe's could not be purged"),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self
            && let Err(error) = std::fs::remove_file(&*path)
        {
            tracing::debug!(%error, "could not remove the socket file");
        }
    }
}

/// Removes a socket file that a killed server left behind, but not one that somebody answers on.
async fn remove_stale(path: &Path) -> Result<()> {
    match UnixStream::connect(path).await {
        Ok(_answered) => bail!("BIND_ADDR: another server listens on {}", path.display()),
        // A file that is no socket refuses connections as well.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused && is_socket(path) => {
            std::fs::remove_file(path).with_context(|| format!("BIND_ADDR: could not remove {}", path.display()))
        }
        Err(_nothing_there) => Ok(()),
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}
