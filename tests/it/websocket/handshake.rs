//! The opening handshake: tokens, origins, and refusals in JSON.

use serde_json::{Value, json};

use crate::support::{Backend, Builder, Raw, RawResponse, Socket, TestApp, both_databases, claims, hs256};

/// The headers of a valid handshake.
const VALID: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends a handshake with these header lines.
async fn handshake(app: &TestApp, headers: &str) -> RawResponse {
    let mut raw = Raw::open(&app.url).await;
    raw.send(format!("GET / HTTP/1.1\r\nhost: api.example.com\r\n{headers}\r\n")).await;
    raw.response().await.unwrap()
}

/// The answer to `user.me` on a socket opened with these headers, and the subprotocol that the server chose.
async fn me(app: &TestApp, headers: &[(&str, &str)]) -> (Value, Option<String>) {
    let mut socket = Socket::try_open(&app.url, headers).await.unwrap();
    let chosen = socket.handshake.get("sec-websocket-protocol").map(|value| value.to_str().unwrap().to_owned());
    let mut answer = socket.call("user.me", json!({})).await;
    let id = answer["result"]["id"].take();
    (if id.is_null() { answer["error"]["data"]["code"].take() } else { id }, chosen)
}

#[tokio::test]
async fn the_handshake_follows_rfc_6455() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let response = handshake(&app, VALID).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.headers["upgrade"], "websocket");
    // The token is case-insensitive (RFC 9110 §7.6.1).
    assert!(response.headers["connection"].to_str().unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(response.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!response.headers.contains_key("sec-websocket-protocol"));
    assert!(response.headers.contains_key("x-request-id"));
}

both_databases! {
    async fn the_token_can_be_in_the_header_or_in_a_subprotocol(app: TestApp) {
        let token = hs256(&claims("user_1"));
        let (bearer, protocol) = (format!("Bearer {token}"), format!("bearer.{token}"));
        let user = json!("user_1");
        assert_eq!(me(&app, &[("authorization", &bearer)]).await, (user.clone(), None));

        let name = || Some("clusterdesk".to_owned());
        let both = format!("clusterdesk, {protocol}");
        assert_eq!(me(&app, &[("sec-websocket-protocol", &both)]).await, (user.clone(), name()));
        let swapped = format!("{protocol},clusterdesk");
        assert_eq!(me(&app, &[("sec-websocket-protocol", &swapped)]).await, (user.clone(), name()));
        let two_lines = [("sec-websocket-protocol", "clusterdesk"), ("sec-websocket-protocol", &protocol)];
        assert_eq!(me(&app, &two_lines).await, (user, name()));
    }
}

#[tokio::test]
async fn a_socket_without_a_token_is_anonymous() {
    let app = Builder::new(Backend::Sqlite).start().await;
    assert_eq!(me(&app, &[]).await, (json!("UNAUTHORIZED"), None));
    let named = me(&app, &[("sec-websocket-protocol", "clusterdesk")]).await;
    assert_eq!(named, (json!("UNAUTHORIZED"), Some("clusterdesk".to_owned())));
}

#[tokio::test]
async fn an_invalid_token_is_refused_before_the_upgrade() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let invalid = [
        "authorization: Bearer nonsense\r\n",
        "authorization: Basic dXNlcjpwYXNz\r\n",
        "authorization: Bearer\r\n",
        "sec-websocket-protocol: clusterdesk, bearer.nonsense\r\n",
        "sec-websocket-protocol: bearer.\r\n",
        "sec-websocket-protocol: bearer.cdk_0000000000000000000000000000002C8GjT\r\n",
    ];
    for header in invalid {
        let response = handshake(&app, &format!("{VALID}{header}")).await;
        assert_eq!((response.status, response.code().as_str()), (401, "UNAUTHORIZED"), "{header}");
        assert_eq!(response.headers["www-authenticate"], "Bearer");
        assert!(!response.headers.contains_key("sec-websocket-protocol"));
        let error = &response.json()["error"];
        assert_eq!((&error["code"], &error["data"]["httpStatus"]), (&json!(-32001), &json!(401)));
        assert_eq!(error["data"]["requestId"], response.headers["x-request-id"].to_str().unwrap());
    }
}

#[tokio::test]
async fn only_allowed_origins_and_clients_without_an_origin_can_open_a_socket() {
    let builder = Builder::new(Backend::Sqlite).flag("app-url", "https://app.example.com/start");
    let app = builder.flag("allowed-origins", "https://one.example.com,http://localhost:3000").start().await;
    let allowed = [
        "",
        "origin: https://app.example.com\r\n",
        "origin: https://one.example.com\r\n",
        "origin: http://localhost:3000\r\n",
        "origin: https://api.example.com\r\n",
    ];
    for origin in allowed {
        assert_eq!(handshake(&app, &format!("{VALID}{origin}")).await.status, 101, "{origin}");
    }
    let foreign = [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.com",
        "https://evil.com/https://app.example.com",
        "null",
        "",
    ];
    for origin in foreign {
        let response = handshake(&app, &format!("{VALID}origin: {origin}\r\n")).await;
        assert_eq!((response.status, response.code().as_str()), (403, "FORBIDDEN"), "{origin:?}");
    }
}

#[tokio::test]
async fn an_invalid_handshake_is_refused_with_a_json_error() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let invalid = [
        VALID.replace("version: 13", "version: 8"),
        VALID.replace("sec-websocket-version: 13\r\n", ""),
        VALID.replace("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ];
    for headers in invalid {
        let response = handshake(&app, &headers).await;
        assert_eq!((response.status, response.code().as_str()), (400, "BAD_REQUEST"), "{headers}");
        assert_eq!(response.json()["error"]["code"], -32600);
    }
    // An upgrade to another protocol is ignored (RFC 9110 §7.8): the request gets the page.
    let response = handshake(&app, &VALID.replace("upgrade: websocket", "upgrade: h2c")).await;
    assert_eq!((response.status, &response.headers["content-type"] == "text/html; charset=utf-8"), (200, true));
}
