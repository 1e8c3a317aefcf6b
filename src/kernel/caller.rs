//! Callers. Roles, revocation and deletion are read from the database on every call.

use procedures::{Access, Kind};

use crate::{
    auth::{Claims, Credential},
    db::{Batch, DbConnection, Timestamp},
    error::{Error, Result},
    models::{
        api_token::{ApiToken, Scope, UsableToken},
        audit,
        session::Session,
        user::{self, NewUser, Role, User},
        user_profile::{self, Profile},
        user_sets::{LiveUsers, LockedUsers},
    },
};

/// The error for a valid token of a deleted user.
pub const GONE: Error = Error::Unauthorized("This account was deleted.");
/// The error for an API token that the database does not have.
pub const UNKNOWN_TOKEN: Error = Error::Unauthorized("The API token is unknown, expired or revoked.");

/// The error for the cookie of a session that the database does not have.
pub const SESSION_OVER: Error = Error::Unauthorized("This session has ended. Sign in again.");

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user record.
    pub user: User,
    /// The scope of the token; a JWT and a session have the scope `admin`.
    pub scope: Scope,
    /// The number of the API token; None for any other credential.
    pub token_id: Option<i64>,
    /// When the API token expires; None for never, and for any other credential.
    pub expires_at: Option<Timestamp>,
    /// The number of the session of a browser that is signed in to the explorer.
    pub session_id: Option<i64>,
}

impl Caller {
    /// Whether the user is an admin and the token has the scope `admin`.
    pub fn acts_as_admin(&self) -> bool {
        self.user.role == Role::Admin && self.scope >= Scope::Admin
    }

    /// Whether the user is an admin and the token has the scope `service` or `admin`.
    pub fn acts_as_service(&self) -> bool {
        self.user.role == Role::Admin && self.scope >= Scope::Service
    }

    /// Reads the caller again, and locks the user record until the transaction ends.
    pub(super) fn reload(&self, conn: &mut DbConnection) -> Result<Self> {
        let user = User::find_locked(conn, &self.user.id)?.ok_or(GONE)?;
        Ok(Self { user, ..*self })
    }
}

/// The result of looking up a caller.
pub enum Found {
    /// The user exists.
    Caller(Caller),
    /// The token is valid, but something must be written first.
    Unprovisioned(Lack),
}

/// What the database lacks of the user of a valid token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The user: a first sign-in, or a deleted user.
    User,
    /// A name, an email or an image that the token has.
    Profile,
}

/// Why a credential is refused without a look-up in the database. None when a look-up must decide.
pub fn refusal(credential: &Credential) -> Option<Error> {
    match credential {
        Credential::Anonymous => Some(Error::Unauthorized("Send a token: Authorization: Bearer <token>.")),
        Credential::Rejected(why) => Some(Error::Unauthorized(why)),
        Credential::Jwt(claims) if claims.is_expired() => Some(Error::Unauthorized("The token has expired.")),
        Credential::Unverifiable => {
            Some(Error::unavailable("The keys to verify tokens with are unavailable. Try again."))
        }
        Credential::Jwt(_) | Credential::ApiToken(_) | Credential::Session(_) => None,
    }
}

/// Finds the caller. With `lock`, the user cannot be deleted until the transaction ends.
///
/// # Errors
/// UNAUTHORIZED when the credential is missing, invalid, expired or revoked, or the user was deleted.
pub fn find(
    conn: &mut DbConnection,
    batch: &Batch,
    credential: &Credential,
    lock: bool,
    now: Timestamp,
) -> Result<Found> {
    let find_user = if lock { Batch::get::<LockedUsers> } else { Batch::get::<LiveUsers> };
    match credential {
        Credential::Anonymous | Credential::Rejected(_) | Credential::Unverifiable => {
            Err(refusal(credential).unwrap_or(GONE))
        }
        Credential::Jwt(claims) => Ok(match find_user(batch, conn, &claims.subject)? {
            Some(user) if claims.offered.get().is_some() || !user.lacks(&profile(claims)) => {
                Found::Caller(Caller { user, scope: Scope::Admin, token_id: None, expires_at: None, session_id: None })
            }
            Some(_) => Found::Unprovisioned(Lack::Profile),
            None => Found::Unprovisioned(Lack::User),
        }),
        Credential::ApiToken(hash) => {
            let UsableToken { id, user_id, scope, expires_at } =
                ApiToken::holder(conn, hash.as_str(), now)?.ok_or(UNKNOWN_TOKEN)?;
            let user = find_user(batch, conn, &user_id)?.ok_or(GONE)?;
            Ok(Found::Caller(Caller { user, scope, token_id: Some(id), expires_at, session_id: None }))
        }
        Credential::Session(hash) => {
            let (id, user_id) = Session::holder(conn, hash.as_str(), now)?.ok_or(SESSION_OVER)?;
            let user = find_user(batch, conn, &user_id)?.ok_or(GONE)?;
            let (scope, token_id, expires_at) = (Scope::Admin, None, None);
            Ok(Found::Caller(Caller { user, scope, token_id, expires_at, session_id: Some(id) }))
        }
    }
}

/// Creates the user on first sign-in.
///
/// # Errors
/// UNAUTHORIZED for a deleted user, who is not created again.
pub fn provision(conn: &mut DbConnection, claims: &Claims, now: Timestamp) -> Result<()> {
    if audit::ACTORS.contains(&claims.subject.as_str()) {
        return Err(Error::Unauthorized("This user id is reserved."));
    }
    let new = NewUser {
        id: claims.subject.clone(),
        name: claims.name.clone(),
        email: claims.email.clone(),
        image: claims.image.clone(),
        role: Role::User,
    };
    user::provision(conn, &new, now)?.map(drop).ok_or(GONE)
}

/// Finds the user of a verified ID token, or creates them, and sets what the token says and the user lacks. The row stays locked until
/// the transaction ends.
///
/// # Errors
/// UNAUTHORIZED for a deleted user and for a reserved id.
pub fn admit(conn: &mut DbConnection, claims: &Claims, now: Timestamp) -> Result<User> {
    match User::find_locked(conn, &claims.subject)? {
        Some(user) if user.lacks(&profile(claims)) => complete(conn, claims, now)?,
        Some(user) => return Ok(user),
        None => provision(conn, claims, now)?,
    }
    User::find_locked(conn, &claims.subject)?.ok_or(GONE)
}

/// Sets what the token says and the user lacks.
///
/// # Errors
/// The database's.
pub fn complete(conn: &mut DbConnection, claims: &Claims, now: Timestamp) -> Result<()> {
    Ok(user_profile::complete(conn, &claims.subject, &profile(claims), now)?)
}

fn profile(claims: &Claims) -> Profile<'_> {
    Profile { name: claims.name.as_deref(), email: claims.email.as_deref(), image: claims.image.as_deref() }
}

/// Checks that the caller may use a procedure.
///
/// # Errors
/// FORBIDDEN when the role or the scope of the token does not allow it.
pub fn authorize(caller: &Caller, access: Access, kind: Kind) -> Result<()> {
    let needed = match (access, kind) {
        (Access::Admin, _) => Scope::Admin,
        (Access::Service, _) => Scope::Service,
        (_, Kind::Mutation) => Scope::Write,
        (_, Kind::Query | Kind::Subscription) => Scope::Read,
    };
    if matches!(access, Access::Service | Access::Admin) && caller.user.role != Role::Admin {
        return Err(Error::Forbidden("Only admins may do this."));
    }
    if caller.scope < needed {
        return Err(Error::Forbidden("The scope of this API token does not allow this."));
    }
    Ok(())
}
