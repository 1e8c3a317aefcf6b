//! What an import did, or would do.

use std::{borrow::Cow, fmt, str::FromStr};

use anyhow::Context;
use serde::{Serialize, Serializer};

use super::{
    fault::Fault,
    row_counts::{RowCounts, increment},
};

/// What to do with rows that break a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OnConflict {
    /// Import nothing.
    Abort,
    /// Leave them out.
    Skip,
    /// Repair them, and leave out what can't be repaired.
    Repair,
}

impl OnConflict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Abort, Self::Skip, Self::Repair];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Skip => "skip",
            Self::Repair => "repair",
        }
    }
}

impl FromStr for OnConflict {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text).context("expected abort, skip or repair")
    }
}

/// A table of the old server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldTable {
    User,
    Customer,
    Cluster,
    Event,
}

impl OldTable {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Customer => "Customer",
            Self::Cluster => "K8sClusterConfig",
            Self::Event => "StripeWebhookEvent",
        }
    }
}

impl Serialize for OldTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What becomes of a row that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Remedy {
    /// It is repaired.
    Repaired,
    /// It is left out.
    Skipped,
}

/// Something that is wrong with a row.
#[derive(Debug, Serialize)]
pub struct Problem {
    code: &'static str,
    reason: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<&'static str>,
}

/// A row that breaks a rule.
#[derive(Debug, Serialize)]
pub struct Finding {
    table: OldTable,
    id: String,
    problems: Vec<Problem>,
    remedy: Remedy,
}

/// How an import ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ImportOutcome {
    /// The new rows are there.
    Imported,
    /// Nothing was written, because that was asked for.
    DryRun,
    /// Nothing was written, because rows break a rule.
    Aborted,
}

/// What an import did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it ended.
    pub outcome: ImportOutcome,
    on_conflict: OnConflict,
    users: RowCounts,
    customers: RowCounts,
    clusters: RowCounts,
    events: RowCounts,
    /// Users that were created because a row named them.
    pub created_users: u64,
    /// Subscriptions of the customers.
    pub subscriptions: u64,
    /// Subscriptions that were there before their user.
    pub adopted: u64,
    /// Processed events that are so old that Stripe does not send them again.
    pub old_events: u64,
    /// Events that the old server has not processed.
    pub open_events: u64,
    /// Rows of "Account".
    pub accounts: u64,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(on_conflict: OnConflict) -> Self {
        Self {
            outcome: ImportOutcome::DryRun,
            on_conflict,
            users: RowCounts::default(),
            customers: RowCounts::default(),
            clusters: RowCounts::default(),
            events: RowCounts::default(),
            created_users: 0,
            subscriptions: 0,
            adopted: 0,
            old_events: 0,
            open_events: 0,
            accounts: 0,
            findings: Vec::new(),
        }
    }

    fn tally(&mut self, table: OldTable) -> &mut RowCounts {
        let tally = match table {
            OldTable::User => &mut self.users,
            OldTable::Customer => &mut self.customers,
            OldTable::Cluster => &mut self.clusters,
            OldTable::Event => &mut self.events,
        };
        increment(&mut tally.read);
        tally
    }

    pub(super) fn count_present(&mut self, table: OldTable) {
        increment(&mut self.tally(table).already_there);
    }

    pub(super) fn count(&mut self, table: OldTable, id: &str, faults: &[Fault], is_kept: bool) {
        let tally = self.tally(table);
        increment(match (faults.is_empty(), is_kept) {
            (true, _) => &mut tally.imported,
            (false, true) => &mut tally.repaired,
            (false, false) => &mut tally.skipped,
        });
        if !faults.is_empty() {
            let remedy = if is_kept { Remedy::Repaired } else { Remedy::Skipped };
            let problem =
                |fault: &Fault| Problem { code: fault.code(), reason: fault.reason(), repair: fault.repair() };
            let problems = faults.iter().map(problem).collect();
            self.findings.push(Finding { table, id: id.to_owned(), problems, remedy });
        }
    }

    /// Whether rows break a rule, and the operator did not say what to do with them.
    pub fn is_blocked(&self) -> bool {
        self.on_conflict == OnConflict::Abort && !self.findings.is_empty()
    }

    /// The number of rows to write.
    pub fn written(&self) -> u64 {
        let read = [self.users, self.customers, self.clusters, self.events].iter().map(RowCounts::written).sum::<u64>();
        read.saturating_add(self.created_users).saturating_add(self.subscriptions).saturating_add(self.adopted)
    }

    /// The numbers of new rows, as JSON for the audit log.
    pub fn summary(&self) -> String {
        serde_json::json!({
            "users": self.users.written().saturating_add(self.created_users),
            "customers": self.customers.written(),
            "clusters": self.clusters.written(),
            "subscriptions": self.subscriptions.saturating_add(self.adopted),
            "events": self.events.written(),
        })
        .to_string()
    }
}

/// The report for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:20}{:>10}{:>10}{:>10}{:>10}{:>15}",
            "", "READ", "IMPORTED", "REPAIRED", "SKIPPED", "ALREADY THERE"
        )?;
        for (table, tally) in [
            (OldTable::User, self.users),
            (OldTable::Customer, self.customers),
            (OldTable::Cluster, self.clusters),
            (OldTable::Event, self.events),
        ] {
            let RowCounts { read, imported, repaired, skipped, already_there } = tally;
            writeln!(f, "{:20}{read:>10}{imported:>10}{repaired:>10}{skipped:>10}{already_there:>15}", table.name())?;
        }
        for (number, what) in [
            (self.created_users, "users are created, because only other rows name them"),
            (self.subscriptions, "subscriptions of customers are noted, for Stripe's next events"),
            (self.adopted, "subscriptions that were there without a user get theirs"),
            (self.old_events, "processed events are left out, because Stripe does not send them again"),
            (self.open_events, "events that the old server has not processed are left out"),
            (self.accounts, "rows of \"Account\" are left out: how users sign in is known to the identity provider"),
        ] {
            if number > 0 {
                writeln!(f, "{number} {what}")?;
            }
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        match (self.outcome, self.findings.len()) {
            (ImportOutcome::Imported, _) if self.written() == 0 => f.write_str("There was nothing to import."),
            (ImportOutcome::Imported, _) => f.write_str("Imported."),
            (ImportOutcome::DryRun, _) => f.write_str("Nothing was written: this was a dry run."),
            (ImportOutcome::Aborted, number) => write!(
                f,
                "Nothing was written: {number} rows break a rule. Run it again with --on-conflict repair, which does what is \
                 said above, or with --on-conflict skip, which leaves these rows out."
            ),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = if self.remedy == Remedy::Repaired { "repaired" } else { "skipped" };
        write!(f, "{remedy}: {} {:?}: ", self.table.name(), self.id)?;
        for (number, problem) in self.problems.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}{}", problem.reason)?;
            if let Some(repair) = problem.repair.filter(|_| self.remedy == Remedy::Repaired) {
                write!(f, " ({repair})")?;
            }
        }
        Ok(())
    }
}
