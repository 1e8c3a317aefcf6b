//! Serves `/metrics` on an address of its own (`METRICS_ADDR`).

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::listener::Listener;
use crate::http::{Site, drained};

/// Connections at once; others wait.
const CONNECTIONS: usize = 16;
/// How long a connection is served.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);

/// Serves until the server stops.
pub(super) async fn serve(listener: Listener, site: Arc<Site>, mut draining: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let (place, accepted) = tokio::select! {
            Some(accepted) = accepted => accepted,
            () = drained(&mut draining) => return,
        };
        let Ok((stream, _)) = accepted else {
            // Most likely there are no file descriptors left; some become free again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let site = Arc::clone(&site);
                async move { Ok::<_, Infallible>(site.answer_scrape(request).await) }
            });
            let mut http = http1::Builder::new();
            let http = http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            drop(timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), service)).await);
            drop(place);
        });
    }
}
