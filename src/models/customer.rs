//! Customers: what a user pays for.

use std::time::Duration;

use diesel::{dsl::sql, prelude::*, sql_types::Bool};

use super::plan::Plan;
use crate::{
    db::{DbConnection, Timestamp, constraint::Constraint},
    error::{Error, Result},
    schema::customers,
};

/// How long a subscription still counts after its period has ended (contract §2).
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = customers)]
pub struct Customer {
    pub id: i64,
    pub auth_user_id: String,
    pub name: Option<String>,
    pub plan: Plan,
    pub stripe_customer_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_price_id: Option<String>,
    pub stripe_current_period_end: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Whether the subscription ends with its period.
    pub stripe_cancel_at_period_end: bool,
}

/// What a user's subscriptions come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = customers, treat_none_as_null = true)]
pub struct Standing {
    pub plan: Plan,
    pub stripe_customer_id: Option<String>,
    pub stripe_subscription_id: Option<String>,
    pub stripe_price_id: Option<String>,
    pub stripe_current_period_end: Option<Timestamp>,
    pub stripe_cancel_at_period_end: bool,
}

impl Customer {
    pub fn of(conn: &mut DbConnection, user_id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(customers::auth_user_id.eq(user_id)).first(conn).optional()
    }

    /// Makes a user a customer on FREE.
    ///
    /// # Errors
    /// CONFLICT when they are one already.
    pub fn create(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> Result<i64> {
        let row = (
            customers::auth_user_id.eq(user_id),
            customers::plan.eq(Plan::Free),
            customers::created_at.eq(now),
            customers::updated_at.eq(now),
        );
        let inserted = conn.transaction(|conn| {
            diesel::insert_into(customers::table).values(row).returning(customers::id).get_result(conn)
        });
        match inserted {
            Err(error) if Constraint::violated(&error) == Some(Constraint::CustomerUser) => {
                let id = customers::table.filter(customers::auth_user_id.eq(user_id)).select(customers::id);
                Err(Error::Conflict {
                    message: "This user is a customer already.".to_owned(),
                    conflicting_id: id.first(conn).optional()?,
                })
            }
            other => Ok(other?),
        }
    }

    pub fn standing(&self) -> Standing {
        Standing {
            plan: self.plan,
            stripe_customer_id: self.stripe_customer_id.clone(),
            stripe_subscription_id: self.stripe_subscription_id.clone(),
            stripe_price_id: self.stripe_price_id.clone(),
            stripe_current_period_end: self.stripe_current_period_end,
            stripe_cancel_at_period_end: self.stripe_cancel_at_period_end,
        }
    }

    pub fn set_standing(&self, conn: &mut DbConnection, standing: &Standing, now: Timestamp) -> QueryResult<usize> {
        diesel::update(customers::table.find(self.id)).set((standing, customers::updated_at.eq(now))).execute(conn)
    }

    /// Keeps who a user is at Stripe, unless that is known already. Makes them a customer if need be. Gives back the
    /// row's id, if it has changed, and who they are at Stripe.
    ///
    /// # Errors
    /// The database's.
    pub fn link(
        conn: &mut DbConnection,
        user_id: &str,
        stripe_customer_id: &str,
        now: Timestamp,
    ) -> Result<(Option<i64>, String)> {
        let customer = Self::of(conn, user_id)?;
        if let Some(known) = customer.as_ref().and_then(|customer| customer.stripe_customer_id.clone()) {
            return Ok((None, known));
        }
        let id = match customer {
            Some(customer) => customer.id,
            None => Self::create(conn, user_id, now)?,
        };
        diesel::update(customers::table.find(id))
            .set((customers::stripe_customer_id.eq(stripe_customer_id), customers::updated_at.eq(now)))
            .execute(conn)?;
        Ok((Some(id), stripe_customer_id.to_owned()))
    }

    /// Whose customer at Stripe this is.
    pub fn user_of(conn: &mut DbConnection, stripe_customer_id: &str) -> QueryResult<Option<String>> {
        let owner = customers::table.filter(customers::stripe_customer_id.eq(stripe_customer_id));
        owner.select(customers::auth_user_id).first(conn).optional()
    }

    pub fn delete_of(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
        diesel::delete(customers::table.filter(customers::auth_user_id.eq(user_id))).execute(conn)
    }

    /// Whether a paid subscription is running now, the grace included.
    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.plan != Plan::Free && self.stripe_current_period_end.is_some_and(|end| end.plus(GRACE) > now)
    }

    /// The highest plan this customer may use now.
    pub fn allowance(&self, now: Timestamp) -> Plan {
        if self.is_paying(now) { self.plan } else { Plan::Free }
    }
}

/// How many customers have a running subscription.
pub fn count_paying(conn: &mut DbConnection, now: Timestamp) -> QueryResult<i64> {
    customers::table
        // Spelled out: a bound value would hide the partial index from the planner.
        .filter(sql::<Bool>("plan <> 'FREE'"))
        .filter(customers::stripe_current_period_end.gt(now.minus(GRACE)))
        .count()
        .get_result(conn)
}
