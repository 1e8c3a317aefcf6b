//! Links that sign a browser in. Only the hashes of their secrets are stored.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp},
    schema::sign_in_links,
};

/// A link to insert.
#[derive(Insertable)]
#[diesel(table_name = sign_in_links, treat_none_as_default_value = false)]
pub struct NewSignInLink<'a> {
    /// SHA-256 of its secret in hex.
    pub hash: &'a str,
    /// Who is signed in by it.
    pub user_id: &'a str,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl NewSignInLink<'_> {
    /// Inserts the link, and deletes those of the user that have expired.
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, conn: &mut DbConnection, now: Timestamp) -> QueryResult<()> {
        let own = sign_in_links::table.filter(sign_in_links::user_id.eq(self.user_id));
        diesel::delete(own.filter(sign_in_links::expires_at.le(now))).execute(conn)?;
        diesel::insert_into(sign_in_links::table).values(self).execute(conn).map(drop)
    }
}

/// Uses the link with this hash up, and returns its user. None when it is unknown, expired or used: of several who ask at the
/// same time, one gets the user.
///
/// # Errors
/// The database's.
pub fn take(conn: &mut DbConnection, hash: &str, now: Timestamp) -> QueryResult<Option<String>> {
    let link = sign_in_links::table.find(hash).filter(sign_in_links::expires_at.gt(now));
    let user_id: Option<String> = link.select(sign_in_links::user_id).first(conn).optional()?;
    let used = diesel::delete(sign_in_links::table.find(hash)).execute(conn)? == 1;
    Ok(user_id.filter(|_| used))
}

/// Deletes about `limit` of the oldest links that have expired, and returns how many. Fewer mean that none are left.
///
/// # Errors
/// The database's.
pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
    let expired = sign_in_links::table.filter(sign_in_links::expires_at.le(now));
    let times = expired.select(sign_in_links::expires_at).order(sign_in_links::expires_at);
    let last: Option<Timestamp> = times.offset(limit.saturating_sub(1)).first(conn).optional()?;
    diesel::delete(sign_in_links::table.filter(sign_in_links::expires_at.le(last.unwrap_or(now)))).execute(conn)
}

/// Deletes all links of a user and returns how many there were.
///
/// # Errors
/// The database's.
pub fn forget_all(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
    diesel::delete(sign_in_links::table.filter(sign_in_links::user_id.eq(user_id))).execute(conn)
}
