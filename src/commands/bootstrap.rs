//! The first admin: a database without an admin gets one at start, with a token that is shown once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clusterdesk::{
    auth::PlainToken,
    db::{DatabaseUrl, DbConnection, Timestamp, locks, transaction},
    models::{
        api_token::{NewApiToken, Scope},
        audit::NewAuditEntry,
        user::{self, NewUser, Role},
    },
};
use uuid::Uuid;

use super::data;

/// The file that contains the token.
pub fn token_file(data_dir: &Path) -> PathBuf {
    data_dir.join("admin-token")
}

/// Creates an admin and a token unless there is an admin. If several servers start together, exactly one creates them.
///
/// # Errors
/// The database or the token's file can't be written; then neither is changed.
pub fn run(url: &DatabaseUrl, data_dir: &Path) -> Result<Option<PlainToken>> {
    let mut connection = data::open(url)?;
    let created = transaction::write(&mut connection, |conn| {
        locks::lock_until_commit(conn, locks::START_UP)?;
        if user::admin_exists(conn)? {
            return Ok(None);
        }
        let now = Timestamp::now();
        let admin = create_admin(conn, now)?;
        let token = PlainToken::generate();
        let id = NewApiToken {
            user_id: &admin,
            name: "first start",
            hash: token.hash().as_str(),
            scope: Scope::Admin,
            created_at: now,
            expires_at: None,
        }
        .insert(conn)?;
        NewAuditEntry {
            created_at: now,
            actor_id: "bootstrap".to_owned(),
            procedure: "bootstrap",
            entity: "user",
            entity_id: admin,
            detail: format!("{{\"tokenId\":{id}}}"),
            request_id: Uuid::new_v4().to_string(),
        }
        .insert(conn)?;
        // Before the commit: otherwise a failure to write the file would leave an admin without a readable token.
        data::write_secret(&token_file(data_dir), token.expose())?;
        Ok(Some(token))
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
