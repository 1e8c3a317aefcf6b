//! Inserts many rows whose ids and times are known, with one statement for a few hundred.

use diesel::prelude::*;

use super::{
    audit::NewAuditEntry, cluster_event::NewClusterEvent, customer::Customer, k8s::ClusterRow, payment::Payment,
    stripe_event::StripeEvent, stripe_subscription::StripeSubscription, user::Role,
};
use crate::{
    db::{DbConnection, Timestamp, native},
    schema::{
        audit_log, cluster_events, customers, k8s_cluster_configs as clusters, payments, stripe_events,
        stripe_subscriptions, users,
    },
};

/// Rows of one statement. With at most 13 columns they have fewer values than either database accepts.
const ROWS: usize = 500;

/// A user with all columns.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct WholeUser {
    /// The identity provider's id of the user.
    pub id: String,
    /// What the user is called.
    pub name: Option<String>,
    /// Unique among users.
    pub email: Option<String>,
    /// The URL of a picture.
    pub image: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// When the user signed in first.
    pub created_at: Timestamp,
    /// When the row was last changed.
    pub updated_at: Timestamp,
    /// When the user was soft-deleted, if they were.
    pub deleted_at: Option<Timestamp>,
}

/// Inserts users.
///
/// # Errors
/// The database's.
pub fn insert_users(conn: &mut DbConnection, rows: &[WholeUser]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(users::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts customers.
///
/// # Errors
/// The database's.
pub fn insert_customers(conn: &mut DbConnection, rows: &[Customer]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(customers::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts clusters.
///
/// # Errors
/// The database's.
pub fn insert_clusters(conn: &mut DbConnection, rows: &[ClusterRow]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(clusters::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts subscriptions.
///
/// # Errors
/// The database's.
pub fn insert_subscriptions(conn: &mut DbConnection, rows: &[StripeSubscription]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(stripe_subscriptions::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts Stripe's events.
///
/// # Errors
/// The database's.
pub fn insert_events(conn: &mut DbConnection, rows: &[StripeEvent]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(stripe_events::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts paid invoices, which triggers add up.
///
/// # Errors
/// The database's.
pub fn insert_payments(conn: &mut DbConnection, rows: &[Payment]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(payments::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts audit entries.
///
/// # Errors
/// The database's.
pub fn insert_audit(conn: &mut DbConnection, rows: &[NewAuditEntry]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(audit_log::table).values(rows).execute(conn)).map(drop)
    })
}

/// Inserts events of clusters, whose triggers must be off. The lock of events must be held.
///
/// # Errors
/// The database's.
pub fn insert_cluster_events(conn: &mut DbConnection, rows: &[NewClusterEvent]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| {
        native!(conn, |conn| diesel::insert_into(cluster_events::table).values(rows).execute(conn)).map(drop)
    })
}
