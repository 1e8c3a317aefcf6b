//! Stripe customers of users that no longer exist at Stripe.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, cached::update},
    schema::gone_stripe_customers,
};

/// A Stripe customer that was deleted, or that Stripe did not know.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable)]
#[diesel(table_name = gone_stripe_customers)]
pub struct GoneStripeCustomer {
    /// Stripe's id.
    pub id: String,
    /// The user whose Stripe customer it was.
    pub auth_user_id: String,
    /// Since when it is known to be gone.
    pub gone_at: Timestamp,
}

impl GoneStripeCustomer {
    /// Those of a user, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, user_id: &str) -> QueryResult<Vec<Self>> {
        Self::query()
            .filter(gone_stripe_customers::auth_user_id.eq(user_id))
            .order((gone_stripe_customers::gone_at, gone_stripe_customers::id))
            .load(conn)
    }

    /// Records that the customer is gone. False if that was known already; the time is then the later one.
    ///
    /// # Errors
    /// The database's.
    pub fn store(&self, conn: &mut DbConnection) -> QueryResult<bool> {
        let known = Self::query().filter(gone_stripe_customers::id.eq(&self.id)).first(conn).optional()?;
        let Some(known): Option<Self> = known else {
            return diesel::insert_into(gone_stripe_customers::table).values(self).execute(conn).map(|rows| rows == 1);
        };
        let gone_at = gone_stripe_customers::gone_at.eq(known.gone_at.max(self.gone_at));
        update(gone_stripe_customers::table.find(&self.id), gone_at).execute(conn).map(|_rows| false)
    }
}
