//! The result of checking a request's bearer token.

use std::{future::pending, sync::Arc};

use super::{claims::Claims, plain_token::TokenHash};

/// A request's credential, verified as far as that is possible without the database.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The request has no token.
    Anonymous,
    /// A well-formed API token. The database decides whether it exists, is live, and whose it is.
    ApiToken(TokenHash),
    /// A well-formed secret of a session of the explorer. The database decides as well.
    Session(TokenHash),
    /// A JWT with a valid signature and acceptable claims.
    Jwt(Arc<Claims>),
    /// An invalid token: the constant message of the UNAUTHORIZED error.
    Rejected(&'static str),
    /// A JWT that could not be verified, because no keys could be fetched. A fault of the server, not of the caller.
    Unverifiable,
}

impl Credential {
    /// The hash of a secret about which the database decides.
    pub fn stored(&self) -> Option<&TokenHash> {
        match self {
            Self::ApiToken(hash) | Self::Session(hash) => Some(hash),
            Self::Anonymous | Self::Jwt(_) | Self::Rejected(_) | Self::Unverifiable => None,
        }
    }

    /// Resolves when a JWT expires. Never for any other credential: API tokens and sessions are looked up at each use.
    pub async fn expiry(&self) {
        match self {
            Self::Jwt(claims) => claims.expiry().await,
            _ => pending().await,
        }
    }
}
