//! `clusterdesk webhooks customers`: the Stripe customers of users that are gone at Stripe.

use std::io::Write;

use anyhow::{Result, ensure};
use clusterdesk::{
    config::{DataSettings, StripeSettings},
    db::{DbConnection, Timestamp},
    error::Error,
    models::{customer::Customer, gone_stripe_customer::GoneStripeCustomer},
    stripe::{Stripe, StripeClient},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    audit::{self, Change},
    data,
    patience::{deadline, is_away, patiently},
    progress::Progress,
    report,
};
use crate::cli::Effect;

/// What the command line says.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Forget those that are gone.
    pub mend: bool,
    /// Whether to change nothing, and what to print.
    pub effect: Effect,
}

/// A Stripe customer of a user.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(skip)]
    id: i64,
    user_id: String,
    stripe_customer_id: String,
}

/// Why a Stripe customer could not be checked.
#[derive(Debug, Serialize)]
struct Problem {
    id: String,
    problem: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    dry_run: bool,
    /// Those that Stripe was asked for.
    checked: usize,
    gone: Vec<Kept>,
    mended: usize,
    failed: usize,
    problems: Vec<Problem>,
}

impl Found {
    fn fail(&mut self, id: String, why: &str) {
        self.failed += 1;
        self.problems.push(Problem { id, problem: format!("FAILED: {why}") });
    }
}

/// Runs the command.
///
/// # Errors
/// A customer could not be asked for, or the database failed.
pub fn run(settings: &DataSettings, stripe: &StripeSettings, options: Options) -> Result<()> {
    let stripe = Stripe::new(stripe, None)?;
    let (client, mut conn) = (stripe.client()?, data::connect(settings)?);
    let kept = kept(&mut conn)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = Found { dry_run: options.effect.dry_run, ..Found::default() };
    let mut found = runtime.block_on(check(client, kept, found));
    if options.mend {
        for gone in &found.gone {
            found.mended += usize::from(mend(&mut conn, found.dry_run, gone)?);
        }
    }
    print(&found, options.effect.json)?;
    ensure!(found.failed == 0, "{} could not be checked", found.failed);
    Ok(())
}

fn kept(conn: &mut DbConnection) -> Result<Vec<Kept>> {
    let kept = Customer::pick(conn, |Customer { id, auth_user_id, stripe_customer_id, .. }| {
        Some(Kept { id, user_id: auth_user_id, stripe_customer_id: stripe_customer_id? })
    });
    Ok(kept?)
}

async fn check(client: &StripeClient, kept: Vec<Kept>, mut found: Found) -> Found {
    let mut progress = Progress::new("customers", u64::try_from(kept.len()).ok());
    let mut is_out_of_reach = false;
    for customer in kept {
        if is_out_of_reach {
            found.fail(customer.stripe_customer_id, "Stripe was not asked, because it is out of reach");
            continue;
        }
        found.checked += 1;
        let id = &customer.stripe_customer_id;
        match patiently(async || client.retrieve("customers", id, deadline()).await).await {
            // Stripe still knows that it was deleted.
            Ok(retrieved) if retrieved.content.get("deleted").and_then(Value::as_bool) == Some(true) => {
                found.gone.push(customer);
            }
            Ok(_) => {}
            Err(Error::NotAtStripe { .. }) => found.gone.push(customer),
            Err(error) => {
                is_out_of_reach = is_away(&error);
                found.fail(customer.stripe_customer_id, &error.detail());
            }
        }
        progress.add(1);
    }
    found
}

/// Forgets a Stripe customer. False if the user has another one meanwhile.
fn mend(conn: &mut DbConnection, dry_run: bool, gone: &Kept) -> Result<bool> {
    let (id, user_id, now) = (gone.stripe_customer_id.clone(), gone.user_id.clone(), Timestamp::now());
    data::change(conn, dry_run, |conn| {
        if Customer::unlink(conn, &user_id, &id, now)?.is_none() {
            return Ok(false);
        }
        let detail = json!({"gone": id}).to_string();
        GoneStripeCustomer { id, auth_user_id: user_id, gone_at: now }.store(conn)?;
        let entity_id = &gone.id.to_string();
        audit::record(conn, &Change { action: "webhooks.customers", entity: "customer", entity_id, detail: &detail })?;
        Ok(true)
    })
}

fn print(found: &Found, as_json: bool) -> Result<()> {
    let mut out = report::out();
    if as_json {
        writeln!(out, "{}", serde_json::to_string(found)?)?;
        return Ok(());
    }
    for Kept { user_id, stripe_customer_id, .. } in &found.gone {
        writeln!(out, "{stripe_customer_id} of {user_id}: gone")?;
    }
    for Problem { id, problem } in &found.problems {
        writeln!(out, "{id}: {problem}")?;
    }
    let Found { checked, gone, mended, failed, .. } = found;
    writeln!(out, "customers: {checked} checked, {} gone, {mended} mended, {failed} failed", gone.len())?;
    if found.dry_run {
        writeln!(out, "nothing was changed (--dry-run)")?;
    }
    Ok(())
}
