//! Calls per second over HTTP, and their share of the rate at which the same process answers `/health/live`:
//! `cargo bench`. 32 keep-alive connections, each of another user; the load generator runs on the same machine.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../tests/it/support/mod.rs"]
mod support;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use clusterdesk::{db::transaction, models::sample};
use serde_json::json;
use support::{Backend, Builder, TestApp, claims, hs256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CONNECTIONS: usize = 32;
const USERS: u32 = 10_000;
/// Responses in this time are not measured.
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(4);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if backend.is_available() {
            runtime.block_on(measure(backend));
        }
    }
}

async fn measure(backend: Backend) {
    let app = Builder::new(backend).flag("database-threads", "4").start().await;
    transaction::write(&mut app.connect(), |conn| sample::insert(conn, USERS)).unwrap();
    println!("\n{backend:?}, {USERS} users, {CONNECTIONS} connections");
    println!("{:32} {:>10} {:>9} {:>9} {:>9}", "", "calls/s", "p50 ms", "p99 ms", "share");
    let ceiling = load(&app, |_| get("/health/live")).await.report("GET /health/live", None);
    load(&app, |user| call(user, "hello.hello", json!({"text": "you"}))).await.report("hello.hello", Some(ceiling));
    load(&app, |user| call(user, "k8s.list", json!({}))).await.report("k8s.list", Some(ceiling));
    load(&app, |user| trpc(user, "k8s.getClusters")).await.report("k8s.getClusters over tRPC", Some(ceiling));
    load(&app, |user| call(user, "user.summary", json!({}))).await.report("user.summary (a snapshot)", Some(ceiling));
    load(&app, |user| call(user, "user.updateName", json!({"name": "Ada"})))
        .await
        .report("user.updateName (a write)", Some(ceiling));
    let clusters = clusters(&app);
    load(&app, |user| {
        // Every fifth user has deleted their cluster.
        let owner = user + (user - 1) / 4;
        call(owner, "k8s.update", json!({"id": clusters[&name(owner)], "name": "web"}))
    })
    .await
    .report("k8s.update (a write, an event)", Some(ceiling));
}

/// The id of a live cluster, by owner.
fn clusters(app: &TestApp) -> HashMap<String, i64> {
    let sql = "SELECT auth_user_id || ' ' || min(id) AS line FROM k8s_cluster_configs WHERE deleted_at IS NULL
               GROUP BY auth_user_id";
    let read = |line: String| {
        let (owner, id) = line.split_once(' ').unwrap();
        (owner.to_owned(), id.parse().unwrap())
    };
    app.lines(sql).into_iter().map(read).collect()
}

/// The response times of all connections.
struct Measured {
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    /// Prints a line and returns the calls per second.
    fn report(mut self, name: &str, ceiling: Option<f64>) -> f64 {
        self.times.sort();
        let rate = self.times.len() as f64 / self.elapsed.as_secs_f64();
        let at = |share: f64| self.times[((self.times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
        let share = rate / ceiling.unwrap_or(rate);
        println!("{name:32} {rate:>10.0} {:>9.2} {:>9.2} {:>8.0}%", at(0.5), at(0.99), share * 100.0);
        rate
    }
}

/// Sends the request of each connection repeatedly, for the measured time.
async fn load(app: &TestApp, request: impl Fn(usize) -> String) -> Measured {
    let address = app.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let start = Instant::now();
    let connections: Vec<_> =
        (1..=CONNECTIONS).map(|user| tokio::spawn(connection(address.clone(), request(user), start))).collect();
    let mut times = Vec::new();
    for connection in connections {
        times.extend(connection.await.unwrap());
    }
    Measured { times, elapsed: MEASURED }
}

async fn connection(address: String, request: String, start: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while start.elapsed() < WARM_UP + MEASURED {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, &mut buffer).await;
        if start.elapsed() > WARM_UP {
            times.push(sent.elapsed());
        }
    }
    times
}

/// Reads one response and asserts that it is a success.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            assert!(head.starts_with("HTTP/1.1 200") && !body.contains("\"error\""), "{text}");
            return;
        }
    }
}

fn name(user: usize) -> String {
    format!("user_sample_{user:06}")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n")
}

fn trpc(user: usize, path: &str) -> String {
    let token = hs256(&claims(&name(user)));
    format!("GET /trpc/{path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n")
}

fn call(user: usize, method: &str, params: serde_json::Value) -> String {
    let token = hs256(&claims(&name(user)));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
