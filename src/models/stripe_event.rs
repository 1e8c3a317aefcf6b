//! Events received from Stripe. A row is written in the same transaction as the event's effect.

use diesel::prelude::*;

use super::page::{COUNTED, Listed, Order, Position, Total};
use crate::{
    db::{DbConnection, Timestamp, cached::update, counted::counted, native},
    schema::stripe_events,
};

/// Characters of an error that are stored at most.
const ERROR: usize = 1000;

/// A received event.
#[derive(Clone, Debug, HasQuery, Insertable)]
#[diesel(table_name = stripe_events, treat_none_as_default_value = false)]
pub struct StripeEvent {
    /// Stripe's id.
    pub id: String,
    /// Stripe's type of the event, such as `invoice.paid`.
    pub kind: String,
    /// When Stripe created it, by Stripe's clock.
    pub created_at: Timestamp,
    /// When it arrived here first.
    pub received_at: Timestamp,
    /// When it was handled; None after a failure.
    pub processed_at: Option<Timestamp>,
    /// How often handling it was attempted.
    pub attempts: i32,
    /// Why it failed, or why it had no effect.
    pub error: Option<String>,
    /// The event as received: JSON text.
    pub payload: String,
}

/// An event that is being handled.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// Stripe's id.
    pub id: &'a str,
    /// Stripe's type of the event.
    pub kind: &'a str,
    /// When Stripe created it, by Stripe's clock.
    pub created_at: Timestamp,
    /// The event as received: JSON text.
    pub payload: &'a str,
}

/// Filters on the list of events.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only those that failed.
    pub failed: bool,
}

impl StripeEvent {
    /// The event with Stripe's `id`.
    ///
    /// # Errors
    /// The database's.
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(stripe_events::id.eq(id)).first(conn).optional()
    }

    /// The first `limit` matching events after a position, in the order of their arrival.
    ///
    /// # Errors
    /// The database's.
    pub fn page(
        conn: &mut DbConnection,
        filter: &EventFilter,
        order: Order,
        after: Option<&Position<String>>,
        limit: i64,
    ) -> QueryResult<Vec<Self>> {
        let (received, event) = (stripe_events::received_at, stripe_events::id);
        let mut query = Self::query().limit(limit).into_boxed();
        if filter.failed {
            query = query.filter(stripe_events::processed_at.is_null());
        }
        if let Some(Position { at, id }) = after.cloned() {
            query = match order {
                Order::Ascending => query.filter(received.ge(at)).filter(received.gt(at).or(event.gt(id))),
                Order::Descending => query.filter(received.le(at)).filter(received.lt(at).or(event.lt(id))),
            };
        }
        match order {
            Order::Ascending => query.order((received, event)).load(conn),
            Order::Descending => query.order((received.desc(), event.desc())).load(conn),
        }
    }

    /// How many events match.
    ///
    /// # Errors
    /// The database's.
    pub fn total(conn: &mut DbConnection, filter: &EventFilter) -> QueryResult<Total> {
        let mut rows = stripe_events::table.select(stripe_events::id).limit(COUNTED + 1).into_boxed();
        if filter.failed {
            rows = rows.filter(stripe_events::processed_at.is_null());
        }
        let rows = rows.order((stripe_events::received_at.desc(), stripe_events::id.desc()));
        counted(rows).get_result(conn).map(Total::bounded)
    }

    /// The ids of failed events, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn failed(conn: &mut DbConnection) -> QueryResult<Vec<String>> {
        stripe_events::table
            .filter(stripe_events::processed_at.is_null())
            .order((stripe_events::received_at, stripe_events::id))
            .select(stripe_events::id)
            .load(conn)
    }

    /// How many events failed and wait for a replay.
    ///
    /// # Errors
    /// The database's.
    pub fn count_failed(conn: &mut DbConnection) -> QueryResult<i64> {
        stripe_events::table.filter(stripe_events::processed_at.is_null()).count().get_result(conn)
    }

    /// How many events were handled before a time.
    ///
    /// # Errors
    /// The database's.
    pub fn count_old(conn: &mut DbConnection, before: Timestamp) -> QueryResult<i64> {
        stripe_events::table.filter(stripe_events::processed_at.lt(before)).count().get_result(conn)
    }

    /// Deletes at most `limit` events that were handled before a time, and returns how many. Failed ones stay.
    ///
    /// # Errors
    /// The database's.
    pub fn purge(conn: &mut DbConnection, before: Timestamp, limit: i64) -> QueryResult<usize> {
        let old = stripe_events::table.filter(stripe_events::processed_at.lt(before));
        let ids: Vec<String> =
            old.select(stripe_events::id).order(stripe_events::processed_at).limit(limit).load(conn)?;
        let rows = old.filter(stripe_events::id.eq_any(ids));
        native!(conn, |conn| diesel::delete(rows).execute(conn))
    }
}

impl Receipt<'_> {
    /// Records the outcome of one more attempt to handle the event. `known` is its row, if there is one. `reason` says why
    /// the attempt `failed`, or why it had no effect.
    ///
    /// # Errors
    /// The database's.
    pub fn note(
        &self,
        conn: &mut DbConnection,
        known: Option<&StripeEvent>,
        failed: bool,
        reason: Option<&str>,
        now: Timestamp,
    ) -> QueryResult<()> {
        let error: Option<String> = reason.map(|reason| reason.chars().take(ERROR).collect());
        let processed_at = (!failed).then_some(now);
        let outcome = (stripe_events::processed_at.eq(processed_at), stripe_events::error.eq(error));
        match known {
            Some(known) => {
                let attempts = stripe_events::attempts.eq(known.attempts.saturating_add(1));
                update(stripe_events::table.find(&known.id), (outcome, attempts)).execute(conn)
            }
            None => diesel::insert_into(stripe_events::table)
                .values((
                    stripe_events::id.eq(self.id),
                    stripe_events::kind.eq(self.kind),
                    stripe_events::created_at.eq(self.created_at),
                    stripe_events::received_at.eq(now),
                    outcome,
                    stripe_events::attempts.eq(1),
                    stripe_events::payload.eq(self.payload),
                ))
                .execute(conn),
        }
        .map(drop)
    }
}

impl Listed for StripeEvent {
    type Id = String;

    fn position(&self) -> Position<String> {
        Position { at: self.received_at, id: self.id.clone() }
    }
}
