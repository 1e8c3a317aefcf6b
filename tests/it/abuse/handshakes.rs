//! WebSocket handshakes: by the rules of RFC 6455 and RFC 9110 §7.8, and never with the token in the answer.

use serde_json::json;

use crate::support::{Builder, Raw, RawResponse, TestApp, both_databases, claims, hs256};

/// The paths of all sockets: JSON-RPC, and both encodings of tRPC.
const PATHS: [&str; 3] = ["/", "/trpc", "/trpc-plain"];
const HOST: &str = "host: api.example.com\r\n";
/// The headers of a handshake besides `Connection` and `Upgrade`.
const KEY: &str = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "connection: upgrade\r\nupgrade: websocket\r\n";

async fn get(app: &TestApp, path: &str, version: &str, headers: &str) -> RawResponse {
    let mut raw = Raw::open(&app.url).await;
    raw.send(format!("GET {path} HTTP/{version}\r\n{HOST}{headers}\r\n")).await;
    raw.response().await.unwrap()
}

/// The message of a refusal on either wire.
fn message(response: &RawResponse) -> String {
    let body = response.json();
    let error = body["error"].get("json").unwrap_or(&body["error"]);
    error["message"].as_str().unwrap().to_owned()
}

both_databases! {
    async fn a_token_is_never_sent_back_in_a_header(app: TestApp) {
        let token = hs256(&claims("user_1"));
        app.with_token(token.clone()).call("user.me", json!({})).await;
        for path in PATHS {
            for offered in [
                format!("bearer.{token}"),
                format!("Bearer.{token}"),
                format!("bearer.{token}, BEARER.{token}"),
                format!("bearer.{token}, ,"),
                format!("bearer.{token}\r\nsec-websocket-protocol: bearer.other"),
            ] {
                let headers = format!("{UPGRADE}{KEY}sec-websocket-protocol: {offered}\r\n");
                let response = get(&app, path, "1.1", &headers).await;
                assert_eq!(response.status, 400, "{path} {offered}");
                assert!(!format!("{:?}", response.headers).contains(&token), "{path} {offered}");
                assert!(message(&response).contains("clusterdesk"), "{}", message(&response));
            }
            for offered in ["clusterdesk, bearer.{}", "bearer.{},clusterdesk", "BEARER.{}, clusterdesk"] {
                let offered = offered.replace("{}", &token);
                let headers = format!("{UPGRADE}{KEY}sec-websocket-protocol: {offered}\r\n");
                let response = get(&app, path, "1.1", &headers).await;
                assert_eq!((response.status, &response.headers["sec-websocket-protocol"]), (101, &"clusterdesk".parse().unwrap()));
            }
        }
    }
}

#[tokio::test]
async fn an_upgrade_of_http_1_0_is_ignored() {
    let app = Builder::new(crate::support::Backend::Sqlite).start().await;
    let page = get(&app, "/", "1.0", &format!("{UPGRADE}{KEY}")).await;
    assert_eq!((page.status, &page.headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
    for path in ["/trpc", "/trpc-plain"] {
        let answer = get(&app, path, "1.0", &format!("{UPGRADE}{KEY}")).await;
        assert_ne!(answer.status, 101);
        assert!(!answer.headers.contains_key("upgrade"));
    }
}

#[tokio::test]
async fn an_upgrade_without_the_option_in_connection_is_refused() {
    let app = Builder::new(crate::support::Backend::Sqlite).start().await;
    for path in PATHS {
        for connection in
            ["", "connection: keep-alive\r\n", "connection: x-upgrade\r\n", "connection: keep-alive upgrade\r\n"]
        {
            let response = get(&app, path, "1.1", &format!("{connection}upgrade: websocket\r\n{KEY}")).await;
            assert_eq!(response.status, 400, "{path} {connection:?}");
        }
        for headers in [
            "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n",
            "connection: keep-alive\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n",
            "connection: upgrade\r\nupgrade: h2c, websocket\r\n",
            "connection: upgrade\r\nupgrade: h2c\r\nupgrade: websocket\r\n",
        ] {
            let response = get(&app, path, "1.1", &format!("{headers}{KEY}")).await;
            assert_eq!(
                (response.status, &response.headers["upgrade"]),
                (101, &"websocket".parse().unwrap()),
                "{path} {headers}"
            );
        }
    }
}
