//! Routing: chooses the page or wire that answers a request.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderValue, Method, Request, header};
use hyper::body::Incoming;
use procedures::{Code, Error, socket::is_upgrade};
use tower::{Layer, ServiceExt, service_fn};

use super::{
    client::request_id,
    health, host,
    mount::{Mount, mount},
    oidc,
    refusal::{self, Wire, too_many_connections, visible},
    response::{self, Response},
    scrape, sign_in,
    site::{ClientConnection, Site},
    webhook,
};

impl Site {
    /// Answers one request.
    pub async fn handle(self: Arc<Self>, mut request: Request<Incoming>, connection: ClientConnection) -> Response {
        let request_id = request_id(request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        if let Err(error) = host::check(&mut request) {
            let refused = refusal::refuse(wire(mount(uri.path())), &error, &request_id);
            refusal::log(&refused, &method, &uri, &request_id);
            return response::finish(refused, &request_id);
        }
        let (site, from, id) = (&self, &connection, request_id.as_str());
        // Boxed, as the larger futures below, because hyper and the layers move what they wait for several times, and hyper
        // keeps the room of a request for each connection.
        let route = move |request| Box::pin(async move { Ok::<_, Infallible>(site.route(request, from, id).await) });
        let is_of_page = request.headers().contains_key(header::ORIGIN) || request.method() == Method::OPTIONS;
        let response = if is_of_page {
            let Ok(response) = self.cors.layer(service_fn(route)).oneshot(request).await;
            response
        } else {
            // Needs no permission, which would cost a copy of the layer.
            let Ok(mut response) = route(request).await;
            response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
            response
        };
        refusal::log(&response, &method, &uri, &request_id);
        response::finish(response, &request_id)
    }

    async fn route(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Response {
        let path = request.uri().path().to_owned();
        let mount = mount(&path);
        if let Some(response) = self.health(request.method(), &path, request_id).await {
            return response;
        }
        if connection.place.is_none() {
            return beyond_limits(wire(mount), request_id);
        }
        if path == scrape::PATH && !self.metrics_apart {
            return Box::pin(self.metrics(request.method(), request_id)).await;
        }
        if webhook::PATHS.contains(&path.as_str()) {
            return Box::pin(self.webhook(request, connection, request_id)).await;
        }
        if sign_in::is_here(request.method(), &path) {
            return Box::pin(self.sign_in_or_out(request, connection, request_id)).await;
        }
        if path == oidc::OPTIONS {
            return self.sign_in_options(request.method(), request_id);
        }
        if let Some(provider) = self.provider.as_ref().filter(|_| oidc::is_here(&path)) {
            return Box::pin(self.sign_in_by(provider, request, connection, request_id)).await;
        }
        if request.method() == Method::GET
            && !is_upgrade(&request)
            && let Some(page) = self.explorer.at(&path)
            && let Some(response) = Box::pin(self.answered(page, request.headers(), connection, request_id)).await
        {
            return response;
        }
        if let Some(response) = self.explorer_file(&request, request_id) {
            return response;
        }
        let document = self.documents.iter().find(|document| document.is_at(&path));
        if path != "/" && mount.is_none() && document.is_none() {
            let unknown = Error::new(Code::NotFound, "There is nothing at this address.");
            return refusal::refuse(Wire::JsonRpc, &unknown, request_id);
        }
        if !self.origins.allow(request.headers()) {
            return refusal::foreign_origin(wire(mount), &path, request.headers(), request_id);
        }
        if let Some(document) = document {
            let about = (request.method(), request.uri().query(), request.headers());
            return document.answer(about, request_id);
        }
        let by_cookie = self.session_cookies.decide(request.headers());
        let answer = self.procedures(request, connection, request_id, mount).await;
        let response = answer.unwrap_or_else(|error| refusal::refuse(wire(mount), &error, request_id));
        self.session_cookies.mark(response, by_cookie)
    }

    /// Answers health checks, also beyond the limit of connections. None for other paths.
    async fn health(&self, method: &Method, path: &str, request_id: &str) -> Option<Response> {
        Some(match (method, path) {
            (&Method::GET | &Method::HEAD, "/health/live") => health::live(),
            (&Method::GET | &Method::HEAD, "/health/ready" | "/api/health") => Box::pin(self.ready()).await,
            (_, "/health/live" | "/health/ready" | "/api/health") => by_get(request_id),
            _ => return None,
        })
    }

    /// Passes a request for procedures to its wire.
    async fn procedures(
        self: &Arc<Self>,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
        mount: Option<Mount<'_>>,
    ) -> procedures::Result<Response> {
        if is_upgrade(&request) && mount.is_none_or(|mount| mount.path.is_empty()) {
            return Box::pin(self.upgrade(request, connection, request_id, wire(mount))).await;
        }
        match mount {
            Some(mount) => Box::pin(self.trpc(request, connection, request_id, mount)).await,
            None if request.method() == Method::POST => Box::pin(self.post(request, connection, request_id)).await,
            None => {
                let why = "Call procedures by POST, or open a WebSocket.";
                Ok(refusal::wrong_method(Wire::JsonRpc, "GET, HEAD, POST", why, request_id))
            }
        }
    }

    /// Answers a request for a file of the explorer. None for other paths, and for the JSON-RPC requests at `/`.
    fn explorer_file(&self, request: &Request<Incoming>, request_id: &str) -> Option<Response> {
        let path = request.uri().path();
        if path == "/docs/" {
            return Some(response::moved("../docs"));
        }
        let file = self.explorer.at(path)?;
        match *request.method() {
            Method::GET | Method::HEAD if !is_upgrade(request) => Some(file.answer(request.headers())),
            _ if path == "/" => None,
            _ => Some(refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this page by GET.", request_id)),
        }
    }
}

fn by_get(request_id: &str) -> Response {
    refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this page by GET.", request_id)
}

/// The wire of the procedures below a mount. JSON-RPC has no mount.
fn wire(mount: Option<Mount<'_>>) -> Wire {
    mount.map_or(Wire::JsonRpc, |mount| Wire::Trpc(mount.transformer))
}

fn beyond_limits(wire: Wire, request_id: &str) -> Response {
    let error = visible(too_many_connections(), request_id);
    let mut refused = refusal::refuse(wire, &error, request_id);
    refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    refused
}
