//! `clusterdesk seed`: inserts sample users, customers and clusters. The data is the same every time.

use anyhow::{Result, ensure};
use clusterdesk::{
    config::DataSettings,
    db::{DatabaseUrl, migrations::Migrations, sessions},
    models::sample::{self, Seeded, Step},
};
use serde::Serialize;
use serde_json::json;

use super::{
    audit::{self, Change},
    data,
    progress::Progress,
    report,
};
use crate::cli::Effect;

/// Inserts sample data. A SQLite database that does not exist is created and migrated.
///
/// # Errors
/// The database is not empty and `force` is not set, or can't be written.
pub fn run(settings: &DataSettings, users: u32, force: bool, Effect { dry_run, json }: Effect) -> Result<()> {
    let url = DatabaseUrl::from_settings(settings)?;
    let is_new = url.sqlite_path().is_some_and(|path| !path.exists());
    if dry_run && is_new {
        let text = format!("would create the database and seed {users} users\n");
        return report::print(json, &json!({"dryRun": true, "users": users, "creates": true}), text);
    }
    if is_new {
        data::create(&url)?;
        Migrations::open(&url)?.up(usize::MAX)?;
    }
    sessions::check(&url)?;
    let mut conn = data::open(&url)?;
    ensure!(force || sample::is_empty(&mut conn)?, "the database is not empty; --force adds the sample data anyway");
    let mut shown: Option<Progress> = None;
    let seeded = data::change(&mut conn, dry_run, |conn| {
        let seeded = sample::insert(conn, users, &mut |step| match step {
            Step::Users(all) => shown = Progress::of_many("users seeded", all),
            Step::Events(all) => {
                drop(shown.take());
                shown = Progress::of_many("events seeded", all);
            }
            Step::Done(done) => shown.iter_mut().for_each(|progress| progress.add(done)),
        })?;
        let detail = format!("{{\"users\":{},\"clusters\":{}}}", seeded.users, seeded.clusters);
        audit::record(conn, &Change { action: "seed", entity: "database", entity_id: "sample", detail: &detail })?;
        Ok(seeded)
    });
    // A bar must be gone before something is printed.
    drop(shown);
    let seeded = seeded?;
    let Seeded { users, customers, clusters } = seeded;
    let done = if dry_run { "would seed" } else { "seeded" };
    let text = format!("{done} {users} users, {customers} customers, {clusters} clusters\n");
    report::print(json, &Inserted { dry_run, users, customers, clusters }, text)
}

/// What was inserted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inserted {
    dry_run: bool,
    users: u32,
    customers: u32,
    clusters: u32,
}
