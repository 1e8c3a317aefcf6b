//! What a reconciliation did.

use std::io::Write;

use anyhow::{Result, ensure};
use clusterdesk::error::Error;
use serde::Serialize;
use serde_json::{Value, json};

use crate::commands::report::out;

/// What was done, and what could not be.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing was changed.
    dry_run: bool,
    /// What happened to the events.
    pub events: Events,
    /// What happened to the subscriptions.
    pub subscriptions: Subscriptions,
    /// What failed, and what is gone, one sentence each.
    problems: Vec<Problem>,
}

/// Events by outcome.
#[derive(Debug, Default, Serialize)]
pub struct Events {
    pub new: u64,
    pub known: u64,
    pub failed: u64,
}

/// Subscriptions by outcome.
#[derive(Debug, Default, Serialize)]
pub struct Subscriptions {
    pub changed: u64,
    pub unchanged: u64,
    /// Stripe does not know them.
    pub gone: u64,
    pub failed: u64,
}

#[derive(Debug, Serialize)]
struct Problem {
    id: String,
    problem: String,
}

impl Report {
    /// Nothing was done so far.
    pub fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    /// An event could not be processed.
    pub fn fail_event(&mut self, id: &str, why: String) {
        self.events.failed += 1;
        self.add(id, format!("FAILED: {why}"));
    }

    /// Something other than a certain event failed.
    pub fn fail(&mut self, what: &str, error: &Error) {
        self.events.failed += 1;
        self.add(what, format!("FAILED: {}", error.detail()));
    }

    /// The state of a subscription could not be asked for or applied.
    pub fn fail_subscription(&mut self, id: &str, why: String) {
        self.subscriptions.failed += 1;
        self.add(id, format!("FAILED: {why}"));
    }

    /// A subscription that is stored, and whose state has no effect.
    pub fn ignore_subscription(&mut self, id: &str, why: &str) {
        self.subscriptions.unchanged += 1;
        self.add(id, format!("ignored: {why}"));
    }

    /// Stripe does not know a subscription.
    pub fn gone(&mut self, id: &str) {
        self.subscriptions.gone += 1;
        self.add(id, "gone: Stripe does not know it; what is stored stays".to_owned());
    }

    /// Something that an operator should know.
    pub fn add(&mut self, id: &str, problem: String) {
        self.problems.push(Problem { id: id.to_owned(), problem });
    }

    /// Whether the database was changed.
    pub fn has_changes(&self) -> bool {
        self.events.new > 0 || self.subscriptions.changed > 0
    }

    /// The numbers alone.
    pub fn counts(&self) -> Value {
        json!({"events": self.events, "subscriptions": self.subscriptions})
    }

    /// Prints the report.
    ///
    /// # Errors
    /// Something failed.
    pub fn print(&self, as_json: bool) -> Result<()> {
        let mut out = out();
        if as_json {
            writeln!(out, "{}", serde_json::to_string(self)?)?;
        } else {
            for Problem { id, problem } in &self.problems {
                writeln!(out, "{id}: {problem}")?;
            }
            let Events { new, known, failed } = self.events;
            writeln!(out, "events: {new} new, {known} known, {failed} failed")?;
            let Subscriptions { changed, unchanged, gone, failed } = self.subscriptions;
            writeln!(out, "subscriptions: {changed} changed, {unchanged} unchanged, {gone} gone, {failed} failed")?;
            if self.dry_run {
                writeln!(out, "nothing was changed (--dry-run)")?;
            }
        }
        let failed = self.events.failed.saturating_add(self.subscriptions.failed);
        ensure!(failed == 0, "{failed} failed; the rest was done");
        Ok(())
    }
}
