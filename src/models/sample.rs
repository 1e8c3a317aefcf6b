//! Sample data. It is deterministic: two seeded databases differ only in their timestamps.

use std::time::Duration;

use diesel::prelude::*;

use super::{
    k8s::{Cluster, NewCluster},
    plan::Plan,
    user::{self, NewUser, Role},
};
use crate::{
    db::{DbConnection, Timestamp},
    error::Result,
    schema::{customers, k8s_cluster_configs, users},
};

const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const LOCATIONS: [&str; 4] = ["eu-central", "eu-west", "us-east", "ap-south"];

/// Numbers of inserted rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeded {
    /// Users.
    pub users: u32,
    /// Customers.
    pub customers: u32,
    /// Clusters, deleted ones included.
    pub clusters: u32,
}

/// Whether the database has no users other than admins, no customers and no clusters.
///
/// # Errors
/// The database's.
pub fn is_empty(conn: &mut DbConnection) -> QueryResult<bool> {
    let user = users::table.filter(users::role.ne(Role::Admin)).select(users::id).first::<String>(conn).optional()?;
    let customer = customers::table.select(customers::id).first::<i64>(conn).optional()?;
    let cluster = k8s_cluster_configs::table.select(k8s_cluster_configs::id).first::<i64>(conn).optional()?;
    Ok(user.is_none() && customer.is_none() && cluster.is_none())
}

/// Inserts `count` users with a FREE cluster each. Every third user is a customer, in turn on FREE, PRO and BUSINESS;
/// the paying ones also have a cluster on their plan. Every fifth user's FREE cluster is deleted. Existing users are
/// skipped.
///
/// # Errors
/// The database's.
pub fn insert(conn: &mut DbConnection, count: u32) -> Result<Seeded> {
    let mut seeded = Seeded::default();
    let start = Timestamp::now().minus(Duration::from_secs(u64::from(count)));
    for number in 1..=count {
        let now = start.plus(Duration::from_secs(u64::from(number)));
        let new = NewUser {
            id: format!("user_sample_{number:06}"),
            name: Some(format!("Sample User {number}")),
            email: Some(format!("user{number}@sample.example")),
            image: None,
            role: Role::User,
        };
        if user::User::find(conn, &new.id)?.is_some() || user::provision(conn, &new, now)?.is_none() {
            continue;
        }
        seeded.users += 1;
        let plan = match number % 9 {
            3 => Some(Plan::Free),
            6 => Some(Plan::Pro),
            0 => Some(Plan::Business),
            _ => None,
        };
        if let Some(plan) = plan {
            insert_customer(conn, &new.id, plan, now)?;
            seeded.customers += 1;
        }
        let free = create(conn, &new.id, number, Plan::Free, now)?;
        seeded.clusters += 1;
        if let Some(paid) = plan.filter(|plan| *plan != Plan::Free) {
            create(conn, &new.id, number, paid, now)?;
            seeded.clusters += 1;
        }
        if number % 5 == 0 {
            Cluster::soft_delete(conn, &new.id, free, now)?;
        }
    }
    Ok(seeded)
}

fn insert_customer(conn: &mut DbConnection, user_id: &str, plan: Plan, now: Timestamp) -> QueryResult<()> {
    let period_end = (plan != Plan::Free).then(|| now.plus(MONTH));
    diesel::insert_into(customers::table)
        .values((
            customers::auth_user_id.eq(user_id),
            customers::plan.eq(plan),
            customers::stripe_current_period_end.eq(period_end),
            customers::created_at.eq(now),
            customers::updated_at.eq(now),
        ))
        .execute(conn)
        .map(drop)
}

fn create(conn: &mut DbConnection, owner: &str, number: u32, plan: Plan, now: Timestamp) -> Result<i64> {
    let name = format!("{}-{number}", plan.as_str().to_lowercase());
    let location =
        LOCATIONS.iter().cycle().nth(usize::try_from(number % 4).unwrap_or(0)).copied().unwrap_or("eu-central");
    Cluster::create(conn, &NewCluster { owner, name: &name, location, plan }, now)
}
