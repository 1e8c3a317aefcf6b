//! What happens once per HTTP request or socket, before any procedure: request id, client address, origin, caller,
//! body limits, a JSON error for every refusal, and the pages that are no procedures.

mod body;
mod client;
mod document;
mod explorer;
mod health;
mod origin;
mod refusal;
mod response;
mod trpc;
mod webhook;
mod websocket;

use std::{convert::Infallible, sync::Arc};

use anyhow::Result;
use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::task::TaskTracker;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;

pub use self::{client::Peer, response::Response};
use self::{
    client::{address, bearer, request_id},
    explorer::File,
    origin::{Origins, cors},
    refusal::Wire,
};
use crate::{
    auth::Authenticator,
    config::{Limits, Settings, TrustedProxy},
    error::Error,
    rpc::{Context, Kernel, jsonrpc::JsonRpc},
};

/// Everything a request needs. One per server.
pub struct Edge {
    kernel: Arc<Kernel>,
    jsonrpc: JsonRpc,
    authenticator: Authenticator,
    origins: Arc<Origins>,
    cors: CorsLayer,
    trusted_proxies: Vec<TrustedProxy>,
    limits: Limits,
    /// True once the server is stopping.
    draining: watch::Receiver<bool>,
    /// Open WebSockets, so that stopping can wait for them.
    sockets: TaskTracker,
}

/// The connection that a request came over.
#[derive(Clone)]
pub struct Connection {
    pub peer: Peer,
    /// Its place among the allowed connections; a WebSocket keeps it. None when all were taken.
    pub permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Edge {
    /// # Errors
    /// When a key can't be loaded, or a procedure not be mounted.
    pub fn new(
        kernel: Arc<Kernel>,
        settings: &Settings,
        limits: Limits,
        draining: watch::Receiver<bool>,
    ) -> Result<Self> {
        let origins = Arc::new(Origins::new(settings));
        Ok(Self {
            jsonrpc: JsonRpc::new(Arc::clone(&kernel), &limits)?,
            kernel,
            authenticator: Authenticator::new(&settings.jwt)?,
            cors: cors(&origins),
            origins,
            trusted_proxies: settings.trusted_proxies.clone(),
            limits,
            draining,
            sockets: TaskTracker::new(),
        })
    }

    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Resolves when the last WebSocket is closed. Call it after draining has begun.
    pub async fn sockets_closed(&self) {
        self.sockets.close();
        self.sockets.wait().await;
    }

    /// Answers one request.
    pub async fn handle(self: Arc<Self>, request: Request<Incoming>, connection: Connection) -> Response {
        let request_id = request_id(request.headers());
        let route = service_fn(async |request| Ok(self.route(request, &connection, &request_id).await));
        let Ok::<_, Infallible>(response) = self.cors.layer(route).oneshot(request).await;
        response::finish(response, &request_id)
    }

    async fn route(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
    ) -> Response {
        let path = request.uri().path().to_owned();
        let mount = trpc::mounted(&path);
        let wire = mount.map_or(Wire::JsonRpc, |(transformer, _)| Wire::Trpc(transformer));
        match (request.method(), path.as_str()) {
            (&Method::GET | &Method::HEAD, "/health/live") => return health::live(),
            (&Method::GET | &Method::HEAD, "/health/ready") => return self.ready().await,
            (&Method::GET, "/metrics") => return self.metrics(request_id),
            (_, "/health/live" | "/health/ready" | "/metrics") => {
                return refusal::wrong_method(wire, "GET", "Ask for this page by GET.", request_id);
            }
            _ if connection.permit.is_none() => {
                let mut refused =
                    refusal::refuse(wire, &Error::unavailable("Too many connections. Try again."), request_id);
                refused.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
                return refused;
            }
            (&Method::GET | &Method::HEAD, path)
                if let Some(file) = File::at(path)
                    && !websocket::is_upgrade(&request) =>
            {
                return file.answer(request.headers());
            }
            (_, webhook::PATH) => return self.webhook(request, request_id).await,
            (_, "/") => {}
            (_, path) if File::at(path).is_some() => {
                return refusal::wrong_method(wire, "GET, HEAD", "Ask for this page by GET.", request_id);
            }
            (_, path) if mount.is_some() || self.document(path).is_some() => {}
            _ => return refusal::refuse(wire, &Error::UnknownPage, request_id),
        }
        if !self.origins.allow(request.headers()) {
            return refusal::refuse(wire, &Error::Forbidden("This origin may not call this server."), request_id);
        }
        if let Some(document) = self.document(&path) {
            return document::send(document, request.method(), request.headers(), request_id);
        }
        if websocket::is_upgrade(&request) && mount.is_none_or(|(_, path)| path.is_empty()) {
            return self.upgrade(request, connection, request_id, wire).await;
        }
        if let Some(mount) = mount {
            let answer = self.trpc(request, connection, request_id, mount).await;
            return answer.unwrap_or_else(|error| refusal::refuse(wire, &error, request_id));
        }
        if request.method() != Method::POST {
            let why = "Call procedures by POST, or open a WebSocket.";
            return refusal::wrong_method(wire, "GET, HEAD, POST", why, request_id);
        }
        self.post(request, connection, request_id).await
    }

    /// `POST /`: one JSON-RPC message in, one out. The status speaks of the transport, so an answer is always 200 and
    /// the outcome of a call is in `error.data.httpStatus`.
    async fn post(&self, request: Request<Incoming>, connection: &Connection, request_id: &str) -> Response {
        if !body::is_json(request.headers()) {
            return refusal::refuse(Wire::JsonRpc, &Error::UnsupportedMediaType, request_id);
        }
        let (head, incoming) = request.into_parts();
        let message = match body::read(incoming, &head.headers, &self.limits).await {
            Ok(message) => message,
            Err(error) => return refusal::refuse(Wire::JsonRpc, &error, request_id),
        };
        let context = Arc::new(Context {
            request_id: request_id.to_owned(),
            address: address(connection.peer, &head.headers, &self.trusted_proxies),
            credential: bearer(&head.headers).authenticate(&self.authenticator).await,
        });
        let reply = self.jsonrpc.answer(&context, None, &message).await;
        response::rpc(reply)
    }

    fn metrics(&self, request_id: &str) -> Response {
        match self.kernel.metrics().render(self.kernel.db().queued()) {
            Ok(text) => response::text(StatusCode::OK, "text/plain; version=0.0.4", text),
            Err(error) => refusal::refuse(Wire::JsonRpc, &Error::Internal(error), request_id),
        }
    }
}

/// Resolves once the server is stopping.
pub async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is the same.
    drop(draining.wait_for(|draining| *draining).await);
}
