//! Signing in with an OpenID Connect provider: the authorisation code flow with PKCE. The crate `openidconnect` would bring the crate
//! `rsa`, which deny.toml bans. So its foundation `oauth2` makes the requests, and the keys and rules that verify JWTs verify
//! ID tokens.

mod attempt;
mod discovery;
mod exchange;
mod failure;
mod provider;

pub use self::{attempt::Attempt, failure::Failure, provider::IdentityProvider};
