//! The opening handshake of WebSockets (RFC 6455 §4).

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::{
    body::Body,
    error::{Error, Result},
};

/// A browser can't set headers on a WebSocket. It offers its token as a subprotocol with this prefix instead.
const BEARER: &str = "bearer.";
const WEBSOCKET: &str = "websocket";

/// Whether a request asks for a WebSocket. An upgrade in an HTTP/1.0 request must be ignored (RFC 9110 §7.8).
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && request.version() > Version::HTTP_10
        && lists(request.headers(), &header::UPGRADE, WEBSOCKET)
}

/// Whether a header that is a list contains this token, in any of its lines.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(token))
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
    /// BAD_REQUEST when it is not one of version 13, or without `Connection: upgrade`.
    pub fn accept<B>(mut request: Request<B>, subprotocol: Option<&str>) -> Result<Self> {
        if !lists(request.headers(), &header::CONNECTION, "upgrade") {
            return Err(Error::invalid_request("a WebSocket handshake needs the header Connection: upgrade"));
        }
        // tungstenite reads the first line of each of these only, and its value as a whole.
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        if lists(request.headers(), &header::UPGRADE, WEBSOCKET) {
            request.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(WEBSOCKET));
        }
        let empty = || Body::new(http_body_util::Empty::new().boxed_unsync());
        let mut response = create_response_with_body(&request, empty)
            .map_err(|_why| Error::invalid_request("this is not a WebSocket handshake of version 13"))?;
        if let Some(chosen) = subprotocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        Ok(Self { response, upgrade: hyper::upgrade::on(&mut request) })
    }
}

/// The subprotocols that a client offers.
// No `Debug`: one of them is the token.
#[derive(Clone, Copy, Default)]
pub struct Subprotocols<'a> {
    /// The token behind `bearer.`, if there is one.
    pub token: Option<&'a str>,
    /// The first that is not a token.
    named: Option<&'a str>,
}

impl<'a> Subprotocols<'a> {
    /// Reads the headers of a handshake.
    pub fn read(headers: &'a HeaderMap) -> Self {
        let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
        let mut read = Self::default();
        for protocol in lists.flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty()) {
            match protocol.split_at_checked(BEARER.len()) {
                Some((prefix, token)) if prefix.eq_ignore_ascii_case(BEARER) => read.token = read.token.or(Some(token)),
                _ => read.named = read.named.or(Some(protocol)),
            }
        }
        read
    }

    /// The one that the answer names. A browser closes the socket unless the server picks one of those that it offers.
    /// `suggested` is the name that an error suggests to offer.
    ///
    /// # Errors
    /// BAD_REQUEST when only a token is offered: headers of responses are logged and shown more often than a secret may
    /// be.
    pub fn chosen(&self, suggested: &str) -> Result<Option<&'a str>> {
        match self {
            Self { token: Some(_), named: None } => Err(Error::invalid_request(format_args!(
                "a token is not sent back as the chosen subprotocol; offer two: {suggested} and bearer.<token>"
            ))),
            Self { named, .. } => Ok(*named),
        }
    }
}
