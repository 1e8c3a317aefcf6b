//! The argument of a synchronous handler.

use super::{caller::Caller, metrics::Traffic};
use crate::{
    db::{Batch, DbConnection, Loader, Timestamp},
    error::{Error, Result},
    models::{api_token::Scope, user::User},
    stripe::Stripe,
};

const NOT_OWN: Error = Error::Forbidden("You can do this only for yourself.");

/// One call of a synchronous procedure, on a database thread, inside its snapshot or transaction.
pub struct Call<'c> {
    /// The connection of the snapshot or transaction.
    pub conn: &'c mut DbConnection,
    /// What the call shares with others of its group.
    pub(super) batch: &'c mut Batch,
    pub(super) caller: Option<&'c Caller>,
    /// The client of Stripe's API and the configured prices.
    pub stripe: &'c Stripe,
    /// The calls that this server has answered lately.
    pub traffic: &'c Traffic,
    /// The id of the request, as in the log and the response.
    pub request_id: &'c str,
    /// When the call arrived.
    pub now: Timestamp,
}

impl<'c> Call<'c> {
    /// The caller.
    ///
    /// # Errors
    /// UNAUTHORIZED in a public procedure, where callers are not looked up.
    pub fn caller(&self) -> Result<&'c User> {
        self.caller.map(|caller| &caller.user).ok_or(Error::Unauthorized("Nobody is signed in."))
    }

    /// The rows that a loader has for a key. Those of the caller's id are loaded together with those of other calls, if the
    /// registration declares the loader.
    ///
    /// # Errors
    /// The database's.
    pub fn load<L: Loader>(&mut self, key: &str) -> Result<Option<L::Rows>> {
        Ok(self.batch.get::<L>(self.conn, key)?)
    }

    /// Whether the caller is an admin and the token has the scope `admin`.
    pub fn acts_as_admin(&self) -> bool {
        self.caller.is_some_and(Caller::acts_as_admin)
    }

    /// Whether the caller is an admin and the token has the scope `service` or `admin`.
    pub fn acts_as_service(&self) -> bool {
        self.caller.is_some_and(Caller::acts_as_service)
    }

    /// What the token of the caller may do.
    pub fn scope(&self) -> Scope {
        self.caller.map_or(Scope::Read, |caller| caller.scope)
    }

    /// When the API token of the caller expires; None for never.
    pub fn token_expiry(&self) -> Option<Timestamp> {
        self.caller.and_then(|caller| caller.expires_at)
    }

    /// The number of the caller's session, if they have signed in to the explorer.
    pub fn session_id(&self) -> Option<i64> {
        self.caller.and_then(|caller| caller.session_id)
    }

    /// The other user that an admin names; None if it is the caller.
    ///
    /// # Errors
    /// FORBIDDEN when somebody else names another user.
    pub fn other<'i>(&self, user_id: Option<&'i str>) -> Result<Option<&'i str>> {
        let caller = self.caller()?;
        match user_id {
            Some(other) if other != caller.id && !self.acts_as_admin() => Err(NOT_OWN),
            other => Ok(other.filter(|other| *other != caller.id)),
        }
    }

    /// The user of a self-service procedure, which is the caller; `user_id` may name no one else.
    ///
    /// # Errors
    /// FORBIDDEN for another user's id.
    pub fn own(&self, user_id: Option<&str>) -> Result<&'c User> {
        let caller = self.caller()?;
        match user_id {
            Some(other) if other != caller.id => Err(NOT_OWN),
            _ => Ok(caller),
        }
    }
}
