//! What every request needs. One per server.

use std::sync::Arc;

use anyhow::Result;
use procedures::{
    jsonrpc::{Gate, JsonRpcService},
    trpc::Trpc,
};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::task::TaskTracker;
use tower_http::cors::CorsLayer;

use super::{
    client::Peer,
    origin::{Origins, cors},
};
use crate::{
    auth::Authenticator,
    config::{Limits, Settings, TrustedProxy},
    kernel::Kernel,
};

/// The HTTP side of a server.
pub struct Site {
    pub(super) kernel: Arc<Kernel>,
    pub(super) jsonrpc: Arc<Gate<JsonRpcService<Kernel>>>,
    pub(super) trpc: Trpc<Kernel>,
    pub(super) authenticator: Authenticator,
    pub(super) origins: Arc<Origins>,
    pub(super) cors: CorsLayer,
    pub(super) trusted_proxies: Vec<TrustedProxy>,
    pub(super) limits: Limits,
    /// The part of the limits that the wires enforce.
    pub(super) wire: procedures::Limits,
    /// Open WebSockets, so that a shutdown can wait for them.
    pub(super) sockets: TaskTracker,
}

/// The connection that a request came over.
#[derive(Clone)]
pub struct Connection {
    /// The other end.
    pub peer: Peer,
    /// Its place among the allowed connections, which a WebSocket keeps. None when all places were taken.
    pub permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Site {
    /// Serves the procedures of a kernel.
    ///
    /// # Errors
    /// When a key can't be loaded.
    pub fn new(kernel: Arc<Kernel>, settings: &Settings, limits: Limits) -> Result<Self> {
        let origins = Arc::new(Origins::new(settings));
        let (catalogue, wire) = (Arc::clone(kernel.catalogue()), wire_limits(&limits));
        let service = JsonRpcService::new(Arc::clone(&kernel), Arc::clone(&catalogue), &wire)?;
        Ok(Self {
            jsonrpc: Arc::new(Gate::new(service, &wire)),
            trpc: Trpc::new(Arc::clone(&kernel), catalogue, wire.clone()),
            kernel,
            authenticator: Authenticator::new(&settings.jwt)?,
            cors: cors(&origins),
            origins,
            trusted_proxies: settings.trusted_proxies.clone(),
            limits,
            wire,
            sockets: TaskTracker::new(),
        })
    }

    /// The kernel that answers the calls.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Resolves when the last WebSocket is closed. Call it after draining has begun.
    pub async fn sockets_closed(&self) {
        self.sockets.close();
        self.sockets.wait().await;
    }
}

fn wire_limits(limits: &Limits) -> procedures::Limits {
    procedures::Limits {
        request_bytes: limits.request_bytes,
        response_bytes: limits.response_bytes,
        batch_entries: limits.batch_entries,
        ping_interval: limits.ping_interval,
        socket_calls: limits.socket_calls,
        socket_subscriptions: limits.socket_subscriptions,
        ..procedures::Limits::default()
    }
}

/// Resolves once the server is stopping.
pub async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(draining.wait_for(|draining| *draining).await);
}
