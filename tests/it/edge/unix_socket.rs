//! Listening on a unix socket.

use std::{os::unix::net::UnixListener, path::Path};

use clusterdesk::{config::Limits, routers, server::Server};
use serde_json::json;

use crate::support::{Backend, Builder, Client, TestApp, claims, hs256};

fn on_socket(path: &Path) -> Builder {
    Builder::new(Backend::Sqlite).flag("bind-addr", &format!("unix:{}", path.display()))
}

fn client(path: &Path) -> Client {
    let http = reqwest::Client::builder().unix_socket(path.to_owned()).build().unwrap();
    let token = Some(hs256(&claims("user_1")));
    Client { http, ..Client::new("http://localhost/", token) }
}

async fn answers(app: &TestApp) -> bool {
    let client = client(Path::new(&app.url));
    client.call("user.me", json!({})).await["id"] == "user_1"
}

#[tokio::test]
async fn a_server_listens_on_a_unix_socket_and_removes_it_at_its_end() {
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
async fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clusterdesk.sock");
    // What a killed server leaves behind.
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
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let settings = on_socket(&path).settings();
    assert!(Server::bind(&settings, Limits::default(), routers::all()).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}
