//! Paid invoices. Triggers add them up by month.

use diesel::prelude::*;

use super::plan::Plan;
use crate::{
    db::{DbConnection, Timestamp},
    schema::payments,
};

/// A paid invoice of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Insertable)]
#[diesel(table_name = payments, treat_none_as_default_value = false)]
pub struct Payment {
    /// Stripe's id of the invoice.
    pub invoice_id: String,
    /// When it was paid, by Stripe's clock.
    pub paid_at: Timestamp,
    /// The plan that it is for.
    pub plan: Plan,
    /// In capital letters: `USD`.
    pub currency: String,
    /// In the smallest unit of the currency; more than 0.
    pub amount: i64,
}

impl Payment {
    /// Stores the payment, unless that was done before. Stripe reports each invoice by two events.
    ///
    /// # Errors
    /// The database's.
    pub fn store(&self, conn: &mut DbConnection) -> QueryResult<bool> {
        let known = payments::table.find(&self.invoice_id).select(payments::invoice_id).first::<String>(conn);
        if known.optional()?.is_some() {
            return Ok(false);
        }
        diesel::insert_into(payments::table).values(self).execute(conn).map(|rows| rows == 1)
    }
}
