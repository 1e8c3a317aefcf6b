//! What one statement does for many users.

use std::collections::{HashMap, HashSet};

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{self, Array, Text},
};

use super::user::User;
use crate::{
    db::{DbConnection, Loader, Step, Timestamp, cached::cached, dialect, locks},
    schema::users,
};

/// Loads live users by their ids.
pub struct LiveUsers;

impl Loader for LiveUsers {
    type Rows = User;

    fn load(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<HashMap<String, User>> {
        let users = match ids {
            [id] => User::find(conn, id)?.into_iter().collect(),
            many => User::query().filter(users::id.eq_any(many)).load(conn)?,
        };
        Ok(users.into_iter().map(|user: User| (user.id.clone(), user)).collect())
    }
}

/// Loads live users by their ids, and locks their rows until the transaction ends (see [`locks::lock_user`]). It waits for
/// the lock of a single row; of several, it leaves out those that others have locked.
pub struct LockedUsers;

impl Loader for LockedUsers {
    type Rows = User;

    fn load(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<HashMap<String, User>> {
        let (Some(pg), [_, _, ..]) = (dialect::postgres(conn), ids) else {
            ids.iter().try_for_each(|id| locks::lock_user(conn, id))?;
            return LiveUsers::load(conn, ids);
        };
        let locked = locks::lock_users(pg, ids)?;
        LiveUsers::load(conn, &locked.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A user to rename. As a step: renames many users.
pub struct Rename {
    /// The user.
    pub user: User,
    /// The new name.
    pub name: String,
    /// Now.
    pub at: Timestamp,
}

impl Step for Rename {
    type Wish = Self;
    /// False when the user was deleted meanwhile.
    type Outcome = bool;

    fn take(conn: &mut DbConnection, wishes: &[Self]) -> QueryResult<Vec<bool>> {
        #[derive(QueryableByName)]
        struct Renamed {
            #[diesel(sql_type = Text)]
            id: String,
        }
        let (Some(pg), [_, _, ..]) = (dialect::postgres(conn), wishes) else {
            return wishes.iter().map(|wish| wish.user.set_name(conn, &wish.name, wish.at)).collect();
        };
        let renamed: Vec<Renamed> = cached(
            sql_query(
                "UPDATE users SET name = wish.name, updated_at = wish.at
                 FROM unnest($1, $2, $3) AS wish (id, name, at)
                 WHERE users.id = wish.id AND users.deleted_at IS NULL
                 RETURNING users.id",
            )
            .bind::<Array<Text>, _>(wishes.iter().map(|wish| wish.user.id.as_str()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(wishes.iter().map(|wish| wish.name.as_str()).collect::<Vec<_>>())
            .bind::<Array<sql_types::Timestamp>, _>(wishes.iter().map(|wish| wish.at).collect::<Vec<_>>()),
        )
        .load(pg)?;
        let renamed: HashSet<_> = renamed.into_iter().map(|row| row.id).collect();
        Ok(wishes.iter().map(|wish| renamed.contains(&wish.user.id)).collect())
    }
}
