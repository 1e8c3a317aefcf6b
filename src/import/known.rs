//! What the new database has already of the old rows of some users.

use std::collections::{HashMap, HashSet};

use crate::{
    db::DbConnection,
    error::Result,
    models::{
        old::OwnedRows,
        presence::{self, PresentCluster, PresentCustomer},
    },
};

/// A user in the new database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownUser {
    /// Not deleted.
    Live,
    /// Soft-deleted.
    Deleted,
    /// Hard-deleted: only the id is left.
    Gone,
}

/// Rows of the new database that have something in common with the old rows of some users.
#[derive(Debug, Default)]
pub struct Known {
    /// Users by id.
    pub users: HashMap<String, KnownUser>,
    /// Emails that a user has.
    pub emails: HashSet<String>,
    /// Customers by their number.
    pub customers: HashMap<i64, PresentCustomer>,
    /// The numbers of customers by their users.
    pub customer_of: HashMap<String, i64>,
    /// The numbers of customers by Stripe's id of the customer.
    pub stripe_customers: HashMap<String, i64>,
    /// The numbers of customers by Stripe's id of the subscription.
    pub subscribers: HashMap<String, i64>,
    /// Clusters by their number.
    pub clusters: HashMap<i64, PresentCluster>,
    /// Plans on which a user has a live cluster.
    pub live_plans: HashSet<(String, &'static str)>,
    /// The users of subscriptions by Stripe's id.
    pub subscriptions: HashMap<String, Option<String>>,
}

impl Known {
    /// Looks up what there is.
    ///
    /// # Errors
    /// The database's.
    pub fn look_up(conn: &mut DbConnection, owned: &[OwnedRows]) -> Result<Self> {
        let owners: Vec<&str> = owned.iter().map(|owned| owned.owner.as_str()).collect();
        let old_customers = || owned.iter().flat_map(|owned| &owned.customers);
        let old_clusters = owned.iter().flat_map(|owned| &owned.clusters);
        let emails: Vec<&str> = owned.iter().filter_map(|owned| owned.user.as_ref()?.email.as_deref()).collect();
        let customer_ids: Vec<i64> = old_customers().map(|row| row.id).collect();
        let cluster_ids: Vec<i64> = old_clusters.map(|row| row.id).collect();
        let stripe: Vec<&str> = old_customers().filter_map(|row| row.stripe_customer_id.as_deref()).collect();
        let subscriptions: Vec<&str> =
            old_customers().filter_map(|row| row.stripe_subscription_id.as_deref()).collect();

        let users = presence::users(conn, &owners)?;
        let mut known_users: HashMap<String, KnownUser> = users
            .into_iter()
            .map(|user| (user.id, if user.deleted_at.is_some() { KnownUser::Deleted } else { KnownUser::Live }))
            .collect();
        known_users.extend(presence::gone_users(conn, &owners)?.into_iter().map(|id| (id, KnownUser::Gone)));

        let owners_customers = presence::customers_of(conn, &owners)?;
        let same_stripe = presence::stripe_customers(conn, &stripe)?;
        let same_subscription = presence::subscribers(conn, &subscriptions)?;
        let live = presence::live_plans(conn, &owners)?;
        Ok(Self {
            users: known_users,
            emails: presence::emails(conn, &emails)?.into_iter().collect(),
            customers: presence::customers(conn, &customer_ids)?.into_iter().map(|row| (row.id, row)).collect(),
            customer_of: owners_customers.into_iter().map(|row| (row.owner, row.id)).collect(),
            stripe_customers: same_stripe
                .into_iter()
                .filter_map(|row| Some((row.stripe_customer_id?, row.id)))
                .collect(),
            subscribers: same_subscription
                .into_iter()
                .filter_map(|row| Some((row.stripe_subscription_id?, row.id)))
                .collect(),
            clusters: presence::clusters(conn, &cluster_ids)?.into_iter().map(|row| (row.id, row)).collect(),
            live_plans: live.into_iter().map(|(owner, plan)| (owner, plan.as_str())).collect(),
            subscriptions: presence::subscriptions(conn, &subscriptions)?.into_iter().collect(),
        })
    }
}
