//! The `k8s.*` procedures but for `k8s.setStatus` and `k8s.watch`.

use serde_json::{Value, json};

use crate::support::{TestApp, all, assert_moment, both_databases, hours_ago, literal};

/// The largest valid cluster id; no cluster has it.
const MISSING: i64 = 9_007_199_254_740_991;

/// Every procedure about one of the caller's clusters, with its input apart from the id.
const ABOUT_ONE: [(&str, &str); 6] = [
    ("k8s.get", "{}"),
    ("k8s.update", r#"{"name": "new"}"#),
    ("k8s.updateCluster", r#"{"name": "new"}"#),
    ("k8s.delete", "{}"),
    ("k8s.deleteCluster", "{}"),
    ("k8s.restore", "{}"),
];

fn with_id(input: &str, id: i64) -> Value {
    let mut input: Value = serde_json::from_str(input).unwrap();
    input["id"] = json!(id);
    input
}

both_databases! {
    async fn new_cluster_is_pending_on_the_default_network(app: TestApp) {
        let user = app.user("user_1");
        let created = user.call("k8s.create", json!({"name": " web-1 ", "location": " eu west "})).await;
        let expected =
            json!({"id": 1, "clusterName": "web-1", "location": "eu west", "plan": "FREE", "success": true});
        assert_eq!(created, expected);

        let cluster = user.call("k8s.get", json!({"id": 1})).await;
        let moment = cluster["createdAt"].clone();
        assert_moment(&moment);
        let expected = json!({
            "id": 1, "name": "web-1", "location": "eu west", "authUserId": "user_1", "plan": "FREE",
            "network": "Default", "status": "PENDING", "createdAt": moment, "updatedAt": moment, "deletedAt": null,
        });
        assert_eq!(cluster, expected);
        assert_eq!(user.call("k8s.list", Value::Null).await, json!([expected]));
    }

    async fn id_sent_by_the_old_frontend_is_ignored(app: TestApp) {
        let user = app.user("user_1");
        for (at, id) in [json!(77), json!(-3), json!(1.5), Value::Null].into_iter().enumerate() {
            let created = user.call("k8s.create", json!({"name": "web", "location": "eu", "id": id})).await;
            assert_eq!(created["id"], at + 1);
            user.call("k8s.delete", json!({"id": at + 1})).await;
        }
        let text = user.fail("BAD_REQUEST", "k8s.create", json!({"name": "web", "location": "eu", "id": "1"})).await;
        assert_eq!(text.issues(), ["id: invalid_type"]);
    }

    async fn cluster_ids_are_not_reused(app: TestApp) {
        let user = app.user("user_1");
        let first = user.create("web", "FREE").await;
        user.call("user.delete", Value::Null).await;
        app.execute("DELETE FROM k8s_cluster_configs");
        assert!(app.user("user_2").create("web", "FREE").await > first);
    }

    async fn clusters_are_listed_oldest_first(app: TestApp) {
        let user = app.rich("user_1");
        assert_eq!(user.call("k8s.list", Value::Null).await, json!([]));
        for plan in ["PRO", "FREE", "BUSINESS"] {
            user.create("web", plan).await;
        }
        let list = user.call("k8s.list", Value::Null).await;
        assert_eq!(all(&list, "id"), [1, 2, 3]);
        assert_eq!(all(&list, "plan"), ["PRO", "FREE", "BUSINESS"]);
        user.call("k8s.delete", json!({"id": 2})).await;
        assert_eq!(all(&user.call("k8s.list", Value::Null).await, "id"), [1, 3]);
        assert_eq!(app.user("user_2").call("k8s.list", Value::Null).await, json!([]));
    }

    async fn all_issues_of_a_new_cluster_are_reported_at_once(app: TestApp) {
        let user = app.user("user_1");
        let empty = user.fail("BAD_REQUEST", "k8s.create", Value::Null).await;
        assert_eq!(empty.issues(), ["location: required", "name: required"]);
        let wrong = json!({"name": "Web 1", "location": " ", "plan": "GOLD", "owner": "me"});
        let wrong = user.fail("BAD_REQUEST", "k8s.create", wrong).await;
        let expected = ["location: too_short", "name: invalid_format", "owner: unknown_field", "plan: invalid_value"];
        assert_eq!(wrong.issues(), expected);
        let long = json!({"name": "a".repeat(101), "location": "é".repeat(51)});
        let long = user.fail("BAD_REQUEST", "k8s.create", long).await;
        assert_eq!(long.issues(), ["location: too_long", "name: too_long"]);
        assert_eq!(app.count("k8s_cluster_configs"), 0);
        user.call("k8s.create", json!({"name": "a".repeat(100), "location": "é".repeat(50)})).await;
    }

    async fn name_allows_only_lower_case_letters_digits_and_dashes(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("-a0-", "FREE").await;
        for name in ["A", "a_b", "a b", "a.b", "ä", "a\nb"] {
            let failure = user.fail("BAD_REQUEST", "k8s.update", json!({"id": id, "name": name})).await;
            assert_eq!(failure.issues(), ["name: invalid_format"], "{name:?}");
        }
    }

    async fn second_active_cluster_on_a_plan_conflicts(app: TestApp) {
        let user = app.rich("user_1");
        for plan in ["FREE", "PRO", "BUSINESS"] {
            let id = user.create("web", plan).await;
            for name in ["k8s.create", "k8s.createCluster"] {
                let input = json!({"name": "other", "location": "eu", "plan": plan});
                let failure = user.fail("CONFLICT", name, input).await;
                assert_eq!(failure.conflicting_id(), id);
                assert_eq!(failure.message(), format!("There is an active {plan} cluster already."));
            }
        }
        app.user("user_2").create("web", "FREE").await;
        assert_eq!(app.count("k8s_cluster_configs"), 4);
    }

    async fn deleted_cluster_frees_its_plan(app: TestApp) {
        let user = app.user("user_1");
        let first = user.create_deleted("web", "FREE").await;
        assert_ne!(user.create("web", "FREE").await, first);
    }

    async fn update_changes_only_the_given_fields(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let mut expected = user.call("k8s.get", json!({"id": id})).await;
        for change in [json!({"name": "db"}), json!({"location": " us "}), json!({"name": "x", "location": "ap"})] {
            let mut input = change.clone();
            input["id"] = json!(id);
            assert_eq!(user.call("k8s.update", input).await, json!({"success": true}));
            for (field, value) in change.as_object().unwrap() {
                expected[field] = json!(value.as_str().unwrap().trim());
            }
            let cluster = user.call("k8s.get", json!({"id": id})).await;
            assert!(cluster["updatedAt"].as_str() > expected["updatedAt"].as_str(), "{cluster}");
            expected["updatedAt"] = cluster["updatedAt"].clone();
            assert_eq!(cluster, expected);
        }
    }

    async fn an_update_may_repeat_a_name_that_no_new_cluster_may_have(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        app.execute("UPDATE k8s_cluster_configs SET name = 'Old Name '");
        for name in ["k8s.update", "k8s.updateCluster"] {
            let input = json!({"id": id, "name": "Old Name", "location": "us"});
            assert_eq!(user.call(name, input).await, json!({"success": true}));
            let refused = user.fail("BAD_REQUEST", name, json!({"id": id, "name": "Old  Name"})).await;
            let issue = json!({
                "path": "name", "code": "invalid_format", "message": "may contain only lower-case letters, digits and dashes"
            });
            assert_eq!(refused.0["data"]["issues"], json!([issue]));
        }
        user.fail("NOT_FOUND", "k8s.update", json!({"id": id + 1, "name": "Old Name"})).await;
        let cluster = user.call("k8s.get", json!({"id": id})).await;
        assert_eq!((&cluster["name"], &cluster["location"]), (&json!("Old Name "), &json!("us")));
    }

    async fn invalid_update_is_reported(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let before = user.call("k8s.get", json!({"id": id})).await;
        let nothing = user.fail("BAD_REQUEST", "k8s.update", json!({"id": id})).await;
        assert_eq!(nothing.issues(), [": required"]);
        let wrong = json!({"id": 0, "name": "", "location": "é".repeat(51), "plan": "PRO"});
        let wrong = user.fail("BAD_REQUEST", "k8s.update", wrong).await;
        let expected = ["id: too_small", "location: too_long", "name: too_short", "plan: unknown_field"];
        assert_eq!(wrong.issues(), expected);
        assert_eq!(user.call("k8s.get", json!({"id": id})).await, before);
    }

    async fn deleted_cluster_is_only_in_the_list_of_deleted_clusters(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let before = user.call("k8s.get", json!({"id": id})).await;
        assert_eq!(user.call("k8s.delete", json!({"id": id})).await, json!({"success": true}));
        assert_eq!(user.call("k8s.list", Value::Null).await, json!([]));
        for (name, input) in &ABOUT_ONE[..5] {
            user.fail("NOT_FOUND", name, with_id(input, id)).await;
        }

        let deleted = user.call("k8s.listDeleted", Value::Null).await;
        let moment = deleted["items"][0]["deletedAt"].clone();
        assert_moment(&moment);
        let mut expected = before;
        (expected["status"], expected["deletedAt"], expected["updatedAt"]) = (json!("DELETED"), moment.clone(), moment);
        assert_eq!(deleted, json!({"items": [expected], "nextCursor": null}));
    }

    async fn another_users_cluster_is_indistinguishable_from_a_missing_one(app: TestApp) {
        let (owner, other) = (app.rich("owner"), app.user("other"));
        let (live, deleted) = (owner.create("web", "FREE").await, owner.create_deleted("old", "PRO").await);
        let rows = "SELECT id || name || status || updated_at AS line FROM k8s_cluster_configs ORDER BY id";
        let before = app.lines(rows);
        for (name, input) in ABOUT_ONE {
            let missing = other.fail("NOT_FOUND", name, with_id(input, MISSING)).await.anonymous();
            assert_eq!(missing["message"], "No such cluster.");
            for id in [live, deleted] {
                assert_eq!(other.fail("NOT_FOUND", name, with_id(input, id)).await.anonymous(), missing);
            }
        }
        // An admin does not own the cluster either.
        app.admin().fail("NOT_FOUND", "k8s.get", json!({"id": live})).await;
        assert_eq!(app.lines(rows), before);
    }

    async fn live_cluster_cannot_be_restored(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        user.fail("NOT_FOUND", "k8s.restore", json!({"id": id})).await;
    }

    async fn restored_cluster_keeps_its_fields(app: TestApp) {
        let user = app.user("user_1");
        let id = user.create("web", "FREE").await;
        let mut expected = user.call("k8s.get", json!({"id": id})).await;
        user.call("k8s.delete", json!({"id": id})).await;
        let deleted = user.call("k8s.listDeleted", Value::Null).await["items"][0].take();
        assert_eq!(user.call("k8s.restore", json!({"id": id})).await, json!({"success": true}));
        let cluster = user.call("k8s.get", json!({"id": id})).await;
        assert!(cluster["updatedAt"].as_str() > deleted["updatedAt"].as_str());
        expected["updatedAt"] = cluster["updatedAt"].clone();
        assert_eq!(cluster, expected);
        user.fail("NOT_FOUND", "k8s.restore", json!({"id": id})).await;
    }

    async fn restore_onto_an_occupied_plan_conflicts(app: TestApp) {
        let user = app.user("user_1");
        let old = user.create_deleted("old", "FREE").await;
        let new = user.create("new", "FREE").await;
        let failure = user.fail("CONFLICT", "k8s.restore", json!({"id": old})).await;
        assert_eq!(failure.conflicting_id(), new);
        user.call("k8s.delete", json!({"id": new})).await;
        assert_eq!(user.call("k8s.restore", json!({"id": old})).await, json!({"success": true}));
        assert_eq!(all(&user.call("k8s.list", Value::Null).await, "id"), [old]);
    }

    async fn cluster_ids_must_be_positive_integers(app: TestApp) {
        let user = app.user("user_1");
        for (name, _) in ABOUT_ONE {
            for (id, code) in [(json!(0), "too_small"), (json!(MISSING + 1), "too_big"), (json!("1"), "invalid_type")] {
                let failure = user.fail("BAD_REQUEST", name, json!({"id": id})).await;
                assert_eq!(failure.issues(), [format!("id: {code}")], "{name} {id}");
            }
            user.fail("BAD_REQUEST", name, json!({"id": 1.5})).await;
            assert!(user.fail("BAD_REQUEST", name, Value::Null).await.issues().contains(&"id: required".to_owned()));
        }
    }

    async fn deleted_clusters_are_listed_newest_deletion_first(app: TestApp) {
        let user = app.user("user_1");
        for hours in [2, 3, 1] {
            let id = user.create_deleted("web", "FREE").await;
            let at = literal(hours_ago(hours));
            app.execute(&format!("UPDATE k8s_cluster_configs SET deleted_at = {at} WHERE id = {id}"));
        }
        let list = user.call("k8s.listDeleted", Value::Null).await;
        assert_eq!(all(&list["items"], "id"), [3, 1, 2]);
        let nothing = json!({"items": [], "nextCursor": null});
        assert_eq!(app.user("user_2").call("k8s.listDeleted", Value::Null).await, nothing);
    }

    async fn count_separates_active_and_deleted_clusters(app: TestApp) {
        let user = app.rich("user_1");
        assert_eq!(user.call("k8s.count", Value::Null).await, json!({"active": 0, "deleted": 0}));
        user.create_deleted("one", "FREE").await;
        user.create_deleted("two", "FREE").await;
        user.create("three", "FREE").await;
        assert_eq!(user.call("k8s.count", Value::Null).await, json!({"active": 1, "deleted": 2}));
        assert_eq!(app.user("user_2").call("k8s.count", Value::Null).await, json!({"active": 0, "deleted": 0}));
    }

    async fn old_names_of_cluster_procedures_work(app: TestApp) {
        let user = app.user("user_1");
        let created = user.call("k8s.createCluster", json!({"id": 0, "name": "web", "location": "eu"})).await;
        let expected = json!({"id": 1, "clusterName": "web", "location": "eu", "plan": "FREE", "success": true});
        assert_eq!(created, expected);
        let update = user.call("k8s.updateCluster", json!({"id": 1, "name": "db", "location": "us"})).await;
        assert_eq!(update, json!({"success": true}));
        let list = user.call("k8s.getClusters", Value::Null).await;
        assert_eq!((&list[0]["name"], &list[0]["location"]), (&json!("db"), &json!("us")));
        assert_eq!(list, user.call("k8s.list", Value::Null).await);
        assert_eq!(user.call("k8s.deleteCluster", json!({"id": 1})).await, json!({"success": true}));
        assert_eq!(user.call("k8s.getClusters", Value::Null).await, json!([]));
    }
}
