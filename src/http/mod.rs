//! What happens once per HTTP request or WebSocket, before any procedure: request id, host, client address, origin,
//! credential, body limits, JSON errors, sign-in, and the pages that are not procedures.

mod addresses;
mod answered;
mod attempt_cookie;
mod body;
mod client;
mod compressed;
mod console_cookie;
mod cookies;
mod document;
mod explorer;
mod health;
mod host;
mod mount;
mod oidc;
mod origin;
mod post;
mod provider;
mod readiness;
mod refusal;
mod response;
mod route;
mod scrape;
mod session_cookie;
mod sign_in;
mod site;
mod webhook;
mod websocket;

pub use self::{
    addresses::{Addresses, Counted},
    client::Peer,
    provider::identity_provider,
    refusal::{crowded, malformed},
    response::{Response, is_event_stream},
    site::{ClientConnection, Site, drained},
};
