//! API tokens, of which only the hashes are stored.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, cached::update, native, text_enum::text_enum},
    schema::api_tokens,
};

text_enum! {
    /// A limit on what a token may do, in addition to its user's own rights.
    #[derive(PartialOrd, Ord)]
    pub enum Scope {
        /// Queries and subscriptions.
        Read = "read",
        /// Mutations too.
        Write = "write",
        /// Procedures for admins too, if the user is one.
        Admin = "admin",
    }
}

/// A token, also one that is expired or revoked. Its hash is never read back.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = api_tokens)]
pub struct ApiToken {
    /// The number by which it is revoked.
    pub id: i64,
    /// The user it belongs to.
    pub user_id: String,
    /// The user's own name for it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires; None for never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A token to insert.
#[derive(Insertable)]
#[diesel(table_name = api_tokens, treat_none_as_default_value = false)]
pub struct NewApiToken<'a> {
    /// The user it belongs to.
    pub user_id: &'a str,
    /// The user's own name for it, 1 to 100 characters.
    pub name: &'a str,
    /// SHA-256 of the token in hex.
    pub hash: &'a str,
    /// What it may do.
    pub scope: Scope,
    /// Now.
    pub created_at: Timestamp,
    /// When it expires; None for never.
    pub expires_at: Option<Timestamp>,
}

/// Tokens that are not revoked, though possibly expired.
#[diesel::dsl::auto_type]
fn unrevoked() -> _ {
    api_tokens::table.filter(api_tokens::revoked_at.is_null())
}

impl NewApiToken<'_> {
    /// Inserts the token and returns its id.
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<i64> {
        diesel::insert_into(api_tokens::table).values(self).returning(api_tokens::id).get_result(conn)
    }
}

impl ApiToken {
    /// The user id and scope of the token with this hash, unless it is unknown, revoked or expired.
    ///
    /// # Errors
    /// The database's.
    pub fn holder(conn: &mut DbConnection, hash: &str, now: Timestamp) -> QueryResult<Option<(String, Scope)>> {
        let usable = unrevoked()
            .filter(api_tokens::hash.eq(hash))
            .filter(api_tokens::expires_at.is_null().or(api_tokens::expires_at.gt(now)))
            .select((api_tokens::user_id, api_tokens::scope));
        native!(conn, |conn| usable.first(conn).optional())
    }

    /// All tokens, or those of one user, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn list(conn: &mut DbConnection, user_id: Option<&str>) -> QueryResult<Vec<Self>> {
        match user_id {
            Some(user_id) => Self::query().filter(api_tokens::user_id.eq(user_id)).order(api_tokens::id).load(conn),
            None => Self::query().order(api_tokens::id).load(conn),
        }
    }

    /// Revokes one token. False when it does not exist or was revoked before.
    ///
    /// # Errors
    /// The database's.
    pub fn revoke(conn: &mut DbConnection, id: i64, now: Timestamp) -> QueryResult<bool> {
        let revoked = api_tokens::revoked_at.eq(Some(now));
        Ok(update(unrevoked().filter(api_tokens::id.eq(id)), revoked).execute(conn)? == 1)
    }

    /// Revokes all tokens of a user and returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn revoke_all(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<usize> {
        let revoked = api_tokens::revoked_at.eq(Some(now));
        update(unrevoked().filter(api_tokens::user_id.eq(user_id)), revoked).execute(conn)
    }

    /// Deletes all tokens of a user and returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_all(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
        diesel::delete(api_tokens::table.filter(api_tokens::user_id.eq(user_id))).execute(conn)
    }
}
