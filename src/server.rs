//! The server: accepts connections within explicit limits, serves HTTP/1.1 on them, and stops gracefully.

mod backups;
mod fold;
mod head;
mod listener;
mod optimize;
mod places;
mod retention;
mod scrapes;
mod seal;
mod stream;

use std::{convert::Infallible, future::Future, pin::pin, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use futures_util::future::Abortable;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use self::{
    backups::back_up,
    fold::fold,
    head::{HEAD_BYTES, Heads},
    listener::{Listener, Stream},
    optimize::optimize,
    places::{Places, Reserved},
    retention::Retention,
    seal::seal,
    stream::Guarded,
};
use crate::{
    auth::Authenticator,
    auth::SignInLink,
    checks::Surroundings,
    config::{BindAddr, Limits, Settings},
    db::{Database, DatabaseUrl, Options, backups::Schedule},
    error,
    http::{ClientConnection, Peer, Response, Site, drained, is_event_stream},
    kernel::{
        ApiTokens, Feeds, Kernel, Router, Services, Subscribers, Timeouts,
        limiter::Limiter,
        metrics::{DroppedLines, Metrics},
        registry,
    },
    stripe::Stripe,
    traces::Traces,
};

/// A bound server, ready to [run](Server::run).
pub struct Server {
    listener: Listener,
    /// Where metrics alone are served.
    scrapes: Option<Listener>,
    site: Arc<Site>,
    places: Places,
    limits: Limits,
    retention: Retention,
    /// How long an idle connection is kept.
    keep_alive: Duration,
    /// How long calls in flight may take once the server stops.
    grace: Duration,
    drain: watch::Sender<bool>,
    backups: Option<Schedule>,
}

/// Builds the kernel of a server: the services that the settings describe, and the procedures of `routers`. The database
/// may still be unreachable. The kernel ends its subscriptions when `draining` becomes true.
///
/// # Errors
/// When a setting is invalid or two procedures have the same name.
pub fn kernel(
    settings: &Settings,
    limits: &Limits,
    routers: Vec<Router>,
    draining: watch::Receiver<bool>,
) -> Result<Kernel> {
    let url = DatabaseUrl::from_settings(&settings.data)?;
    let replica = settings.database_replica_url.as_ref();
    let replica = replica.map(|url| DatabaseUrl::parse(url, "DATABASE_REPLICA_URL")).transpose()?;
    if replica.as_ref().is_some_and(|replica| replica.sqlite_path().or(url.sqlite_path()).is_some()) {
        bail!("DATABASE_REPLICA_URL: the replica and the database must both be PostgreSQL");
    }
    let listen = settings.database_listen_url.as_ref();
    let listen = listen.map(|url| DatabaseUrl::parse(url, "DATABASE_LISTEN_URL")).transpose()?;
    if listen.as_ref().is_some_and(|listen| listen.sqlite_path().or(url.sqlite_path()).is_some()) {
        bail!("DATABASE_LISTEN_URL: only PostgreSQL has something to listen to, and both URLs must lead to it");
    }
    let traces = Traces::start(&settings.traces, if url.sqlite_path().is_some() { "sqlite" } else { "postgresql" })?;
    let db = Database::open(&Options {
        url: url.clone(),
        replica,
        staleness: limits.staleness,
        listen,
        threads: u32::from(settings.database_threads),
        queued_jobs: limits.queued_jobs,
        statement_timeout: limits.call_timeout,
    })?;
    let registry = registry(routers)?;
    let metrics = Metrics::new(&db, registry.catalogue());
    metrics.show_traces(&traces);
    let services = Services {
        limiter: Limiter::new(&settings.rate_limits, &url, limits, &metrics.rate_checks)?,
        authenticator: Authenticator::new(&settings.jwt)?,
        tokens: ApiTokens::new(),
        feeds: Feeds::new(db.clone(), metrics.subscriptions.clone(), metrics.event_lag.clone(), limits),
        subscribers: Subscribers::new(limits.user_subscriptions),
        stripe: Stripe::new(&settings.stripe, settings.app_url.as_ref())?,
        surroundings: Surroundings::new(settings)?,
        timeouts: Timeouts { call: limits.call_timeout, recheck: limits.recheck_interval },
        db,
        metrics,
        traces,
        draining,
    };
    Kernel::new(registry, services)
}

/// A server whose settings were checked and whose address is taken. Nothing was changed yet, and nobody can connect.
pub struct Prepared {
    address: listener::Reserved,
    /// The address for metrics alone.
    scrapes: Option<listener::Reserved>,
    site: Arc<Site>,
    places: Places,
    limits: Limits,
    retention: Retention,
    keep_alive: Duration,
    grace: Duration,
    drain: watch::Sender<bool>,
    backups: Option<Schedule>,
}

impl Prepared {
    /// Checks everything that can be checked without the database, and builds the [`kernel`].
    ///
    /// # Errors
    /// When a setting is invalid, two procedures have the same name, or the address is taken.
    pub async fn new(settings: &Settings, limits: Limits, routers: Vec<Router>) -> Result<Self> {
        let (drain, draining) = watch::channel(false);
        let backups = Schedule::from_settings(settings)?;
        let kernel = Arc::new(kernel(settings, &limits, routers, draining)?);
        let site = Arc::new(Site::new(kernel, settings, limits.clone())?);
        let retention = Retention::new(settings, &limits)?;
        let address = listener::Reserved::take(&settings.bind_addr, "BIND_ADDR").await?;
        let scrapes = match &settings.metrics_addr {
            Some(address) => Some(listener::Reserved::take(address, "METRICS_ADDR").await?),
            None => None,
        };
        let proxies = settings.trusted_proxies.clone();
        let places = Places::new(limits.connections, site.addresses().clone(), proxies);
        let keep_alive = Duration::from_millis(settings.keep_alive_ms);
        let grace = Duration::from_millis(settings.shutdown_grace_ms);
        Ok(Self { address, scrapes, site, places, limits, retention, keep_alive, grace, drain, backups })
    }

    /// Shows at `/metrics` how many log lines were dropped. The log belongs to the process, not to the server.
    pub fn show_dropped_log_lines(&self, dropped: &DroppedLines) {
        self.site.kernel().services().metrics.show_dropped_log_lines(dropped);
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// When another server took the address meanwhile.
    pub fn listen(self) -> Result<Server> {
        let Self { address, scrapes, site, places, limits, retention, keep_alive, grace, drain, backups } = self;
        let listener = address.listen().context("BIND_ADDR")?;
        let scrapes = scrapes.map(|address| address.listen().context("METRICS_ADDR")).transpose()?;
        Ok(Server { listener, scrapes, site, places, limits, retention, keep_alive, grace, drain, backups })
    }
}

impl Server {
    /// A server that listens. The database need not be available yet.
    ///
    /// # Errors
    /// As for [`Prepared::new`].
    pub async fn bind(settings: &Settings, limits: Limits, routers: Vec<Router>) -> Result<Self> {
        Prepared::new(settings, limits, routers).await?.listen()
    }

    /// The bound address, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// When the system cannot tell it.
    pub fn address(&self) -> Result<BindAddr> {
        self.listener.address()
    }

    /// Makes a link that signs the oldest admin in to the explorer. None when there is no admin.
    ///
    /// # Errors
    /// When the database has not written it in time.
    pub async fn link_for_admin(&self, within: Duration) -> error::Result<Option<SignInLink>> {
        self.site.kernel().link_for_admin(within).await
    }

    /// Where the metrics are, if that is an address of their own.
    ///
    /// # Errors
    /// When the system cannot tell it.
    pub fn metrics_address(&self) -> Result<Option<BindAddr>> {
        self.scrapes.as_ref().map(Listener::address).transpose()
    }

    /// Serves until `shutdown` resolves. Then it accepts no more connections, finishes running calls and closes the
    /// WebSockets, all within the grace period.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let connections = TaskTracker::new();
        let mut shutdown = pin!(shutdown);
        tokio::spawn(self.retention.clone().run(Arc::clone(&self.site), self.drain.subscribe()));
        tokio::spawn(seal(Arc::clone(&self.site), self.limits.seal_interval, self.drain.subscribe()));
        tokio::spawn(fold(Arc::clone(&self.site), self.limits.fold_interval, self.drain.subscribe()));
        tokio::spawn(optimize(Arc::clone(&self.site), self.drain.subscribe()));
        if let Some(listener) = self.scrapes.take() {
            tokio::spawn(scrapes::serve(listener, Arc::clone(&self.site), self.drain.subscribe()));
        }
        if let Some(schedule) = self.backups.take() {
            tokio::spawn(back_up(Arc::clone(&self.site), schedule, self.drain.subscribe()));
        }
        loop {
            let (stream, peer) = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Most likely there are no file descriptors left; some become free again.
                        tracing::warn!(%error, "could not accept a connection");
                        sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut shutdown => break,
            };
            let served = self.admit(stream, peer).await;
            let gauge = self.site.kernel().services().metrics.connections.clone();
            connections.spawn(async move {
                gauge.inc();
                if let Err(error) = served.await {
                    tracing::debug!(%error, "connection failed");
                }
                gauge.dec();
            });
        }
        self.stop(connections).await;
    }

    /// Serves a connection in a place or, if there is none left, in the reserve.
    async fn admit(&mut self, stream: Stream, peer: Peer) -> impl Future<Output = hyper::Result<()>> + Send + use<> {
        let place = self.places.take(peer).map(|place| -> Arc<dyn Send + Sync> { Arc::new(place) });
        let reserved = if place.is_none() { self.places.reserve().await } else { None };
        let patience = self.limits.reserve_timeout;
        let served = self.serve(stream, peer, place);
        async move {
            match reserved {
                None => served.await,
                Some(Reserved { aborted, permit }) => {
                    let served = timeout(patience, Abortable::new(served, aborted)).await;
                    drop(permit);
                    // The other two kinds of end are the reserve's own.
                    if let Ok(Ok(done)) = served { done } else { Ok(()) }
                }
            }
        }
    }

    /// Serves HTTP/1.1 on one connection until it closes or the server stops. Without a place it answers one request.
    fn serve(
        &self,
        stream: Stream,
        peer: Peer,
        place: Option<Arc<dyn Send + Sync>>,
    ) -> impl Future<Output = hyper::Result<()>> + Send + use<> {
        let wire = &self.limits.wire;
        let heads = Heads::new(self.site.budget().clone(), wire.message_timeout);
        let guarded = Guarded::new(stream, heads.clone(), wire.write_timeout);
        let has_place = place.is_some();
        let site = Arc::clone(&self.site);
        let service = service_fn(move |request: Request<Incoming>| {
            let (head, answering) = heads.answer();
            let answering: Arc<dyn Send + Sync> = Arc::new(answering);
            let connection = ClientConnection {
                peer,
                place: place.clone(),
                answering: Arc::clone(&answering),
                ended: heads.ended(),
            };
            let (site, heads) = (Arc::clone(&site), heads.clone());
            async move {
                let response = site.handle(request, connection).await;
                drop(head);
                if is_endless(&response) {
                    heads.answer_is_endless();
                }
                // The body keeps `answering` until it is written.
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_err(move |never| {
                        let _answering = &answering;
                        never
                    })
                }))
            }
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(has_place)
            .header_read_timeout(self.keep_alive)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(guarded), service)
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
            Err(_elapsed) => tracing::warn!("stopped with calls running, because the grace period is over"),
        }
        site.kernel().services().traces.stop().await;
    }
}

/// Whether only the peer ends a response: a stream of events, or a WebSocket.
fn is_endless(response: &Response) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(response)
}
