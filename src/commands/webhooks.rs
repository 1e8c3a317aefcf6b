//! `clusterdesk webhooks list|replay|purge`: the events that Stripe has sent.

use std::io::{Write, stdout};

use anyhow::{Result, ensure};
use clusterdesk::{
    config::{DataSettings, StripeSettings},
    db::{Timestamp, transaction},
    models::{
        page::Position,
        stripe_event::{EventFilter, StripeEvent},
    },
    stripe::{
        Stripe,
        inbox::{self, EventOutcome},
    },
};
use uuid::Uuid;

use super::{
    audit::{self, Change},
    data,
};
use crate::cli::Webhooks;

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 500;

/// Runs the subcommand.
///
/// # Errors
/// An event could not be processed, or the database failed.
pub fn run(command: &Webhooks) -> Result<()> {
    match command {
        Webhooks::List { failed, data } => list(data, *failed),
        Webhooks::Replay { ids, stripe, data } => replay(data, stripe, ids),
        Webhooks::Purge { data } => purge(data),
    }
}

fn list(settings: &DataSettings, failed: bool) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let mut out = stdout().lock();
    let mut after = None;
    loop {
        let page = StripeEvent::page(&mut conn, &EventFilter { failed }, after.as_ref(), PAGE_SIZE)?;
        for event in &page {
            let outcome = event.error.as_deref().unwrap_or("processed");
            writeln!(
                out,
                "{}  {}  {}  attempts {}  {outcome}",
                event.received_at, event.id, event.kind, event.attempts
            )?;
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(Position { at: last.received_at, id: last.id.clone() });
    }
}

fn replay(settings: &DataSettings, stripe: &StripeSettings, ids: &[String]) -> Result<()> {
    let (mut conn, stripe) = (data::connect(settings)?, Stripe::new(stripe, None)?);
    let ids = if ids.is_empty() { StripeEvent::failed(&mut conn)? } else { ids.to_vec() };
    let mut failed = 0;
    for id in &ids {
        let request_id = Uuid::new_v4().to_string();
        let outcome = transaction::write(&mut conn, |conn| {
            let outcome = inbox::replay(conn, &stripe, id, &request_id, Timestamp::now())?;
            if outcome != EventOutcome::Duplicate {
                let change = Change { action: "webhooks.replay", entity: "stripe_event", entity_id: id, detail: "{}" };
                audit::record(conn, &change)?;
            }
            Ok(outcome)
        });
        match outcome.map_err(data::detailed)? {
            EventOutcome::Processed => println!("{id}: processed"),
            EventOutcome::Ignored(why) => println!("{id}: ignored: {why}"),
            EventOutcome::Duplicate => println!("{id}: had been processed before"),
            EventOutcome::Failed(why) | EventOutcome::Conflict(why) => {
                println!("{id}: FAILED: {why}");
                failed += 1;
            }
        }
    }
    ensure!(failed == 0, "{failed} of {} events failed again", ids.len());
    Ok(())
}

fn purge(settings: &DataSettings) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let removed = StripeEvent::purge(&mut conn, inbox::oldest_kept(Timestamp::now()))?;
    println!("removed {removed} events");
    Ok(())
}
