//! Processes that work for callers who have given up.

use clusterdesk::db::DbConnection;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Renaming, WAITING, create, is_unknown, on, rename};
use crate::support::{Client, PATIENCE, Postgres, Sql, eventually};

/// Whether the database `app` takes connections. Does not wait for a standby.
fn allow_connections(postgres: &Postgres, allowed: bool) {
    let alter = format!("ALTER DATABASE app WITH ALLOW_CONNECTIONS {allowed}");
    postgres.administer(&["SET synchronous_commit = local", &alter]);
}

/// Makes commits wait for a standby that does not exist. Returns a rename that waits for it: the first ones may end before their
/// session knows of the setting.
async fn waiting_rename(postgres: &Postgres, observer: &mut DbConnection, user: &Client) -> Renaming {
    postgres.require_absent_standby();
    let waiting = format!("SELECT count(*) {WAITING}");
    loop {
        let renaming = rename(user.clone());
        eventually(async || renaming.is_finished() || observer.number(&waiting) == 1).await;
        if !renaming.is_finished() {
            return renaming;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_write_is_stopped_even_when_its_caller_has_gone_away() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 3).await;
    let ann = app.member("ann");
    let mut observer = app.connect();
    let rename = waiting_rename(&postgres, &mut observer, &ann).await;
    rename.abort();
    assert!(rename.await.is_err());
    eventually(async || observer.number(&format!("SELECT count(*) {WAITING}")) == 0).await;
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_process_is_stopped_later_when_the_server_takes_no_connections() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 3).await;
    let ann = app.member("ann");
    let mut observer = app.connect();
    let waiting = format!("SELECT count(*) {WAITING}");
    let rename = waiting_rename(&postgres, &mut observer, &ann).await;
    allow_connections(&postgres, false);
    assert!(is_unknown(&timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err()));
    assert_eq!(observer.number(&waiting), 1);
    allow_connections(&postgres, true);
    eventually(async || observer.number(&waiting) == 0).await;
    postgres.require_no_standby();
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_connection_whose_caller_gave_up_is_not_used_again() {
    let postgres = Postgres::primary();
    let app = on(&postgres, 3).await;
    let ann = app.member("ann");
    let mut observer = app.connect();
    let rename = waiting_rename(&postgres, &mut observer, &ann).await;
    let pid = observer.number(&format!("SELECT pid::bigint {WAITING}"));
    allow_connections(&postgres, false);
    assert!(is_unknown(&timeout(PATIENCE, rename).await.unwrap().unwrap().unwrap_err()));
    // The commit ends, while nobody can terminate its process.
    postgres.require_no_standby();
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    eventually(async || observer.number(&is_there) == 0).await;
    allow_connections(&postgres, true);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_connection_whose_group_gave_up_is_not_used_again() {
    let postgres = Postgres::private();
    let app = on(&postgres, 3).await;
    // A creation waits for the test, whatever time limit its statement has.
    app.execute(
        "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             LOOP
                 BEGIN
                     PERFORM pg_advisory_xact_lock_shared(78);
                     RETURN NULL;
                 EXCEPTION WHEN query_canceled OR lock_not_available THEN
                 END;
             END LOOP;
         END $$;
         CREATE TRIGGER hang AFTER INSERT ON k8s_cluster_configs FOR EACH STATEMENT EXECUTE FUNCTION hang()",
    );
    let (mut observer, mut holder) = (app.connect(), app.connect());
    holder.run("BEGIN; SELECT pg_advisory_xact_lock(78)");
    let hanging = "SELECT pid::text FROM pg_stat_activity WHERE query LIKE 'INSERT%' AND wait_event = 'advisory'";
    let mut calls = Vec::new();
    let mut found = Vec::new();
    eventually(async || {
        let users: Vec<_> = (0..8).map(|number| app.member(&format!("user_{}_{number}", calls.len()))).collect();
        calls.extend(users.into_iter().map(|user| tokio::spawn(async move { create(&user).await })));
        found = observer.texts(hanging);
        !found.is_empty()
    })
    .await;
    allow_connections(&postgres, false);
    assert!(join_all(calls).await.into_iter().all(|created| created.unwrap().is_err()));
    // The group is undone, while nobody can terminate its process.
    holder.run("COMMIT");
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", found[0]);
    eventually(async || observer.number(&is_there) == 0).await;
    allow_connections(&postgres, true);
    eventually(async || create(&app.member("bob")).await.is_ok()).await;
}
