//! Pings on sockets: what a peer that does not read costs.
//!
//! The clock of these tests is paused: it moves only when client and server have nothing to do but wait.

use tokio::{
    io::AsyncWriteExt,
    time::{pause, resume},
};

use crate::support::{Socket, TestApp, eventually};

/// More than the kernel's buffers of both directions hold.
const FLOOD: usize = 64 * 1024 * 1024;

async fn sockets(app: &TestApp) -> String {
    let client = app.anonymous();
    let text = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix("clusterdesk_websockets ")).unwrap().to_owned()
}

#[tokio::test]
async fn a_peer_that_pings_and_does_not_read_is_closed_and_its_pongs_do_not_pile_up() {
    let app = TestApp::on_sqlite().await;
    let mut socket = Socket::open(&app.anonymous()).await;
    pause();
    // A final ping frame with a mask of zeros and 125 bytes.
    let frame = [[0x89, 0x80 | 125, 0, 0, 0, 0].as_slice(), &[b'x'; 125]].concat();
    let pings = frame.repeat(1000);
    let mut sent = 0;
    while sent < FLOOD {
        match socket.stream.get_mut().write(&pings[sent % pings.len()..]).await {
            Ok(bytes) => sent += bytes,
            Err(_closed) => break,
        }
    }
    assert!(sent < FLOOD, "the server has read {sent} bytes of pings from a peer that does not read");
    resume();
    eventually(async || sockets(&app).await == "0").await;
}
