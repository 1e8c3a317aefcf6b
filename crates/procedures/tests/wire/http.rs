//! A small HTTP client: one connection per request.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A response whose body is read line by line.
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    unread: String,
}

/// A request with a JSON body.
pub fn post(path: &str, body: &str) -> Request<Full<Bytes>> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(Full::new(body.to_owned().into())).unwrap()
}

pub fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

pub async fn send(address: SocketAddr, mut request: Request<Full<Bytes>>) -> Response {
    let host = address.to_string().parse().unwrap();
    request.headers_mut().insert(header::HOST, host);
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = timeout(PATIENCE, sender.send_request(request)).await.expect("a response").unwrap();
    let (head, body) = response.into_parts();
    Response { status: head.status, headers: head.headers, body, unread: String::new() }
}

impl Response {
    /// The next line, without its end. None at the end of the body.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some((line, rest)) = self.unread.split_once('\n') {
                let line = line.to_owned();
                self.unread = rest.to_owned();
                return Some(line);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("another frame")?;
            self.unread += std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap();
        }
    }

    /// The whole body.
    pub async fn text(self) -> String {
        let body = timeout(PATIENCE, self.body.collect()).await.expect("the whole body").unwrap();
        String::from_utf8(body.to_bytes().into()).unwrap()
    }

    pub async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }
}
