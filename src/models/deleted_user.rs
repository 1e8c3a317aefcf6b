//! Soft-deleted users, and what is left of a user who is erased.

use diesel::prelude::*;

use super::{
    api_token::ApiToken,
    audit_address,
    customer::Customer,
    k8s::DeletedCluster,
    page::{Listed, Position},
    session::Session,
    sign_in_link,
    stored_answer::StoredAnswer,
};
use crate::{
    db::{DbConnection, Timestamp, locks},
    schema::{user_tombstones, users},
};

/// How many ids of clusters the audit entry of a deletion lists, because an entry may have at most 64 KiB.
pub const AUDITED_CLUSTERS: usize = 3000;

/// Users that are soft-deleted.
#[diesel::dsl::auto_type]
fn deleted() -> _ {
    users::table.filter(users::deleted_at.is_not_null())
}

/// A soft-deleted user.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = users, base_query = deleted())]
pub struct DeletedUser {
    /// The identity provider's id of the user.
    pub id: String,
    /// When the user was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl DeletedUser {
    /// The soft-deleted user with this id, locked until the transaction ends (see [`locks::lock_user`]).
    ///
    /// # Errors
    /// The database's.
    pub fn find_locked(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        locks::lock_user(conn, id)?;
        // Not filtered by the database, which would look through all deleted users instead of using the key.
        let user: Option<Self> = users::table.find(id).select((users::id, users::deleted_at)).first(conn).optional()?;
        Ok(user.filter(|user| user.deleted_at.is_some()))
    }

    /// The first `limit` users after a position that were deleted before a time, oldest deletion first.
    ///
    /// # Errors
    /// The database's.
    pub fn old(
        conn: &mut DbConnection,
        after: Option<&Position<String>>,
        before: Timestamp,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let old = Self::query().filter(users::deleted_at.lt(before));
        let mut query = old.order((users::deleted_at, users::id)).limit(limit).into_boxed();
        if let Some(Position { at, id }) = after {
            query = query
                .filter(users::deleted_at.ge(*at))
                .filter(users::deleted_at.assume_not_null().gt(*at).or(users::id.gt(id.clone())));
        }
        query.load(conn)
    }

    /// How many users were deleted before a time.
    ///
    /// # Errors
    /// The database's.
    pub fn count_old(conn: &mut DbConnection, before: Timestamp) -> QueryResult<i64> {
        deleted().filter(users::deleted_at.lt(before)).count().get_result(conn)
    }
}

/// Deletes a user's row with the customer, the tokens, the sessions, the stored answers and the addresses in the audit log, removes the owner
/// from the clusters, which must be deleted already, and leaves a tombstone (docs/API.md, "Deleting a user"). Returns the ids of
/// the clusters, sorted; None when the row is gone already.
///
/// # Errors
/// The database's.
pub fn erase(conn: &mut DbConnection, id: &str, now: Timestamp) -> QueryResult<Option<Vec<i64>>> {
    let mut owned = DeletedCluster::disown_all(conn, id, now)?;
    owned.sort_unstable();
    Customer::delete_of(conn, id)?;
    ApiToken::delete_all(conn, id)?;
    Session::end_all(conn, id)?;
    sign_in_link::forget_all(conn, id)?;
    StoredAnswer::forget_all(conn, id)?;
    audit_address::forget_of(conn, id)?;
    if diesel::delete(users::table.filter(users::id.eq(id))).execute(conn)? == 0 {
        return Ok(None);
    }
    // A token that is still valid must not create the user again.
    diesel::insert_into(user_tombstones::table)
        .values((user_tombstones::id.eq(id), user_tombstones::deleted_at.eq(now)))
        .execute(conn)?;
    Ok(Some(owned))
}

impl Listed for DeletedUser {
    type Id = String;

    fn position(&self) -> Position<String> {
        // No row without this time is read.
        Position { at: self.deleted_at.unwrap_or_else(Timestamp::now), id: self.id.clone() }
    }
}
