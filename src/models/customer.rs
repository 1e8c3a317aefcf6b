//! Customers: users with a billing record.

use std::{collections::HashMap, time::Duration};

use diesel::prelude::*;

use super::plan::Plan;
use crate::{
    db::{DbConnection, Loader, Timestamp, cached::update, constraint::Constraint},
    error::{Error, Result},
    schema::customers,
};

/// How long a subscription still counts after the end of its period (docs/API.md, "Plans").
pub(super) const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Customers that are read at a time.
const PAGE_SIZE: i64 = 500;

/// A user's billing record.
#[derive(Clone, Debug, PartialEq, Eq, HasQuery, Insertable)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
pub struct Customer {
    /// Our number of the customer.
    pub id: i64,
    /// The user.
    pub auth_user_id: String,
    /// The name on the invoices.
    pub name: Option<String>,
    /// The plan of the subscription, also after its period has ended.
    pub plan: Plan,
    /// Stripe's id of the customer.
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription that decides the plan.
    pub stripe_subscription_id: Option<String>,
    /// Stripe's id of its price.
    pub stripe_price_id: Option<String>,
    /// When the paid period ends; None on FREE.
    pub stripe_current_period_end: Option<Timestamp>,
    /// When the record was created.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// Whether the subscription ends with its period.
    pub stripe_cancel_at_period_end: bool,
}

/// The part of a customer that is derived from the user's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = customers, treat_none_as_null = true)]
pub struct Standing {
    /// The plan of the best subscription.
    pub plan: Plan,
    /// Stripe's id of the customer.
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription.
    pub stripe_subscription_id: Option<String>,
    /// Stripe's id of its price.
    pub stripe_price_id: Option<String>,
    /// When the paid period ends.
    pub stripe_current_period_end: Option<Timestamp>,
    /// Whether the subscription ends with its period.
    pub stripe_cancel_at_period_end: bool,
}

/// Loads customers by the ids of their users.
pub struct Customers;

impl Loader for Customers {
    type Rows = Customer;

    fn load(conn: &mut DbConnection, users: &[&str]) -> QueryResult<HashMap<String, Customer>> {
        let customers = match users {
            [user] => Customer::of(conn, user)?.into_iter().collect(),
            many => Customer::query().filter(customers::auth_user_id.eq_any(many)).load(conn)?,
        };
        Ok(customers.into_iter().map(|customer: Customer| (customer.auth_user_id.clone(), customer)).collect())
    }
}

impl Customer {
    /// The customer of a user, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn of(conn: &mut DbConnection, user_id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(customers::auth_user_id.eq(user_id)).first(conn).optional()
    }

    /// The first `limit` customers after the one with the number `after`.
    ///
    /// # Errors
    /// The database's.
    pub fn page(conn: &mut DbConnection, after: i64, limit: i64) -> QueryResult<Vec<Self>> {
        Self::query().filter(customers::id.gt(after)).order(customers::id).limit(limit).load(conn)
    }

    /// What `pick` takes from each customer, by number. They are read a few hundred at a time.
    ///
    /// # Errors
    /// The database's.
    pub fn pick<T>(conn: &mut DbConnection, pick: impl Fn(Self) -> Option<T>) -> QueryResult<Vec<T>> {
        let (mut picked, mut after) = (Vec::new(), 0);
        loop {
            let page = Self::page(conn, after, PAGE_SIZE)?;
            let Some(last) = page.last() else { return Ok(picked) };
            after = last.id;
            picked.extend(page.into_iter().filter_map(&pick));
        }
    }

    /// Makes a user a customer on FREE and returns the customer's id.
    ///
    /// # Errors
    /// CONFLICT when the user is a customer already; the database's.
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

    /// The current standing.
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

    /// Writes a new standing. False when the customer no longer exists.
    ///
    /// # Errors
    /// CONFLICT when the Stripe customer or subscription is that of another user; the database's.
    pub fn set_standing(&self, conn: &mut DbConnection, standing: &Standing, now: Timestamp) -> Result<bool> {
        let change = (standing, customers::updated_at.eq(now));
        Ok(update(customers::table.find(self.id), change).execute(conn).map_err(of_another_user)? == 1)
    }

    /// Stores a user's Stripe customer id, unless one is known already, and creates the customer if there is none. Returns
    /// the id of the customer, if it was changed, and the Stripe customer id that is stored now.
    ///
    /// # Errors
    /// CONFLICT when the Stripe customer is that of another user; the database's.
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
        let change = (customers::stripe_customer_id.eq(stripe_customer_id), customers::updated_at.eq(now));
        let link = update(customers::table.find(id), change);
        link.execute(conn).map_err(of_another_user)?;
        Ok((Some(id), stripe_customer_id.to_owned()))
    }

    /// Forgets a Stripe customer of a user. Returns the id of the customer, if it was changed.
    ///
    /// # Errors
    /// The database's.
    pub fn unlink(
        conn: &mut DbConnection,
        user_id: &str,
        stripe_customer_id: &str,
        now: Timestamp,
    ) -> QueryResult<Option<i64>> {
        let Some(customer) = Self::of(conn, user_id)? else { return Ok(None) };
        let change = (customers::stripe_customer_id.eq(None::<String>), customers::updated_at.eq(now));
        // A session that is created meanwhile may have replaced it.
        let same = customers::table.find(customer.id).filter(customers::stripe_customer_id.eq(stripe_customer_id));
        Ok((update(same, change).execute(conn)? == 1).then_some(customer.id))
    }

    /// The user whose Stripe customer id this is.
    ///
    /// # Errors
    /// The database's.
    pub fn user_of(conn: &mut DbConnection, stripe_customer_id: &str) -> QueryResult<Option<String>> {
        let owner = customers::table.filter(customers::stripe_customer_id.eq(stripe_customer_id));
        owner.select(customers::auth_user_id).first(conn).optional()
    }

    /// The user in whose record this subscription is.
    ///
    /// # Errors
    /// The database's.
    pub fn subscriber(conn: &mut DbConnection, stripe_subscription_id: &str) -> QueryResult<Option<String>> {
        let record = customers::table.filter(customers::stripe_subscription_id.eq(stripe_subscription_id));
        record.select(customers::auth_user_id).first(conn).optional()
    }

    /// Deletes the customer of a user. False when there is none.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_of(conn: &mut DbConnection, user_id: &str) -> QueryResult<bool> {
        Ok(diesel::delete(customers::table.filter(customers::auth_user_id.eq(user_id))).execute(conn)? == 1)
    }

    /// Whether a paid subscription is running now, the period of grace included.
    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.plan != Plan::Free && self.stripe_current_period_end.is_some_and(|end| end.plus(GRACE) > now)
    }

    /// The highest plan this customer may use now.
    pub fn allowance(&self, now: Timestamp) -> Plan {
        if self.is_paying(now) { self.plan } else { Plan::Free }
    }
}

/// A Stripe customer, and a subscription, is that of one user.
fn of_another_user(error: diesel::result::Error) -> Error {
    let message = match Constraint::violated(&error) {
        Some(Constraint::StripeCustomer) => "The Stripe customer belongs to another user.",
        Some(Constraint::StripeSubscription) => "The Stripe subscription belongs to another user.",
        _ => return error.into(),
    };
    Error::Conflict { message: message.to_owned(), conflicting_id: None }
}
