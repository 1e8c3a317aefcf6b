//! The first admin: a database without an admin gets one at start, with a token that is shown once.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use clusterdesk::{
    auth::{Grant, Granted, PlainToken},
    db::{DatabaseUrl, DbConnection, Manager, Purpose, Timestamp, locks, migrations, refuse_unfinished, transaction},
    models::{
        api_token::Scope,
        audit::{Door, NewAuditEntry},
        user::{self, NewUser, Role},
    },
};
use uuid::Uuid;

use super::{
    data,
    token_file::{self, write_secret},
};

/// What a folder is missed for, and how to do without.
const FOLDER: &str = "the token of the first admin needs a folder (DATA_DIR); BOOTSTRAP_ADMIN=off creates no admin";

/// A token that was created at start.
pub struct FirstToken {
    /// The token.
    pub token: PlainToken,
    /// The file that contains it.
    pub file: PathBuf,
}

/// Refuses a folder that could not store the token of the first admin, before a new database is changed. One that is migrated
/// has had its first admin, most likely, and may do without the folder.
///
/// # Errors
/// The folder can't be created or written; the database can't be read.
pub fn check(url: &DatabaseUrl, data_dir: &Path) -> Result<()> {
    if is_new(url)? { token_file::check(data_dir).context(FOLDER) } else { Ok(()) }
}

/// Whether a database is missing or has no tables of this server.
fn is_new(url: &DatabaseUrl) -> Result<bool> {
    if let Some(path) = url.sqlite_path() {
        refuse_unfinished(path)?;
        if !path.exists() {
            return Ok(true);
        }
    }
    let manager = Manager { url: url.clone(), purpose: Purpose::Read, statement_timeout: Duration::ZERO };
    let mut connection = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
    Ok(migrations::level(&mut connection)?.is_none())
}

/// Creates an admin and a token unless there is an admin. If several servers start together, exactly one creates them.
///
/// # Errors
/// The database or the token's file can't be written; then neither is changed.
pub fn run(url: &DatabaseUrl, data_dir: &Path) -> Result<Option<FirstToken>> {
    let mut connection = data::open(url)?;
    let created = transaction::write(&mut connection, |conn| {
        locks::lock_until_commit(conn, locks::START_UP)?;
        if user::admin_exists(conn)? {
            return Ok(None);
        }
        let now = Timestamp::now();
        let admin = create_admin(conn, now)?;
        let file = token_file::replaceable(conn, data_dir)?;
        let grant = Grant { user_id: &admin, name: "first start", scope: Scope::Admin, expires_at: None };
        let Granted { id, token, .. } = grant.issue(conn, now)?;
        NewAuditEntry {
            created_at: now,
            actor_id: "bootstrap".to_owned(),
            procedure: "bootstrap",
            entity: "user",
            entity_id: admin,
            detail: format!("{{\"tokenId\":{id}}}"),
            request_id: Uuid::new_v4().to_string(),
            client_address: None,
            token_id: None,
            door: Door::Server,
        }
        .insert(conn)?;
        // Before the commit: otherwise a failure to write the file would leave an admin without a readable token.
        let written = data::create_folder(data_dir).and_then(|()| write_secret(&file, token.expose()));
        written.context(FOLDER)?;
        Ok(Some(FirstToken { token, file }))
    });
    created.map_err(data::detailed)
}

/// Creates an admin with an id that no identity provider issues.
fn create_admin(conn: &mut DbConnection, now: Timestamp) -> clusterdesk::error::Result<String> {
    let id = format!("admin-{}", Uuid::new_v4());
    let name = Some("Administrator".to_owned());
    let new = NewUser { id, name, email: None, image: None, role: Role::Admin };
    let admin = user::provision(conn, &new, now)?.context("the new admin was deleted already")?;
    Ok(admin.id)
}
