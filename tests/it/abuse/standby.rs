//! PostgreSQL with several hosts of which one accepts no writes.

use clusterdesk::db::migrations::Migrations;
use diesel::{Connection, PgConnection, connection::SimpleConnection};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Backend, Builder, Postgres, Sql, TestApp, TestDatabase, eventually};

/// A server with an empty migrated database `app`.
fn migrated() -> (Postgres, TestDatabase) {
    let postgres = Postgres::private();
    postgres.create("app", "template0");
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase { backend: Backend::Postgres, url: postgres.url("app"), folder };
    Migrations::open(&database.address()).unwrap().up(usize::MAX).unwrap();
    (postgres, database)
}

/// A clusterdesk on both PostgreSQL servers: libpq tries them in this order.
async fn on_both(first: &TestDatabase, second: &TestDatabase) -> TestApp {
    let folder = |database: &TestDatabase| database.url.split(['=', '&']).nth(1).unwrap().to_owned();
    let url = format!("postgres:///app?host={},{}&user=postgres", folder(first), folder(second));
    let data = tempfile::tempdir().unwrap();
    // One thread: the hosts do not replicate, so a user who was created on one of them is missing on the other.
    let builder = Builder::with_database(TestDatabase { backend: Backend::Postgres, url, folder: data });
    builder.flag("database-threads", "1").start().await
}

/// Makes a server refuse writes, on connections that are open too, as a standby does.
fn demote(postgres: &Postgres) {
    let mut connection = PgConnection::establish(&postgres.url("postgres")).unwrap();
    connection.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").unwrap();
    connection.batch_execute("SELECT pg_reload_conf()").unwrap();
}

fn owners(database: &TestDatabase) -> Vec<String> {
    database.connect().texts("SELECT auth_user_id FROM k8s_cluster_configs")
}

async fn create(app: &TestApp, user: &str) -> Value {
    app.user(user).call("k8s.create", json!({"name": "a", "location": "eu"})).await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_start_skips_a_host_that_accepts_no_writes() {
    let ((standby, behind), (_primary, ahead)) = (migrated(), migrated());
    demote(&standby);
    let app = on_both(&behind, &ahead).await;
    create(&app, "ann").await;
    assert_eq!((owners(&behind), owners(&ahead)), (vec![], vec!["ann".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_write_moves_to_another_host_when_its_host_accepts_none_any_more() {
    let ((old_primary, old), (_new_primary, new)) = (migrated(), migrated());
    // She is on both, as she would be with a real standby.
    create(&on_both(&new, &old).await, "ann").await;
    let app = on_both(&old, &new).await;
    let ann = app.member("ann");
    let rename = async |number: usize| ann.call("user.updateName", json!({"name": format!("Ann {number}")})).await;
    let renames = |database: &TestDatabase| {
        database.connect().number("SELECT count(*) FROM audit_log WHERE procedure = 'user.updateName'")
    };
    rename(0).await;
    assert_eq!((renames(&old), renames(&new)), (1, 0));
    demote(&old_primary);
    // The server reloads its configuration asynchronously: until then, writes still succeed there.
    for number in 1.. {
        rename(number).await;
        if renames(&new) == 1 {
            break;
        }
        assert!(number < 1000, "no write has moved");
    }
    rename(1001).await;
    assert_eq!(renames(&new), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn groups_of_writes_move_to_another_host_too() {
    let ((old_primary, old), (_new_primary, new)) = (migrated(), migrated());
    let app = on_both(&old, &new).await;
    let ids: Vec<_> = (0..30).map(|number| format!("user_{number}")).collect();
    for database in [&old, &new] {
        let rows: Vec<_> = ids.iter().map(|id| format!("('{id}', now(), now())")).collect();
        database.connect().run(&format!("INSERT INTO users (id, created_at, updated_at) VALUES {}", rows.join(", ")));
    }
    let users: Vec<_> = ids.iter().map(|id| app.user(id)).collect();
    // Transactions of several calls.
    let groups = |database: &TestDatabase| {
        let several = "SELECT xmin::text FROM audit_log GROUP BY xmin::text HAVING count(*) > 1";
        database.connect().texts(several).len()
    };
    let rename_until_grouped = async |database: &TestDatabase| {
        eventually(async || {
            join_all(users.iter().map(|user| user.call("user.updateName", json!({"name": "Ann"})))).await;
            groups(database) > 0
        })
        .await;
    };
    rename_until_grouped(&old).await;
    demote(&old_primary);
    rename_until_grouped(&new).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn without_a_host_that_accepts_writes_the_database_is_out_of_reach() {
    let (postgres, database) = migrated();
    let app = Builder::with_database(database).start().await;
    create(&app, "ann").await;
    demote(&postgres);
    let mut number = 0;
    eventually(async || {
        number += 1;
        let user = app.user(&format!("ben_{number}"));
        let created = user.try_call("k8s.create", json!({"name": "a", "location": "eu"})).await;
        created.is_err_and(|failure| {
            assert_eq!(failure.code(), "SERVICE_UNAVAILABLE", "{failure:?}");
            true
        })
    })
    .await;
    let mut connection = PgConnection::establish(&postgres.url("postgres")).unwrap();
    connection.batch_execute("ALTER SYSTEM RESET default_transaction_read_only").unwrap();
    connection.batch_execute("SELECT pg_reload_conf()").unwrap();
    let user = app.user("cid");
    let input = json!({"name": "a", "location": "eu"});
    eventually(async || user.try_call("k8s.create", input.clone()).await.is_ok()).await;
}
