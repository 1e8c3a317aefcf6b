//! WebSockets (RFC 6455): the opening handshake. What is said then is in [`conversation`], and the languages that it is
//! said in are [`jsonrpc`] and [`trpc`].

mod conversation;
mod jsonrpc;
mod trpc;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::{conversation::Dialect, jsonrpc::JsonRpc, trpc::Trpc};
use super::{
    Connection, Edge,
    client::{Bearer, address, bearer},
    refusal::{self, Wire},
    response::Response,
};
use crate::{
    auth::Credential,
    error::Error,
    rpc::{Context, caller},
};

/// How a browser, which can't set headers on a WebSocket, hands over its token: as one of the offered subprotocols.
const BEARER: &str = "bearer.";

pub fn is_upgrade(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    request.method() == Method::GET && upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

impl Edge {
    /// Answers the opening handshake and serves the socket in a task of its own.
    pub(super) async fn upgrade(
        self: &Arc<Self>,
        mut request: Request<Incoming>,
        connection: &Connection,
        request_id: &str,
        wire: Wire,
    ) -> Response {
        let headers = request.headers();
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
        let version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let (Some(accept), true) = (key.and_then(|key| HeaderValue::from_str(&key).ok()), version) else {
            return refusal::refuse(
                wire,
                &Error::invalid_request("this is no WebSocket handshake of version 13"),
                request_id,
            );
        };
        let offered = Offered::read(headers);
        let presented = match offered.token {
            Some(token) => Bearer::Token(token),
            None => bearer(headers),
        };
        let credential = presented.authenticate(&self.authenticator).await;
        if let (false, Some(error)) = (matches!(credential, Credential::Anonymous), caller::refusal(&credential)) {
            return refusal::refuse(wire, &error, request_id);
        }
        let chosen = offered.chosen.and_then(|protocol| HeaderValue::from_str(protocol).ok());
        let address = address(connection.peer, headers, &self.trusted_proxies);
        let template = Context { request_id: request_id.to_owned(), address, credential };
        let mut dialect: Box<dyn Dialect> = match wire {
            Wire::JsonRpc => Box::new(JsonRpc::new(Arc::clone(self), template)),
            Wire::Trpc(transformer) => {
                let introduced = introduces(request.uri().query());
                Box::new(Trpc::new(Arc::clone(self), template, transformer, introduced))
            }
        };
        let edge = Arc::clone(self);
        let upgrade = hyper::upgrade::on(&mut request);
        let connection = connection.clone();
        self.sockets.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => conversation::serve(&edge, dialect.as_mut(), upgraded).await,
                Err(error) => tracing::debug!(%error, "the socket was not upgraded"),
            }
            drop(connection);
        });
        switching_protocols(accept, chosen)
    }
}

/// Whether a tRPC client will introduce itself by its first message.
fn introduces(query: Option<&str>) -> bool {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .any(|pair| pair == ("connectionParams".into(), "1".into()))
}

fn switching_protocols(accept: HeaderValue, protocol: Option<HeaderValue>) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// The subprotocols a client offers. A browser closes the socket unless exactly one of them comes back.
struct Offered<'a> {
    token: Option<&'a str>,
    chosen: Option<&'a str>,
}

impl<'a> Offered<'a> {
    /// The token is the one behind `bearer.`; chosen is the first of the others, or, where there is none, the token's.
    fn read(headers: &'a HeaderMap) -> Self {
        let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
        let (mut token, mut chosen, mut fallback) = (None, None, None);
        for protocol in lists.flat_map(|list| list.split(',')).map(str::trim) {
            match protocol.strip_prefix(BEARER) {
                Some(found) => {
                    token = token.or(Some(found));
                    fallback = fallback.or(Some(protocol));
                }
                None => chosen = chosen.or(Some(protocol)),
            }
        }
        Self { token, chosen: chosen.or(fallback) }
    }
}
