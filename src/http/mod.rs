//! What happens once per HTTP request or socket, before any procedure: request id, client address, origin, credentials, body
//! limits, a JSON error for every refusal, and the pages that are not procedures.

mod body;
mod client;
mod document;
mod explorer;
mod health;
mod jsonrpc;
mod origin;
mod refusal;
mod response;
mod route;
mod site;
mod trpc;
mod webhook;
mod websocket;

pub use self::{
    client::Peer,
    response::Response,
    site::{Connection, Site, drained},
};
