//! `Host` and the target: a request names one server (RFC 9112 §3.2), so that nothing in front of this one understands
//! another.

use crate::support::{Backend, Builder, Raw, RawResponse, TestApp};

/// Sends a head and a body.
async fn answer(app: &TestApp, head: &str, body: &str) -> RawResponse {
    let mut raw = Raw::open(&app.url).await;
    raw.send(format!("{head}\r\n\r\n{body}")).await;
    raw.response().await.unwrap()
}

#[tokio::test]
async fn a_request_without_one_valid_host_is_refused_on_every_path() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let wrong = [
        "",
        "\r\nhost: a.example.com\r\nhost: b.example.com",
        "\r\nhost: a.example.com\r\nhost: a.example.com",
        "\r\nhost:",
        "\r\nhost: a.example.com, b.example.com",
        "\r\nhost: a.example.com/path",
        "\r\nhost: user@a.example.com",
        "\r\nhost: a.example.com:http",
        "\r\nhost: a.example.com:+80",
        "\r\nhost: a b",
        "\r\nhost: [::1",
        "\r\nhost: :80",
        "\r\nhost: caf\u{e9}.example.com",
    ];
    for path in ["/", "/trpc/hello.hello", "/trpc-plain", "/health/live", "/openrpc.json", "/webhooks/stripe", "/none"]
    {
        for host in wrong {
            let response = answer(&app, &format!("GET {path} HTTP/1.1{host}"), "").await;
            assert_eq!(response.status, 400, "{path} {host:?}");
            let data = response.json();
            let error = data["error"].get("json").unwrap_or(&data["error"]);
            assert_eq!(error["data"]["code"], "BAD_REQUEST", "{path} {host:?}");
            assert_eq!(error["data"]["requestId"], response.headers["x-request-id"].to_str().unwrap());
        }
    }
    // The same refusal for a preflight, a POST and a handshake.
    let origin = "origin: https://a.example.com\r\naccess-control-request-method: POST";
    assert_eq!(answer(&app, &format!("OPTIONS / HTTP/1.1\r\n{origin}"), "").await.status, 400);
    let two = "host: a.example.com\r\nhost: b.example.com";
    let post = format!("POST / HTTP/1.1\r\n{two}\r\ncontent-type: application/json\r\ncontent-length: 2");
    assert_eq!(answer(&app, &post, "{}").await.status, 400);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(answer(&app, &format!("GET / HTTP/1.1\r\n{two}\r\n{upgrade}"), "").await.status, 400);
}

#[tokio::test]
async fn every_form_of_a_valid_host_is_accepted() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for host in ["a.example.com", "A.Example.COM:443", "127.0.0.1:8080", "[::1]", "[::1]:8080", "localhost:", "h_1"] {
        let response = answer(&app, &format!("GET /health/live HTTP/1.1\r\nhost: {host}"), "").await;
        assert_eq!(response.status, 200, "{host}");
    }
    // HTTP/1.0 has no Host (RFC 9112 §3.2), but more than one is refused there too.
    assert_eq!(answer(&app, "GET /health/live HTTP/1.0", "").await.status, 200);
    assert_eq!(answer(&app, "GET /health/live HTTP/1.0\r\nhost: a\r\nhost: b", "").await.status, 400);
}

// A page of an origin may call its own server, which is the one in the target (RFC 9112 §3.2.2).
#[tokio::test]
async fn the_host_of_an_absolute_target_replaces_the_header() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for (target, host, origin, status) in [
        ("http://a.example.com/openrpc.json", "a.example.com", "http://a.example.com", 200),
        ("https://a.example.com/openrpc.json", "b.example.com", "https://a.example.com", 200),
        ("http://a.example.com/openrpc.json", "b.example.com", "http://b.example.com", 403),
        ("ftp://a.example.com/openrpc.json", "a.example.com", "http://a.example.com", 400),
        ("http://user@a.example.com/openrpc.json", "a.example.com", "http://a.example.com", 400),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}");
        assert_eq!(answer(&app, &head, "").await.status, status, "{head}");
    }
    assert_eq!(answer(&app, "GET http://a.example.com/health/live HTTP/1.1", "").await.status, 400, "without Host");
}
