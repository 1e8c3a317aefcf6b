//! The opening handshake of WebSockets (RFC 6455 §4).

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::{
    body::Body,
    error::{Error, Result},
};

/// A browser can't set headers on a WebSocket. It offers its token as a subprotocol with this prefix instead.
const BEARER: &str = "bearer.";

/// Whether a request asks for a WebSocket.
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    request.method() == Method::GET && upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// Whether a tRPC client sends its `connectionParams` as the first message. `query` is the query string of the URL.
pub fn introduces(query: Option<&str>) -> bool {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .any(|pair| pair == ("connectionParams".into(), "1".into()))
}

/// A handshake that was accepted.
pub struct Handshake {
    /// 101 Switching Protocols.
    pub response: Response<Body>,
    /// The connection, once the response is sent.
    pub upgrade: OnUpgrade,
}

impl Handshake {
    /// Accepts a handshake with the chosen subprotocol, if any was offered.
    ///
    /// # Errors
    /// BAD_REQUEST when it is not one of version 13.
    pub fn accept<B>(mut request: Request<B>, subprotocol: Option<&str>) -> Result<Self> {
        let empty = || Body::new(http_body_util::Empty::new().boxed_unsync());
        let mut response = create_response_with_body(&request, empty)
            .map_err(|_why| Error::invalid_request("this is not a WebSocket handshake of version 13"))?;
        if let Some(chosen) = subprotocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        Ok(Self { response, upgrade: hyper::upgrade::on(&mut request) })
    }
}

/// The subprotocols that a client offers. A browser closes the socket unless the server picks exactly one of them.
// No `Debug`: one of them is the token.
#[derive(Clone, Copy, Default)]
pub struct Subprotocols<'a> {
    /// The token behind `bearer.`, if there is one.
    pub token: Option<&'a str>,
    /// The one to pick: the first that is not a token, else the token's.
    pub chosen: Option<&'a str>,
}

impl<'a> Subprotocols<'a> {
    /// Reads the headers of a handshake.
    pub fn read(headers: &'a HeaderMap) -> Self {
        let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
        let (mut read, mut fallback) = (Self::default(), None);
        for protocol in lists.flat_map(|list| list.split(',')).map(str::trim) {
            match protocol.strip_prefix(BEARER) {
                Some(token) => {
                    read.token = read.token.or(Some(token));
                    fallback = fallback.or(Some(protocol));
                }
                None => read.chosen = read.chosen.or(Some(protocol)),
            }
        }
        Self { chosen: read.chosen.or(fallback), ..read }
    }
}
