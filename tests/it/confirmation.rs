//! Deleting a user who is as the caller has seen them: `confirmToken`.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::support::{Backend, Client, On, TestApp, both_databases, eventually, hours_ago, hours_ahead, literal};

const DELETIONS: [&str; 2] = ["user.delete", "user.softDelete"];

async fn summary(client: &Client, user_id: &str) -> Value {
    client.call("user.summary", json!({"userId": user_id})).await
}

fn input(user_id: &str, token: &Value) -> Value {
    json!({"userId": user_id, "confirmToken": token})
}

both_databases! {
    async fn a_user_who_is_as_shown_is_deleted(app: TestApp) {
        let admin = app.admin();
        for (id, name) in ["user_1", "user_2"].into_iter().zip(DELETIONS) {
            let user = app.member(id);
            user.create("web", "FREE").await;
            let shown = summary(&user, id).await;
            let token = &shown["confirmToken"];
            assert_eq!(token.as_str().unwrap().len(), 43);
            // An admin is shown the same.
            assert_eq!(summary(&admin, id).await, shown);
            assert_eq!(user.call(name, json!({"confirmToken": token})).await, json!({"success": true}));
        }
        let other = summary(&admin, { app.member("user_3"); "user_3" }).await;
        admin.call("user.delete", input("user_3", &other["confirmToken"])).await;
        assert_eq!(app.count("users WHERE deleted_at IS NULL"), 1);
    }

    async fn whatever_is_shown_changes_the_token(app: TestApp) {
        let admin = app.admin();
        let user = app.member("user_1");
        let id = user.create("web", "FREE").await;
        let ends = literal(hours_ago(24 * 40));
        let changes = [
            "UPDATE users SET name = 'Ada' WHERE id = 'user_1'".to_owned(),
            "UPDATE users SET email = 'ada@example.com' WHERE id = 'user_1'".to_owned(),
            "UPDATE users SET role = 'ADMIN' WHERE id = 'user_1'".to_owned(),
            format!("UPDATE k8s_cluster_configs SET status = 'CREATING' WHERE id = {id}"),
            format!("UPDATE k8s_cluster_configs SET location = 'us' WHERE id = {id}"),
            format!(
                "INSERT INTO customers (auth_user_id, plan, created_at, updated_at)
                 VALUES ('user_1', 'FREE', {ends}, {ends})"
            ),
            format!("UPDATE customers SET plan = 'PRO', stripe_current_period_end = {ends}"),
            format!("UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = {ends} WHERE id = {id}"),
        ];
        let mut shown = summary(&admin, "user_1").await;
        for change in changes {
            app.execute(&change);
            for name in DELETIONS {
                let failure = admin.fail("CONFLICT", name, input("user_1", &shown["confirmToken"])).await;
                let data = &failure.0["data"];
                assert_eq!((data.get("conflictingId"), data.get("retryAfterMs")), (None, None), "{change}");
                assert_eq!(data["summary"], summary(&admin, "user_1").await, "{change}");
                assert_ne!(data["summary"]["confirmToken"], shown["confirmToken"], "{change}");
            }
            shown = summary(&admin, "user_1").await;
        }
        assert_eq!(app.count("users WHERE deleted_at IS NULL"), 2);
        assert_eq!(app.count("audit_log WHERE entity = 'user'"), 0);
        // The token of the error is as good as one of a summary.
        admin.call("user.delete", input("user_1", &shown["confirmToken"])).await;
    }

    async fn any_other_token_is_stale(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        app.member("user_2");
        let other = summary(&admin, "user_2").await["confirmToken"].clone();
        for token in [other, json!("x"), json!("x".repeat(255))] {
            user.fail("CONFLICT", "user.delete", json!({"confirmToken": token})).await;
        }
        for (token, issue) in [(json!(""), "too_short"), (json!("x".repeat(256)), "too_long"), (json!(1), "invalid_type")] {
            let failure = user.fail("BAD_REQUEST", "user.delete", json!({"confirmToken": token})).await;
            assert_eq!(failure.issues(), [format!("confirmToken: {issue}")]);
        }
        // Null is as good as none.
        user.call("user.softDelete", json!({"confirmToken": null})).await;
    }

    async fn a_token_gives_no_rights_and_lifts_no_rule(app: TestApp) {
        let (admin, paying) = (app.admin(), app.rich("user_1"));
        let token = summary(&admin, "user_1").await["confirmToken"].clone();
        let stranger = app.member("user_2");
        for name in DELETIONS {
            stranger.fail("FORBIDDEN", name, input("user_1", &token)).await;
            paying.fail("PRECONDITION_FAILED", name, input("user_1", &token)).await;
        }
        let own = summary(&admin, "root").await["confirmToken"].clone();
        admin.fail("PRECONDITION_FAILED", "user.delete", json!({"confirmToken": own})).await;
        let forced = json!({"userId": "user_1", "confirmToken": token, "force": true});
        admin.call("user.delete", forced).await;
    }

    async fn the_summary_in_an_error_of_trpc_is_the_same(app: TestApp) {
        app.customer("user_1", "PRO", hours_ahead(1));
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        for mount in ["trpc-plain", "trpc"] {
            let body = json!({"confirmToken": "x"});
            let body = if mount == "trpc" { json!({"json": body}) } else { body };
            let request = user.http.post(format!("{}{mount}/user.delete", user.url)).body(body.to_string());
            let request = request.bearer_auth(user.token.as_ref().unwrap()).header("content-type", "application/json");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 409);
            let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            let error = if mount == "trpc" { &answer["error"]["json"] } else { &answer["error"] };
            assert_eq!(error["data"]["summary"], summary(&user, "user_1").await, "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_change_that_is_committed_while_the_deletion_waits_is_noticed() {
    let app = TestApp::on(Backend::Postgres).await;
    let user = app.member("user_1");
    let token = summary(&user, "user_1").await["confirmToken"].clone();
    let mut other = app.connect();
    other.batch_execute("BEGIN; UPDATE users SET name = 'Ada' WHERE id = 'user_1'").unwrap();
    let deletion = tokio::spawn(async move { user.try_call("user.delete", json!({"confirmToken": token})).await });
    let waiting = "pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()";
    eventually(async || app.count(waiting) > 0).await;
    other.batch_execute("COMMIT").unwrap();
    let failure = deletion.await.unwrap().unwrap_err();
    assert_eq!((failure.code(), &failure.0["data"]["summary"]["user"]["name"]), ("CONFLICT", &json!("Ada")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
async fn a_step_of_a_cluster_that_is_committed_while_the_deletion_waits_is_noticed() {
    let app = TestApp::on(Backend::Postgres).await;
    let (admin, user) = (app.admin(), app.member("user_1"));
    let id = user.create("web", "FREE").await;
    let token = summary(&user, "user_1").await["confirmToken"].clone();
    // The step waits with its audit entry, after it has changed the cluster.
    let mut other = app.connect();
    other.batch_execute("BEGIN; LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE").unwrap();
    let step = json!({"id": id, "status": "CREATING"});
    let step = tokio::spawn(async move { admin.call("k8s.setStatus", step).await });
    let waiting = "pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()";
    eventually(async || app.count(waiting) == 1).await;
    let deletion = tokio::spawn(async move { user.try_call("user.softDelete", json!({"confirmToken": token})).await });
    eventually(async || app.count(waiting) == 2).await;
    other.batch_execute("COMMIT").unwrap();
    step.await.unwrap();
    let failure = deletion.await.unwrap().unwrap_err();
    let shown = &failure.0["data"]["summary"]["clusters"][0]["status"];
    assert_eq!((failure.code(), shown), ("CONFLICT", &json!("CREATING")));
}
