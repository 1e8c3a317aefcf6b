//! What the handling of requests needs. There is one [`Site`] per server.

use std::sync::Arc;

use anyhow::Result;
use http::{HeaderMap, Method};
use procedures::{
    Budget,
    jsonrpc::{Gate, JsonRpcService},
    trpc::Trpc,
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::cors::CorsLayer;

use super::{
    addresses::Addresses,
    client::{Bearer, Peer, address, trace_context},
    document::{self, DocumentPage},
    explorer::Explorer,
    origin::{Origins, cors},
    provider::identity_provider,
    readiness::Readiness,
    session_cookie::SessionCookies,
};
use crate::{
    auth::IdentityProvider,
    config::{Limits, Settings, TrustedProxy},
    kernel::{Client, Kernel},
    models::audit::Door,
};

/// Bytes that webhooks and metrics may occupy, beyond 16 KiB for each request.
const PAGES_BYTES: usize = 16 * 1024 * 1024;

/// The header of calls that the explorer makes by itself, while nobody uses its page.
const UNATTENDED: &str = "x-unattended";

/// Answers the HTTP requests of a server.
pub struct Site {
    pub(super) kernel: Arc<Kernel>,
    pub(super) jsonrpc: Arc<Gate<JsonRpcService<Kernel>>>,
    pub(super) trpc: Trpc<Kernel>,
    /// By which people may sign in to the explorer.
    pub(super) provider: Option<IdentityProvider>,
    pub(super) origins: Arc<Origins>,
    pub(super) session_cookies: SessionCookies,
    pub(super) cors: CorsLayer,
    pub(super) trusted_proxies: Vec<TrustedProxy>,
    pub(super) documents: [DocumentPage; 3],
    pub(super) explorer: Explorer,
    pub(super) limits: Limits,
    /// The memory for messages.
    pub(super) budget: Budget,
    /// The memory for webhooks and metrics, which strangers can't take by calls.
    pub(super) pages: Budget,
    pub(super) addresses: Addresses,
    /// Whether the metrics have an address of their own.
    pub(super) metrics_apart: bool,
    /// The tasks of open WebSockets, so that a shutdown can wait for them.
    pub(super) sockets: TaskTracker,
    /// What `/health/ready` knows about the database.
    pub(super) readiness: Readiness,
}

/// The connection of a client, over which it sends a request.
#[derive(Clone)]
pub struct ClientConnection {
    /// The other end.
    pub peer: Peer,
    /// Its place among the allowed connections, which it takes until this is dropped. None for one in the reserve, which is
    /// answered about the server's health only.
    pub place: Option<Arc<dyn Send + Sync>>,
    /// Kept until the request is answered, its body is read and its WebSocket is closed.
    pub answering: Arc<dyn Send + Sync>,
    /// Cancelled when the peer has closed its sending side. It is still answered, but sends no more.
    pub ended: CancellationToken,
}

impl Site {
    /// Serves the procedures of a kernel.
    ///
    /// # Errors
    /// When a setting of the identity provider is invalid.
    pub fn new(kernel: Arc<Kernel>, settings: &Settings, limits: Limits) -> Result<Self> {
        let origins = Arc::new(Origins::new(settings));
        let provider = identity_provider(settings)?;
        let session_cookies = SessionCookies::new(&settings.session_cookies);
        let documents = document::pages(kernel.documents());
        let [openrpc, ..] = &documents;
        let explorer = Explorer::new(&openrpc.address());
        let (catalogue, wire) = (Arc::clone(kernel.catalogue()), &limits.wire);
        let service = JsonRpcService::new(Arc::clone(&kernel), Arc::clone(&catalogue), wire)?;
        Ok(Self {
            jsonrpc: Arc::new(Gate::new(service, wire)),
            trpc: Trpc::new(Arc::clone(&kernel), catalogue, wire.clone()),
            documents,
            explorer,
            kernel,
            provider,
            cors: cors(&origins, session_cookies.are_accepted()),
            origins,
            session_cookies,
            trusted_proxies: settings.trusted_proxies.clone(),
            budget: Budget::new(limits.wire.buffered_bytes),
            pages: Budget::new(PAGES_BYTES),
            addresses: Addresses::new(usize::try_from(settings.connections_per_address)?),
            metrics_apart: settings.metrics_addr.is_some(),
            limits,
            sockets: TaskTracker::new(),
            readiness: Readiness::default(),
        })
    }

    /// The sender of a request, with its token verified as far as possible without the database. Without a token, its session
    /// cookies count.
    ///
    /// # Errors
    /// FORBIDDEN when cookies count and a page of another site may have made the browser send them.
    pub(super) async fn client(
        &self,
        connection: &ClientConnection,
        (method, headers): (&Method, &HeaderMap),
        token: Bearer<'_>,
        door: Door,
    ) -> procedures::Result<Client> {
        let services = self.kernel.services();
        let credential = match token {
            Bearer::Absent => {
                self.session_cookies.authenticate(&services.authenticator, &self.origins, (method, headers)).await?
            }
            token => token.authenticate(&services.authenticator).await,
        };
        let parent = services.traces.parent(|name| trace_context(headers, name));
        let address = address(connection.peer, headers, &self.trusted_proxies);
        let unattended = headers.contains_key(UNATTENDED);
        Ok(Client { address, credential, door, unattended, parent })
    }

    /// The memory for messages.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How many connections each address has. The sockets of clients behind a proxy count too.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The kernel that answers the calls.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Resolves when the last WebSocket is closed. Draining must have begun, because no socket may open afterwards.
    pub async fn sockets_closed(&self) {
        self.sockets.close();
        self.sockets.wait().await;
    }
}

/// Resolves when the server begins to stop.
pub async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that the server was dropped.
    drop(draining.wait_for(|draining| *draining).await);
}
