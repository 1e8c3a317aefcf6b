//! Processes that are stopped.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{create, is_unknown, on, ready};
use crate::support::{Frozen, PATIENCE, Postgres, Sql, eventually};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn calls_are_answered_while_all_processes_of_postgres_hang() {
    let postgres = Postgres::private();
    let app = on(&postgres, 3).await;
    let users: Vec<_> = (0..8).map(|number| app.member(&format!("user_{number}"))).collect();
    // Every thread that writes has a connection: those of groups and those of single jobs.
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    let guest = app.anonymous();
    eventually(async || {
        join_all(users.iter().map(|user| user.call("user.updateName", json!({"name": "Ann"})))).await;
        join_all((0..4).map(|_| guest.try_call("probe.linger", Value::Null))).await;
        app.connect().number(connections) == 4
    })
    .await;
    let frozen = postgres.freeze();
    let writes = join_all(users.iter().map(create));
    let reads = join_all(users.iter().map(|user| timeout(PATIENCE, user.try_call("k8s.list", Value::Null))));
    let (writes, reads) = tokio::join!(writes, reads);
    let failures: Vec<_> = writes.into_iter().map(Result::unwrap_err).collect();
    for read in reads {
        let failure = read.expect("no answer while PostgreSQL hangs").unwrap_err();
        assert!(["TIMEOUT", "SERVICE_UNAVAILABLE"].contains(&failure.code()) && !is_unknown(&failure), "{failure:?}");
    }
    // A thread had begun at least one of the writes. Those that only waited for a thread were withdrawn.
    assert!(failures.iter().any(is_unknown), "{failures:?}");
    assert!(failures.iter().all(|failure| is_unknown(failure) || failure.code() == "TIMEOUT"), "{failures:?}");
    assert_eq!(ready(&app).await.0, 503);
    drop(frozen);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
    eventually(async || ready(&app).await.0 == 200).await;
    let owners = app.connect().texts("SELECT auth_user_id FROM k8s_cluster_configs");
    assert_eq!(owners, ["bob"], "answered as not written, or given up before the commit");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_hanging_process_of_postgres_holds_up_only_its_own_call() {
    let postgres = Postgres::private();
    let app = on(&postgres, 3).await;
    let (ann, bob) = (app.member("ann"), app.member("bob"));
    ann.call("user.updateName", json!({"name": "Ann"})).await;
    let writer = "SELECT pid::text FROM pg_stat_activity WHERE datname = 'app' AND query = 'COMMIT'";
    let pid = app.connect().texts(writer)[0].parse().unwrap();
    let frozen = Frozen::new(vec![pid]);
    // The other thread takes the next write, unless the hanging one gets it.
    let outcomes = [create(&ann).await, create(&bob).await];
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_unknown), "{outcomes:?}");
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    drop(frozen);
    // Its connection is not used again: the process is terminated.
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    if outcomes.iter().any(Result::is_err) {
        eventually(async || app.connect().number(&is_there) == 0).await;
    }
    for number in 0..4 {
        create(&app.member(&format!("user_{number}"))).await.unwrap();
    }
}
