//! Every change of a cluster is told, with the cluster as it left it.

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
use crate::support::{Backend, Builder, Sql, TestApp, TestDatabase, Watcher, assert_moment, both_databases};

both_databases! {
    async fn each_kind_of_change_is_told_with_the_cluster_it_left(app: TestApp) {
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
                admin_or(&admin, &user, name).call(name, input).await;
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

    async fn deleting_a_user_tells_of_each_cluster_once(app: TestApp) {
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
        // Nor is it told that user.delete leaves the clusters without an owner.
        admin.create("last", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created last"]);
    }

    async fn what_is_rolled_back_is_not_told(builder: Builder) {
        let app = builder.router(Router::new("undo").mutation("create", Access::User, "Fails late.", create)).start().await;
        let user = app.member("user_1");
        let mut watcher = Watcher::open(&app.admin(), json!({})).await;
        // On SQLite they share a transaction with those that succeed.
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

    async fn changes_past_the_server_leave_events_too(database: TestDatabase) {
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
        assert_eq!(row(&mut conn).len(), 4, "what stays deleted is nobody's business");
    }

    async fn events_can_not_be_changed_or_removed(app: TestApp) {
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

fn admin_or<'c>(
    admin: &'c crate::support::Client,
    user: &'c crate::support::Client,
    name: &str,
) -> &'c crate::support::Client {
    if name == "k8s.setStatus" { admin } else { user }
}

/// Creates a cluster, and fails.
fn create(call: &mut Call<'_>, _: NoInput) -> Result<Audited<i64>> {
    let owner = call.caller()?.id.clone();
    let new = NewCluster { owner: &owner, name: "undone", location: "eu", plan: Plan::Business };
    Cluster::create(call.conn, &new, call.now)?;
    Err(Error::NotFound("success"))
}
