//! Single calls: `httpLink`.

use procedures::{Kind, Procedure};
use reqwest::Method;
use serde_json::{Value, json};

use super::{FORKED, OLD, PLAIN, SUPERJSON, Trpc};
use crate::support::{Builder, StripeStandIn, TestApp, both_databases, catalogue};

both_databases! {
    async fn a_paged_query_accepts_the_direction_forward(app: TestApp) {
        let caller = Trpc::new(app.user("user_1"), PLAIN);
        for (path, input, status) in [
            ("k8s.listDeleted", json!({"limit": 1, "cursor": null, "direction": "forward"}), 200),
            ("k8s.listDeleted", json!({"limit": 1, "cursor": null, "direction": "backward"}), 400),
            ("hello.hello", json!({"text": "you", "direction": "forward"}), 400),
        ] {
            assert_eq!(caller.query(path, input).await.0, status, "{path}");
        }
    }

    async fn every_query_works_by_get_and_post_under_every_name_on_every_mount(builder: Builder) {
        let app = builder.with_billing(&StripeStandIn::start().await).start().await;
        let admin = app.admin();
        admin.create("web", "FREE").await;
        let registry = catalogue();
        // What the server says of itself changes from call to call.
        let is_stable = |procedure: &Procedure| procedure.kind == Kind::Query && procedure.name != "admin.health";
        for procedure in registry.procedures().filter(|procedure| is_stable(procedure)) {
            let input = match procedure.name {
                "hello.hello" => json!({"text": "a+b & ü"}),
                "k8s.get" | "admin.getCluster" | "admin.clusterEvents" => json!({"id": 1}),
                "admin.getUser" => json!({"userId": "root"}),
                "admin.names" => json!({"userIds": ["root"]}),
                "admin.series" => json!({"metric": "signUps", "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-02T00:00:00.000Z"}),
                // Each call is in the answer to the next.
                "admin.traffic" => continue,
                _ => Value::Null,
            };
            let expected = admin.call(procedure.name, input.clone()).await;
            for name in std::iter::once(procedure.name).chain(procedure.old_name) {
                for mount in [SUPERJSON, OLD, FORKED, PLAIN] {
                    let caller = Trpc::new(admin.clone(), mount);
                    let wrapped = if mount == PLAIN || input.is_null() { input.clone() } else { json!({"json": input}) };
                    for (status, body) in
                        [caller.query(name, wrapped.clone()).await, caller.mutate(name, wrapped.clone()).await]
                    {
                        let data = &body["result"]["data"];
                        let data = if mount == PLAIN { data } else { &data["json"] };
                        assert_eq!((status, data), (200, &expected), "{mount}/{name}");
                    }
                }
            }
        }
    }

    async fn mutations_work_only_by_post(app: TestApp) {
        for (mount, wrap) in [(SUPERJSON, true), (OLD, true), (FORKED, true), (PLAIN, false)] {
            let caller = Trpc::new(app.user(mount), mount);
            let wrapped = |value: Value| if wrap { json!({"json": value}) } else { value };
            for (name, input) in [
                ("k8s.createCluster", json!({"name": "web", "location": "eu"})),
                ("customer.insertCustomer", Value::Null),
                ("customer.updateUserName", json!({"name": "Ada"})),
            ] {
                let input = if input.is_null() { input } else { wrapped(input) };
                let (status, refusal) = caller.query(name, input.clone()).await;
                let shape = if wrap { &refusal["error"]["json"] } else { &refusal["error"] };
                assert_eq!((status, &shape["data"]["code"]), (405, &json!("METHOD_NOT_SUPPORTED")));
                let (status, body) = caller.mutate(name, input).await;
                let data = if wrap { &body["result"]["data"]["json"] } else { &body["result"]["data"] };
                assert_eq!((status, &data["success"]), (200, &json!(true)), "{body}");
            }
        }
        assert_eq!(app.count("audit_log"), 12);
    }
}

#[tokio::test]
async fn a_first_token_is_accepted_and_a_missing_token_is_unauthorized() {
    let app = TestApp::on_sqlite().await;
    let (status, body) = Trpc::new(app.user("user_1"), PLAIN).query("user.me", Value::Null).await;
    assert_eq!((status, &body["result"]["data"]["id"]), (200, &json!("user_1")));
    let (status, body) = Trpc::new(app.anonymous(), PLAIN).query("user.me", Value::Null).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (401, &json!("UNAUTHORIZED")));
}

#[tokio::test]
async fn paths_may_be_percent_encoded_and_surrounded_by_slashes() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    for path in ["user%2Eme", "/user.me", "user.me/", "%75ser.me"] {
        let (status, body) = caller.query(path, Value::Null).await;
        assert_eq!((status, &body["result"]["data"]["id"]), (200, &json!("user_1")), "{path}");
    }
    for path in ["user.me%2", "user.me%zz", "%ff"] {
        let (status, body) = caller.query(path, Value::Null).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(-32600)), "{path}");
        assert_eq!(body["error"]["message"], format!("Invalid URL-encoding in path \"{path}\""));
    }
}

#[tokio::test]
async fn head_requests_are_answered_with_204() {
    let app = TestApp::on_sqlite().await;
    for path in ["trpc/user.me", "trpc", "api/trpc/edge/nope"] {
        let response = app.anonymous().http.request(Method::HEAD, format!("{}{path}", app.url)).send().await.unwrap();
        assert_eq!(response.status(), 204, "{path}");
    }
}

#[tokio::test]
async fn paths_that_only_resemble_a_mount_are_not_found() {
    let app = TestApp::on_sqlite().await;
    for path in ["trpcx/user.me", "api/trpc/user.me", "trpc-plainer/user.me", "trpc.user.me"] {
        let response = app.user("user_1").http.get(format!("{}{path}", app.url)).send().await.unwrap();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((&body["jsonrpc"], &body["error"]["data"]["code"]), (&json!("2.0"), &json!("NOT_FOUND")), "{path}");
    }
}
