//! `admin.getCluster` and `admin.clusterEvents`.

use serde_json::{Value, json};

use crate::support::{TestApp, all, assert_moment, both_databases};

/// `kind status` of the events of a page, newest first.
fn told(page: &Value) -> Vec<String> {
    let line =
        |event: &Value| format!("{} {}", event["type"].as_str().unwrap(), event["cluster"]["status"].as_str().unwrap());
    page["items"].as_array().unwrap().iter().map(line).collect()
}

both_databases! {
    async fn admin_sees_any_cluster_and_its_owner(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        let id = user.create("web", "FREE").await;
        let found = admin.call("admin.getCluster", json!({"id": id})).await;
        assert_eq!(found, json!({
            "cluster": user.call("k8s.get", json!({"id": id})).await, "hasRun": false,
            "owner": {"id": "user_1", "name": "Name of user_1", "deletedAt": null},
        }));
        for status in ["CREATING", "INITING", "RUNNING"] {
            admin.call("k8s.setStatus", json!({"id": id, "status": status})).await;
        }
        user.call("user.softDelete", Value::Null).await;
        let found = admin.call("admin.getCluster", json!({"id": id})).await;
        assert_moment(&found["owner"]["deletedAt"]);
        assert_eq!((&found["hasRun"], &found["cluster"]["status"]), (&json!(true), &json!("DELETED")));
        admin.call("user.delete", json!({"userId": "user_1"})).await;
        let found = admin.call("admin.getCluster", json!({"id": id})).await;
        assert_eq!((&found["owner"], &found["cluster"]["authUserId"]), (&Value::Null, &Value::Null));
        admin.fail("NOT_FOUND", "admin.getCluster", json!({"id": id + 1})).await;
        for wrong in [0, 9_007_199_254_740_992_i64] {
            admin.fail("BAD_REQUEST", "admin.getCluster", json!({"id": wrong})).await;
            admin.fail("BAD_REQUEST", "admin.clusterEvents", json!({"id": wrong})).await;
        }
    }

    async fn what_happened_to_a_cluster_is_told_newest_first_page_by_page(app: TestApp) {
        let (admin, user) = (app.admin(), app.rich("user_1"));
        let other = user.create("other", "PRO").await;
        let id = user.create("web", "FREE").await;
        for status in ["CREATING", "INITING", "RUNNING"] {
            admin.call("k8s.setStatus", json!({"id": id, "status": status})).await;
            user.call("k8s.update", json!({"id": other, "name": status.to_lowercase()})).await;
        }
        user.call("k8s.delete", json!({"id": id})).await;
        user.call("k8s.restore", json!({"id": id})).await;
        user.call("k8s.update", json!({"id": id, "name": "renamed"})).await;
        let expected = [
            "updated STOPPED", "restored STOPPED", "deleted DELETED", "statusChanged RUNNING", "statusChanged INITING",
            "statusChanged CREATING", "created PENDING",
        ];
        let whole = admin.call("admin.clusterEvents", json!({"id": id})).await;
        assert_eq!(told(&whole), expected);
        assert_eq!((&whole["nextCursor"], &whole["items"][0]["cluster"]["name"]), (&Value::Null, &json!("renamed")));
        assert_moment(&whole["items"][0]["at"]);

        let (mut ids, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let mut input = json!({"id": id, "limit": 3});
            if cursor.is_string() {
                input["cursor"] = cursor;
            }
            let page = admin.call("admin.clusterEvents", input).await;
            ids.extend(all(&page["items"], "id").into_iter().cloned());
            cursor = page["nextCursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(ids.iter().collect::<Vec<_>>(), all(&whole["items"], "id"));
        // The history stays when the owner is gone.
        admin.call("user.delete", json!({"userId": "user_1", "force": true})).await;
        let kept = admin.call("admin.clusterEvents", json!({"id": id, "limit": 1})).await;
        assert_eq!(told(&kept), ["deleted DELETED"]);
        let foreign = admin.call("admin.listClusters", json!({"includeDeleted": true, "limit": 1})).await["nextCursor"].clone();
        let failure = admin.fail("BAD_REQUEST", "admin.clusterEvents", json!({"id": id, "cursor": foreign})).await;
        assert_eq!(failure.issues(), ["cursor: invalid_value"]);
        assert_eq!(admin.call("admin.clusterEvents", json!({"id": 999_999})).await, json!({"items": [], "nextCursor": null}));
    }
}
