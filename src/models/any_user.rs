//! Users as admins look them up: live or soft-deleted.

use diesel::prelude::*;

use super::user::Role;
use crate::{
    db::{DbConnection, Timestamp},
    schema::users,
};

/// A user, live or soft-deleted.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = users)]
pub struct AnyUser {
    /// The identity provider's id of the user.
    pub id: String,
    /// What the user is called.
    pub name: Option<String>,
    /// Unique among users.
    pub email: Option<String>,
    /// The URL of a picture.
    pub image: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// When the user signed in first.
    pub created_at: Timestamp,
    /// When the row was last changed.
    pub updated_at: Timestamp,
    /// When the user was soft-deleted, if they were.
    pub deleted_at: Option<Timestamp>,
}

impl AnyUser {
    /// The user with this id.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(users::id.eq(id)).first(conn).optional()
    }

    /// Those of the users with these ids that have a row.
    ///
    /// # Errors
    /// The database's.
    pub fn among(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<Self>> {
        Self::query().filter(users::id.eq_any(ids)).load(conn)
    }
}
