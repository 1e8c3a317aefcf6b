//! The result of checking a request's bearer token.

use std::sync::Arc;

use super::{claims::Claims, plain_token::TokenHash};

/// A request's credential, verified as far as that is possible without the database.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The request has no token.
    Anonymous,
    /// A well-formed API token. The database decides whether it exists, is live, and whose it is.
    ApiToken(TokenHash),
    /// A JWT with a valid signature and acceptable claims.
    Jwt(Arc<Claims>),
    /// An invalid token: the constant message of the UNAUTHORIZED error.
    Rejected(&'static str),
    /// A JWT that could not be verified, because no keys could be fetched. A fault of the server, not of the caller.
    Unverifiable,
}
