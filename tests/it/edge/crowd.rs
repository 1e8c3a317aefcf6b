//! Ten thousand connections at a time.

use std::io::{Write, stderr};

use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{Client, Process, eventually};

/// The most connections of a server.
const MOST: usize = 10_000;
/// Open files of the server that are not counted as connections.
const OTHER_FILES: usize = 400;

async fn connections(client: &Client) -> usize {
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.starts_with("clusterdesk_connections ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn is_live(client: &Client) -> bool {
    // On a new connection, as a load balancer's health check.
    let http = Client::http().pool_max_idle_per_host(0).build().unwrap();
    http.get(format!("{}health/live", client.url)).send().await.unwrap().status() == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_calls_work_with_ten_thousand_idle_connections() {
    let wanted = MOST + 2000;
    let allowed = usize::try_from(rlimit::increase_nofile_limit(wanted as u64).unwrap()).unwrap();
    // As many as the server allows itself; other tests of this process have the rest.
    let crowd_size = MOST.min(allowed - OTHER_FILES);
    if crowd_size < MOST {
        // Unlike what `eprintln!` prints, this is shown although the test passes.
        let note =
            format!("\n*** NOT TESTED with {MOST} connections but {crowd_size}: {allowed} files can be open ***\n");
        writeln!(stderr(), "{note}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    // The server runs in another process, so that each process needs one descriptor per connection and not two.
    let server = Process::serve(folder.path(), &[("CONNECTIONS_PER_ADDRESS", "0")]);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let client = server.client(token.trim());
    client.call("user.me", json!({})).await;

    let address = server.url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let mut crowd = Vec::with_capacity(crowd_size);
    while crowd.len() < crowd_size - 10 {
        crowd.push(TcpStream::connect(&address).await.unwrap());
        // Wait for the server to accept: the kernel retries a connection that overflows the backlog after a second.
        if crowd.len() % 500 == 0 {
            eventually(async || connections(&client).await >= crowd.len()).await;
        }
    }
    eventually(async || connections(&client).await >= crowd_size - 10).await;
    assert!(is_live(&client).await);
    assert_eq!(client.call("user.me", json!({})).await["role"], "ADMIN");

    // At the limit: new connections can ask for health but can't call.
    while crowd.len() < crowd_size {
        crowd.push(TcpStream::connect(&address).await.unwrap());
    }
    eventually(async || connections(&client).await >= crowd_size).await;
    assert!(is_live(&client).await);
    let newcomer = server.client(token.trim());
    assert_eq!(newcomer.send("{}").await.status(), 503);
    // Established connections keep working.
    assert_eq!(client.call("user.me", json!({})).await["role"], "ADMIN");

    drop(crowd);
    eventually(async || connections(&client).await <= 10).await;
    newcomer.call("user.me", json!({})).await;
}
