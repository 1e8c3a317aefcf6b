//! The sentences that refuse a token. Each is constant, so that none repeats a part of the token.

/// Why a token is refused, for the caller to read.
pub(super) type Refusal = &'static str;

pub(super) const TOO_LONG: Refusal = "The bearer token is too long.";
pub(super) const BAD_API_TOKEN: Refusal = "The API token is not well-formed. Check that it was copied whole.";
pub(super) const NOT_ACCEPTED: Refusal =
    "The bearer token is not an API token, and JWTs are not accepted by this server.";
pub(super) const MALFORMED: Refusal = "The token is not a well-formed JWT.";
pub(super) const CRITICAL_HEADER: Refusal = "The token depends on header extensions that this server does not know.";
pub(super) const UNKNOWN_KEY: Refusal = "The token names no key that this server knows.";
pub(super) const WRONG_ALGORITHM: Refusal = "The token is not signed with the algorithm of its key.";
pub(super) const BAD_SIGNATURE: Refusal = "The token's signature is not valid.";
pub(super) const NOT_A_SESSION: Refusal =
    "A session cookie must hold a JWT. Send an API token in the Authorization header.";
