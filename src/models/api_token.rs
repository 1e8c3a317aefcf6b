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
        /// Also those procedures for admins that are for services, if the user is an admin.
        Service = "service",
        /// All procedures for admins, if the user is one.
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
    /// Its last characters; None for a token from before they were kept.
    pub hint: Option<String>,
    /// When it was last used, to ten minutes.
    pub last_used_at: Option<Timestamp>,
    /// The address from which it was last used.
    pub last_used_address: Option<String>,
}

/// A token that may be used now.
#[derive(Clone, Debug, Queryable)]
pub struct UsableToken {
    /// Its number.
    pub id: i64,
    /// The user it belongs to.
    pub user_id: String,
    /// What it may do.
    pub scope: Scope,
    /// When it expires; None for never.
    pub expires_at: Option<Timestamp>,
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
    /// Its last characters.
    pub hint: &'a str,
    /// What it may do.
    pub scope: Scope,
    /// Now.
    pub created_at: Timestamp,
    /// When it expires; None for never.
    pub expires_at: Option<Timestamp>,
}

/// Most live tokens of a user.
pub const MOST_LIVE: i64 = 50;
/// Most tokens of a user that are kept although they are expired or revoked.
const MOST_DEAD: i64 = 50;

/// Tokens that are not revoked, though possibly expired.
#[diesel::dsl::auto_type]
fn unrevoked() -> _ {
    api_tokens::table.filter(api_tokens::revoked_at.is_null())
}

/// Tokens that are neither revoked nor expired.
#[diesel::dsl::auto_type]
fn live(now: Timestamp) -> _ {
    unrevoked().filter(api_tokens::expires_at.is_null().or(api_tokens::expires_at.gt(now)))
}

/// Tokens that are revoked or expired.
#[diesel::dsl::auto_type]
fn dead(now: Timestamp) -> _ {
    api_tokens::table.filter(api_tokens::revoked_at.is_not_null().or(api_tokens::expires_at.le(now)))
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
    /// The token with this hash, unless it is unknown, revoked or expired.
    ///
    /// # Errors
    /// The database's.
    pub fn holder(conn: &mut DbConnection, hash: &str, now: Timestamp) -> QueryResult<Option<UsableToken>> {
        let usable = live(now).filter(api_tokens::hash.eq(hash)).select((
            api_tokens::id,
            api_tokens::user_id,
            api_tokens::scope,
            api_tokens::expires_at,
        ));
        native!(conn, |conn| usable.first(conn).optional())
    }

    /// Whether a token has this hash, also one that is expired or revoked.
    ///
    /// # Errors
    /// The database's.
    pub fn is_known(conn: &mut DbConnection, hash: &str) -> QueryResult<bool> {
        diesel::select(diesel::dsl::exists(api_tokens::table.filter(api_tokens::hash.eq(hash)))).get_result(conn)
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

    /// The token with this number, unless it is revoked or expired.
    ///
    /// # Errors
    /// The database's.
    pub fn find_live(conn: &mut DbConnection, id: i64, now: Timestamp) -> QueryResult<Option<Self>> {
        let unrevoked = Self::query().filter(api_tokens::id.eq(id)).filter(api_tokens::revoked_at.is_null());
        let unexpired = api_tokens::expires_at.is_null().or(api_tokens::expires_at.gt(now));
        unrevoked.filter(unexpired).first(conn).optional()
    }

    /// How many tokens of a user are neither revoked nor expired.
    ///
    /// # Errors
    /// The database's.
    pub fn count_live(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<i64> {
        live(now).filter(api_tokens::user_id.eq(user_id)).count().get_result(conn)
    }

    /// Deletes the oldest of a user's tokens that are revoked or expired, so that a bounded number is kept. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn forget_dead(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<usize> {
        let old = dead(now).filter(api_tokens::user_id.eq(user_id));
        let newest_old = old.select(api_tokens::id).order(api_tokens::id.desc()).limit(1).offset(MOST_DEAD);
        let last: i64 = newest_old.first(conn).optional()?.unwrap_or_default();
        let forgotten = dead(now).filter(api_tokens::user_id.eq(user_id)).filter(api_tokens::id.le(last));
        diesel::delete(forgotten).execute(conn)
    }

    /// Notes that the token with this hash was used, unless that is noted already or the token was revoked meanwhile. False then.
    ///
    /// # Errors
    /// The database's.
    pub fn note_use(conn: &mut DbConnection, hash: &str, at: Timestamp, address: Option<&str>) -> QueryResult<bool> {
        let unnoted = unrevoked()
            .filter(api_tokens::hash.eq(hash))
            .filter(api_tokens::last_used_at.is_null().or(api_tokens::last_used_at.lt(at)));
        let used = (api_tokens::last_used_at.eq(Some(at)), api_tokens::last_used_address.eq(address));
        Ok(update(unnoted, used).execute(conn)? == 1)
    }

    /// Revokes one token. False when it does not exist or was revoked before.
    ///
    /// # Errors
    /// The database's.
    pub fn revoke(conn: &mut DbConnection, id: i64, now: Timestamp) -> QueryResult<bool> {
        let revoked = api_tokens::revoked_at.eq(Some(now));
        Ok(update(unrevoked().filter(api_tokens::id.eq(id)), revoked).execute(conn)? == 1)
    }

    /// Revokes all tokens of a user who is deleted, and forgets from where they were used. Returns how many were live.
    ///
    /// # Errors
    /// The database's.
    pub fn revoke_all(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<usize> {
        let own = api_tokens::table.filter(api_tokens::user_id.eq(user_id));
        update(own, api_tokens::last_used_address.eq(None::<String>)).execute(conn)?;
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
