//! Which of many rows the database has already.

use diesel::prelude::*;

use super::plan::Plan;
use crate::{
    db::{DbConnection, Timestamp, native},
    schema::{customers, k8s_cluster_configs as clusters, stripe_events, stripe_subscriptions, user_tombstones, users},
};

/// Values of one statement.
const VALUES: usize = 1000;

/// A user who is there.
#[derive(Clone, Debug, Queryable)]
pub struct PresentUser {
    /// The identity provider's id of the user.
    pub id: String,
    /// When the user was soft-deleted, if they were.
    pub deleted_at: Option<Timestamp>,
}

/// A customer who is there.
#[derive(Clone, Debug, Queryable)]
pub struct PresentCustomer {
    /// Our number of the customer.
    pub id: i64,
    /// The user.
    pub owner: String,
    /// When the record was created.
    pub created_at: Timestamp,
    /// Stripe's id of the customer.
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription.
    pub stripe_subscription_id: Option<String>,
}

/// A cluster that is there.
#[derive(Clone, Debug, Queryable)]
pub struct PresentCluster {
    /// Its number.
    pub id: i64,
    /// The owner; None for the history of a user who is gone.
    pub owner: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The results of a query for each thousand of these values.
fn all<V, R>(values: &[V], mut query: impl FnMut(&[V]) -> QueryResult<Vec<R>>) -> QueryResult<Vec<R>> {
    let mut found = Vec::new();
    for values in values.chunks(VALUES) {
        found.extend(query(values)?);
    }
    Ok(found)
}

/// The users with these ids, soft-deleted ones included.
///
/// # Errors
/// The database's.
pub fn users(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<PresentUser>> {
    let columns = (users::id, users::deleted_at);
    all(ids, |ids| native!(conn, |conn| users::table.filter(users::id.eq_any(ids)).select(columns).load(conn)))
}

/// Which of these users were hard-deleted.
///
/// # Errors
/// The database's.
pub fn gone_users(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<String>> {
    use user_tombstones::{id, table};
    all(ids, |ids| native!(conn, |conn| table.filter(id.eq_any(ids)).select(id).load(conn)))
}

/// Which of these emails a user has.
///
/// # Errors
/// The database's.
pub fn emails(conn: &mut DbConnection, emails: &[&str]) -> QueryResult<Vec<String>> {
    let column = users::email.assume_not_null();
    all(emails, |emails| {
        native!(conn, |conn| users::table.filter(users::email.eq_any(emails)).select(column).load(conn))
    })
}

const CUSTOMER: (
    customers::id,
    customers::auth_user_id,
    customers::created_at,
    customers::stripe_customer_id,
    customers::stripe_subscription_id,
) = (
    customers::id,
    customers::auth_user_id,
    customers::created_at,
    customers::stripe_customer_id,
    customers::stripe_subscription_id,
);

/// The customers with these ids.
///
/// # Errors
/// The database's.
pub fn customers(conn: &mut DbConnection, ids: &[i64]) -> QueryResult<Vec<PresentCustomer>> {
    all(ids, |ids| native!(conn, |conn| customers::table.filter(customers::id.eq_any(ids)).select(CUSTOMER).load(conn)))
}

/// The customers of these users.
///
/// # Errors
/// The database's.
pub fn customers_of(conn: &mut DbConnection, owners: &[&str]) -> QueryResult<Vec<PresentCustomer>> {
    all(owners, |owners| {
        native!(conn, |conn| customers::table
            .filter(customers::auth_user_id.eq_any(owners))
            .select(CUSTOMER)
            .load(conn))
    })
}

/// The customers with these ids at Stripe.
///
/// # Errors
/// The database's.
pub fn stripe_customers(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<PresentCustomer>> {
    all(ids, |ids| {
        native!(conn, |conn| customers::table
            .filter(customers::stripe_customer_id.eq_any(ids))
            .select(CUSTOMER)
            .load(conn))
    })
}

/// The customers with these subscriptions.
///
/// # Errors
/// The database's.
pub fn subscribers(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<PresentCustomer>> {
    all(ids, |ids| {
        native!(conn, |conn| customers::table
            .filter(customers::stripe_subscription_id.eq_any(ids))
            .select(CUSTOMER)
            .load(conn))
    })
}

/// The clusters with these ids, live or deleted.
///
/// # Errors
/// The database's.
pub fn clusters(conn: &mut DbConnection, ids: &[i64]) -> QueryResult<Vec<PresentCluster>> {
    let columns = (clusters::id, clusters::auth_user_id, clusters::created_at);
    all(ids, |ids| native!(conn, |conn| clusters::table.filter(clusters::id.eq_any(ids)).select(columns).load(conn)))
}

/// Owner and plan of the live clusters of these users.
///
/// # Errors
/// The database's.
pub fn live_plans(conn: &mut DbConnection, owners: &[&str]) -> QueryResult<Vec<(String, Plan)>> {
    let columns = (clusters::auth_user_id.assume_not_null(), clusters::plan);
    all(owners, |owners| {
        let live = clusters::table.filter(clusters::deleted_at.is_null());
        native!(conn, |conn| live.filter(clusters::auth_user_id.eq_any(owners)).select(columns).load(conn))
    })
}

/// Id and user of the subscriptions with these ids.
///
/// # Errors
/// The database's.
pub fn subscriptions(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<(String, Option<String>)>> {
    use stripe_subscriptions::{auth_user_id, id, table};
    all(ids, |ids| native!(conn, |conn| table.filter(id.eq_any(ids)).select((id, auth_user_id)).load(conn)))
}

/// Which of these events of Stripe are there.
///
/// # Errors
/// The database's.
pub fn events(conn: &mut DbConnection, ids: &[&str]) -> QueryResult<Vec<String>> {
    use stripe_events::{id, table};
    all(ids, |ids| native!(conn, |conn| table.filter(id.eq_any(ids)).select(id).load(conn)))
}
