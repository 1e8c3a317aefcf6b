//! The sender of a request, as far as it is known without the database.

use std::net::IpAddr;

use crate::{auth::Credential, models::audit::Door, traces::Parent};

/// The sender of a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// The IP address; None on a unix socket.
    pub address: Option<IpAddr>,
    /// The credential of the request.
    pub credential: Credential,
    /// The wire of the request.
    pub door: Door,
    /// Whether the explorer called by itself, while nobody used its page. That does not keep a session alive.
    pub unattended: bool,
    /// The span for which it was sent, if calls are traced.
    pub parent: Option<Parent>,
}

/// What is known of a request before its procedure is looked up.
pub type Context = procedures::Context<Client>;

impl Default for Client {
    fn default() -> Self {
        Self { address: None, credential: Credential::Anonymous, door: Door::Jsonrpc, unattended: false, parent: None }
    }
}
