//! The newest known state of each Stripe subscription, in whatever order its events arrive.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::stripe_subscriptions,
};

/// The statuses of a subscription that has ended for good.
const ENDED: [&str; 2] = ["canceled", "incomplete_expired"];

/// A subscription. A field that is None is not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, HasQuery, Insertable, AsChangeset)]
#[diesel(table_name = stripe_subscriptions, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct StripeSubscription {
    /// Stripe's id.
    pub id: String,
    /// Stripe's id of the customer.
    pub stripe_customer_id: Option<String>,
    /// Our user.
    pub auth_user_id: Option<String>,
    /// Stripe's status of the subscription, such as `active`.
    pub status: Option<String>,
    /// Stripe's id of the price.
    pub price_id: Option<String>,
    /// Start of the current period.
    pub period_start: Option<Timestamp>,
    /// End of the current period.
    pub period_end: Option<Timestamp>,
    /// Whether it ends with the current period.
    pub cancel_at_period_end: bool,
    /// When Stripe created the event that reported this state.
    pub event_created_at: Option<Timestamp>,
    /// Orders events of the same second: the one with the greater rank is later.
    pub event_rank: i32,
    /// The event that reported this state.
    pub event_id: Option<String>,
    /// Start of the latest period for which an invoice was paid.
    pub paid_from: Option<Timestamp>,
    /// End of the latest period for which an invoice was paid.
    pub paid_until: Option<Timestamp>,
}

impl StripeSubscription {
    /// The subscription with Stripe's `id`.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(stripe_subscriptions::id.eq(id)).first(conn).optional()
    }

    /// All subscriptions that a user ever had.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, user_id: &str) -> QueryResult<Vec<Self>> {
        Self::query().filter(stripe_subscriptions::auth_user_id.eq(user_id)).order(stripe_subscriptions::id).load(conn)
    }

    /// The ids of the first `limit` subscriptions after `after` that have not ended, as far as is known.
    ///
    /// # Errors
    /// The database's.
    pub fn unfinished(conn: &mut DbConnection, after: &str, limit: i64) -> QueryResult<Vec<String>> {
        let [canceled, expired] = ENDED;
        let status = stripe_subscriptions::status;
        stripe_subscriptions::table
            .filter(stripe_subscriptions::id.gt(after))
            .filter(status.is_null().or(status.ne(canceled).and(status.ne(expired))))
            .order(stripe_subscriptions::id)
            .limit(limit)
            .select(stripe_subscriptions::id)
            .load(conn)
    }

    /// Whether the subscription has ended for good.
    pub fn has_ended(&self) -> bool {
        self.status.as_deref().is_some_and(is_end)
    }

    /// Assigns the subscriptions of a Stripe customer that have no user yet to `user_id`, and returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn adopt(conn: &mut DbConnection, stripe_customer_id: &str, user_id: &str) -> QueryResult<usize> {
        let orphans = stripe_subscriptions::table
            .filter(stripe_subscriptions::stripe_customer_id.eq(stripe_customer_id))
            .filter(stripe_subscriptions::auth_user_id.is_null());
        update(orphans, stripe_subscriptions::auth_user_id.eq(user_id)).execute(conn)
    }

    /// Inserts the subscription if it `is_new`, or else updates it.
    ///
    /// # Errors
    /// The database's.
    pub fn store(&self, conn: &mut DbConnection, is_new: bool) -> QueryResult<()> {
        match is_new {
            true => diesel::insert_into(stripe_subscriptions::table).values(self).execute(conn),
            false => update(stripe_subscriptions::table.find(&self.id), self).execute(conn),
        }
        .map(drop)
    }
}

/// Whether a subscription with this status has ended for good.
pub fn is_end(status: &str) -> bool {
    ENDED.contains(&status)
}
