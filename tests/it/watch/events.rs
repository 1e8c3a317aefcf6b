//! Every change of a cluster is an event, which contains the cluster after the change.

use clusterdesk::{
    error::{Error, Result},
    kernel::{Audited, Call, Router},
    models::{
        k8s::{Cluster, NewCluster},
        plan::Plan,
    },
};
use futures_util::future::join_all;
use procedures::{Access, NoInput};
use serde_json::{Value, json};

use super::{all_ids, cluster, id};
use crate::support::{Backend, Builder, Client, Sql, TestApp, TestDatabase, Watcher, assert_moment, both_databases};

both_databases! {
    async fn each_kind_of_change_sends_the_changed_cluster(app: TestApp) {
        let (user, admin) = (app.member("user_1"), app.admin());
        let mut watcher = Watcher::open(&user, json!({})).await;
        let input = json!({"id": user.create("web", "FREE").await});
        let mut last = 0;
        for (kind, call, change) in [
            ("created", None, json!({})),
            ("updated", Some("k8s.update"), json!({"name": "db"})),
            ("statusChanged", Some("k8s.setStatus"), json!({"status": "CREATING"})),
            ("deleted", Some("k8s.delete"), json!({})),
            ("restored", Some("k8s.restore"), json!({})),
        ] {
            if let Some(name) = call {
                let mut input = input.clone();
                input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
                caller_of(name, &admin, &user).call(name, input).await;
            }
            let event = watcher.next().await;
            assert_eq!(event["type"], kind, "{event}");
            assert_moment(&event["at"]);
            assert!(id(&event) > last, "{event}");
            last = id(&event);
            let seen = match kind {
                "deleted" => user.call("k8s.listDeleted", json!({})).await["items"][0].clone(),
                _ => user.call("k8s.get", input.clone()).await,
            };
            assert_eq!(event["cluster"], seen, "{kind}");
        }
        assert_eq!(all_ids(&app).len(), 5);
    }

    async fn deleting_a_user_sends_one_event_for_each_cluster(app: TestApp) {
        let admin = app.admin();
        let mut watcher = Watcher::open(&admin, json!({})).await;
        for (user, call) in [("user_1", "user.softDelete"), ("user_2", "user.delete")] {
            let client = app.rich(user);
            for plan in ["FREE", "PRO"] {
                client.create("web", plan).await;
                watcher.next().await;
            }
            admin.call(call, json!({"userId": user, "force": true})).await;
            for _ in 0..2 {
                let event = watcher.next().await;
                assert_eq!((&event["type"], &event["cluster"]["authUserId"]), (&json!("deleted"), &json!(user)));
                assert_ne!(event["cluster"]["deletedAt"], Value::Null);
            }
        }
        // There is no event for the removal of the owner in user.delete.
        admin.create("last", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created last"]);
    }

    async fn a_rolled_back_change_sends_no_event(builder: Builder) {
        let app = builder.router(Router::new("undo").mutation("create", Access::User, "Fails late.", create)).start().await;
        let user = app.member("user_1");
        let mut watcher = Watcher::open(&app.admin(), json!({})).await;
        // On SQLite the failing calls share transactions with the successful ones.
        let others = (0..8).map(|number| app.member(&format!("other_{number}"))).collect::<Vec<_>>();
        let successes = others.iter().map(|other| other.create("kept", "FREE"));
        let failures = (0..8).map(|_| user.fail("NOT_FOUND", "undo.create", json!({})));
        tokio::join!(join_all(successes), join_all(failures));
        assert_eq!(watcher.told(8).await, ["created kept"; 8]);
        user.create("web", "FREE").await;
        user.fail("CONFLICT", "k8s.create", cluster("again")).await;
        user.fail("NOT_FOUND", "k8s.delete", json!({"id": 77})).await;
        others[0].call("k8s.delete", json!({"id": others[0].call("k8s.list", json!({})).await[0]["id"]})).await;
        assert_eq!(watcher.told(2).await, ["created web", "deleted kept"]);
        assert_eq!(all_ids(&app).len(), 10);
    }

    async fn changes_by_direct_sql_create_events(database: TestDatabase) {
        let mut conn = database.connect();
        let t = "'2026-01-01 10:00:00'";
        let insert = |name: &str| format!(
            "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, created_at, updated_at)
            VALUES ('{name}', 'eu', 'u-{name}', 'FREE', {t}, {t});"
        );
        let users = ["a", "b", "c"].map(|name| format!("INSERT INTO users (id, created_at, updated_at) VALUES ('u-{name}', {t}, {t});"));
        conn.run(&users.concat());
        conn.run(&format!("BEGIN; {} SAVEPOINT s; {} ROLLBACK TO s; {} COMMIT;", insert("a"), insert("b"), insert("c")));
        conn.run(&format!("BEGIN; {} ROLLBACK;", insert("b")));
        let row = |conn: &mut _| <_ as Sql>::texts(conn, "SELECT kind || ' ' || name || ' ' || status FROM cluster_events ORDER BY id");
        assert_eq!(row(&mut conn), ["created a PENDING", "created c PENDING"]);
        conn.run(&format!("UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = {t}, name = 'gone'"));
        assert_eq!(row(&mut conn)[2..], ["deleted gone DELETED", "deleted gone DELETED"]);
        conn.run("UPDATE k8s_cluster_configs SET auth_user_id = NULL, location = 'us'");
        conn.run("DELETE FROM k8s_cluster_configs");
        conn.run(&format!(
            "INSERT INTO k8s_cluster_configs (name, location, plan, status, created_at, updated_at, deleted_at)
            VALUES ('imported', 'eu', 'FREE', 'DELETED', {t}, {t}, {t})"
        ));
        assert_eq!(row(&mut conn).len(), 4, "changes of deleted clusters create no events");
    }

    async fn event_rows_cannot_be_changed_or_deleted(app: TestApp) {
        app.user("user_1").create("web", "FREE").await;
        let mut conn = app.connect();
        for statement in ["UPDATE cluster_events SET name = 'x'", "DELETE FROM cluster_events"] {
            assert!(conn.refusal(statement).unwrap().contains("append-only"), "{statement}");
        }
        let refused = conn.refusal("UPDATE cluster_events SET kind = 'forgotten'").unwrap();
        assert!(refused.contains("append-only"), "{refused}");
        if app.backend() == Backend::Sqlite {
            let replaced = conn.refusal("INSERT OR REPLACE INTO cluster_events SELECT * FROM cluster_events").unwrap();
            assert!(replaced.contains("append-only"), "{replaced}");
        }
    }
}

/// Who calls a procedure: the admin for `k8s.setStatus`, else the user.
fn caller_of<'c>(name: &str, admin: &'c Client, user: &'c Client) -> &'c Client {
    if name == "k8s.setStatus" { admin } else { user }
}

/// Creates a cluster and fails.
fn create(call: &mut Call<'_>, _: NoInput) -> Result<Audited<i64>> {
    let owner = call.caller()?.id.clone();
    let new = NewCluster { owner: &owner, name: "undone", location: "eu", plan: Plan::Business };
    Cluster::create(call.conn, &new, call.now)?;
    Err(Error::NotFound("undone"))
}
