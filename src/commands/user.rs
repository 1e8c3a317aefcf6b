//! `clusterdesk user list|promote|demote`: lists users and changes their role.

use anyhow::{Context, Result};
use clusterdesk::{
    config::DataSettings,
    db::Timestamp,
    error::Error,
    models::{
        page::{Order, Position},
        user::{Role, User},
        user_list::{self, ListedUser, UserFilter},
    },
};
use serde::Serialize;

use super::{
    audit::{self, Change},
    data,
    report::{self, Rows},
};
use crate::cli::{self, Effect};

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 500;

/// Runs the subcommand.
///
/// # Errors
/// There is no such user, the last admin would be demoted, or the database failed.
pub fn run(command: &cli::User) -> Result<()> {
    match command {
        cli::User::List { search, output, data } => list(data, search.clone(), output.json),
        cli::User::Promote { id, effect, data } => set_role(data, id, Role::Admin, *effect),
        cli::User::Demote { id, effect, data } => set_role(data, id, Role::User, *effect),
    }
}

fn list(settings: &DataSettings, search: Option<String>, json: bool) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let filter = UserFilter { search, ..UserFilter::default() };
    let header = format!("{:5}  {:8}  {:24}  {:32}  EMAIL", "ROLE", "CLUSTERS", "CREATED", "ID");
    let mut rows = Rows::new(json, header)?;
    let mut after = None;
    loop {
        let users = user_list::page(&mut conn, &filter, Order::Descending, after.as_ref(), PAGE_SIZE)?;
        for listed in &users {
            let row = Row::from(listed);
            let (role, created, clusters) = (row.role.as_str(), row.created_at.to_string(), row.active_clusters);
            let text = format!("{role:5}  {clusters:8}  {created:24}  {:32}  {}", row.id, row.email.unwrap_or("-"));
            rows.add(&row, text)?;
        }
        let Some(ListedUser { row, .. }) = users.last() else { return rows.end() };
        after = Some(Position { at: row.created_at, id: row.id.clone() });
    }
}

/// A user in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'u> {
    id: &'u str,
    name: Option<&'u str>,
    email: Option<&'u str>,
    role: Role,
    created_at: Timestamp,
    active_clusters: i64,
}

impl<'u> From<&'u ListedUser> for Row<'u> {
    fn from(ListedUser { row, active_clusters }: &'u ListedUser) -> Self {
        Self {
            id: &row.id,
            name: row.name.as_deref(),
            email: row.email.as_deref(),
            role: row.role,
            created_at: row.created_at,
            active_clusters: *active_clusters,
        }
    }
}

/// What became of a user's role.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleSet<'u> {
    dry_run: bool,
    id: &'u str,
    role: Role,
    changed: bool,
}

fn set_role(settings: &DataSettings, id: &str, role: Role, Effect { dry_run, json }: Effect) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let changed = data::change(&mut conn, dry_run, |conn| {
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
    })?;
    let done = match (changed, dry_run) {
        (true, false) => "is now",
        (true, true) => "would become",
        (false, _) => "was already",
    };
    report::print(json, &RoleSet { dry_run, id, role, changed }, format!("{id} {done} {}\n", role.as_str()))
}
