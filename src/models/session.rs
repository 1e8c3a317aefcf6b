//! Sessions: browsers that are signed in to the explorer. Only the hashes of their secrets are stored.

use std::time::Duration;

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, cached::update, native},
    schema::sessions,
};

/// How long a session lasts without being used. Its use is noted to ten minutes.
const IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long it lasts at most.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most sessions of a user. A further one ends the oldest.
pub const MOST: i64 = 20;

/// A session. Its hash is never read back.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// The number by which it is ended.
    pub id: i64,
    /// Who is signed in.
    pub user_id: String,
    /// When the browser was signed in.
    pub created_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// When it was last used, to ten minutes.
    pub last_used_at: Timestamp,
    /// The address from which it was last used.
    pub last_used_address: Option<String>,
}

/// A session to insert; the fields are those of [`Session`].
#[derive(Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
pub struct NewSession<'a> {
    /// Who is signed in.
    pub user_id: &'a str,
    /// SHA-256 of its secret in hex.
    pub hash: &'a str,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Now, to ten minutes.
    pub last_used_at: Timestamp,
    /// The address of the browser.
    pub last_used_address: Option<&'a str>,
}

/// Sessions that have not ended.
#[diesel::dsl::auto_type]
fn live(now: Timestamp, idle_since: Timestamp) -> _ {
    sessions::table.filter(sessions::expires_at.gt(now)).filter(sessions::last_used_at.gt(idle_since))
}

/// Sessions that have ended.
#[diesel::dsl::auto_type]
fn over(now: Timestamp, idle_since: Timestamp) -> _ {
    sessions::table.filter(sessions::expires_at.le(now).or(sessions::last_used_at.le(idle_since)))
}

impl NewSession<'_> {
    /// Inserts the session and returns its id. The user's row must be locked: of the user's sessions, those that have ended and
    /// the oldest ones beyond [`MOST`] are deleted.
    ///
    /// # Errors
    /// The database's.
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<i64> {
        let idle_since = self.created_at.minus(IDLE);
        let ended = over(self.created_at, idle_since).filter(sessions::user_id.eq(self.user_id));
        diesel::delete(ended).execute(conn)?;
        let own = sessions::table.filter(sessions::user_id.eq(self.user_id));
        let newest = own.select(sessions::id).order(sessions::id.desc());
        let last: i64 = newest.limit(1).offset(MOST.saturating_sub(1)).first(conn).optional()?.unwrap_or_default();
        let oldest = sessions::table.filter(sessions::user_id.eq(self.user_id)).filter(sessions::id.le(last));
        diesel::delete(oldest).execute(conn)?;
        diesel::insert_into(sessions::table).values(self).returning(sessions::id).get_result(conn)
    }
}

impl Session {
    /// The id and the user of the session with this hash, unless it has ended.
    ///
    /// # Errors
    /// The database's.
    pub fn holder(conn: &mut DbConnection, hash: &str, now: Timestamp) -> QueryResult<Option<(i64, String)>> {
        let session = live(now, now.minus(IDLE)).filter(sessions::hash.eq(hash));
        let session = session.select((sessions::id, sessions::user_id));
        native!(conn, |conn| session.first(conn).optional())
    }

    /// The sessions of a user that have not ended, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<Vec<Self>> {
        let own = live(now, now.minus(IDLE)).filter(sessions::user_id.eq(user_id));
        own.select(Self::as_select()).order(sessions::id.desc()).load(conn)
    }

    /// Deletes about `limit` of the oldest sessions that have reached their maximum age, and returns how many. Fewer mean that none
    /// are left. Idle sessions are deleted when they reach that age too.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, now: Timestamp, limit: i64) -> QueryResult<usize> {
        let ended = sessions::table.filter(sessions::expires_at.le(now));
        let times = ended.select(sessions::expires_at).order(sessions::expires_at);
        let last: Option<Timestamp> = times.offset(limit.saturating_sub(1)).first(conn).optional()?;
        diesel::delete(sessions::table.filter(sessions::expires_at.le(last.unwrap_or(now)))).execute(conn)
    }

    /// Ends one session of a user. False when there is no such session.
    ///
    /// # Errors
    /// The database's.
    pub fn end(conn: &mut DbConnection, user_id: &str, id: i64) -> QueryResult<bool> {
        let session = sessions::table.filter(sessions::id.eq(id)).filter(sessions::user_id.eq(user_id));
        Ok(diesel::delete(session).execute(conn)? == 1)
    }

    /// Ends all sessions of a user and returns how many there were.
    ///
    /// # Errors
    /// The database's.
    pub fn end_all(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
        diesel::delete(sessions::table.filter(sessions::user_id.eq(user_id))).execute(conn)
    }

    /// Notes that the session with this hash was used, unless that is noted already. False if it is.
    ///
    /// # Errors
    /// The database's.
    pub fn note_use(conn: &mut DbConnection, hash: &str, at: Timestamp, address: Option<&str>) -> QueryResult<bool> {
        let unnoted = sessions::table.filter(sessions::hash.eq(hash)).filter(sessions::last_used_at.lt(at));
        let used = (sessions::last_used_at.eq(at), sessions::last_used_address.eq(address));
        Ok(update(unnoted, used).execute(conn)? == 1)
    }
}
