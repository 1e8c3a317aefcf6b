//! What was sent, what came back, and what was wrong.

use std::{collections::BTreeMap, fmt};

use crate::plan::Plan;

/// The outcome of one request: how many answers it got by their codes, and what is wrong with them.
#[derive(Default)]
pub struct Outcome {
    /// `ok`, an error code, or the status of an answer without JSON.
    pub codes: Vec<String>,
    pub findings: Vec<String>,
}

/// Everything about one run.
#[derive(Default)]
pub struct Report {
    kinds: BTreeMap<&'static str, u64>,
    codes: BTreeMap<String, u64>,
    findings: BTreeMap<String, (u64, String)>,
    pub seconds: f64,
    /// How the server was at the end.
    pub server: String,
    /// What the server has logged as errors.
    pub errors: BTreeMap<String, u64>,
}

/// Characters of a finding by which it is recognised when it occurs again.
const SAME: usize = 60;
/// Characters of a request that are printed.
const SHOWN: usize = 1500;

impl Outcome {
    /// Counts the answer to a call. Stripe is out of reach in a run, and nothing else may fail.
    pub fn call(&mut self, code: Option<&'static str>, text: &str) {
        let explained = match code {
            Some("INTERNAL_SERVER_ERROR") => false,
            Some("BAD_GATEWAY" | "GATEWAY_TIMEOUT") => text.contains("stripe."),
            _ => true,
        };
        self.add(if explained { Ok(code) } else { Err(format!("the server failed: {text}")) });
    }

    /// Counts an answer, or a finding.
    pub fn add(&mut self, code: Result<Option<&'static str>, String>) {
        match code {
            Ok(code) => self.codes.push(code.unwrap_or("ok").to_owned()),
            Err(wrong) => self.findings.push(wrong),
        }
    }
}

impl Report {
    pub fn add(&mut self, number: u64, plan: &Plan, outcome: Outcome) {
        *self.kinds.entry(plan.kind()).or_default() += 1;
        for code in outcome.codes {
            *self.codes.entry(code).or_default() += 1;
        }
        for finding in outcome.findings {
            let sent: String = plan.to_string().chars().take(SHOWN).collect();
            self.note(plan.kind(), finding, format!("request {number}: {sent}"));
        }
    }

    /// Records a finding that no single request has caused.
    pub fn note(&mut self, kind: &str, finding: String, request: String) {
        let key: String = format!("{kind}: {finding}").chars().take(SAME).collect();
        self.findings.entry(key).or_insert_with(|| (0, format!("{kind}: {finding}\n  {request}"))).0 += 1;
    }

    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.kinds.values().sum();
        writeln!(f, "\n{total} requests in {:.1} s", self.seconds)?;
        writeln!(f, "{}", self.server)?;
        writeln!(f, "requests by kind:")?;
        self.kinds.iter().try_for_each(|(kind, count)| writeln!(f, "  {count:>8}  {kind}"))?;
        writeln!(f, "answers by code:")?;
        self.codes.iter().try_for_each(|(code, count)| writeln!(f, "  {count:>8}  {code}"))?;
        writeln!(f, "errors in the server's log:")?;
        self.errors.iter().try_for_each(|(error, count)| writeln!(f, "  {count:>8}  {error}"))?;
        write!(f, "{} findings", self.findings.len())?;
        for (count, finding) in self.findings.values() {
            write!(f, "\n{count} × {finding}")?;
        }
        Ok(())
    }
}
