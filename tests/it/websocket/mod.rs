//! WebSockets: many calls at a time, and how they begin and end.

mod calls;
mod ending;
mod handshake;
mod revocation;
mod socket_methods;

use serde_json::{Value, json};

use crate::support::Client;

fn wait(id: u32, gate: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "probe.wait", "params": {"gate": gate}}).to_string()
}

fn code(answer: &Value) -> &str {
    answer["error"]["data"]["code"].as_str().unwrap_or("OK")
}

/// One number of `/metrics`.
async fn metric(client: &Client, name: &str) -> String {
    let text = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().to_owned()
}
