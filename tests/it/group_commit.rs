//! SQLite's writer when the database rolls back the whole group's transaction, as it does when the disk is full, and when it
//! refuses to commit it.

use std::sync::Barrier;

use clusterdesk::kernel::{Audited, Call, Router};
use diesel::connection::SimpleConnection;
use procedures::{Access, NoInput};
use serde_json::{Value, json};
use tokio::{join, task::spawn_blocking};

use crate::support::{Backend, Builder, TestApp, eventually};

/// Rolls back the transaction of the whole group and fails, which looks to Diesel like SQLITE_FULL.
fn roll_back_the_group(call: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<Audited<bool>> {
    call.conn.batch_execute("ROLLBACK")?;
    call.conn.batch_execute("no statement")?;
    Ok(Audited::unchanged(true))
}

/// Succeeds, but leaves a row without its parent, which the commit of the whole group finds.
fn spoil_the_commit(call: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<Audited<bool>> {
    call.conn.batch_execute(
        "PRAGMA defer_foreign_keys = ON;
         INSERT INTO customers (auth_user_id, plan, created_at, updated_at) VALUES ('nobody', 'FREE', '2026-01-01', '2026-01-01')",
    )?;
    Ok(Audited::unchanged(true))
}

/// Where the test meets the call that keeps the writer busy: when it has begun, and before it ends.
static HELD: Barrier = Barrier::new(2);

/// Keeps the writer busy, so that others queue up for one group.
fn hold(_: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<Audited<bool>> {
    HELD.wait();
    HELD.wait();
    Ok(Audited::unchanged(true))
}

/// How many writes wait.
async fn queued(app: &TestApp) -> String {
    let client = app.anonymous();
    let page = client.http.get(format!("{}metrics", client.url)).send().await.unwrap().text().await.unwrap();
    page.lines().find_map(|line| line.strip_prefix("clusterdesk_queued_writes ")).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_calls_of_a_lost_group_transaction_fail() {
    let router = Router::new("probe").mutation("giveUp", Access::User, "Gives up.", roll_back_the_group);
    let app = Builder::new(Backend::Sqlite).router(router).start().await;
    let user = app.user("user_1");
    user.call("user.me", Value::Null).await;
    for round in 0..30 {
        let create = json!({"jsonrpc": "2.0", "id": 1, "method": "customer.create"});
        let lose = json!({"jsonrpc": "2.0", "id": 2, "method": "probe.giveUp"});
        let batch = if round % 2 == 0 { json!([lose, create]) } else { json!([create, lose]) };
        let answers = user.message(batch).await;
        let created = answers.as_array().unwrap().iter().any(|answer| answer.get("result").is_some());
        let customer = user.call("customer.get", Value::Null).await;
        assert_eq!(customer.is_object(), created, "answered {answers}, and there is {customer}");
        app.execute("DELETE FROM customers");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_leaves_the_outcomes_of_its_group_unknown() {
    let router = Router::new("probe").mutation("hold", Access::User, "Takes long.", hold);
    let router = router.mutation("spoil", Access::User, "Spoils the commit.", spoil_the_commit);
    let app = Builder::new(Backend::Sqlite).router(router).start().await;
    let user = app.user("user_1");
    user.call("user.me", Value::Null).await;
    let held = tokio::spawn({
        let user = user.clone();
        async move { user.try_call("probe.hold", Value::Null).await }
    });
    let meet = || spawn_blocking(|| HELD.wait());
    meet().await.unwrap();
    // All of one user: on SQLite they share a group. The last one is refused by itself.
    let calls = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "customer.create"},
        {"jsonrpc": "2.0", "id": 2, "method": "probe.spoil"},
        {"jsonrpc": "2.0", "id": 3, "method": "k8s.delete", "params": {"id": 1}},
    ]);
    let (answers, ()) = join!(user.message(calls), async {
        eventually(async || queued(&app).await == "3").await;
        meet().await.unwrap();
    });
    assert_eq!(held.await.unwrap().unwrap(), true);
    let outcome = |answer: &Value| {
        let data = &answer["error"]["data"];
        (data["code"].clone(), data["outcome"].clone())
    };
    let unknown = (json!("SERVICE_UNAVAILABLE"), json!("unknown"));
    let outcomes: Vec<_> = answers.as_array().unwrap().iter().map(outcome).collect();
    assert_eq!(outcomes, [unknown.clone(), unknown, (json!("NOT_FOUND"), Value::Null)], "{answers}");
    assert_eq!(user.call("customer.get", Value::Null).await, Value::Null, "nothing is run again");
    user.call("customer.create", Value::Null).await;
}
