//! What Stripe has told us. A row is written in the transaction of the event's effect.

use diesel::prelude::*;

use super::page::Position;
use crate::{
    db::{DbConnection, Timestamp},
    error::Result,
    schema::stripe_events,
};

/// Characters of an error that are kept.
const ERROR: usize = 1000;

#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = stripe_events)]
pub struct StripeEvent {
    pub id: String,
    pub kind: String,
    /// Stripe's clock.
    pub created_at: Timestamp,
    pub received_at: Timestamp,
    /// None while an error keeps it from having its effect.
    pub processed_at: Option<Timestamp>,
    pub attempts: i32,
    pub error: Option<String>,
    /// The event as it came: JSON text.
    pub payload: String,
}

/// An event that is being handled.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub created_at: Timestamp,
    pub payload: &'a str,
}

/// What an admin may narrow the list of events by.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only those that wait for another try.
    pub failed: bool,
}

impl StripeEvent {
    pub fn find(conn: &mut DbConnection, id: &str) -> QueryResult<Option<Self>> {
        Self::query().filter(stripe_events::id.eq(id)).first(conn).optional()
    }

    /// Newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn page(
        conn: &mut DbConnection,
        filter: &EventFilter,
        after: Option<&Position>,
        limit: i64,
    ) -> Result<Vec<Self>> {
        let mut query = Self::query()
            .order((stripe_events::received_at.desc(), stripe_events::id.desc()))
            .limit(limit)
            .into_boxed();
        if filter.failed {
            query = query.filter(stripe_events::processed_at.is_null());
        }
        if let Some(Position { at, id }) = after {
            query = query
                .filter(stripe_events::received_at.le(*at))
                .filter(stripe_events::received_at.lt(*at).or(stripe_events::id.lt(id.clone())));
        }
        Ok(query.load(conn)?)
    }

    /// Ids of the events that wait for another try, oldest first.
    pub fn failed(conn: &mut DbConnection) -> QueryResult<Vec<String>> {
        stripe_events::table
            .filter(stripe_events::processed_at.is_null())
            .order((stripe_events::received_at, stripe_events::id))
            .select(stripe_events::id)
            .load(conn)
    }

    /// Removes events that were handled before a moment. Those that failed stay.
    pub fn purge(conn: &mut DbConnection, before: Timestamp) -> QueryResult<usize> {
        diesel::delete(stripe_events::table.filter(stripe_events::processed_at.lt(before))).execute(conn)
    }
}

impl Receipt<'_> {
    /// Notes how one more try at the event ended: `known` is its row, if there is one. `reason` says why it `failed`, or why
    /// nothing came of it.
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
            Some(known) => diesel::update(stripe_events::table.find(&known.id))
                .set((outcome, stripe_events::attempts.eq(known.attempts.saturating_add(1))))
                .execute(conn),
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
