//! Signing a browser in to the explorer: a link that works once, and the session that it or an identity provider opens. The models
//! store hashes.

use std::time::Duration;

use super::{console_secret::ConsoleSecret, plain_token::TokenHash};
use crate::{
    db::{DbConnection, Timestamp},
    error::{Error, Result},
    models::{
        session::{LONGEST, NewSession},
        sign_in_link::{self, NewSignInLink},
        user::User,
    },
};

/// How long a link works.
const LINK: Duration = Duration::from_secs(5 * 60);

/// How exactly the use of a token or a session is noted: at most so often one of them costs a write.
pub const EXACTNESS: Duration = Duration::from_secs(10 * 60);

/// The error for a link that signs nobody in.
pub const BAD_LINK: Error =
    Error::Unauthorized("This link is unknown, expired or used. `clusterdesk console-link` makes another one.");

/// A new link.
#[derive(Debug)]
pub struct SignInLink {
    /// Its secret.
    pub secret: ConsoleSecret,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// Its number.
    pub id: i64,
    /// Who is signed in.
    pub user_id: String,
}

/// Makes a link for a user, in the open transaction.
///
/// # Errors
/// The database's.
pub fn make_link(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> Result<SignInLink> {
    let (secret, expires_at) = (ConsoleSecret::generate(), now.plus(LINK));
    NewSignInLink { hash: secret.hash().as_str(), user_id, expires_at }.insert(conn, now)?;
    Ok(SignInLink { secret, expires_at })
}

/// Uses a link up and returns its user, in the open transaction.
///
/// # Errors
/// UNAUTHORIZED when the link does not work, or its user was deleted.
pub fn use_link(conn: &mut DbConnection, link: &TokenHash, now: Timestamp) -> Result<User> {
    let user_id = sign_in_link::take(conn, link.as_str(), now)?.ok_or(BAD_LINK)?;
    User::find_locked(conn, &user_id)?.ok_or(BAD_LINK)
}

/// Opens a session with this hash for a user, whose row the open transaction has locked.
///
/// # Errors
/// The database's.
pub fn open_session(
    conn: &mut DbConnection,
    user: User,
    session: &TokenHash,
    address: Option<&str>,
    now: Timestamp,
) -> Result<Opened> {
    let new = NewSession {
        user_id: &user.id,
        hash: session.as_str(),
        created_at: now,
        expires_at: now.plus(LONGEST),
        last_used_at: now.last_multiple(EXACTNESS),
        last_used_address: address,
    };
    Ok(Opened { id: new.insert(conn)?, user_id: user.id })
}
