//! Verifies bearer tokens: API tokens by their format, JSON Web Tokens (RFC 7519) by signature and claims. Nothing here
//! reads the database; whether an API token is live and whether its user exists is decided there.

mod authenticator;
mod cache;
mod claims;
mod credential;
mod jwks;
mod key;
mod key_set;
mod keys;
mod plain_token;
mod profile;
mod refusal;

pub use self::{
    authenticator::Authenticator,
    claims::Claims,
    credential::Credential,
    plain_token::{PlainToken, TokenHash},
};
