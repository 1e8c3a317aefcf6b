//! WebSockets: authentication of the client, and the choice of the protocol.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use http::Request;
use hyper::body::Incoming;
use procedures::{
    Result,
    socket::{self, Handshake, Introduce, JsonRpc, Opening, Protocol, Subprotocols, Trpc, introduces},
    trpc::Transformer,
};
use tokio::sync::Notify;

use super::{
    client::{Bearer, bearer, param_bearer},
    refusal::{Wire, too_many_connections, visible},
    response::Response,
    site::{ClientConnection, Site},
};
use crate::{
    auth::Credential,
    error::Error,
    kernel::{Client, Kernel, caller},
};

/// The subprotocol that browsers offer besides their token.
const SUBPROTOCOL: &str = "clusterdesk";

/// Who the client of a socket is, which its first message may say.
struct Introduction {
    introduced: Mutex<Introduced>,
    changed: Notify,
}

/// The client of a socket. Once it is known it stays so: each of its calls is checked anyway.
struct Introduced {
    client: Client,
    is_known: bool,
}

impl Introduced {
    fn is_known(&mut self, kernel: &Kernel) -> bool {
        self.is_known = self.is_known || kernel.knows(&self.client);
        self.is_known
    }
}

impl Introduction {
    fn lock(&self) -> MutexGuard<'_, Introduced> {
        // Nothing panics while it holds the lock.
        self.introduced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when the credential of the client has expired.
    async fn expired(self: Arc<Self>) {
        loop {
            let credential = self.lock().client.credential.clone();
            tokio::select! {
                () = credential.expiry() => return,
                () = self.changed.notified() => {}
            }
        }
    }
}

impl Site {
    /// Answers the opening handshake and serves the socket in a new task.
    ///
    /// # Errors
    /// BAD_REQUEST for an invalid handshake; UNAUTHORIZED for an invalid token.
    pub(super) async fn upgrade(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
        wire: Wire,
    ) -> Result<Response> {
        let headers = request.headers();
        let offered = Subprotocols::read(headers);
        let token = offered.token.map_or_else(|| bearer(headers), Bearer::Token);
        let is_settled = token != Bearer::Absent;
        let mut client = self.client(connection, (request.method(), headers), token, wire.door()).await?;
        // The explorer connects again by itself, whether or not somebody uses its page.
        client.unattended = true;
        let introduces = wire != Wire::JsonRpc && introduces(request.uri().query());
        if introduces && !is_settled && caller::refusal(&client.credential).is_some() {
            // The first message may bring a better token than an old cookie.
            client.credential = Credential::Anonymous;
        }
        let chosen = offered.chosen(SUBPROTOCOL).map(|chosen| chosen.map(str::to_owned));
        let is_anonymous = matches!(client.credential, Credential::Anonymous);
        if let (false, Some(error)) = (is_anonymous, caller::refusal(&client.credential)) {
            return Err(visible(error, request_id));
        }
        // A proxy opens the connections of many clients, so their sockets are counted by the address that it names.
        let behind_proxy = connection.peer.is_trusted(&self.trusted_proxies);
        let counted = match client.address.filter(|_| behind_proxy).map(|address| self.addresses.take(address)) {
            Some(None) => return Err(visible(too_many_connections(), request_id)),
            Some(counted) => counted,
            None => None,
        };
        // As for a JWT. Without a database the token is checked by the first call.
        if let Err(refused @ (Error::Unauthorized(_) | Error::TooManyRequests { .. })) =
            self.kernel.introduce(&client).await
        {
            return Err(visible(refused, request_id));
        }
        let is_known = self.kernel.knows(&client);
        let introduced = Mutex::new(Introduced { client: client.clone(), is_known });
        let introduction = Arc::new(Introduction { introduced, changed: Notify::new() });
        let Handshake { response, upgrade } = Handshake::accept(request, chosen?.as_deref())?;
        let mut protocol = match wire {
            Wire::JsonRpc => self.jsonrpc_socket(client),
            Wire::Trpc(transformer) => {
                let introduce =
                    introduces.then(|| self.introduce(client.clone(), is_settled, Arc::clone(&introduction)));
                self.trpc_socket(client, transformer, introduce)
            }
        };
        let (site, connection) = (Arc::clone(self), connection.clone());
        self.sockets.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => {
                    let draining = site.kernel.services().draining.clone();
                    let sockets = &site.kernel.services().metrics.sockets;
                    sockets.inc();
                    let kernel = Arc::clone(&site.kernel);
                    let expired = Box::pin(Arc::clone(&introduction).expired());
                    let is_known = move || introduction.lock().is_known(&kernel);
                    let socket = socket::Connection {
                        protocol: protocol.as_mut(),
                        limits: &site.limits.wire,
                        budget: &site.budget,
                        introduced: Arc::new(is_known),
                        expired,
                        draining,
                    };
                    socket.serve(upgraded).await;
                    sockets.dec();
                }
                Err(error) => tracing::debug!(%error, "the WebSocket upgrade failed"),
            }
            drop((connection, counted));
        });
        Ok(response)
    }

    fn jsonrpc_socket(&self, client: Client) -> Box<dyn Protocol> {
        Box::new(JsonRpc::new(Arc::clone(&self.jsonrpc), client, self.limits.wire.socket_subscriptions))
    }

    fn trpc_socket(
        &self,
        client: Client,
        transformer: Transformer,
        introduce: Option<Introduce<Client>>,
    ) -> Box<dyn Protocol> {
        Box::new(Trpc::new(Opening {
            service: Arc::clone(&self.kernel),
            catalogue: Arc::clone(self.kernel.catalogue()),
            transformer,
            limits: self.limits.wire.clone(),
            caller: client,
            introduce,
        }))
    }

    /// Authenticates the client by `connectionParams` in its first message, and notes who it is. They take precedence over a
    /// cookie, but not over a token in the handshake, by which it `is_settled` who the client is.
    fn introduce(
        self: &Arc<Self>,
        client: Client,
        is_settled: bool,
        introduction: Arc<Introduction>,
    ) -> Introduce<Client> {
        let site = Arc::clone(self);
        Box::new(move |params| {
            async move {
                let client = match param_bearer(&params) {
                    Bearer::Absent => client,
                    _ if is_settled => client,
                    token => {
                        Client { credential: token.authenticate(&site.kernel.services().authenticator).await, ..client }
                    }
                };
                if let Err(error) = site.kernel.introduce(&client).await {
                    // Its calls will say so.
                    tracing::debug!(%error, "the connection params do not introduce the client");
                }
                let mut introduced = introduction.lock();
                client.clone_into(&mut introduced.client);
                introduced.is_known(&site.kernel);
                introduction.changed.notify_one();
                client
            }
            .boxed()
        })
    }
}
