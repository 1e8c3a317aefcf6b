//! What a server finds out about itself for `admin.health`.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::async_call::AsyncCall;
use crate::{
    checks::{self, Finding, NewestBackup, problem},
    db::{DbConnection, ReplicaState},
    error,
};

/// How long the database and the replica may take for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a server is doing.
#[derive(Clone, Debug)]
pub struct CheckUp {
    /// The name of the kind of database.
    pub database: &'static str,
    /// How long the database took for an answer, with the wait for a thread.
    pub latency: Duration,
    /// The bytes of the SQLite file and of its log.
    pub file_sizes: Option<(u64, u64)>,
    /// Jobs that wait for a thread: reads, writes.
    pub queued: (usize, usize),
    /// What is known of the replica, if there is one.
    pub replica: Option<ReplicaState>,
    /// The newest backup, if the server makes any.
    pub backups: Option<NewestBackup>,
    /// The results of the checks.
    pub findings: Vec<Finding>,
}

impl AsyncCall {
    /// Makes all checks that a running server can make.
    pub async fn check_up(&self) -> CheckUp {
        let surroundings = &self.services.surroundings;
        let (db, deadline) = (&self.services.db, || self.deadline().min(Instant::now() + PATIENCE));
        let queued = db.queued();
        let asked = Instant::now();
        let of_database = |conn: &mut DbConnection| {
            Ok(vec![
                Finding::new("database", checks::language(conn).map(|()| "it answers".to_owned())),
                Finding::new("migrations", checks::migrations(conn)),
                Finding::new("clock", checks::clock(conn)),
            ])
        };
        let answered = db.read(deadline(), of_database).await;
        let latency = asked.elapsed();
        let mut findings = answered.unwrap_or_else(|error| vec![Finding::new("database", failed(&error))]);
        let written = db.probe_write(deadline()).await;
        let written = written.map_or_else(|error| failed(&error), |()| Ok("the database accepts them".to_owned()));
        findings.insert(findings.len().min(1), Finding::new("writes", written));
        let replica = db.probe_replica(PATIENCE).await;
        findings.extend(replica.map(|state| Finding::new("replica", of_replica(state))));
        findings.extend(surroundings.findings(&self.services.authenticator, &self.services.stripe).await);
        let (file_sizes, backups) = (db.file_sizes(), surroundings.newest_backup());
        CheckUp { database: db.kind(), latency, file_sizes, queued, replica, backups, findings }
    }
}

fn failed(error: &error::Error) -> Result<String> {
    Err(problem(error.to_string()))
}

fn of_replica(state: ReplicaState) -> Result<String> {
    match state {
        ReplicaState::Ready => Ok("it answers queries".to_owned()),
        ReplicaState::Behind => Err(problem("it is too far behind; the primary database answers")),
        ReplicaState::Unavailable => Err(problem("it does not answer; the primary database does")),
    }
}
