//! `clusterdesk user list|promote|demote`: lists users and changes their role.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use clusterdesk::{
    config::DataSettings,
    db::{Timestamp, transaction},
    error::Error,
    models::{
        page::Position,
        user::{self, Role, User, UserFilter},
    },
};

use super::{
    audit::{self, Change},
    data,
};
use crate::cli;

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 500;

/// Runs the subcommand.
///
/// # Errors
/// There is no such user, the last admin would be demoted, or the database failed.
pub fn run(command: &cli::User) -> Result<()> {
    match command {
        cli::User::List { search, data } => list(data, search.clone()),
        cli::User::Promote { id, data } => set_role(data, id, Role::Admin),
        cli::User::Demote { id, data } => set_role(data, id, Role::User),
    }
}

fn list(settings: &DataSettings, search: Option<String>) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let filter = UserFilter { search, include_deleted: false };
    let mut out = stdout().lock();
    writeln!(out, "{:5}  {:8}  {:24}  {:32}  EMAIL", "ROLE", "CLUSTERS", "CREATED", "ID")?;
    let mut after = None;
    loop {
        let users = user::list(&mut conn, &filter, after.as_ref(), PAGE_SIZE)?;
        for user::ListedUser { row, active_clusters } in &users {
            let (role, created) = (row.role.as_str(), row.created_at.to_string());
            let email = row.email.as_deref().unwrap_or("-");
            writeln!(out, "{role:5}  {active_clusters:8}  {created:24}  {:32}  {email}", row.id)?;
        }
        let Some(user::ListedUser { row, .. }) = users.last() else { return Ok(()) };
        after = Some(Position { at: row.created_at, id: row.id.clone() });
    }
}

fn set_role(settings: &DataSettings, id: &str, role: Role) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let changed = transaction::write(&mut conn, |conn| {
        let user = User::find_locked(conn, id)?
            .with_context(|| format!("there is no user {id:?}; users are created when they first sign in"))?;
        if user.role == role {
            return Ok(false);
        }
        if user.is_last_admin(conn)? {
            return Err(Error::PreconditionFailed("this is the last admin; promote another user first".to_owned()));
        }
        user.set_role(conn, role, Timestamp::now())?;
        let detail = format!("{{\"from\":\"{}\",\"to\":\"{}\"}}", user.role.as_str(), role.as_str());
        audit::record(conn, &Change { action: "user.setRole", entity: "user", entity_id: id, detail: &detail })?;
        Ok(true)
    });
    let changed = changed.map_err(data::detailed)?;
    println!("{id} {} {}", if changed { "is now" } else { "was already" }, role.as_str());
    Ok(())
}
