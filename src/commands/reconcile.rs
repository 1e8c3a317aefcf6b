//! `clusterdesk webhooks reconcile`: asks Stripe for the events that were missed and for the state of every known
//! subscription, and applies them through the inbox of the webhook.

mod report;

use std::time::Duration;

use anyhow::Result;
use clusterdesk::{
    config::{DataSettings, StripeSettings},
    db::{DbConnection, Timestamp, transaction},
    error::Error,
    models::{customer::Customer, stripe_subscription::StripeSubscription},
    stripe::{
        Event, Stripe,
        inbox::{self, EventOutcome},
        reconcile::{self, Reconciled},
    },
};
use serde::Deserialize;
use uuid::Uuid;

use self::report::Report;
use super::{
    audit::{self, Change},
    data,
    patience::{deadline, is_away, patiently},
    progress::Progress,
};

/// How long ago the oldest event is. Stripe keeps events for 30 days.
const PAST: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Rows that are read at a time.
const PAGE_SIZE: i64 = 500;

/// What the command line says.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Print the result as JSON.
    pub json: bool,
    /// Change nothing.
    pub dry_run: bool,
}

struct Reconciliation {
    conn: DbConnection,
    stripe: Stripe,
    request_id: String,
    dry_run: bool,
    /// Stripe did not answer for so long that it is not asked any more.
    is_out_of_reach: bool,
    report: Report,
}

/// Runs the command.
///
/// # Errors
/// Something could not be asked for or applied; the rest was.
pub fn run(settings: &DataSettings, stripe: &StripeSettings, options: Options) -> Result<()> {
    let stripe = Stripe::new(stripe, None)?;
    stripe.client()?;
    let (conn, request_id) = (data::connect(settings)?, Uuid::new_v4().to_string());
    let (dry_run, report) = (options.dry_run, Report::new(options.dry_run));
    let mut work = Reconciliation { conn, stripe, request_id, dry_run, is_out_of_reach: false, report };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        work.events().await?;
        work.subscriptions().await
    })?;
    work.record()?;
    work.report.print(options.json)
}

/// The id of an event that can't be read otherwise.
#[derive(Deserialize)]
struct Id {
    id: String,
}

impl Reconciliation {
    /// Applies the events of the last 30 days. The inbox gives the same result in any order.
    async fn events(&mut self) -> Result<()> {
        let since = Timestamp::now().minus(PAST);
        let mut progress = Progress::new("events", None);
        let mut after: Option<String> = None;
        loop {
            let client = self.stripe.client()?;
            let page = match patiently(async || client.events(since, after.as_deref(), deadline()).await).await {
                Ok(page) => page,
                Err(error) => {
                    self.is_out_of_reach = is_away(&error);
                    self.report.fail("events", &error);
                    break;
                }
            };
            for event in &page.data {
                self.event(event.get());
                progress.add(1);
            }
            let last = page.data.last().filter(|_| page.has_more);
            let Some(last) = last.and_then(|last| serde_json::from_str::<Id>(last.get()).ok()) else { break };
            after = Some(last.id);
        }
        Ok(())
    }

    fn event(&mut self, text: &str) {
        let event = match Event::read(text.as_bytes()) {
            Ok(event) => event,
            Err(error) => return self.report.fail("an event", &error),
        };
        let (stripe, request_id) = (&self.stripe, &self.request_id);
        let receive = |conn: &mut DbConnection| inbox::receive(conn, stripe, &event, request_id, Timestamp::now());
        match in_transaction(&mut self.conn, self.dry_run, receive) {
            Ok(EventOutcome::Duplicate) => self.report.events.known += 1,
            Ok(EventOutcome::Processed | EventOutcome::Ignored(_)) => self.report.events.new += 1,
            Ok(EventOutcome::Double(why)) => {
                self.report.events.new += 1;
                self.report.add(&event.id, why);
            }
            Ok(EventOutcome::Failed(why) | EventOutcome::Conflict(why)) => self.report.fail_event(&event.id, why),
            Err(error) => self.report.fail_event(&event.id, error.detail()),
        }
    }

    async fn subscriptions(&mut self) -> Result<()> {
        let ids = known_subscriptions(&mut self.conn)?;
        let mut progress = Progress::new("subscriptions", u64::try_from(ids.len()).ok());
        for id in &ids {
            self.subscription(id).await?;
            progress.add(1);
        }
        Ok(())
    }

    async fn subscription(&mut self, id: &str) -> Result<()> {
        if self.is_out_of_reach {
            self.report.fail_subscription(id, "Stripe was not asked, because it is out of reach".to_owned());
            return Ok(());
        }
        let client = self.stripe.client()?;
        let retrieved = match patiently(async || client.retrieve("subscriptions", id, deadline()).await).await {
            Ok(retrieved) => retrieved,
            Err(Error::NotAtStripe { .. }) => {
                self.report.gone(id);
                return Ok(());
            }
            Err(error) => {
                self.is_out_of_reach = is_away(&error);
                self.report.fail_subscription(id, error.detail());
                return Ok(());
            }
        };
        let (stripe, request_id) = (&self.stripe, &self.request_id);
        let apply = |conn: &mut DbConnection| reconcile::apply(conn, stripe, &retrieved, request_id);
        match in_transaction(&mut self.conn, self.dry_run, apply) {
            Ok(Reconciled::Changed) => self.report.subscriptions.changed += 1,
            Ok(Reconciled::Double(why)) => {
                self.report.subscriptions.changed += 1;
                self.report.add(id, why);
            }
            Ok(Reconciled::Unchanged) => self.report.subscriptions.unchanged += 1,
            Ok(Reconciled::Ignored(why)) => self.report.ignore_subscription(id, &why),
            Ok(Reconciled::Failed(why)) => self.report.fail_subscription(id, why),
            Err(error) => self.report.fail_subscription(id, error.detail()),
        }
        Ok(())
    }

    /// Writes what was done to the audit log, if anything was.
    fn record(&mut self) -> Result<()> {
        if self.dry_run || !self.report.has_changes() {
            return Ok(());
        }
        let detail = self.report.counts().to_string();
        let change =
            Change { action: "webhooks.reconcile", entity: "stripe_account", entity_id: "stripe", detail: &detail };
        let recorded = transaction::write(&mut self.conn, |conn| Ok(audit::record(conn, &change)?));
        recorded.map_err(Error::into_detail)
    }
}

/// The subscriptions that may have changed: those that have not ended, and those of customers that have no row.
fn known_subscriptions(conn: &mut DbConnection) -> Result<Vec<String>> {
    let mut ids: Vec<String> = Vec::new();
    loop {
        let page = StripeSubscription::unfinished(conn, ids.last().map_or("", String::as_str), PAGE_SIZE)?;
        if page.is_empty() {
            break;
        }
        ids.extend(page);
    }
    for id in Customer::pick(conn, |customer| customer.stripe_subscription_id)? {
        if StripeSubscription::find(conn, &id)?.is_none() {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn in_transaction<T>(
    conn: &mut DbConnection,
    dry_run: bool,
    work: impl FnOnce(&mut DbConnection) -> clusterdesk::error::Result<T>,
) -> clusterdesk::error::Result<T> {
    if dry_run { transaction::rehearse(conn, work) } else { transaction::write(conn, work) }
}
