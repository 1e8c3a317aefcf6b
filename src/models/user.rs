//! Users: the rows that identities map to.

use std::collections::HashMap;

use diesel::{
    define_sql_function,
    dsl::sql,
    expression::SqlLiteral,
    prelude::*,
    sql_types::{Bool, Text},
};

use super::{
    k8s::Cluster,
    page::{Position, like_pattern},
    plan::Plan,
};
use crate::{
    db::{DbConnection, Timestamp, constraint::Constraint, dialect, text_enum::text_enum},
    error::Result,
    schema::{customers, user_tombstones, users},
};

define_sql_function! { fn lower(text: Text) -> Text; }

text_enum! {
    /// What a user may do.
    // Roles live in our database, never in a token.
    pub enum Role {
        User = "USER",
        Admin = "ADMIN",
    }
}

/// A live user. Deleted ones have no type: nothing reads them but [`list`] for an admin who asks.
#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = users, base_query = users::table.filter(users::deleted_at.is_null()))]
pub struct User {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub image: Option<String>,
    pub role: Role,
    pub created_at: Timestamp,
}

/// A user whom an identity provider or an operator vouches for.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub image: Option<String>,
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
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(users::id.eq(id)).first(conn).optional()
    }

    /// The user, locked until the transaction ends (see [`dialect::lock_user`]).
    pub fn find_locked(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        dialect::lock_user(conn, id)?;
        Self::find(conn, id)
    }

    pub fn set_name(&self, conn: &mut DbConnection, name: &str, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.filter(users::id.eq(&self.id)).filter(users::deleted_at.is_null()))
            .set((users::name.eq(name), users::updated_at.eq(now)))
            .execute(conn)
    }

    pub fn set_role(&self, conn: &mut DbConnection, role: Role, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.filter(users::id.eq(&self.id)).filter(users::deleted_at.is_null()))
            .set((users::role.eq(role), users::updated_at.eq(now)))
            .execute(conn)
    }

    /// Whether the server would be without an admin if this one were gone. Nobody else can change the answer before
    /// the transaction ends.
    pub fn is_last_admin(&self, conn: &mut DbConnection) -> QueryResult<bool> {
        if self.role != Role::Admin {
            return Ok(false);
        }
        dialect::lock_until_commit(conn, dialect::ADMINS)?;
        let other = Self::query().filter(is_admin()).filter(users::id.ne(&self.id));
        Ok(other.first::<Self>(conn).optional()?.is_none())
    }

    /// Keeps the row and its id, and forgets the person (contract §3).
    pub fn soft_delete(&self, conn: &mut DbConnection, now: Timestamp) -> QueryResult<usize> {
        diesel::update(users::table.filter(users::id.eq(&self.id)).filter(users::deleted_at.is_null()))
            .set((
                users::email.eq(Some(left_behind(&self.id))),
                users::name.eq(None::<String>),
                users::image.eq(None::<String>),
                users::updated_at.eq(now),
                users::deleted_at.eq(Some(now)),
            ))
            .execute(conn)
    }

    /// Removes the row. The tombstone keeps a still valid token from bringing it back.
    pub fn delete(&self, conn: &mut DbConnection, now: Timestamp) -> QueryResult<usize> {
        diesel::insert_into(user_tombstones::table)
            .values((user_tombstones::id.eq(&self.id), user_tombstones::deleted_at.eq(now)))
            .execute(conn)?;
        diesel::delete(users::table.filter(users::id.eq(&self.id))).execute(conn)
    }
}

/// Spelled out: a bound value would hide the partial index from the planner.
fn is_admin() -> SqlLiteral<Bool> {
    sql("role = 'ADMIN'")
}

/// Whether any live user is an admin.
pub fn admin_exists(conn: &mut DbConnection) -> QueryResult<bool> {
    let admin = User::query().filter(is_admin());
    Ok(admin.first::<User>(conn).optional()?.is_some())
}

/// Whether there is a row, also of somebody who was soft-deleted: their customer record is kept for the books.
pub fn exists(conn: &mut DbConnection, id: &str) -> QueryResult<bool> {
    Ok(users::table.find(id).select(users::id).first::<String>(conn).optional()?.is_some())
}

/// Whether the id was a user's who was hard-deleted.
pub fn is_gone(conn: &mut DbConnection, id: &str) -> QueryResult<bool> {
    let grave = user_tombstones::table.find(id).select(user_tombstones::id);
    Ok(grave.first::<String>(conn).optional()?.is_some())
}

/// Creates the row of a user seen for the first time. `None` when the id belonged to a deleted user; an existing row
/// is returned as it is. An email that another user holds, or that is kept for deleted ones, is left out: identities
/// decide who somebody is, not emails.
///
/// # Errors
/// Only the database's.
pub fn provision(conn: &mut DbConnection, new: &NewUser, now: Timestamp) -> Result<Option<User>> {
    // An address that a deletion leaves behind is nobody's: taking it would stand in the way of that deletion.
    let email = new.email.as_deref().filter(|email| !is_left_behind(email));
    let mut inserted = insert(conn, new, email, now);
    if violated(&inserted) == Some(Constraint::UserEmail) {
        inserted = insert(conn, new, None, now);
    }
    // Also after the email gave way: another first call may have been faster.
    let is_new = inserted.is_ok();
    if violated(&inserted) != Some(Constraint::UserId) {
        inserted?;
    }
    // Looked for after the insert: that may have waited for the deletion which left the tombstone.
    let tombstone = user_tombstones::table.find(&new.id).select(user_tombstones::id);
    if is_new && tombstone.first::<String>(conn).optional()?.is_some() {
        diesel::delete(users::table.find(&new.id)).execute(conn)?;
        return Ok(None);
    }
    Ok(User::find(conn, &new.id)?)
}

/// The address that a soft-deleted user keeps (contract §3).
fn left_behind(id: &str) -> String {
    format!("deleted_{id}@example.com")
}

fn is_left_behind(email: &str) -> bool {
    email.starts_with("deleted_") && email.ends_with("@example.com")
}

fn violated(written: &QueryResult<()>) -> Option<Constraint> {
    written.as_ref().err().and_then(Constraint::violated)
}

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

/// What an admin may narrow the list of users by.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Part of an id, name or email, in any case.
    pub search: Option<String>,
    pub include_deleted: bool,
}

/// A user as an admin sees them.
#[derive(Clone, Debug)]
pub struct ListedUser {
    pub row: ListedUserRow,
    pub active_clusters: i64,
}

#[derive(Clone, Debug, Queryable)]
pub struct ListedUserRow {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub image: Option<String>,
    pub role: Role,
    pub created_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub plan: Option<Plan>,
}

/// Newest users first, each with plan and number of active clusters: two statements however long the page.
pub fn list(
    conn: &mut DbConnection,
    filter: &UserFilter,
    after: Option<&Position>,
    limit: i64,
) -> QueryResult<Vec<ListedUser>> {
    let mut query = users::table
        .left_join(customers::table.on(customers::auth_user_id.eq(users::id)))
        .select((
            users::id,
            users::name,
            users::email,
            users::image,
            users::role,
            users::created_at,
            users::deleted_at,
            customers::plan.nullable(),
        ))
        .order((users::created_at.desc(), users::id.desc()))
        .limit(limit)
        .into_boxed();
    if !filter.include_deleted {
        query = query.filter(users::deleted_at.is_null());
    }
    if let Some(search) = &filter.search {
        // Folded by the database on both sides: SQLite knows the case of ASCII only.
        let pattern = lower(like_pattern(search));
        query = query.filter(
            lower(users::id)
                .like(pattern.clone())
                .escape('\\')
                .or(lower(users::name.assume_not_null()).like(pattern.clone()).escape('\\'))
                .or(lower(users::email.assume_not_null()).like(pattern).escape('\\')),
        );
    }
    if let Some(Position { at, id }) = after {
        query = query.filter(users::created_at.le(*at)).filter(users::created_at.lt(*at).or(users::id.lt(id.clone())));
    }
    let rows: Vec<ListedUserRow> = query.load(conn)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let counts: HashMap<String, i64> = Cluster::count_by_owner(conn, &ids)?.into_iter().collect();
    Ok(rows
        .into_iter()
        .map(|row| ListedUser { active_clusters: counts.get(&row.id).copied().unwrap_or(0), row })
        .collect())
}

/// The admin who has been here longest.
pub fn oldest_admin(conn: &mut DbConnection) -> QueryResult<Option<User>> {
    User::query().filter(is_admin()).order((users::created_at, users::id)).first(conn).optional()
}
