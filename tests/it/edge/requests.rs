//! Request ids, headers, addresses and methods.

use serde_json::json;
use uuid::Uuid;

use super::{HELLO, ME, assert_refused, raw, read};
use crate::support::{Backend, Builder, Socket};

#[tokio::test]
async fn uuid_request_id_is_kept_in_canonical_form() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let id = "0e7e6a0e-6d3f-4d6c-9b0a-2f1f6a3c9d11";
    let spellings =
        [id.to_owned(), id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")];
    for spelling in spellings {
        let request = app.anonymous().post().header("x-request-id", &spelling).body(ME);
        let response = read(request.send().await.unwrap()).await;
        assert_eq!(response.headers["x-request-id"], id, "{spelling}");
        assert_eq!(response.json()["error"]["data"]["requestId"], id);
    }
}

#[tokio::test]
async fn any_other_request_id_is_replaced() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let long = "a".repeat(1000);
    let others = ["", "1", "not a uuid", "0e7e6a0e-6d3f-4d6c-9b0a-2f1f6a3c9d1", "<script>", long.as_str(), "caf\u{e9}"];
    let mut seen = Vec::new();
    for other in others {
        let request = app.anonymous().post().header("x-request-id", other.as_bytes()).body(ME);
        let response = read(request.send().await.unwrap()).await;
        let id = response.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        assert_eq!(response.json()["error"]["data"]["requestId"], id);
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn every_websocket_message_has_its_own_request_id() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    let one = socket.call("user.me", json!({})).await["error"]["data"]["requestId"].clone();
    let two = socket.call("user.me", json!({})).await["error"]["data"]["requestId"].clone();
    assert!(one.is_string() && two.is_string() && one != two);
    assert_ne!(socket.handshake["x-request-id"], one.as_str().unwrap());
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let responses = [
        raw(&app.url, "GET /health/live HTTP/1.1\r\nhost: h", b"").await,
        raw(&app.url, "GET /health/ready HTTP/1.1\r\nhost: h", b"").await,
        raw(&app.url, "GET /metrics HTTP/1.1\r\nhost: h", b"").await,
        raw(&app.url, "GET /nothing HTTP/1.1\r\nhost: h", b"").await,
        raw(&app.url, "PUT / HTTP/1.1\r\nhost: h", b"").await,
        raw(&app.url, "POST / HTTP/1.1\r\nhost: h\r\norigin: https://evil.example.com", b"").await,
        read(app.user("user_1").send(HELLO).await).await,
        read(app.anonymous().send(ME).await).await,
        read(app.anonymous().send(r#"{"jsonrpc":"2.0","method":"user.me"}"#).await).await,
    ];
    for response in responses {
        let headers = &response.headers;
        assert_eq!(headers["cache-control"], "no-store", "{response:?}");
        assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(Uuid::parse_str(headers["x-request-id"].to_str().unwrap()).is_ok());
        // No header reveals the server software.
        assert!(!headers.contains_key("server") && !headers.contains_key("x-powered-by"));
    }
}

#[tokio::test]
async fn unknown_path_is_not_found() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for path in ["/nothing", "/health", "/health/", "//", "/..", "/rpc", "/%2e%2e/etc/passwd"] {
        for method in ["GET", "POST", "DELETE"] {
            let response = raw(&app.url, &format!("{method} {path} HTTP/1.1\r\nhost: h"), b"").await;
            assert_refused(&response, 404, "NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn wrong_method_is_answered_with_the_allowed_methods() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let wrong = [
        ("PUT", "/", "GET, HEAD, POST"),
        ("DELETE", "/", "GET, HEAD, POST"),
        ("PATCH", "/", "GET, HEAD, POST"),
        ("BREW", "/", "GET, HEAD, POST"),
        ("POST", "/docs", "GET, HEAD"),
        ("POST", "/health/live", "GET, HEAD"),
        ("DELETE", "/health/ready", "GET, HEAD"),
        ("POST", "/metrics", "GET"),
    ];
    for (method, path, right) in wrong {
        let response = raw(&app.url, &format!("{method} {path} HTTP/1.1\r\nhost: h"), b"").await;
        assert_refused(&response, 405, "METHOD_NOT_SUPPORTED");
        assert_eq!(response.headers["allow"], right, "{method} {path}");
    }
}

#[tokio::test]
async fn token_in_the_query_string_is_ignored() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let user = app.user("user_1");
    let url = format!("{}?token=secret", app.url);
    let request = user.http.post(url).header("content-type", "application/json").body(ME);
    // URLs end up in logs, so a token there is not accepted.
    assert_eq!(read(request.send().await.unwrap()).await.code(), "UNAUTHORIZED");
}

#[tokio::test]
async fn malformed_authorization_header_is_unauthorized() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let token = app.user("user_1").token.unwrap();
    for header in ["Basic dXNlcjpwYXNz", "Bearer", token.as_str(), "", "Token abc", "Bearer\u{a0}x"] {
        let request = app.anonymous().post().header("authorization", header.as_bytes()).body(ME);
        let response = read(request.send().await.unwrap()).await;
        assert_eq!(response.code(), "UNAUTHORIZED", "{header}");
        assert_eq!(response.json()["error"]["message"], "Write the header as: Authorization: Bearer <token>.");
    }
    let twice = app.user("user_1").post().header("authorization", format!("Bearer {token}")).body(ME);
    assert_eq!(read(twice.send().await.unwrap()).await.code(), "UNAUTHORIZED");
    for header in [format!("bearer {token}"), format!("BEARER  {token} ")] {
        let request = app.anonymous().post().header("authorization", header).body(ME);
        assert_eq!(read(request.send().await.unwrap()).await.json()["result"]["id"], "user_1");
    }
}
