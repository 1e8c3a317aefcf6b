//! Commits that wait for a synchronous standby.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{WAITING, create, is_unknown, lose_a_commit, on, ready};
use crate::support::{Postgres, Process, SECRET, Sql, claims, eventually, hs256};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_commit_that_waits_for_an_absent_standby_has_an_unknown_outcome() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 2).await;
    let users: Vec<_> = (0..4).map(|number| app.member(&format!("user_{number}"))).collect();
    join_all(users.iter().map(|user| user.call("user.updateName", json!({"name": "Ann"})))).await;
    postgres.require_absent_standby();
    // The processes reload their configuration one by one.
    eventually(async || ready(&app).await == (503, json!("the database does not finish writes"))).await;
    eventually(async || app.connect().number(&format!("SELECT count(*) {WAITING}")) == 0).await;

    let failures: Vec<_> = join_all(users.iter().map(create)).await.into_iter().map(Result::unwrap_err).collect();
    let unknown = failures.iter().filter(|failure| is_unknown(failure)).count();
    assert!(unknown > 0, "at least those of one group: {failures:?}");
    assert!(failures.iter().all(|failure| is_unknown(failure) || failure.code() == "TIMEOUT"), "{failures:?}");
    // Nobody waits for those commits any more, and their threads are free.
    eventually(async || app.connect().number(&format!("SELECT count(*) {WAITING}")) == 0).await;
    // PostgreSQL has committed before it waited. The second commit waited for a lock of the first one.
    let lists = join_all(users.iter().map(|user| user.call("k8s.list", Value::Null))).await;
    let written = |list: &Value| list.as_array().unwrap().len();
    for (failure, list) in failures.iter().zip(&lists) {
        assert!(written(list) <= usize::from(is_unknown(failure)), "{failure:?}, {list}");
    }
    let written = lists.iter().map(written).sum::<usize>();
    assert!(written > 0, "{lists:?}");
    postgres.require_no_standby();
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
    eventually(async || ready(&app).await.0 == 200).await;
    let created = app.connect().number("SELECT count(*) FROM k8s_cluster_configs");
    assert_eq!(usize::try_from(created), Ok(written + 1));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_write_whose_connection_is_lost_during_the_commit_is_not_repeated() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 60).await;
    let ann = app.member("ann");
    lose_a_commit(&postgres, &app.database, ann).await;
    let renamed = "SELECT count(*) FROM audit_log WHERE procedure = 'user.updateName'";
    assert_eq!(app.connect().number(renamed), 1);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn an_unknown_outcome_is_in_the_log_with_the_request_and_its_cause() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 5).await;
    app.member("ann").call("user.me", Value::Null).await;
    let settings = [("DATABASE_URL", app.database.url.as_str()), ("JWT_SECRET", SECRET), ("BOOTSTRAP_ADMIN", "off")];
    let server = Process::serve(app.database.folder.path(), &settings);
    let ann = server.client(&hs256(&claims("ann")));
    let failure = lose_a_commit(&postgres, &app.database, ann).await;
    let request = failure.0["data"]["requestId"].as_str().unwrap();
    let is_reported = |line: &str| line.contains("ERROR") && line.contains("during a commit") && line.contains(request);
    eventually(async || server.log().lines().any(is_reported)).await;
}
