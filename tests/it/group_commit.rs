//! SQLite's writer when the database rolls back the whole group's transaction, as it does when the disk is full.

use clusterdesk::kernel::{Audited, Call, Router};
use diesel::connection::SimpleConnection;
use procedures::{Access, NoInput};
use serde_json::{Value, json};

use crate::support::{Backend, Builder};

/// Rolls back the transaction of the whole group and fails, which looks to Diesel like SQLITE_FULL.
fn roll_back_the_group(call: &mut Call<'_>, _: NoInput) -> clusterdesk::error::Result<Audited<bool>> {
    call.conn.batch_execute("ROLLBACK")?;
    call.conn.batch_execute("no statement")?;
    Ok(Audited::unchanged(true))
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
