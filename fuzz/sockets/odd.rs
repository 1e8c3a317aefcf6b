//! Unusual and broken HTTP: pipelines, chunks, heads that contradict themselves.

use clusterdesk_fuzz::answer::json;
use rand::{Rng, RngExt, seq::IndexedRandom};

use crate::{connection::Connection, exchange::refusal, report::Outcome, token::Secrets};

/// Some bytes, and the number of responses.
pub struct Odd {
    pub kind: &'static str,
    pub bytes: Vec<u8>,
    /// The number of responses. None where it is not certain; then the client closes its sending side after the bytes.
    responses: Option<usize>,
    /// Whether the response has no body.
    to_head: bool,
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"hello.hello","params":{"text":"fuzz"}}"#;

/// Heads that HTTP does not allow, or that servers read in different ways (request smuggling).
const HEADS: [&str; 28] = [
    "GET / HTTP/1.1\nhost: a\n\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/9.9\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET\r\n\r\n",
    "\r\n\r\nGET /health/live HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "GET / HTTP/1.1\r\nho st: a\r\n\r\n",
    "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
    "GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
    "get / http/1.1\r\nhost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    "TRACE / HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET http://elsewhere.example/ HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET //../%2e%2e/etc/passwd HTTP/1.1\r\nhost: a\r\n\r\n",
    "GET /\u{fffd} HTTP/1.1\r\nhost: a\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"half\"",
    "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}",
];

const PATHS: [&str; 18] = [
    "/",
    "/docs",
    "/openrpc.json",
    "/app-router.d.ts",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/trpc",
    "/trpc/",
    "/trpc-plain/a.b",
    "/api/trpc/edge",
    "/webhooks/stripe",
    "/favicon.ico",
    "/main.js",
    "/..%2f..",
    "/?x=1",
    "/%00",
    "/robots.txt",
];

impl Odd {
    pub fn new(rng: &mut impl Rng, secrets: &Secrets) -> Self {
        match rng.random_range(0..5) {
            0 => Self::pipeline(rng),
            1 => Self::chunked(rng),
            2 => Self::page(rng, secrets),
            3 => Self::broken(rng),
            _ => Self::large(rng),
        }
    }

    fn broken(rng: &mut impl Rng) -> Self {
        let mut bytes = HEADS.choose(rng).unwrap().as_bytes().to_vec();
        if rng.random_bool(0.5) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_bool(0.5) {
                true => bytes[at] = rng.random(),
                false => bytes.truncate(at),
            }
        }
        Self { kind: "odd HTTP: broken heads", bytes, responses: None, to_head: false }
    }

    fn pipeline(rng: &mut impl Rng) -> Self {
        let calls = rng.random_range(2..8);
        let call = format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{CALL}",
            CALL.len()
        );
        let bytes = call.repeat(calls).into_bytes();
        Self { kind: "odd HTTP: pipelines", bytes, responses: Some(calls), to_head: false }
    }

    fn chunked(rng: &mut impl Rng) -> Self {
        let mut bytes =
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                .to_vec();
        let mut rest = CALL.as_bytes();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(rng.random_range(1..=rest.len()));
            let extension = if rng.random_bool(0.2) { ";a=\"b\"" } else { "" };
            bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
            rest = after;
        }
        bytes.extend(if rng.random_bool(0.2) { &b"0\r\ntrailer: x\r\n\r\n"[..] } else { b"0\r\n\r\n" });
        Self { kind: "odd HTTP: chunks", bytes, responses: Some(1), to_head: false }
    }

    fn page(rng: &mut impl Rng, secrets: &Secrets) -> Self {
        let verbs = ["GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "POST", "FOO"];
        let (verb, path) = (*verbs.choose(rng).unwrap(), PATHS.choose(rng).unwrap());
        let mut head = format!("{verb} {path} HTTP/1.1\r\nhost: a\r\n");
        if let Some(authorization) = secrets.authorization(rng) {
            head += &format!("authorization: {authorization}\r\n");
        }
        if rng.random_bool(0.2) {
            head += "origin: https://elsewhere.example\r\naccess-control-request-method: POST\r\n";
        }
        let bytes = format!("{head}\r\n").into_bytes();
        Self { kind: "odd HTTP: pages and methods", bytes, responses: Some(1), to_head: verb == "HEAD" }
    }

    /// Long targets, many headers, long headers, and a body that is too large.
    fn large(rng: &mut impl Rng) -> Self {
        let size = rng.random_range(1..40_000);
        let bytes = match rng.random_range(0..20) {
            0 => {
                let size = 1024 * 1024 + size;
                let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ";
                [format!("{head}{size}\r\n\r\n").into_bytes(), vec![b'['; size]].concat()
            }
            1..8 => format!("GET /trpc/{} HTTP/1.1\r\nhost: a\r\n\r\n", "a,".repeat(size)).into_bytes(),
            8..14 => format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(size % 200)).into_bytes(),
            _ => format!("GET /health/live HTTP/1.1\r\nhost: a\r\ncookie: {}\r\n\r\n", "c".repeat(size)).into_bytes(),
        };
        Self { kind: "odd HTTP: large heads and bodies", bytes, responses: None, to_head: false }
    }

    /// Sends the bytes and reads the responses, or until the server closes the connection.
    pub async fn run(&self, connection: &mut Connection, outcome: &mut Outcome) -> Result<(), String> {
        connection.close();
        connection.send(&self.bytes, self.responses.is_none()).await?;
        let mut responses = 0;
        while connection.is_open()
            && self.responses != Some(responses)
            && let Some(response) = connection.response(self.to_head).await?
        {
            responses += 1;
            if response.is("application/json") && response.status >= 400 && !self.to_head {
                let text = String::from_utf8_lossy(&response.body);
                let answer = json(&text)?;
                let error = answer["error"].get("json").unwrap_or(&answer["error"]);
                outcome.call(Some(refusal(&response, error)?), &text);
            } else if response.status >= 500 {
                return Err(format!("the server failed: {}", response.head));
            } else {
                outcome.codes.push(format!("HTTP {}", response.status));
            }
        }
        match self.responses {
            Some(expected) if expected != responses => Err(format!("{responses} responses instead of {expected}")),
            _ => Ok(()),
        }
    }
}
