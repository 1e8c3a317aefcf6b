//! The `admin.*` procedures but for the audit log.

use clusterdesk::models::{api_token::Scope, user::Role};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, Watcher, all, assert_moment, both_databases, hours_ago, hours_ahead, literal};

/// Every procedure for admins, with valid input.
const ADMIN: [(&str, &str); 16] = [
    ("admin.getStats", "{}"),
    ("admin.series", r#"{"metric": "changes", "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-02T00:00:00.000Z"}"#),
    ("admin.traffic", "{}"),
    ("admin.listUsers", "{}"),
    ("admin.listClusters", "{}"),
    ("admin.auditLog", "{}"),
    ("admin.setRole", r#"{"userId": "user_1", "role": "ADMIN"}"#),
    ("k8s.setStatus", r#"{"id": 1, "status": "CREATING"}"#),
    ("admin.deleteCluster", r#"{"id": 1}"#),
    ("admin.restoreCluster", r#"{"id": 1}"#),
    ("admin.getUser", r#"{"userId": "user_1"}"#),
    ("admin.names", r#"{"userIds": ["user_1"]}"#),
    ("admin.getCluster", r#"{"id": 1}"#),
    ("admin.clusterEvents", r#"{"id": 1}"#),
    ("admin.health", "{}"),
    ("admin.reconcileUser", r#"{"userId": "user_1"}"#),
];

/// The ids of the items of a list procedure's answer.
async fn ids(caller: &Client, list: &str, input: Value) -> Vec<String> {
    let page = caller.call(list, input).await;
    all(&page["items"], "id").into_iter().map(|id| id.as_str().map_or(id.to_string(), str::to_owned)).collect()
}

/// The ids of the users that match a search, sorted.
async fn found(admin: &Client, search: &str) -> Vec<String> {
    let mut found = ids(admin, "admin.listUsers", json!({"search": search})).await;
    found.sort();
    found
}

both_databases! {
    async fn admin_procedures_require_the_admin_role(app: TestApp) {
        let user = app.member("user_1");
        let script = app.scripted("root", Scope::Write);
        app.execute("UPDATE users SET role = 'ADMIN' WHERE id = 'root'");
        for (name, input) in ADMIN {
            let input: Value = serde_json::from_str(input).unwrap();
            let failure = user.fail("FORBIDDEN", name, input.clone()).await;
            assert_eq!(failure.message(), "Only admins may do this.");
            script.fail("FORBIDDEN", name, input.clone()).await;
            app.anonymous().fail("UNAUTHORIZED", name, input).await;
            // The access check comes before input validation.
            user.fail("FORBIDDEN", name, json!({"nonsense": 1})).await;
        }
        assert_eq!(user.call("user.me", Value::Null).await["role"], "USER");
    }

    async fn stats_match_the_tables(app: TestApp) {
        let admin = app.admin();
        let stats = admin.call("admin.getStats", Value::Null).await;
        let expected = json!({"totalUsers": 1, "totalClusters": 0, "activeSubscriptions": 0, "recentActivity": 0});
        assert_eq!(stats, expected);

        app.rich("paying").create("web", "PRO").await;
        app.customer("grace", "PRO", hours_ago(23));
        app.customer("ended", "PRO", hours_ago(25));
        app.customer("free", "FREE", hours_ahead(1));
        app.user("ended").create_deleted("old", "FREE").await;
        app.user("ended").create("web", "FREE").await;
        let hard = app.user("hard");
        hard.create("web", "FREE").await;
        hard.call("user.delete", Value::Null).await;
        let soft = app.user("soft");
        soft.create("web", "FREE").await;
        soft.call("user.softDelete", Value::Null).await;
        for hours in [23, 25] {
            app.execute(&format!(
                "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
                 VALUES ({}, 'x', 'x', 'x', 'x', 'null', 'x')", literal(hours_ago(hours))
            ));
        }
        let stats = admin.call("admin.getStats", Value::Null).await;
        // Nine mutations: create; create, delete, create; create and the deletion of the user, twice; the row of 23 hours
        // ago.
        let expected = json!({"totalUsers": 5, "totalClusters": 2, "activeSubscriptions": 2, "recentActivity": 9});
        assert_eq!(stats, expected);
    }

    async fn users_are_listed_newest_first_with_plan_and_cluster_count(app: TestApp) {
        let admin = app.admin();
        let user = app.rich("user_1");
        user.create("web", "FREE").await;
        user.create("shop", "PRO").await;
        user.create_deleted("old", "BUSINESS").await;
        let page = admin.call("admin.listUsers", Value::Null).await;
        assert_moment(&page["items"][0]["createdAt"]);
        let expected = json!({"items": [
            {"id": "user_1", "name": "Name of user_1", "email": null, "image": null, "role": "USER", "plan": "BUSINESS",
             "createdAt": page["items"][0]["createdAt"], "deletedAt": null, "activeClusters": 2},
            {"id": "root", "name": null, "email": null, "image": null, "role": "ADMIN", "plan": null,
             "createdAt": page["items"][1]["createdAt"], "deletedAt": null, "activeClusters": 0},
        ], "nextCursor": null});
        assert_eq!(page, expected);
    }

    async fn deleted_users_are_listed_only_with_include_deleted(app: TestApp) {
        let admin = app.admin();
        app.user("hard").call("user.delete", Value::Null).await;
        app.user("soft").call("user.softDelete", Value::Null).await;
        assert_eq!(ids(&admin, "admin.listUsers", json!({"includeDeleted": false})).await, ["root"]);
        assert_eq!(ids(&admin, "admin.listUsers", json!({"includeDeleted": true})).await, ["soft", "root"]);
        let page = admin.call("admin.listUsers", json!({"includeDeleted": true, "search": "soft"})).await;
        assert_moment(&page["items"][0]["deletedAt"]);
        assert_eq!(page["items"][0]["email"], "deleted_soft@example.com");
    }

    async fn search_matches_id_name_and_email_case_insensitively(app: TestApp) {
        let admin = app.admin();
        let users =
            [("u1", "'Ada Lovelace'", "NULL"), ("u2", "NULL", "'Grace@Example.com'"), ("ADA3", "NULL", "NULL")];
        for (id, name, email) in users {
            app.provision(id, Role::User);
            app.execute(&format!("UPDATE users SET name = {name}, email = {email} WHERE id = '{id}'"));
        }
        assert_eq!(found(&admin, "ada").await, ["ADA3", "u1"]);
        assert_eq!(found(&admin, " LOVE ").await, ["u1"]);
        assert_eq!(found(&admin, "gRACE@").await, ["u2"]);
        assert_eq!(found(&admin, "nothing").await, [""; 0]);
        assert_eq!(found(&admin, "'; DROP TABLE users; --").await, [""; 0]);
    }

    async fn search_looks_at_one_field_at_a_time_as_it_is_now(app: TestApp) {
        let admin = app.admin();
        for (id, name, email) in [("alpha", "'Beta'", "'gamma@x'"), ("delta", "NULL", "'gamma2@x'"), ("eps", "'Zeta'", "NULL")] {
            app.provision(id, Role::User);
            app.execute(&format!("UPDATE users SET name = {name}, email = {email} WHERE id = '{id}'"));
        }
        assert_eq!(found(&admin, "gamma").await, ["alpha", "delta"]);
        for across in ["alphaBeta", "alpha beta", "Betagamma", "deltagamma", "epsZ"] {
            assert_eq!(found(&admin, across).await, [""; 0], "{across}");
        }
        app.user("alpha").call("user.updateName", json!({"name": "Omega"})).await;
        assert_eq!((found(&admin, "BETA").await, found(&admin, "omEGA").await), (vec![], vec!["alpha".to_owned()]));
        let by_name = json!({"search": "gamma", "sort": "name", "order": "asc", "limit": 1});
        let page = admin.call("admin.listUsers", by_name).await;
        assert_eq!((&page["items"][0]["id"], page["nextCursor"].is_string()), (&json!("delta"), true));
        app.user("alpha").call("user.softDelete", Value::Null).await;
        assert_eq!(found(&admin, "omega").await, [""; 0]);
    }

    async fn search_treats_wildcards_literally(app: TestApp) {
        let admin = app.admin();
        for id in ["a%b", "a_b", "a\\b", "axb"] {
            app.provision(id, Role::User);
        }
        for id in ["a%b", "a_b", "a\\b"] {
            assert_eq!(found(&admin, id).await, [id]);
            assert_eq!(found(&admin, &id[1..2]).await, [id]);
        }
        assert_eq!(found(&admin, "a").await, ["a%b", "a\\b", "a_b", "axb"]);
    }

    async fn search_matches_non_ascii_letters(app: TestApp) {
        let admin = app.admin();
        app.provision("Zoë É", Role::User);
        for search in ["Zoë", "zoë", "É"] {
            assert_eq!(found(&admin, search).await, ["Zoë É"], "{search}");
        }
    }

    async fn clusters_are_listed_newest_first_and_filtered(app: TestApp) {
        let admin = app.admin();
        let (one, two) = (app.rich("one"), app.user("two"));
        one.create("a", "FREE").await;
        one.create("b", "PRO").await;
        two.create_deleted("c", "FREE").await;
        two.create("d", "FREE").await;
        admin.call("k8s.setStatus", json!({"id": 4, "status": "CREATING"})).await;
        for (filter, expected) in [
            (json!({}), vec!["4", "2", "1"]),
            (json!({"includeDeleted": true}), vec!["4", "3", "2", "1"]),
            (json!({"status": "PENDING"}), vec!["2", "1"]),
            (json!({"status": "DELETED"}), vec![]),
            (json!({"status": "DELETED", "includeDeleted": true}), vec!["3"]),
            (json!({"plan": "FREE"}), vec!["4", "1"]),
            (json!({"userId": "one"}), vec!["2", "1"]),
            (json!({"userId": "two", "includeDeleted": true}), vec!["4", "3"]),
            (json!({"userId": "two", "plan": "FREE", "status": "CREATING"}), vec!["4"]),
            (json!({"userId": "nobody"}), vec![]),
        ] {
            assert_eq!(ids(&admin, "admin.listClusters", filter.clone()).await, expected, "{filter}");
        }
        let page = admin.call("admin.listClusters", json!({"userId": "one"})).await;
        let mut own = one.call("k8s.list", Value::Null).await;
        own.as_array_mut().unwrap().reverse();
        assert_eq!(page, json!({"items": own, "nextCursor": null}));
    }

    async fn clusters_without_an_owner_are_listed_as_deleted(app: TestApp) {
        let admin = app.admin();
        let user = app.user("user_1");
        user.create("web", "FREE").await;
        user.call("user.delete", Value::Null).await;
        let page = admin.call("admin.listClusters", json!({"includeDeleted": true})).await;
        assert_eq!((&page["items"][0]["authUserId"], &page["items"][0]["status"]), (&Value::Null, &json!("DELETED")));
    }

    async fn invalid_filters_are_reported(app: TestApp) {
        let admin = app.admin();
        for (list, input, issues) in [
            ("admin.listUsers", json!({"search": " "}), "search: too_short"),
            ("admin.listUsers", json!({"includeDeleted": 1}), "includeDeleted: invalid_type"),
            ("admin.listUsers", json!({"search": "é".repeat(101)}), "search: too_long"),
            ("admin.listClusters", json!({"status": "UP", "plan": "GOLD"}), "plan: invalid_value, status: invalid_value"),
            ("admin.auditLog", json!({"since": "now"}), "since: invalid_format"),
            ("admin.auditLog", json!({"until": "2026-13-01T00:00:00Z"}), "until: invalid_format"),
        ] {
            assert_eq!(admin.fail("BAD_REQUEST", list, input).await.issues().join(", "), issues);
        }
    }

    async fn admin_can_grant_and_revoke_the_admin_role(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        for (role, code) in [("ADMIN", None), ("USER", Some("FORBIDDEN"))] {
            let before = app.user_updated_at("user_1");
            let answer = admin.call("admin.setRole", json!({"userId": "user_1", "role": role})).await;
            assert_eq!(answer, json!({"success": true}));
            assert!(app.user_updated_at("user_1") > before);
            assert_eq!(user.call("user.me", Value::Null).await["role"], role);
            let allowed = user.try_call("admin.getStats", Value::Null).await;
            assert_eq!(allowed.err().as_ref().map(|failure| failure.code()), code);
        }
    }

    async fn admin_deletes_and_restores_the_clusters_of_others(app: TestApp) {
        let (admin, user) = (app.admin(), app.rich("user_1"));
        let web = user.create("web", "PRO").await;
        let mut watcher = Watcher::open(&user, Value::Null).await;
        assert_eq!(admin.call("admin.deleteCluster", json!({"id": web})).await, json!({"success": true}));
        assert_eq!(user.call("k8s.list", Value::Null).await, json!([]));
        admin.fail("NOT_FOUND", "admin.deleteCluster", json!({"id": web})).await;
        assert_eq!(admin.call("admin.restoreCluster", json!({"id": web})).await, json!({"success": true}));
        assert_eq!(user.call("k8s.list", Value::Null).await[0]["id"], web);
        admin.fail("NOT_FOUND", "admin.restoreCluster", json!({"id": web})).await;
        assert_eq!(watcher.told(2).await, ["deleted web", "restored web"]);
        let entries = admin.call("admin.auditLog", json!({"entity": "cluster", "entityId": web.to_string()})).await;
        let entries = entries["items"].as_array().unwrap().clone();
        let told: Vec<_> = entries.iter().map(|entry| (&entry["actorId"], &entry["procedure"], &entry["detail"])).collect();
        let (root, owner) = (json!("root"), json!({"owner": "user_1"}));
        let named = [json!("admin.restoreCluster"), json!("admin.deleteCluster")];
        assert_eq!(told[..2], named.each_ref().map(|name| (&root, name, &owner)));
    }

    async fn admin_restores_a_cluster_only_where_its_owner_could(app: TestApp) {
        let (admin, user) = (app.admin(), app.rich("user_1"));
        let old = user.create_deleted("old", "PRO").await;
        let new = user.create("new", "PRO").await;
        let failure = admin.fail("CONFLICT", "admin.restoreCluster", json!({"id": old})).await;
        assert_eq!(failure.conflicting_id(), new);
        user.call("k8s.delete", json!({"id": new})).await;
        app.execute("UPDATE customers SET plan = 'FREE' WHERE auth_user_id = 'user_1'");
        let failure = admin.fail("PAYMENT_REQUIRED", "admin.restoreCluster", json!({"id": old})).await;
        assert_eq!(failure.message(), "The owner's subscription covers plans up to FREE, not PRO.");
        user.call("user.softDelete", Value::Null).await;
        let failure = admin.fail("PRECONDITION_FAILED", "admin.restoreCluster", json!({"id": old})).await;
        assert_eq!(failure.message(), "The owner of this cluster was deleted.");
        admin.fail("NOT_FOUND", "admin.deleteCluster", json!({"id": old})).await;
        for id in [0, 9_007_199_254_740_992_i64] {
            for procedure in ["admin.deleteCluster", "admin.restoreCluster"] {
                assert_eq!(admin.fail("BAD_REQUEST", procedure, json!({"id": id})).await.issues().len(), 1);
            }
        }
    }

    async fn last_admin_cannot_be_demoted(app: TestApp) {
        let admin = app.admin();
        let demotion = json!({"userId": "root", "role": "USER"});
        let failure = admin.fail("PRECONDITION_FAILED", "admin.setRole", demotion.clone()).await;
        assert_eq!(failure.message(), "This is the last admin. Promote somebody else first.");
        // A deleted admin does not count.
        app.provision("gone", Role::Admin);
        app.user("gone").call("user.softDelete", Value::Null).await;
        admin.fail("PRECONDITION_FAILED", "admin.setRole", demotion).await;
        assert_eq!(admin.call("user.me", Value::Null).await["role"], "ADMIN");
    }

    async fn set_role_requires_a_live_user_and_a_valid_role(app: TestApp) {
        let admin = app.admin();
        app.member("soft").call("user.softDelete", Value::Null).await;
        let promotion = |id| json!({"userId": id, "role": "ADMIN"});
        let missing = admin.fail("NOT_FOUND", "admin.setRole", promotion("nobody")).await.anonymous();
        assert_eq!(admin.fail("NOT_FOUND", "admin.setRole", promotion("soft")).await.anonymous(), missing);
        let failure = admin.fail("BAD_REQUEST", "admin.setRole", json!({"userId": "root", "role": "OWNER"})).await;
        assert_eq!(failure.issues(), ["role: invalid_value"]);
    }
}
