//! `/health/live`, `/health/ready` and `/metrics`.

use clusterdesk::db::migrations::Migrations;
use serde_json::{Value, json};

use super::{raw, read};
use crate::support::{
    Backend, Builder, Gate, Raw, RawResponse, Socket, TestApp, TestDatabase, both_databases, eventually, probes,
};

async fn get(app: &TestApp, path: &str) -> RawResponse {
    read(app.anonymous().http.get(format!("{}{path}", app.url)).send().await.unwrap()).await
}

/// The body of a page about readiness, without the time that the database took.
async fn readiness(app: &TestApp, path: &str) -> (u16, Value) {
    let response = get(app, path).await;
    let mut body = response.json();
    let latency = body["dependencies"]["database"].as_object_mut().unwrap().remove("latency").unwrap();
    assert!(latency.is_u64(), "{latency}");
    (response.status, body)
}

fn ready() -> (u16, Value) {
    (200, json!({"status": "ready", "dependencies": {"database": {"status": "ready"}}}))
}

fn unavailable(reason: &str) -> (u16, Value) {
    let database = json!({"status": "unavailable"});
    (503, json!({"status": "unavailable", "reason": reason, "dependencies": {"database": database}}))
}

both_databases! {
    async fn healthy_server_is_live_and_ready(app: TestApp) {
        let live = get(&app, "health/live").await;
        assert_eq!((live.status, live.json()), (200, json!({"status": "ok"})));
        for path in ["health/ready", "api/health"] {
            assert_eq!(readiness(&app, path).await, ready());
        }
        for path in ["health/live", "health/ready", "api/health"] {
            let mut connection = Raw::open(&app.url).await;
            connection.send(format!("HEAD /{path} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
            let response = connection.head_response().await.unwrap();
            assert_eq!((response.status, &response.headers["content-type"] == "application/json; charset=utf-8"), (200, true));
            // No body was sent: the next bytes are the next response.
            connection.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
            assert_eq!(connection.response().await.unwrap().json(), json!({"status": "ok"}));
        }
    }

    async fn server_with_pending_migrations_is_live_but_not_ready(database: TestDatabase) {
        Migrations::open(&database.address()).unwrap().down(1).unwrap();
        let app = Builder::with_database(database).start().await;
        assert_eq!(get(&app, "health/live").await.status, 200);
        assert_eq!(readiness(&app, "health/ready").await, unavailable("the database is not migrated to this version"));
        Migrations::open(&app.database.address()).unwrap().up(1).unwrap();
        assert_eq!(get(&app, "health/ready").await.status, 200);
    }

    async fn server_without_its_database_is_live_but_not_ready(app: TestApp) {
        app.database.take_away();
        assert_eq!(get(&app, "health/live").await.status, 200);
        for path in ["health/ready", "api/health"] {
            assert_eq!(readiness(&app, path).await, unavailable("the database does not answer"));
        }
        app.database.bring_back();
        eventually(async || get(&app, "health/ready").await.status == 200).await;
    }
}

#[tokio::test]
async fn server_on_an_empty_database_is_not_ready() {
    let app = Builder::with_database(Backend::Sqlite.empty_database()).start().await;
    assert_eq!(get(&app, "health/ready").await.status, 503);
}

#[tokio::test]
async fn stopping_server_closes_connections_after_calls_in_flight() {
    let mut app = Builder::new(Backend::Sqlite).router(probes()).start().await;
    // During shutdown a connection stays open only while a request is in flight.
    let gate = Gate::new();
    let mut idle = Socket::open(&app.anonymous()).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "probe.wait", "params": {"gate": gate.name}}).to_string();
    let mut connection = Raw::open(&app.url).await;
    let head = "POST / HTTP/1.1\r\nhost: h\r\ncontent-type: application/json";
    connection.send(format!("{head}\r\ncontent-length: {}\r\n\r\n{call}", call.len())).await;
    gate.arrivals(1).await;
    connection.send("GET /health/ready HTTP/1.1\r\nhost: h\r\n\r\n").await;
    app.stop();
    assert!(idle.receive().await.is_err());
    gate.open(1);
    let answer = connection.response().await.unwrap();
    assert_eq!((answer.status, &answer.headers["connection"] == "close"), (200, true));
    // The connection closes after the request in flight; the second request is not answered.
    assert!(connection.response().await.is_none());
    app.stopped().await;
}

#[tokio::test]
async fn health_and_metrics_ignore_origin_and_need_no_token() {
    let app = Builder::new(Backend::Sqlite).start().await;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let head = format!("GET {path}?probe=1 HTTP/1.1\r\nhost: h\r\norigin: https://evil.example.com");
        assert_eq!(raw(&app.url, &head, b"").await.status, 200, "{path}");
    }
}
