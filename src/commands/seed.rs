//! `clusterdesk seed`: sample users, customers and clusters, the same every time.

use anyhow::{Result, ensure};
use clusterdesk::{config::DataSettings, db::transaction, models::sample};

use super::{audit, data};

pub fn run(settings: &DataSettings, users: u32, force: bool) -> Result<()> {
    let mut conn = data::connect(settings)?;
    ensure!(
        force || sample::is_empty(&mut conn)?,
        "the database is not empty; --force adds the sample data all the same"
    );
    let seeded = transaction::write(&mut conn, |conn| {
        let seeded = sample::insert(conn, users)?;
        let detail = format!("{{\"users\":{},\"clusters\":{}}}", seeded.users, seeded.clusters);
        audit(conn, "seed", "database", "sample", &detail)?;
        Ok(seeded)
    });
    let seeded = seeded.map_err(data::plain)?;
    println!("seeded {} users, {} customers, {} clusters", seeded.users, seeded.customers, seeded.clusters);
    Ok(())
}
