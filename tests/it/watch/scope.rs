//! Which events a watcher sees, and who may watch.

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use super::cluster;
use crate::support::{Client, Failure, Socket, TestApp, Watcher, both_databases};

/// The error that refuses a subscription.
async fn refusal(client: &Client, input: Value) -> Failure {
    Watcher::try_open(client, input).await.err().unwrap()
}

both_databases! {
    async fn users_see_their_own_clusters_and_admins_see_all(app: TestApp) {
        let (ann, bob, admin) = (app.rich("ann"), app.rich("bob"), app.admin());
        let (mut own, mut named) = (Watcher::open(&ann, json!({})).await, Watcher::open(&ann, json!({"userId": "ann"})).await);
        let mut all = Watcher::open(&admin, json!({})).await;
        let mut bobs = Watcher::open(&admin, json!({"userId": "bob"})).await;
        let mut pro = Watcher::open(&admin, json!({"plan": "PRO"})).await;
        let mut one = Watcher::open(&admin, json!({"clusterId": 2})).await;
        let mut creating = Watcher::open(&admin, json!({"status": "CREATING", "userId": "bob", "clusterId": 2})).await;
        bob.create("b-free", "FREE").await;
        ann.create("a-free", "FREE").await;
        bob.create("b-pro", "PRO").await;
        ann.create("a-pro", "PRO").await;
        for id in [2, 1] {
            admin.call("k8s.setStatus", json!({"id": id, "status": "CREATING"})).await;
        }
        admin.call("k8s.setStatus", json!({"id": 3, "status": "CREATING"})).await;
        ann.call("k8s.delete", json!({"id": 2})).await;
        bob.call("k8s.delete", json!({"id": 1})).await;
        let of_ann = ["created a-free", "created a-pro", "statusChanged a-free", "deleted a-free"];
        assert_eq!(own.told(4).await, of_ann);
        assert_eq!(named.told(4).await, of_ann);
        let everything = [
            "created b-free", "created a-free", "created b-pro", "created a-pro", "statusChanged a-free",
            "statusChanged b-free", "statusChanged b-pro", "deleted a-free", "deleted b-free",
        ];
        assert_eq!(all.told(9).await, everything);
        assert_eq!(bobs.told(5).await, ["created b-free", "created b-pro", "statusChanged b-free", "statusChanged b-pro", "deleted b-free"]);
        assert_eq!(pro.told(3).await, ["created b-pro", "created a-pro", "statusChanged b-pro"]);
        assert_eq!(one.told(3).await, ["created a-free", "statusChanged a-free", "deleted a-free"]);
        // Cluster 2 is Ann's, so no event matches all three filters of this watcher.
        bob.call("k8s.restore", json!({"id": 1})).await;
        assert_eq!(all.told(1).await, ["restored b-free"]);
        assert_eq!(creating.socket.call("rpc.unsubscribe", json!({"subscription": creating.id})).await["result"], true);
    }

    async fn watching_the_clusters_of_another_user_is_forbidden(app: TestApp) {
        app.provision("bob", clusterdesk::models::user::Role::User);
        let (ann, admin) = (app.member("ann"), app.admin());
        let failure = refusal(&ann, json!({"userId": "bob"})).await;
        assert_eq!((failure.code(), failure.message()), ("FORBIDDEN", "You can watch your own clusters only."));
        assert_eq!(failure.0["data"]["path"], "k8s.watch");
        assert_eq!(refusal(&ann, json!({"userId": "nobody"})).await.code(), "FORBIDDEN");
        assert_eq!(refusal(&app.anonymous(), json!({})).await.code(), "UNAUTHORIZED");
        // With a read-scoped token, an admin has the rights of a user.
        let (token, _) = app.api_token("root", Scope::Read);
        let reader = app.with_token(token);
        assert_eq!(refusal(&reader, json!({"userId": "ann"})).await.code(), "FORBIDDEN");
        let mut watcher = Watcher::open(&reader, json!({})).await;
        ann.create("anns", "FREE").await;
        admin.create("own", "FREE").await;
        assert_eq!(watcher.told(1).await, ["created own"]);
    }

    async fn an_invalid_input_is_refused_with_all_its_issues(app: TestApp) {
        let mut socket = Socket::open(&app.member("ann")).await;
        let input = json!({"plan": "GOLD", "clusterId": 0, "lastEventId": "x", "user": 1});
        let failure = Failure(socket.call("k8s.watch", input).await["error"].clone());
        let issues = ["clusterId: too_small", "lastEventId: invalid_format", "plan: invalid_value", "user: unknown_field"];
        assert_eq!((failure.code(), failure.issues()), ("BAD_REQUEST", issues.map(str::to_owned).to_vec()));
    }

    async fn subscribing_and_unsubscribing_are_not_supported_over_http(app: TestApp) {
        let user = app.member("ann");
        let failure = user.fail("METHOD_NOT_SUPPORTED", "k8s.watch", json!({})).await;
        assert_eq!((&failure.0["code"], &failure.0["data"]["httpStatus"]), (&json!(-32005), &json!(405)));
        user.fail("METHOD_NOT_SUPPORTED", "rpc.unsubscribe", json!({"subscription": "1"})).await;
        user.call("k8s.create", cluster("web")).await;
    }

    async fn a_subscription_counts_as_one_read_call(builder: crate::support::Builder) {
        let app = builder.flag("rate-limit-read-max-requests", "2").start().await;
        let user = app.member("ann");
        let mut watcher = Watcher::open(&user, json!({})).await;
        for name in ["a", "b", "c"] {
            let id = user.create(name, "FREE").await;
            user.call("k8s.delete", json!({"id": id})).await;
        }
        assert_eq!(watcher.told(6).await.len(), 6);
        Watcher::open(&user, json!({})).await;
        assert_eq!(Watcher::try_open(&user, json!({})).await.err().unwrap().code(), "TOO_MANY_REQUESTS");
    }
}
