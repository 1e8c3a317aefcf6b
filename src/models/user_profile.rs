//! What a later token adds to a user.

use diesel::prelude::*;

use super::user::{User, free_email, violates_email};
use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::users,
};

/// What a token says about its user.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    /// What the user is called.
    pub name: Option<&'a str>,
    /// Left out when another user has it.
    pub email: Option<&'a str>,
    /// The URL of a picture.
    pub image: Option<&'a str>,
}

impl User {
    /// Whether this user lacks a name, an email or an image that the profile has.
    pub fn lacks(&self, profile: &Profile<'_>) -> bool {
        let lacks = |mine: &Option<String>, theirs: Option<&str>| mine.is_none() && theirs.is_some();
        lacks(&self.name, profile.name) || lacks(&self.email, profile.email) || lacks(&self.image, profile.image)
    }
}

/// Sets the name, the email and the image that the live user lacks, and changes none. An email that another user has, or
/// that is reserved for deleted users, is left out.
///
/// # Errors
/// The database's.
pub fn complete(conn: &mut DbConnection, id: &str, profile: &Profile<'_>, now: Timestamp) -> QueryResult<()> {
    // Locked, so that two tokens don't set the same field.
    let Some(user) = User::find_locked(conn, id)? else { return Ok(()) };
    let set = fill(conn, &user, &Profile { email: free_email(profile.email), ..*profile }, now);
    if violates_email(&set) { fill(conn, &user, &Profile { email: None, ..*profile }, now) } else { set }
}

/// In a savepoint, because PostgreSQL would otherwise abort the transaction after a violation.
fn fill(conn: &mut DbConnection, user: &User, profile: &Profile<'_>, now: Timestamp) -> QueryResult<()> {
    if !user.lacks(profile) {
        return Ok(());
    }
    let change = (
        users::name.eq(user.name.as_deref().or(profile.name)),
        users::email.eq(user.email.as_deref().or(profile.email)),
        users::image.eq(user.image.as_deref().or(profile.image)),
        users::updated_at.eq(now),
    );
    let live = users::table.filter(users::deleted_at.is_null());
    conn.transaction(|conn| update(live.filter(users::id.eq(&user.id)), change).execute(conn).map(drop))
}
