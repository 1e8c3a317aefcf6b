//! What one statement does for the clusters of many owners.

use std::collections::{HashMap, HashSet};

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{self, Array, BigInt, Nullable, Text},
};

use super::{
    k8s::{Cluster, ClusterChanges, NewCluster, slot_holder},
    plan::Plan,
};
use crate::{
    db::{DbConnection, Loader, Step, Timestamp, cached::cached, dialect},
    error::Result,
    schema::k8s_cluster_configs as clusters,
};

/// Loads the live clusters of owners, oldest first.
pub struct LiveClusters;

impl Loader for LiveClusters {
    type Rows = Vec<Cluster>;

    fn load(conn: &mut DbConnection, owners: &[&str]) -> QueryResult<HashMap<String, Vec<Cluster>>> {
        let mut all = match owners {
            [owner] => Cluster::of(conn, owner)?,
            many => Cluster::query().filter(clusters::auth_user_id.eq_any(many)).load(conn)?,
        };
        // As in `Cluster::of`, not ordered by the database.
        all.sort_unstable_by_key(|cluster| cluster.row.id);
        let mut by_owner: HashMap<String, Vec<Cluster>> = HashMap::new();
        for cluster in all {
            if let Some(owner) = &cluster.row.auth_user_id {
                by_owner.entry(owner.clone()).or_default().push(cluster);
            }
        }
        Ok(by_owner)
    }
}

/// A cluster to create. As a step: creates those of many owners.
pub struct Creation {
    /// The owner's user id.
    pub owner: String,
    /// 1 to 100 characters.
    pub name: String,
    /// 1 to 50 characters.
    pub location: String,
    /// The plan to occupy.
    pub plan: Plan,
    /// Now.
    pub at: Timestamp,
}

/// A change of an owner's cluster. As a step: changes those of many owners.
pub struct Update {
    /// The owner's user id.
    pub owner: String,
    /// The cluster.
    pub id: i64,
    /// The change.
    pub changes: ClusterChanges,
}

/// An owner's cluster to soft-delete. As a step: deletes those of many owners.
pub struct Deletion {
    /// The owner's user id.
    pub owner: String,
    /// The cluster.
    pub id: i64,
    /// Now.
    pub at: Timestamp,
}

/// A cluster that a statement has written.
#[derive(QueryableByName, PartialEq, Eq, Hash)]
struct Written {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    auth_user_id: String,
}

impl Step for Creation {
    type Wish = Self;
    /// The id, or CONFLICT naming the owner's other live cluster on the plan.
    type Outcome = Result<i64>;

    fn take(conn: &mut DbConnection, wishes: &[Self]) -> QueryResult<Vec<Result<i64>>> {
        let (Some(pg), [_, _, ..]) = (dialect::postgres(conn), wishes) else {
            return Ok(wishes.iter().map(|wish| Cluster::create(conn, &wish.row(), wish.at)).collect());
        };
        let created: Vec<Written> = cached(
            sql_query(
                "INSERT INTO k8s_cluster_configs
                 (auth_user_id, name, location, plan, network, status, created_at, updated_at)
             SELECT owner, name, location, plan, 'Default', 'PENDING', at, at
             FROM unnest($1, $2, $3, $4, $5) AS wish (owner, name, location, plan, at)
             ON CONFLICT (auth_user_id, plan) WHERE deleted_at IS NULL DO NOTHING
             RETURNING id, auth_user_id",
            )
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.owner.as_str()))
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.name.as_str()))
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.location.as_str()))
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.plan.as_str()))
            .bind::<Array<sql_types::Timestamp>, _>(column(wishes, |wish| wish.at)),
        )
        .load(pg)?;
        let ids: HashMap<_, _> = created.into_iter().map(|written| (written.auth_user_id, written.id)).collect();
        let outcome = |wish: &Self| match ids.get(&wish.owner) {
            Some(id) => Ok(Ok(*id)),
            None => Ok(Err(slot_holder(conn, &wish.owner, wish.plan)?)),
        };
        wishes.iter().map(outcome).collect()
    }
}

impl Creation {
    fn row(&self) -> NewCluster<'_> {
        NewCluster { owner: &self.owner, name: &self.name, location: &self.location, plan: self.plan }
    }
}

impl Step for Update {
    type Wish = Self;
    /// False when there is no such cluster.
    type Outcome = bool;

    fn take(conn: &mut DbConnection, wishes: &[Self]) -> QueryResult<Vec<bool>> {
        let (Some(pg), [_, _, ..]) = (dialect::postgres(conn), wishes) else {
            return wishes.iter().map(|wish| Cluster::update(conn, &wish.owner, wish.id, &wish.changes)).collect();
        };
        let updated = cached(
            sql_query(
                "UPDATE k8s_cluster_configs AS cluster
             SET name = coalesce(wish.name, cluster.name), location = coalesce(wish.location, cluster.location),
                 updated_at = wish.at
             FROM unnest($1, $2, $3, $4, $5) AS wish (id, owner, name, location, at)
             WHERE cluster.id = wish.id AND cluster.auth_user_id = wish.owner AND cluster.deleted_at IS NULL
             RETURNING cluster.id, cluster.auth_user_id",
            )
            .bind::<Array<BigInt>, _>(column(wishes, |wish| wish.id))
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.owner.as_str()))
            .bind::<Array<Nullable<Text>>, _>(column(wishes, |wish| wish.changes.name.as_deref()))
            .bind::<Array<Nullable<Text>>, _>(column(wishes, |wish| wish.changes.location.as_deref()))
            .bind::<Array<sql_types::Timestamp>, _>(column(wishes, |wish| wish.changes.updated_at)),
        )
        .load(pg)?;
        Ok(found(wishes.iter().map(|wish| (wish.id, &wish.owner)), updated))
    }
}

impl Step for Deletion {
    type Wish = Self;
    /// False when there is no such cluster.
    type Outcome = bool;

    fn take(conn: &mut DbConnection, wishes: &[Self]) -> QueryResult<Vec<bool>> {
        let (Some(pg), [_, _, ..]) = (dialect::postgres(conn), wishes) else {
            return wishes.iter().map(|wish| Cluster::soft_delete(conn, &wish.owner, wish.id, wish.at)).collect();
        };
        let deleted = cached(
            sql_query(
                "UPDATE k8s_cluster_configs AS cluster
             SET status = 'DELETED', updated_at = wish.at, deleted_at = wish.at
             FROM unnest($1, $2, $3) AS wish (id, owner, at)
             WHERE cluster.id = wish.id AND cluster.auth_user_id = wish.owner AND cluster.deleted_at IS NULL
             RETURNING cluster.id, cluster.auth_user_id",
            )
            .bind::<Array<BigInt>, _>(column(wishes, |wish| wish.id))
            .bind::<Array<Text>, _>(column(wishes, |wish| wish.owner.as_str()))
            .bind::<Array<sql_types::Timestamp>, _>(column(wishes, |wish| wish.at)),
        )
        .load(pg)?;
        Ok(found(wishes.iter().map(|wish| (wish.id, &wish.owner)), deleted))
    }
}

/// One value of each wish, as the elements of an array.
fn column<'w, W, T>(wishes: &'w [W], value: fn(&'w W) -> T) -> Vec<T> {
    wishes.iter().map(value).collect()
}

/// Whether each wish is among what was written.
fn found<'w>(wishes: impl Iterator<Item = (i64, &'w String)>, written: Vec<Written>) -> Vec<bool> {
    let written: HashSet<Written> = written.into_iter().collect();
    wishes.map(|(id, owner)| written.contains(&Written { id, auth_user_id: owner.clone() })).collect()
}
