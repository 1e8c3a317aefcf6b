//! `clusterdesk seed`: inserts sample users, customers and clusters. The data is the same every time.

use anyhow::{Result, ensure};
use clusterdesk::{config::DataSettings, db::transaction, models::sample};

use super::{
    audit::{self, Change},
    data,
};

/// Inserts sample data.
///
/// # Errors
/// The database is not empty and `force` is not set, or can't be written.
pub fn run(settings: &DataSettings, users: u32, force: bool) -> Result<()> {
    let mut conn = data::connect(settings)?;
    ensure!(force || sample::is_empty(&mut conn)?, "the database is not empty; --force adds the sample data anyway");
    let seeded = transaction::write(&mut conn, |conn| {
        let seeded = sample::insert(conn, users)?;
        let detail = format!("{{\"users\":{},\"clusters\":{}}}", seeded.users, seeded.clusters);
        audit::record(conn, &Change { action: "seed", entity: "database", entity_id: "sample", detail: &detail })?;
        Ok(seeded)
    });
    let seeded = seeded.map_err(data::detailed)?;
    println!("seeded {} users, {} customers, {} clusters", seeded.users, seeded.customers, seeded.clusters);
    Ok(())
}
