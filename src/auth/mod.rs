//! Verifies bearer tokens: API tokens by their format, JSON Web Tokens (RFC 7519) by signature and claims. None of these
//! checks reads the database; whether an API token is live and whether its user exists is decided there. In an open transaction,
//! `grant` makes new tokens, and `sign_in` links and sessions. `oidc` asks an identity provider who somebody is.

mod authenticator;
mod cache;
mod claims;
mod console_secret;
mod credential;
mod grant;
mod jwks;
mod key;
mod key_set;
mod keys;
mod oidc;
mod plain_token;
mod profile;
mod refusal;
mod remote;
mod sign_in;
mod signature;

pub use self::{
    authenticator::Authenticator,
    claims::Claims,
    console_secret::ConsoleSecret,
    credential::Credential,
    grant::{Grant, Granted, NO_TOKEN, rotate},
    oidc::{Attempt, Failure, IdentityProvider, OIDC_CALLBACK},
    plain_token::{PlainToken, TokenHash},
    sign_in::{BAD_LINK, EXACTNESS, Opened, SignInLink, make_link, open_session, use_link},
};
