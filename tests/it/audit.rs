//! The audit log.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, all, assert_moment, both_databases, hours_ago, hours_ahead, literal};

/// The `entityId` of the entries that match a filter, newest first.
async fn entity_ids(admin: &Client, filter: Value) -> Vec<String> {
    let page = admin.call("admin.auditLog", filter).await;
    all(&page["items"], "entityId").into_iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

both_databases! {
    async fn every_change_writes_exactly_one_audit_entry(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        user.call("k8s.createCluster", json!({"name": "web", "location": "eu", "id": 7})).await;
        user.call("k8s.update", json!({"id": 1, "name": "db"})).await;
        admin.call("k8s.setStatus", json!({"id": 1, "status": "CREATING"})).await;
        user.call("k8s.deleteCluster", json!({"id": 1})).await;
        user.call("k8s.restore", json!({"id": 1})).await;
        user.call("customer.insertCustomer", Value::Null).await;
        user.call("customer.updateUserName", json!({"name": "Ada"})).await;
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        user.call("user.softDelete", Value::Null).await;
        app.customer("user_2", "PRO", hours_ahead(1));
        admin.call("user.delete", json!({"userId": "user_2", "force": true})).await;

        let expected = json!([
            ["user_1", "k8s.create", "cluster", "1", {"name": "web", "location": "eu", "plan": "FREE"}],
            ["user_1", "k8s.update", "cluster", "1", {"name": "db", "location": null}],
            ["root", "k8s.setStatus", "cluster", "1", {"from": "PENDING", "to": "CREATING"}],
            ["user_1", "k8s.delete", "cluster", "1", {"owner": "user_1"}],
            ["user_1", "k8s.restore", "cluster", "1", {"owner": "user_1"}],
            ["user_1", "customer.create", "customer", "1", {"userId": "user_1", "plan": "FREE"}],
            ["user_1", "user.updateName", "user", "user_1", {"changed": ["name"]}],
            ["root", "admin.setRole", "user", "user_1", {"from": "USER", "to": "ADMIN"}],
            ["user_1", "user.softDelete", "user", "user_1", {"deletedClusters": [1], "force": null}],
            ["root", "user.delete", "user", "user_2", {"deletedClusters": [], "ownedClusters": [], "owned": 0, "force": true}],
        ]);
        assert_eq!(json!(admin.audited().await), expected);
    }

    async fn audit_entry_has_the_time_and_the_request_id(app: TestApp) {
        let admin = app.admin();
        let id = "7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2918";
        let input = json!({"name": "web", "location": "eu"});
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.create", "params": input});
        let response = admin.post().header("x-request-id", id).body(request.to_string()).send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], id);
        let page = admin.call("admin.auditLog", Value::Null).await;
        let cluster = admin.call("k8s.get", json!({"id": 1})).await;
        assert_moment(&page["items"][0]["createdAt"]);
        let expected = json!({"items": [{
            "id": 1, "createdAt": cluster["createdAt"], "actorId": "root", "procedure": "k8s.create",
            "entity": "cluster", "entityId": "1", "requestId": id,
            "detail": {"name": "web", "location": "eu", "plan": "FREE"},
            "clientAddress": "127.0.0.1", "tokenId": null, "door": "jsonrpc",
        }], "nextCursor": null});
        assert_eq!(page, expected);
    }

    async fn queries_failures_and_unchanged_rows_write_no_audit_entry(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        for query in ["user.me", "user.summary", "k8s.list", "k8s.listDeleted", "k8s.count", "customer.get"] {
            user.call(query, Value::Null).await;
        }
        admin.call("admin.setRole", json!({"userId": "user_1", "role": "USER"})).await;
        user.fail("NOT_FOUND", "k8s.delete", json!({"id": 1})).await;
        user.fail("NOT_FOUND", "k8s.update", json!({"id": 1, "name": "db"})).await;
        user.fail("BAD_REQUEST", "k8s.create", json!({"name": "web"})).await;
        user.fail("PAYMENT_REQUIRED", "k8s.create", json!({"name": "web", "location": "eu", "plan": "PRO"})).await;
        user.fail("FORBIDDEN", "admin.setRole", json!({"userId": "user_1", "role": "ADMIN"})).await;
        admin.fail("PRECONDITION_FAILED", "user.delete", Value::Null).await;
        app.anonymous().fail("UNAUTHORIZED", "k8s.delete", json!({"id": 1})).await;
        assert_eq!(admin.audited().await, [Value::Null; 0]);

        user.create("web", "FREE").await;
        user.fail("CONFLICT", "k8s.create", json!({"name": "web", "location": "eu"})).await;
        user.fail("NOT_FOUND", "k8s.restore", json!({"id": 1})).await;
        admin.fail("PRECONDITION_FAILED", "k8s.setStatus", json!({"id": 1, "status": "RUNNING"})).await;
        assert_eq!(admin.audited().await.len(), 1);
    }

    async fn change_is_rolled_back_when_its_audit_entry_cannot_be_written(app: TestApp) {
        let user = app.member("user_1");
        app.execute("ALTER TABLE audit_log RENAME TO audit_log_out_of_reach");
        user.fail("INTERNAL_SERVER_ERROR", "k8s.create", json!({"name": "web", "location": "eu"})).await;
        user.fail("INTERNAL_SERVER_ERROR", "user.delete", Value::Null).await;
        assert_eq!((app.count("k8s_cluster_configs"), app.count("users")), (0, 1));
    }

    async fn audit_log_can_be_filtered_by_any_combination_of_fields(app: TestApp) {
        let admin = app.admin();
        let entries = [("ada", "k8s.create", "cluster", "1", 5), ("ada", "k8s.delete", "cluster", "2", 4),
                       ("bob", "k8s.create", "cluster", "3", 3), ("bob", "user.delete", "user", "1", 2)];
        for (actor, procedure, entity, id, hours) in entries {
            app.execute(&format!(
                "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
                 VALUES ({}, '{actor}', '{procedure}', '{entity}', '{id}', 'null', 'x')", literal(hours_ago(hours))
            ));
        }
        for (filter, expected) in [
            (json!({}), vec!["1", "3", "2", "1"]),
            (json!({"actorId": "ada"}), vec!["2", "1"]),
            (json!({"procedure": "k8s.create"}), vec!["3", "1"]),
            (json!({"entity": "cluster"}), vec!["3", "2", "1"]),
            (json!({"entity": "cluster", "entityId": "1"}), vec!["1"]),
            (json!({"entityId": "1"}), vec!["1", "1"]),
            (json!({"actorId": "bob", "procedure": "k8s.create", "entity": "cluster"}), vec!["3"]),
            (json!({"actorId": "a%"}), vec![]),
        ] {
            assert_eq!(entity_ids(&admin, filter.clone()).await, expected, "{filter}");
        }
    }

    async fn since_is_inclusive_and_until_is_exclusive(app: TestApp) {
        let (admin, user) = (app.admin(), app.user("user_1"));
        for plan in 0..3 {
            user.create_deleted(&format!("web-{plan}"), "FREE").await;
        }
        let page = admin.call("admin.auditLog", json!({"procedure": "k8s.create"})).await;
        let moments = all(&page["items"], "createdAt");
        assert_eq!(moments.len(), 3);
        let middle = moments[1];
        for (filter, expected) in [
            (json!({"since": middle}), vec!["3", "2"]),
            (json!({"until": middle}), vec!["1"]),
            (json!({"since": middle, "until": moments[0]}), vec!["2"]),
            (json!({"since": middle, "until": middle}), vec![]),
            (json!({"since": middle.as_str().unwrap().replace('Z', "+00:00")}), vec!["3", "2"]),
        ] {
            let mut input = filter.clone();
            input["procedure"] = json!("k8s.create");
            assert_eq!(entity_ids(&admin, input).await, expected, "{filter}");
        }
    }

    async fn first_and_last_rfc_3339_timestamps_are_accepted(app: TestApp) {
        let admin = app.admin();
        admin.create("web", "FREE").await;
        let (first, last) = ("0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z");
        assert_eq!(entity_ids(&admin, json!({"since": first, "until": last})).await, ["1"]);
        assert_eq!(entity_ids(&admin, json!({"since": last, "until": first})).await, [""; 0]);
        // In UTC these are outside of the years 0000 to 9999, which RFC 3339 can't express.
        for beyond in ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
            let failure = admin.fail("BAD_REQUEST", "admin.auditLog", json!({"until": beyond})).await;
            assert_eq!(failure.issues(), ["until: invalid_value"]);
        }
    }

    async fn database_rejects_changes_to_the_audit_log(app: TestApp) {
        let admin = app.admin();
        admin.create("web", "FREE").await;
        let before = admin.audited().await;
        for forbidden in [
            "UPDATE audit_log SET actor_id = 'somebody else'",
            "UPDATE audit_log SET detail = detail",
            "DELETE FROM audit_log",
            "DELETE FROM audit_log WHERE id = 1",
        ] {
            let error = app.try_execute(forbidden).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{forbidden}: {error}");
        }
        assert_eq!(admin.audited().await, before);
    }
}
