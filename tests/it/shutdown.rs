//! Shutdown, and the log of a server.

use std::time::Duration;

use clusterdesk::db::DbConnection;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpStream, task::JoinHandle, time::timeout};

use crate::support::{
    Backend, Client, Failure, On, Process, SECRET, Signal, Socket, Sql, TestDatabase, both_databases, claims, hs256,
};

/// A timeout that only a failing test reaches.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database for a server that runs in a separate process.
struct ServedDatabase(TestDatabase);

impl On for ServedDatabase {
    async fn on(backend: Backend) -> Self {
        Self(backend.database())
    }
}

impl ServedDatabase {
    fn serve(&self, settings: &[(&str, &str)]) -> Process {
        let own = [("DATABASE_URL", self.0.url.as_str()), ("JWT_SECRET", SECRET), ("DATABASE_THREADS", "1")];
        // Long enough that no test reaches it.
        let own = [&own[..], &[("SHUTDOWN_GRACE_MS", "600000"), ("BOOTSTRAP_ADMIN", "off")], settings].concat();
        Process::serve(self.0.folder.path(), &own)
    }

    /// Blocks all other writers until the connection is dropped.
    fn lock(&self) -> DbConnection {
        let mut conn = self.0.connect();
        conn.run(match self.0.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN; LOCK TABLE users, k8s_cluster_configs IN ACCESS EXCLUSIVE MODE",
        });
        conn
    }
}

/// The result of a call in another task.
type PendingCall = JoinHandle<Result<Value, Failure>>;

/// Sends `k8s.create` calls, which wait for a lock, until the metrics show that one is in the queue. The others occupy the
/// only database thread.
async fn creates_in_flight(server: &Process) -> Vec<PendingCall> {
    let metrics = format!("{}metrics", server.url);
    let observer = server.client("").http;
    let mut creates: Vec<PendingCall> = Vec::new();
    let waiting = async {
        for round in 0.. {
            // On SQLite, calls that arrive together share a transaction and leave the queue empty. Then one more is sent.
            if round % 5 == 0 {
                let client = server.client(&hs256(&claims(&format!("user_{round}"))));
                creates.push(tokio::spawn(async move {
                    client.try_call("k8s.create", json!({"name": "a", "location": "eu"})).await
                }));
            }
            let page = observer.get(&metrics).send().await.unwrap().text().await.unwrap();
            let queued = page.lines().find_map(|line| line.strip_prefix("clusterdesk_queued_writes "));
            if queued.unwrap_or_else(|| panic!("no clusterdesk_queued_writes in {page}")) != "0" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("no call was queued");
    creates
}

/// Waits until the server refuses connections.
async fn listener_closed(server: &Process) {
    let address = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let closed = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, closed).await.expect("the server still accepts connections");
}

/// Waits for the process to end and returns its exit code and its log.
async fn exit_code(mut server: Process) -> (Option<i32>, String) {
    tokio::task::spawn_blocking(move || {
        let code = server.wait().code();
        (code, server.log())
    })
    .await
    .unwrap()
}

async fn assert_stops_gracefully(database: ServedDatabase, signal: Signal) {
    let server = database.serve(&[]);
    let lock = database.lock();
    let creates = creates_in_flight(&server).await;
    server.signal(signal);
    listener_closed(&server).await;
    drop(lock);
    let count = i64::try_from(creates.len()).unwrap();
    for create in creates {
        assert_eq!(create.await.unwrap().unwrap()["success"], true);
    }
    let (code, log) = exit_code(server).await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(database.0.connect().number("SELECT count(*) FROM k8s_cluster_configs"), count);
    assert!(log.contains("\"stopping\"") && log.contains("\"stopped\""), "{log}");
}

both_databases! {
    async fn sigterm_finishes_calls_in_flight_and_refuses_connections(database: ServedDatabase) {
        assert_stops_gracefully(database, Signal::TERM).await;
    }

    async fn sigint_finishes_calls_in_flight_and_refuses_connections(database: ServedDatabase) {
        assert_stops_gracefully(database, Signal::INT).await;
    }

    async fn the_server_stops_after_the_grace_period_despite_calls_in_flight(database: ServedDatabase) {
        let server = database.serve(&[("SHUTDOWN_GRACE_MS", "50")]);
        let lock = database.lock();
        let creates = creates_in_flight(&server).await;
        server.signal(Signal::TERM);
        let (code, log) = exit_code(server).await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("the grace period is over"), "{log}");
        for create in creates {
            assert!(create.await.is_err(), "the connection was cut");
        }
        drop(lock);
        // PostgreSQL may notice only now that its client is gone. In either case a call wrote everything or nothing.
        let mut conn = database.0.connect();
        let written = "SELECT count(*) - (SELECT count(*) FROM audit_log) FROM k8s_cluster_configs";
        assert_eq!(conn.number(written), 0);
    }

    async fn idle_connections_and_sockets_do_not_delay_the_stop(database: ServedDatabase) {
        let server = database.serve(&[]);
        let client = server.client(&hs256(&claims("ann")));
        let mut socket = Socket::open(&client).await;
        assert_eq!(socket.call("user.me", Value::Null).await["result"]["id"], "ann");
        client.call("user.me", Value::Null).await; // Leaves an idle connection open.
        let address = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
        let mut silent = TcpStream::connect(&address).await.unwrap();
        // The server has accepted it once a later connection is answered.
        Client::new(&server.url, client.token.clone()).call("user.me", Value::Null).await;
        server.signal(Signal::TERM);
        let closed = socket.receive().await.unwrap_err().expect("a close frame");
        assert_eq!(u16::from(closed.code), 1001, "going away");
        drop(socket);
        assert_eq!(timeout(PATIENCE, silent.read(&mut [0])).await.unwrap().unwrap(), 0, "closed");
        let (code, log) = exit_code(server).await;
        assert_eq!(code, Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_json_log_has_json_lines_that_name_procedure_and_request_id() {
    let database = ServedDatabase(Backend::Sqlite.database());
    let server = database.serve(&[("LOG_FORMAT", "json"), ("RUST_LOG", "debug")]);
    let (token, request_id) = (hs256(&claims("ann")), "7e57ab1e-0000-4000-8000-000000000001");
    let client = server.client(&token);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "user.updateName", "params": {"name": "Ann"}});
    let response = client.post().header("x-request-id", request_id).body(call.to_string()).send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], request_id);
    client.fail("NOT_FOUND", "k8s.get", json!({"id": 1})).await;
    server.signal(Signal::TERM);
    let (_, log) = exit_code(server).await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let of_the_call: Vec<&Value> = lines.iter().filter(|line| line["span"]["request_id"] == request_id).collect();
    assert!(!of_the_call.is_empty(), "{log}");
    for line in &of_the_call {
        assert_eq!(line["span"]["procedure"], "user.updateName", "{line}");
    }
    assert!(of_the_call.iter().any(|line| line["message"] == "done" && line["elapsed_ms"].is_number()), "{log}");
    assert!(lines.iter().any(|line| line["span"]["procedure"] == "k8s.get" && line["code"] == "NOT_FOUND"), "{log}");
    for secret in [token.as_str(), SECRET] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn a_pretty_log_is_plain_text() {
    let database = ServedDatabase(Backend::Sqlite.database());
    let server = database.serve(&[("LOG_FORMAT", "pretty")]);
    server.client(&hs256(&claims("ann"))).call("user.updateName", json!({"name": "Ann"})).await;
    server.signal(Signal::TERM);
    let (_, log) = exit_code(server).await;
    let done = log.lines().find(|line| line.contains("done")).unwrap_or_else(|| panic!("{log}"));
    assert!(
        done.contains("INFO") && done.contains("procedure=\"user.updateName\"") && done.contains("request_id="),
        "{done}"
    );
    assert!(!log.contains('\u{1b}'), "colours are for terminals");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_err()));
}
