//! Where a request comes from, as far as that is known without the database.

use std::net::IpAddr;

use crate::auth::Credential;

/// The other end of a request.
#[derive(Clone, Debug)]
pub struct Client {
    /// None on a unix socket.
    pub address: Option<IpAddr>,
    /// What the request presents.
    pub credential: Credential,
}

/// What is known of a request before any procedure is named.
pub type Context = procedures::Context<Client>;

impl Default for Client {
    fn default() -> Self {
        Self { address: None, credential: Credential::Anonymous }
    }
}
