//! WebSockets: the handshake, concurrent calls, and how sockets are closed.

mod calls;
mod ending;
mod handshake;
mod revocation;
mod socket_methods;

use serde_json::{Value, json};

use crate::support::Client;

/// A call of `probe.wait`.
fn wait(id: u32, gate: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "probe.wait", "params": {"gate": gate}}).to_string()
}

/// `OK`, or the code of the error.
fn code(answer: &Value) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or("OK")
}

/// The value of a metric.
async fn metric(client: &Client, name: &str) -> String {
    let text = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("{name} is missing")).rsplit(' ').next().unwrap().to_owned()
}
