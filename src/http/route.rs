//! From a request to the page or wire that answers it.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use procedures::{Code, Error, socket::is_upgrade, whole};
use tower::{Layer, ServiceExt, service_fn};

use super::{
    client::request_id,
    document,
    explorer::File,
    health,
    refusal::{self, Wire, visible},
    response::{self, Response},
    site::{Connection, Site},
    trpc::mount,
    webhook,
};
use crate::error;

impl Site {
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
        let mount = mount(&path);
        let wire = mount.map_or(Wire::JsonRpc, |mount| Wire::Trpc(mount.transformer));
        let document = document::at(self.kernel.documents(), &path);
        match (request.method(), path.as_str()) {
            (&Method::GET | &Method::HEAD, "/health/live") => return health::live(),
            (&Method::GET | &Method::HEAD, "/health/ready") => return self.ready().await,
            (&Method::GET, "/metrics") => return self.metrics(request_id),
            (_, "/health/live" | "/health/ready" | "/metrics") => {
                return refusal::wrong_method(wire, "GET", "Get this page by GET.", request_id);
            }
            _ if connection.permit.is_none() => return too_many_connections(wire, request_id),
            (&Method::GET | &Method::HEAD, path)
                if let Some(file) = File::at(path)
                    && !is_upgrade(&request) =>
            {
                return file.answer(request.headers());
            }
            (_, webhook::PATH) => return self.webhook(request, request_id).await,
            (_, "/") => {}
            (_, path) if File::at(path).is_some() => {
                return refusal::wrong_method(wire, "GET, HEAD", "Get this page by GET.", request_id);
            }
            _ if mount.is_some() || document.is_some() => {}
            _ => {
                let unknown = Error::new(Code::NotFound, "There is nothing at this address.");
                return refusal::refuse(wire, &unknown, request_id);
            }
        }
        if !self.origins.allow(request.headers()) {
            let foreign = Error::new(Code::Forbidden, "This origin may not call this server.");
            return refusal::refuse(wire, &foreign, request_id);
        }
        if let Some(document) = document {
            return document.answer(request.method(), request.headers(), request_id);
        }
        let answer = if is_upgrade(&request) && mount.is_none_or(|mount| mount.path.is_empty()) {
            self.upgrade(request, connection, request_id, wire).await
        } else if let Some(mount) = mount {
            self.trpc(request, connection, request_id, mount).await
        } else if request.method() == Method::POST {
            self.post(request, connection, request_id).await
        } else {
            let why = "Call procedures by POST, or open a WebSocket.";
            return refusal::wrong_method(wire, "GET, HEAD, POST", why, request_id);
        };
        answer.unwrap_or_else(|error| refusal::refuse(wire, &error, request_id))
    }

    fn metrics(&self, request_id: &str) -> Response {
        let services = self.kernel.services();
        match services.metrics.render(services.db.queued()) {
            Ok(text) => whole(StatusCode::OK, "text/plain; version=0.0.4", text),
            Err(error) => {
                refusal::refuse(Wire::JsonRpc, &visible(error::Error::Internal(error), request_id), request_id)
            }
        }
    }
}

fn too_many_connections(wire: Wire, request_id: &str) -> Response {
    let error = visible(error::Error::unavailable("Too many connections. Try again."), request_id);
    let mut refused = refusal::refuse(wire, &error, request_id);
    refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    refused
}
