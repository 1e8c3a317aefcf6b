//! Listening on a Unix socket.

use std::{os::unix::net::UnixListener, path::Path};

use clusterdesk::{config::Limits, routers, server::Server};
use serde_json::json;

use crate::support::{Backend, Builder, Client, TestApp, claims, hs256};

fn on_socket(path: &Path) -> Builder {
    Builder::new(Backend::Sqlite).flag("bind-addr", &format!("unix:{}", path.display()))
}

fn client(path: &Path) -> Client {
    let http = Client::http().unix_socket(path.to_owned()).build().unwrap();
    let token = Some(hs256(&claims("user_1")));
    Client { http, ..Client::new("http://localhost/", token) }
}

async fn answers(app: &TestApp) -> bool {
    let client = client(Path::new(&app.url));
    client.call("user.me", json!({})).await["id"] == "user_1"
}

#[tokio::test]
async fn unix_socket_is_served_and_removed_on_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clusterdesk.sock");
    let mut app = on_socket(&path).start().await;
    assert_eq!(app.url, path.display().to_string());
    assert!(answers(&app).await);
    app.stop();
    app.stopped().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn stale_socket_file_is_replaced_and_a_live_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clusterdesk.sock");
    // A killed server leaves its socket file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let app = on_socket(&path).start().await;
    assert!(answers(&app).await);

    let settings = on_socket(&path).settings();
    let second = Server::bind(&settings, Limits::default(), routers::all()).await.err().unwrap();
    assert!(second.to_string().contains("another server listens on"), "{second:#}");
    assert!(answers(&app).await);
}

#[tokio::test]
async fn file_that_is_not_a_socket_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let settings = on_socket(&path).settings();
    assert!(Server::bind(&settings, Limits::default(), routers::all()).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}
