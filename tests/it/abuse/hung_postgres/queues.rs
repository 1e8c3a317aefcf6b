//! Calls that wait in a queue behind one that hangs.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{limits, ready};
use crate::support::{Backend, Builder, Sql, eventually};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_full_queue_has_a_reason_of_its_own() {
    let builder = Builder::new(Backend::Postgres).router(limits()).flag("database-threads", "1");
    let app = builder.limits(|limits| limits.queued_jobs = 1).start().await;
    let mut holder = app.connect();
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(77)");
    let wait = || {
        let client = app.anonymous();
        tokio::spawn(async move { client.try_call("probe.waitAndWrite", Value::Null).await })
    };
    let mut calls = Vec::new();
    let is_busy = async || {
        // In the end one runs, and one waits for it.
        calls.push(wait());
        ready(&app).await == (503, json!("too many writes wait for the database"))
    };
    eventually(is_busy).await;
    holder.run("COMMIT");
    for call in calls {
        drop(call.await.unwrap());
    }
    eventually(async || ready(&app).await.0 == 200).await;
}

/// A call on a busy machine may begin a moment late.
fn assert_in_time(limit: &Value, name: &str) {
    let left = limit.as_str().unwrap().strip_suffix("ms").map_or(20_000, |left| left.parse::<u64>().unwrap());
    assert!(limit == "20s" || left > 15_000, "{name}: {limit}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_statement_of_a_late_call_gets_the_time_that_is_left() {
    let builder = Builder::new(Backend::Postgres).router(limits()).flag("database-threads", "1");
    let app = builder.limits(|limits| limits.call_timeout = Duration::from_secs(20)).start().await;
    let limits = ["probe.write", "probe.read", "probe.readOnce"];
    for limit in limits {
        assert_in_time(&app.anonymous().call(limit, Value::Null).await, limit);
    }
    let mut holder = app.connect();
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(77)");
    let spawn = |procedure: &'static str| {
        let client = app.anonymous();
        tokio::spawn(async move { client.call(procedure, Value::Null).await })
    };
    let holders = ["probe.waitAndWrite", "probe.waitAndRead"].map(spawn);
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database here ON here.oid = database
                   WHERE datname = current_database() AND locktype = 'advisory' AND objid = 77 AND NOT granted";
    eventually(async || app.connect().number(waiting) == 2).await;
    let late = limits.map(spawn);
    let queued = async || {
        let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
        page.contains("clusterdesk_queued_reads 2\n") && page.contains("clusterdesk_queued_writes 1\n")
    };
    eventually(queued).await;
    // This is how late they are.
    sleep(Duration::from_millis(500)).await;
    holder.run("COMMIT");
    for (limit, name) in late.into_iter().zip(limits) {
        let limit = limit.await.unwrap();
        let milliseconds: u64 = limit.as_str().unwrap().strip_suffix("ms").expect(name).parse().unwrap();
        assert!(milliseconds <= 19_500, "{name}: {limit}");
    }
    for holder in holders {
        assert_eq!(holder.await.unwrap(), true);
    }
    for limit in limits {
        assert_in_time(&app.anonymous().call(limit, Value::Null).await, limit);
    }
}
