//! `clusterdesk webhooks list|replay|reconcile|customers|purge`: the events that Stripe has sent.

use std::io::{IsTerminal, stdout};

use anyhow::{Result, ensure};
use clusterdesk::{
    config::{Age, DataSettings, StripeSettings},
    db::Timestamp,
    error::Error,
    models::{
        page::{Order, Position},
        stripe_event::{EventFilter, StripeEvent},
    },
    retention::{Kind, Purge},
    stripe::{
        Stripe,
        inbox::{self, EventOutcome},
    },
};
use serde::Serialize;
use uuid::Uuid;

use super::{
    audit::{self, Change},
    data,
    progress::Progress,
    purge::{operator, work},
    reconcile,
    report::{self, Rows},
    stripe_customers,
};
use crate::cli::{Effect, Webhooks};

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 500;

/// Runs the subcommand.
///
/// # Errors
/// An event could not be processed, or the database failed.
pub fn run(command: &Webhooks) -> Result<()> {
    match command {
        Webhooks::List { failed, output, data } => list(data, *failed, output.json),
        Webhooks::Replay { ids, effect, stripe, data } => replay(data, stripe, ids, *effect),
        Webhooks::Reconcile { json, dry_run, stripe, data } => {
            let options = reconcile::Options { json: *json, dry_run: *dry_run };
            reconcile::run(data, stripe, options)
        }
        Webhooks::Customers { mend, effect, stripe, data } => {
            stripe_customers::run(data, stripe, stripe_customers::Options { mend: *mend, effect: *effect })
        }
        Webhooks::Purge { kept, effect, data } => purge(data, kept.retention_webhooks, *effect),
    }
}

/// An event in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'e> {
    id: &'e str,
    #[serde(rename = "type")]
    kind: &'e str,
    received_at: Timestamp,
    processed_at: Option<Timestamp>,
    attempts: i32,
    /// Why it has no effect, if so.
    error: Option<&'e str>,
}

fn list(settings: &DataSettings, failed: bool, json: bool) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let header = format!("{:24}  {:30}  {:40}  {:8}  OUTCOME", "RECEIVED", "ID", "TYPE", "ATTEMPTS");
    let mut rows = Rows::new(json, header)?;
    let mut after = None;
    loop {
        let page = StripeEvent::page(&mut conn, &EventFilter { failed }, Order::Descending, after.as_ref(), PAGE_SIZE)?;
        for event in &page {
            let StripeEvent { id, kind, received_at, processed_at, attempts, error, .. } = event;
            let (received, outcome) = (received_at.to_string(), error.as_deref().unwrap_or("processed"));
            let text = format!("{received:24}  {id:30}  {kind:40}  {attempts:8}  {outcome}");
            let (received_at, processed_at, error) = (*received_at, *processed_at, error.as_deref());
            rows.add(&Row { id, kind, received_at, processed_at, attempts: *attempts, error }, text)?;
        }
        let Some(last) = page.last() else { return rows.end() };
        after = Some(Position { at: last.received_at, id: last.id.clone() });
    }
}

/// What became of an event.
#[derive(Serialize)]
struct Replayed<'e> {
    id: &'e str,
    outcome: &'static str,
    reason: Option<&'e str>,
}

fn replay(
    settings: &DataSettings,
    stripe: &StripeSettings,
    ids: &[String],
    Effect { dry_run, json }: Effect,
) -> Result<()> {
    let (mut conn, stripe) = (data::connect(settings)?, Stripe::new(stripe, None)?);
    let ids = if ids.is_empty() { StripeEvent::failed(&mut conn)? } else { ids.to_vec() };
    let header = if ids.is_empty() {
        "no event has failed"
    } else if dry_run {
        "nothing is changed:"
    } else {
        ""
    };
    // On a terminal the rows that appear say how far it is.
    let mut progress =
        if stdout().is_terminal() { None } else { Progress::of_many("events", u64::try_from(ids.len())?) };
    let (mut rows, mut failed) = (Rows::new(json, header)?, 0_usize);
    for id in &ids {
        let request_id = Uuid::new_v4().to_string();
        let outcome = data::change(&mut conn, dry_run, |conn| {
            let outcome = inbox::replay(conn, &stripe, id, &request_id, Timestamp::now())?;
            if outcome != EventOutcome::Duplicate {
                let change = Change { action: "webhooks.replay", entity: "stripe_event", entity_id: id, detail: "{}" };
                audit::record(conn, &change)?;
            }
            Ok(outcome)
        });
        // The others are replayed all the same.
        let outcome = outcome.unwrap_or_else(|error| EventOutcome::Failed(format!("{error:#}")));
        let text = match &outcome {
            EventOutcome::Processed => format!("{id}: processed"),
            EventOutcome::Double(why) => format!("{id}: processed, but {why}"),
            EventOutcome::Ignored(why) => format!("{id}: ignored: {why}"),
            EventOutcome::Duplicate => format!("{id}: had been processed before"),
            EventOutcome::Failed(why) | EventOutcome::Conflict(why) => format!("{id}: FAILED: {why}"),
        };
        failed += usize::from(outcome.is_open());
        rows.add(&Replayed { id, outcome: outcome.as_str(), reason: outcome.reason() }, text)?;
        progress.iter_mut().for_each(|progress| progress.add(1));
    }
    drop(progress);
    rows.end()?;
    ensure!(failed == 0, "{failed} of {} events failed again", ids.len());
    Ok(())
}

/// How many events were removed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    dry_run: bool,
    before: Timestamp,
    removed: u64,
}

fn purge(settings: &DataSettings, age: Age, Effect { dry_run, json }: Effect) -> Result<()> {
    let mut conn = data::connect(settings)?;
    let before = Timestamp::now().minus(age.duration());
    let mut purge = Purge::find(&mut conn, Kind::Webhooks, before).map_err(Error::into_detail)?;
    if !dry_run {
        let mut progress = Progress::of_many("events removed", purge.found.unwrap_or_default());
        work(&mut conn, &mut purge, &operator(), |rows| progress.iter_mut().for_each(|progress| progress.add(rows)))?;
    }
    let (done, removed) = match dry_run {
        true => ("would remove", purge.found.unwrap_or_default()),
        false => ("removed", purge.removed),
    };
    report::print(json, &Removed { dry_run, before, removed }, format!("{done} {removed} events\n"))
}
