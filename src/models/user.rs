//! Users. An identity from a token maps to one row.

use diesel::{dsl::sql, expression::SqlLiteral, prelude::*, sql_types::Bool};

use crate::{
    db::{
        DbConnection, Timestamp,
        cached::{cached, update},
        constraint::Constraint,
        locks, native,
        text_enum::text_enum,
    },
    schema::{user_tombstones, users},
};

text_enum! {
    /// The role of a user.
    // Roles are stored in our database and never read from a token.
    pub enum Role {
        /// Works with their own account and clusters.
        User = "USER",
        /// May also call procedures for admins.
        Admin = "ADMIN",
    }
}

/// Users that are not soft-deleted.
#[diesel::dsl::auto_type]
fn live() -> _ {
    users::table.filter(users::deleted_at.is_null())
}

/// A live user. Deleted ones are [`DeletedUser`](super::deleted_user::DeletedUser).
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = users, base_query = live())]
pub struct User {
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
}

/// A user to create, as an identity provider or an operator describes them.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The identity provider's id of the user, 1 to 255 characters.
    pub id: String,
    /// What the user is called.
    pub name: Option<String>,
    /// Left out when another user has it.
    pub email: Option<String>,
    /// The URL of a picture.
    pub image: Option<String>,
    /// What the user may do.
    pub role: Role,
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
struct UserRow<'a> {
    id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    image: Option<&'a str>,
    role: Role,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl User {
    /// The live user with this id.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        native!(conn, |conn| Self::query().filter(users::id.eq(id)).first(conn).optional())
    }

    /// The live user with this id, locked until the transaction ends (see [`locks::lock_user`]).
    ///
    /// # Errors
    /// The database's.
    pub fn find_locked(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        locks::lock_user(conn, id)?;
        Self::find(conn, id)
    }

    /// Renames the user. False when the user was deleted meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub fn set_name(&self, conn: &mut DbConnection, name: &str, now: Timestamp) -> QueryResult<bool> {
        let change = (users::name.eq(name), users::updated_at.eq(now));
        Ok(update(live().filter(users::id.eq(&self.id)), change).execute(conn)? == 1)
    }

    /// Changes the user's role. False when the user was deleted meanwhile.
    ///
    /// # Errors
    /// The database's.
    pub fn set_role(&self, conn: &mut DbConnection, role: Role, now: Timestamp) -> QueryResult<bool> {
        let change = (users::role.eq(role), users::updated_at.eq(now));
        Ok(update(live().filter(users::id.eq(&self.id)), change).execute(conn)? == 1)
    }

    /// Whether this user is the only admin. A lock keeps the answer true until the transaction ends.
    ///
    /// # Errors
    /// The database's.
    pub fn is_last_admin(&self, conn: &mut DbConnection) -> QueryResult<bool> {
        if self.role != Role::Admin {
            return Ok(false);
        }
        locks::lock_until_commit(conn, locks::ADMINS)?;
        let other = Self::query().filter(is_admin()).filter(users::id.ne(&self.id)).limit(1);
        Ok(cached(other).get_result::<Self>(conn).optional()?.is_none())
    }

    /// Marks the row as deleted and removes name, email and image (docs/API.md, "Deleting a user"). False when the user
    /// was deleted before.
    ///
    /// # Errors
    /// The database's.
    pub fn soft_delete(&self, conn: &mut DbConnection, now: Timestamp) -> QueryResult<bool> {
        let change = (
            users::email.eq(Some(placeholder_email(&self.id))),
            users::name.eq(None::<String>),
            users::image.eq(None::<String>),
            users::updated_at.eq(now),
            users::deleted_at.eq(Some(now)),
        );
        Ok(update(live().filter(users::id.eq(&self.id)), change).execute(conn)? == 1)
    }
}

/// A literal, because the planner does not use the partial index for a bound value.
pub(super) fn is_admin() -> SqlLiteral<Bool> {
    sql("role = 'ADMIN'")
}

/// Whether any live user is an admin.
///
/// # Errors
/// The database's.
pub fn admin_exists(conn: &mut DbConnection) -> QueryResult<bool> {
    let admin = User::query().filter(is_admin()).limit(1);
    Ok(cached(admin).get_result::<User>(conn).optional()?.is_some())
}

/// Whether the user has a row. Soft-deleted users count, because their customer record is kept for accounting.
///
/// # Errors
/// The database's.
pub fn exists(conn: &mut DbConnection, id: &str) -> QueryResult<bool> {
    Ok(users::table.find(id).select(users::id).first::<String>(conn).optional()?.is_some())
}

/// Whether a user with this id was hard-deleted.
///
/// # Errors
/// The database's.
pub fn is_gone(conn: &mut DbConnection, id: &str) -> QueryResult<bool> {
    let grave = user_tombstones::table.find(id).select(user_tombstones::id);
    Ok(grave.first::<String>(conn).optional()?.is_some())
}

/// Creates the row of a user who signs in for the first time, or returns the existing one unchanged. None when the user
/// was deleted. An email that another user has, or that is reserved for deleted users, is left out: the id identifies a
/// user, not the email.
///
/// # Errors
/// The database's.
pub fn provision(conn: &mut DbConnection, new: &NewUser, now: Timestamp) -> QueryResult<Option<User>> {
    let mut inserted = insert(conn, new, free_email(new.email.as_deref()), now);
    if violates_email(&inserted) {
        inserted = insert(conn, new, None, now);
    }
    // A concurrent first call may have inserted the user.
    let is_new = inserted.is_ok();
    if violated(&inserted) != Some(Constraint::UserId) {
        inserted?;
    }
    // Checked after the insert, which may have waited for the deletion that left the tombstone.
    let tombstone = user_tombstones::table.find(&new.id).select(user_tombstones::id);
    if is_new && tombstone.first::<String>(conn).optional()?.is_some() {
        diesel::delete(users::table.find(&new.id)).execute(conn)?;
        return Ok(None);
    }
    User::find(conn, &new.id)
}

/// The email that a soft-deleted user gets (docs/API.md, "Deleting a user").
pub fn placeholder_email(id: &str) -> String {
    format!("deleted_{id}@example.com")
}

/// Whether soft deletion might give this email to some user.
pub fn is_placeholder_email(email: &str) -> bool {
    email.starts_with("deleted_") && email.ends_with("@example.com")
}

/// The email of a new user, unless it is reserved: with the placeholder of another user, this user would prevent that user's
/// soft deletion.
pub(super) fn free_email(email: Option<&str>) -> Option<&str> {
    email.filter(|email| !is_placeholder_email(email))
}

/// Whether another user has the email.
pub(super) fn violates_email(written: &QueryResult<()>) -> bool {
    violated(written) == Some(Constraint::UserEmail)
}

fn violated(written: &QueryResult<()>) -> Option<Constraint> {
    written.as_ref().err().and_then(Constraint::violated)
}

/// Inserts a user in a savepoint, because PostgreSQL would otherwise abort the transaction after a violation.
fn insert(conn: &mut DbConnection, new: &NewUser, email: Option<&str>, now: Timestamp) -> QueryResult<()> {
    let row = UserRow {
        id: &new.id,
        name: new.name.as_deref(),
        email,
        image: new.image.as_deref(),
        role: new.role,
        created_at: now,
        updated_at: now,
    };
    conn.transaction(|conn| diesel::insert_into(users::table).values(row).execute(conn).map(drop))
}

/// The admin who was created first.
///
/// # Errors
/// The database's.
pub fn oldest_admin(conn: &mut DbConnection) -> QueryResult<Option<User>> {
    let oldest = User::query().filter(is_admin()).order((users::created_at, users::id)).limit(1);
    cached(oldest).get_result(conn).optional()
}
