//! Every procedure under every name, over HTTP and over a WebSocket.

use procedures::{Access, Bucket, Kind};
use serde_json::{Value, json};

use crate::support::{Builder, Client, Failure, Socket, StripeStandIn, TestApp, both_databases, catalogue};

use Access::{Admin, Public, Service, User};
use Kind::{Mutation, Query, Subscription};

const READ: Bucket = Bucket::READ;
const WRITE: Bucket = Bucket::WRITE;
const STRIPE: Bucket = clusterdesk::kernel::limiter::STRIPE;

/// The names that clients rely on. docs/API.md, "Procedures", lists every procedure.
const TABLE: [(&str, Option<&str>, Kind, Access, Bucket); 41] = [
    ("hello.hello", None, Query, User, READ),
    ("auth.mySubscription", None, Query, User, READ),
    ("k8s.list", Some("k8s.getClusters"), Query, User, READ),
    ("k8s.get", None, Query, User, READ),
    ("k8s.create", Some("k8s.createCluster"), Mutation, User, WRITE),
    ("k8s.update", Some("k8s.updateCluster"), Mutation, User, WRITE),
    ("k8s.delete", Some("k8s.deleteCluster"), Mutation, User, WRITE),
    ("k8s.restore", None, Mutation, User, WRITE),
    ("k8s.listDeleted", None, Query, User, READ),
    ("k8s.count", None, Query, User, READ),
    ("k8s.setStatus", None, Mutation, Service, WRITE),
    ("k8s.watch", None, Subscription, User, READ),
    ("customer.get", Some("customer.queryCustomer"), Query, User, READ),
    ("customer.create", Some("customer.insertCustomer"), Mutation, User, WRITE),
    ("user.updateName", Some("customer.updateUserName"), Mutation, User, WRITE),
    ("user.me", None, Query, User, READ),
    ("user.summary", None, Query, User, READ),
    ("user.delete", None, Mutation, User, WRITE),
    ("user.softDelete", None, Mutation, User, WRITE),
    ("token.create", None, Mutation, User, WRITE),
    ("token.list", None, Query, User, READ),
    ("token.revoke", None, Mutation, User, WRITE),
    ("token.rotate", None, Mutation, User, WRITE),
    ("session.list", None, Query, User, READ),
    ("session.revoke", None, Mutation, User, WRITE),
    ("session.revokeAll", None, Mutation, User, WRITE),
    ("admin.getStats", None, Query, Admin, READ),
    ("admin.series", None, Query, Admin, READ),
    ("admin.traffic", None, Query, Admin, READ),
    ("admin.listUsers", None, Query, Admin, READ),
    ("admin.listClusters", None, Query, Service, READ),
    ("admin.setRole", None, Mutation, Admin, WRITE),
    ("admin.deleteCluster", None, Mutation, Admin, WRITE),
    ("admin.restoreCluster", None, Mutation, Admin, WRITE),
    ("admin.auditLog", None, Query, Admin, READ),
    ("admin.watchAudit", None, Subscription, Admin, READ),
    ("stripe.createSession", None, Mutation, User, STRIPE),
    ("stripe.userPlans", None, Query, User, READ),
    ("admin.webhookEvents", None, Query, Admin, READ),
    ("admin.replayWebhook", None, Mutation, Admin, WRITE),
    ("rpc.discover", None, Query, Public, READ),
];

/// Every canonical and old name, those of procedures that the table does not list included.
fn names() -> Vec<&'static str> {
    catalogue().names().collect()
}

/// Calls over HTTP and over a WebSocket, asserts that both fail with the same error, and returns it.
async fn fail_on_both(caller: &Client, socket: &mut Socket, name: &str, input: Value) -> Failure {
    let over_http = caller.try_call(name, input.clone()).await.expect_err(name);
    let over_socket = Failure(socket.call(name, input).await["error"].clone());
    assert_eq!(over_http.clone().anonymous(), over_socket.anonymous());
    over_http
}

#[test]
fn the_registry_matches_the_documented_table() {
    let registry = catalogue();
    for row in TABLE {
        let found = registry.get(row.0).unwrap_or_else(|| panic!("{} is missing", row.0));
        assert_eq!((found.name, found.old_name, found.kind, found.access, found.bucket), row);
    }
}

/// The explorer asks before such a call. What makes something, gives it a name or only opens a page needs no question.
#[test]
fn every_mutation_says_what_it_does_but_harmless_ones() {
    const HARMLESS: [&str; 6] =
        ["k8s.create", "k8s.update", "customer.create", "user.updateName", "token.create", "stripe.createSession"];
    for procedure in catalogue().procedures() {
        let is_harmless = procedure.kind != Mutation || HARMLESS.contains(&procedure.name);
        assert_eq!(procedure.consequence.is_none(), is_harmless, "{}", procedure.name);
        assert!(procedure.consequence.is_none_or(|text| text.ends_with('.')), "{}", procedure.name);
    }
}

both_databases! {
    async fn every_procedure_but_discover_requires_a_token(app: TestApp) {
        let caller = app.anonymous();
        let mut socket = Socket::open(&caller).await;
        for name in names().into_iter().filter(|name| *name != "rpc.discover") {
            let failure = fail_on_both(&caller, &mut socket, name, json!({})).await;
            let data = json!({"code": "UNAUTHORIZED", "httpStatus": 401, "path": name});
            assert_eq!(failure.0["code"], -32001);
            assert_eq!(failure.anonymous()["data"], data);
        }
    }

    async fn every_procedure_reports_unknown_fields_by_name(app: TestApp) {
        let caller = app.admin();
        let mut socket = Socket::open(&caller).await;
        for name in names() {
            let failure = fail_on_both(&caller, &mut socket, name, json!({"no.such/field": 1})).await;
            assert_eq!((failure.code(), &failure.0["code"]), ("BAD_REQUEST", &json!(-32602)));
            assert!(failure.issues().contains(&"no.such/field: unknown_field".to_owned()), "{failure:?}");
        }
    }

    async fn queries_return_the_same_over_http_and_a_websocket(builder: Builder) {
        let app = builder.with_billing(&StripeStandIn::start().await).start().await;
        let admin = app.admin();
        admin.create("web", "FREE").await;
        let mut socket = Socket::open(&admin).await;
        for (name, old_name, kind, ..) in TABLE {
            let input = match name {
                "hello.hello" => json!({"text": "you"}),
                "k8s.get" => json!({"id": 1}),
                "admin.series" => json!({"metric": "clustersByPlan", "from": "2026-01-01T00:00:00.000Z", "to": "2026-01-02T00:00:00.000Z"}),
                // Each call is in the answer to the next.
                "admin.traffic" => continue,
                _ if kind == Query => json!({}),
                _ => continue,
            };
            for name in std::iter::once(name).chain(old_name) {
                let answer = admin.call(name, input.clone()).await;
                assert_eq!(socket.call(name, input.clone()).await["result"], answer, "{name}");
                assert_eq!(admin.call(name, json!([input])).await, answer, "{name}");
            }
        }
    }

    async fn mutations_work_over_a_websocket(app: TestApp) {
        let mut socket = Socket::open(&app.user("user_1")).await;
        for (name, input) in [
            ("k8s.create", json!({"name": "web", "location": "eu"})),
            ("k8s.update", json!([{"id": 1, "name": "db"}])),
            ("k8s.delete", json!({"id": 1})),
            ("k8s.restore", json!({"id": 1})),
            ("customer.create", json!([])),
            ("user.updateName", json!({"name": "Ada"})),
            ("user.softDelete", json!([{}])),
        ] {
            assert_eq!(socket.call(name, input).await["result"]["success"], true, "{name}");
        }
        assert_eq!(socket.call("user.me", json!({})).await["error"]["data"]["code"], "UNAUTHORIZED");
        assert_eq!(app.count("audit_log"), 7);
    }

    async fn domain_errors_have_their_documented_codes_and_numbers(app: TestApp) {
        let (user, admin) = (app.user("user_1"), app.admin());
        user.create("web", "FREE").await;
        let cluster = |plan: &str| json!({"name": "web", "location": "eu", "plan": plan});
        for (caller, name, input, code, number, status) in [
            (&user, "k8s.create", cluster("GOLD"), "BAD_REQUEST", -32602, 400),
            (&user, "k8s.createCluster", cluster("PRO"), "PAYMENT_REQUIRED", -32002, 402),
            (&user, "admin.getStats", json!({}), "FORBIDDEN", -32003, 403),
            (&user, "k8s.deleteCluster", json!({"id": 2}), "NOT_FOUND", -32004, 404),
            (&user, "k8s.create", cluster("FREE"), "CONFLICT", -32009, 409),
            (&admin, "user.delete", json!({}), "PRECONDITION_FAILED", -32012, 412),
        ] {
            let failure = caller.fail(code, name, input).await;
            assert_eq!((&failure.0["code"], &failure.0["data"]["httpStatus"]), (&json!(number), &json!(status)));
            assert_eq!(failure.0["data"]["path"], name);
            assert!(failure.message().ends_with('.'));
        }
    }
}
