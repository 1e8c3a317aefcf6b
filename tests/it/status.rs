//! The status of a cluster: allowed steps, and the status after a restore.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_databases};

const ALL: [&str; 6] = ["PENDING", "CREATING", "INITING", "RUNNING", "STOPPED", "DELETED"];
/// The allowed steps of `k8s.setStatus`.
const STEPS: [(&str, &str); 5] = [
    ("PENDING", "CREATING"),
    ("CREATING", "INITING"),
    ("INITING", "RUNNING"),
    ("RUNNING", "STOPPED"),
    ("STOPPED", "RUNNING"),
];

/// Sets one status after the other.
async fn walk(admin: &Client, id: i64, steps: &[&str]) {
    for status in steps {
        assert_eq!(admin.call("k8s.setStatus", json!({"id": id, "status": status})).await, json!({"success": true}));
    }
}

/// Deletes and restores a cluster, and returns its status.
async fn delete_and_restore(user: &Client, id: i64) -> Value {
    user.call("k8s.delete", json!({"id": id})).await;
    user.call("k8s.restore", json!({"id": id})).await;
    let mut cluster = user.call("k8s.get", json!({"id": id})).await;
    assert!(cluster["deletedAt"].is_null());
    cluster["status"].take()
}

both_databases! {
    async fn of_all_36_steps_exactly_five_are_allowed(app: TestApp) {
        let admin = app.admin();
        let id = app.user("user_1").create("web", "FREE").await;
        let status = || app.lines("SELECT status AS line FROM k8s_cluster_configs").remove(0);
        for from in ALL {
            for to in ALL {
                let deleted_at = if from == "DELETED" { "created_at" } else { "NULL" };
                app.execute(&format!("UPDATE k8s_cluster_configs SET status = '{from}', deleted_at = {deleted_at}"));
                let input = json!({"id": id, "status": to});
                if STEPS.contains(&(from, to)) {
                    assert_eq!(admin.call("k8s.setStatus", input).await, json!({"success": true}));
                    assert_eq!(status(), to);
                } else {
                    // This procedure does not find deleted clusters; `k8s.restore` restores them.
                    let code = if from == "DELETED" { "NOT_FOUND" } else { "PRECONDITION_FAILED" };
                    admin.fail(code, "k8s.setStatus", input).await;
                    assert_eq!(status(), from, "{from} to {to}");
                }
            }
        }
    }

    async fn a_step_changes_only_status_and_updated_at(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        let id = user.create("web", "FREE").await;
        let before = user.call("k8s.get", json!({"id": id})).await;
        walk(&admin, id, &["CREATING"]).await;
        let after = user.call("k8s.get", json!({"id": id})).await;
        assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
        let mut expected = before;
        (expected["status"], expected["updatedAt"]) = (json!("CREATING"), after["updatedAt"].clone());
        assert_eq!(after, expected);
    }

    async fn a_refused_step_names_both_states_and_changes_nothing(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        let id = user.create("web", "FREE").await;
        let before = user.call("k8s.get", json!({"id": id})).await;
        let failure = admin.fail("PRECONDITION_FAILED", "k8s.setStatus", json!({"id": id, "status": "RUNNING"})).await;
        assert_eq!(failure.message(), "A cluster can't go from PENDING to RUNNING.");
        assert_eq!(user.call("k8s.get", json!({"id": id})).await, before);
    }

    async fn a_restored_cluster_that_never_ran_is_pending(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        let id = user.create("web", "FREE").await;
        assert_eq!(delete_and_restore(&user, id).await, "PENDING");
        walk(&admin, id, &["CREATING"]).await;
        assert_eq!(delete_and_restore(&user, id).await, "PENDING");
        walk(&admin, id, &["CREATING", "INITING"]).await;
        assert_eq!(delete_and_restore(&user, id).await, "PENDING");
    }

    async fn a_restored_cluster_that_has_run_is_stopped(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        let id = user.create("web", "FREE").await;
        walk(&admin, id, &["CREATING", "INITING", "RUNNING"]).await;
        assert_eq!(delete_and_restore(&user, id).await, "STOPPED");
        assert_eq!(delete_and_restore(&user, id).await, "STOPPED");
        walk(&admin, id, &["RUNNING"]).await;
        assert_eq!(delete_and_restore(&user, id).await, "STOPPED");
    }

    async fn only_admins_can_set_a_status(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let step = json!({"id": id, "status": "CREATING"});
        user.fail("FORBIDDEN", "k8s.setStatus", step.clone()).await;
        user.fail("FORBIDDEN", "k8s.setStatus", json!({"id": 999, "status": "CREATING"})).await;
        app.anonymous().fail("UNAUTHORIZED", "k8s.setStatus", step).await;
        assert_eq!(user.call("k8s.get", json!({"id": id})).await["status"], "PENDING");
    }

    async fn only_the_six_status_names_are_accepted(app: TestApp) {
        let admin = app.admin();
        let failure = admin.fail("BAD_REQUEST", "k8s.setStatus", json!({"id": 1, "status": "running"})).await;
        assert_eq!(failure.issues(), ["status: invalid_value"]);
        let failure = admin.fail("BAD_REQUEST", "k8s.setStatus", Value::Null).await;
        assert_eq!(failure.issues(), ["id: required", "status: required"]);
        admin.fail("NOT_FOUND", "k8s.setStatus", json!({"id": 1, "status": "CREATING"})).await;
    }
}
