//! New API tokens: the one way in which commands and procedures make them. The models store their hashes.

use serde_json::{Value, json};

use super::plain_token::PlainToken;
use crate::{
    db::{DbConnection, Timestamp},
    error::{Error, Result},
    models::api_token::{ApiToken, MOST_LIVE, NewApiToken, Scope},
};

/// What a new token is for.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Its user.
    pub user_id: &'a str,
    /// The user's own name for it, 1 to 100 characters.
    pub name: &'a str,
    /// What it may do.
    pub scope: Scope,
    /// When it expires; None for never.
    pub expires_at: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Debug)]
pub struct Granted {
    /// Its number.
    pub id: i64,
    /// The token, to be shown once.
    pub token: PlainToken,
    /// What the audit log says of it. The name is left out, because it is the user's own text.
    pub detail: Value,
}

impl<'a> Grant<'a> {
    /// A new token in place of one: with the same name, scope and expiry.
    pub fn in_place_of(old: &'a ApiToken) -> Self {
        Self { user_id: &old.user_id, name: &old.name, scope: old.scope, expires_at: old.expires_at }
    }

    /// Makes the token, in the open transaction, which has locked the user's row.
    ///
    /// # Errors
    /// PRECONDITION_FAILED when the user has as many live tokens as a user may have.
    pub fn issue(&self, conn: &mut DbConnection, now: Timestamp) -> Result<Granted> {
        if ApiToken::count_live(conn, self.user_id, now)? >= MOST_LIVE {
            let full = format!("A user may have {MOST_LIVE} API tokens that are not expired. Revoke one first.");
            return Err(Error::PreconditionFailed(full));
        }
        self.make(conn, now)
    }

    /// The same without a limit. Of the user's tokens that are expired or revoked, only the newest are kept.
    fn make(&self, conn: &mut DbConnection, now: Timestamp) -> Result<Granted> {
        ApiToken::forget_dead(conn, self.user_id, now)?;
        let token = PlainToken::generate();
        let Self { user_id, name, scope, expires_at } = *self;
        let (hash, hint) = (token.hash(), token.hint());
        let row = NewApiToken { user_id, name, hash: hash.as_str(), hint, scope, created_at: now, expires_at };
        let detail = json!({"owner": user_id, "scope": scope, "expiresAt": expires_at});
        Ok(Granted { id: row.insert(conn)?, token, detail })
    }
}

/// Revokes a token and makes one in its place, in the open transaction.
///
/// # Errors
/// NOT_FOUND when the old one was revoked meanwhile; the database's.
pub fn rotate(conn: &mut DbConnection, old: &ApiToken, now: Timestamp) -> Result<Granted> {
    if !ApiToken::revoke(conn, old.id, now)? {
        return Err(NO_TOKEN);
    }
    let mut granted = Grant::in_place_of(old).make(conn, now)?;
    if let Some(detail) = granted.detail.as_object_mut() {
        detail.insert("replaces".to_owned(), old.id.into());
    }
    Ok(granted)
}

/// The error for a token that does not exist, or not any more.
pub const NO_TOKEN: Error = Error::NotFound("token");
