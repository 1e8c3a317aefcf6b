//! Stripe's subscriptions: the newest state of each, whatever order its events came in.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp},
    schema::stripe_subscriptions,
};

/// A subscription. What is None is not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = stripe_subscriptions, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct StripeSubscription {
    pub id: String,
    pub stripe_customer_id: Option<String>,
    pub auth_user_id: Option<String>,
    /// Stripe's word for where the subscription is in its life.
    pub status: Option<String>,
    pub price_id: Option<String>,
    pub period_start: Option<Timestamp>,
    pub period_end: Option<Timestamp>,
    pub cancel_at_period_end: bool,
    /// The event that the state is from.
    pub event_created_at: Option<Timestamp>,
    /// Of two events of one second the one of the greater rank is the later.
    pub event_rank: i32,
    pub event_id: Option<String>,
    /// The latest period that an invoice was paid for.
    pub paid_from: Option<Timestamp>,
    pub paid_until: Option<Timestamp>,
}

impl StripeSubscription {
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(stripe_subscriptions::id.eq(id)).first(conn).optional()
    }

    /// All that a user ever had.
    pub fn of(conn: &mut DbConnection, user_id: &str) -> QueryResult<Vec<Self>> {
        Self::query().filter(stripe_subscriptions::auth_user_id.eq(user_id)).order(stripe_subscriptions::id).load(conn)
    }

    /// Gives those of a customer at Stripe that are nobody's yet to a user.
    pub fn adopt(conn: &mut DbConnection, stripe_customer_id: &str, user_id: &str) -> QueryResult<usize> {
        let orphans = stripe_subscriptions::table
            .filter(stripe_subscriptions::stripe_customer_id.eq(stripe_customer_id))
            .filter(stripe_subscriptions::auth_user_id.is_null());
        diesel::update(orphans).set(stripe_subscriptions::auth_user_id.eq(user_id)).execute(conn)
    }

    /// Writes the state of a subscription that `is_new`, or is there already.
    pub fn store(&self, conn: &mut DbConnection, is_new: bool) -> QueryResult<()> {
        match is_new {
            true => diesel::insert_into(stripe_subscriptions::table).values(self).execute(conn),
            false => diesel::update(stripe_subscriptions::table.find(&self.id)).set(self).execute(conn),
        }
        .map(drop)
    }
}
