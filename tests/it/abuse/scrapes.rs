//! Connections to the address of the metrics alone.

use crate::support::{Process, Raw};

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n";
/// Connections that are served at once.
const PLACES: usize = 16;

/// The open files of the server, according to a connection that is served.
async fn files(connection: &mut Raw) -> usize {
    connection.send(REQUEST).await;
    let page = String::from_utf8(connection.response().await.unwrap().body).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix("process_open_fds ")).unwrap();
    line.parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn more_connections_than_places_wait_and_open_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path(), &[("METRICS_ADDR", "127.0.0.1:0")]);
    let own = server.banner.lines().find_map(|line| line.trim().strip_prefix("metrics")).unwrap();
    let own = own.trim().strip_suffix("metrics").unwrap();
    let mut served = Vec::new();
    for _ in 0..PLACES {
        let mut connection = Raw::open(own).await;
        files(&mut connection).await;
        served.push(connection);
    }
    let before = files(&mut served[0]).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut connection = Raw::open(own).await;
        connection.send(REQUEST).await;
        waiting.push(connection);
    }
    for connection in &mut served {
        // Some files of the database come and go.
        let open = files(connection).await;
        assert!(open < before + 10, "{open} open files, {before} before");
    }
    drop(served);
    for mut connection in waiting {
        assert_eq!(connection.response().await.unwrap().status, 200);
    }
}
