//! PostgreSQL that hangs: its processes are stopped, or commits wait for a synchronous standby that is away. Every call is
//! answered while the hang lasts, and says truthfully whether something was written.

mod commits;
mod given_up;
mod processes;
mod queues;
mod readiness;

use std::time::Duration;

use clusterdesk::{
    db::{DbConnection, migrations::Migrations},
    error::Result,
    kernel::{Audited, Call, Router},
};
use diesel::{RunQueryDsl, connection::SimpleConnection, dsl::sql, sql_types::Text};
use procedures::{Access, NoInput};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::support::{Backend, Builder, Client, Failure, PATIENCE, Postgres, Sql, TestApp, TestDatabase, eventually};

/// Waits for a synchronous standby, besides the observer.
const WAITING: &str = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'app'";

/// A server on `postgres` with two threads for reads, two for writes and two for groups of writes, whose calls may take
/// `seconds`.
async fn on(postgres: &Postgres, seconds: u64) -> TestApp {
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    let builder = Builder::with_database(database).router(limits());
    builder.limits(|limits| limits.call_timeout = Duration::from_secs(seconds)).start().await
}

async fn create(client: &Client) -> Result<Value, Failure> {
    let created = client.try_call("k8s.create", json!({"name": "a", "location": "eu"}));
    timeout(PATIENCE, created).await.expect("no answer while PostgreSQL hangs")
}

fn is_unknown(failure: &Failure) -> bool {
    let outcome = failure.0["data"].get("outcome");
    if outcome.is_some() {
        assert_eq!((failure.code(), outcome), ("SERVICE_UNAVAILABLE", Some(&json!("unknown"))), "{failure:?}");
        assert_eq!(failure.0["data"].get("retryAfterMs"), None, "{failure:?}");
    }
    outcome.is_some()
}

/// `/health/ready`: its status, and the reason if there is one.
async fn ready(app: &TestApp) -> (u16, Value) {
    let page = app.anonymous().http.get(format!("{}health/ready", app.url)).send();
    let page = timeout(PATIENCE, page).await.expect("no answer while PostgreSQL hangs").unwrap();
    let status = page.status().as_u16();
    (status, serde_json::from_str::<Value>(&page.text().await.unwrap()).unwrap()["reason"].take())
}

/// The result of a rename in another task.
type Renaming = JoinHandle<Result<Value, Failure>>;

fn rename(user: Client) -> Renaming {
    tokio::spawn(async move { user.try_call("user.updateName", json!({"name": "Ann"})).await })
}

/// Loses the connection of a rename by `user` while its commit waits for a standby.
pub async fn lose_a_commit(postgres: &Postgres, database: &TestDatabase, user: Client) -> Failure {
    postgres.require_absent_standby();
    let stop = format!("SELECT pg_terminate_backend(pid)::text {WAITING}");
    // The first renames may end before their session knows of the setting, and others may wait too.
    let failure = loop {
        let rename = rename(user.clone());
        eventually(async || {
            database.connect().texts(&stop);
            rename.is_finished()
        })
        .await;
        if let Err(failure) = rename.await.unwrap() {
            break failure;
        }
    };
    assert!(is_unknown(&failure), "{failure:?}");
    postgres.require_no_standby();
    failure
}

fn statement_timeout(conn: &mut DbConnection) -> Result<String> {
    Ok(sql::<Text>("SELECT current_setting('statement_timeout')").get_result(conn)?)
}

fn wait_for_the_lock(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.conn.batch_execute("SELECT pg_advisory_xact_lock(77)")?;
    Ok(Audited::unchanged(true))
}

fn linger(call: &mut Call<'_>, _: NoInput) -> Result<Audited<bool>> {
    call.conn.batch_execute("SELECT pg_sleep(0.05)")?;
    Ok(Audited::unchanged(true))
}

fn hold_the_reader(call: &mut Call<'_>, _: NoInput) -> Result<bool> {
    call.conn.batch_execute("SELECT pg_advisory_xact_lock(77)")?;
    Ok(true)
}

/// Procedures that wait for a lock, and some that return their statement timeout.
fn limits() -> Router {
    Router::new("probe")
        .mutation("waitAndWrite", Access::Public, "Waits.", wait_for_the_lock)
        .mutation("linger", Access::Public, "Takes a while.", linger)
        .query("waitAndRead", Access::Public, "Waits.", hold_the_reader)
        .mutation("write", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| {
            Ok(Audited::unchanged(statement_timeout(call.conn)?))
        })
        .query("read", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| statement_timeout(call.conn))
        .query("readOnce", Access::Public, "Its limit.", |call: &mut Call<'_>, _: NoInput| statement_timeout(call.conn))
        .one_statement()
}
