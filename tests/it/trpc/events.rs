//! Subscriptions as server-sent events: `httpSubscriptionLink`.

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use super::{PLAIN, SUPERJSON, Trpc, date};
use crate::support::{Backend, Builder, EventStream, StreamEvent, TestApp, both_databases};

both_databases! {
    async fn events_have_ids_and_date_annotations(app: TestApp) {
        let user = app.user("user_1");
        let caller = Trpc::new(user.clone(), SUPERJSON);
        let mut events = EventStream::open(caller.get("k8s.watch", &[])).await;
        let (position, ready) = events.data().await;
        assert_eq!(ready["json"], json!({"type": "ready", "id": position}));
        let id = user.create("web", "FREE").await;
        let (first, created) = events.data().await;
        assert_eq!((&created["json"]["type"], &created["json"]["id"]), (&json!("created"), &json!(first)));
        assert_eq!(created["json"]["cluster"], user.call("k8s.get", json!({"id": id})).await);
        let dates = json!({"at": date(), "cluster.createdAt": date(), "cluster.updatedAt": date()});
        assert_eq!(created["meta"], json!({"values": dates, "v": 1}));
        user.call("k8s.delete", json!({"id": id})).await;
        let (second, deleted) = events.data().await;
        assert_eq!(deleted["json"]["type"], "deleted");
        assert_eq!(deleted["meta"]["values"]["cluster.deletedAt"], date());
        assert!(second.parse::<i64>().unwrap() > first.parse().unwrap());
    }

    async fn a_reconnecting_client_gets_the_events_after_its_last_id(app: TestApp) {
        let user = app.user("user_1");
        let caller = Trpc::new(user.clone(), PLAIN);
        let mut events = EventStream::open(caller.get("k8s.watch", &[])).await;
        let (position, _) = events.data().await;
        drop(events);
        let id = user.create("web", "FREE").await;
        user.call("k8s.update", json!({"id": id, "name": "db"})).await;
        let by_header = caller.get("k8s.watch", &[("input", "{}")]).header("last-event-id", &position);
        let input = json!({"lastEventId": position}).to_string();
        for request in [
            by_header,
            caller.get("k8s.watch", &[("lastEventId", &position)]),
            caller.get("k8s.watch", &[("Last-Event-Id", &position)]),
            caller.get("k8s.watch", &[("input", &input)]),
        ] {
            let mut events = EventStream::open(request).await;
            assert_eq!(events.data().await.1["type"], "created");
            assert_eq!(events.data().await.1["type"], "updated");
        }
    }

    async fn a_refused_subscription_is_an_error_in_the_stream(app: TestApp) {
        for (mount, caller, input, code) in [
            (SUPERJSON, app.user("user_1"), json!({"json": {"nope": 1}}), "BAD_REQUEST"),
            (SUPERJSON, app.user("user_1"), json!({"json": {"userId": "user_2"}}), "FORBIDDEN"),
            (PLAIN, app.user("user_1"), json!({"lastEventId": "99"}), "BAD_REQUEST"),
            (PLAIN, app.anonymous(), json!({}), "UNAUTHORIZED"),
        ] {
            let caller = Trpc::new(caller, mount);
            let mut events = EventStream::open(caller.get("k8s.watch", &[("input", &input.to_string())])).await;
            let event = events.next().await.unwrap();
            assert_eq!(event.name, "serialized-error");
            let shape = if mount == PLAIN { event.json() } else { event.json()["json"].clone() };
            assert_eq!((&shape["data"]["code"], &shape["data"]["path"]), (&json!(code), &json!("k8s.watch")));
            assert_eq!(events.next().await, None);
        }
    }
}

#[tokio::test]
async fn the_connection_params_can_carry_the_token_of_a_stream() {
    let app = TestApp::on_sqlite().await;
    let token = app.user("user_1").token.unwrap();
    let anonymous = Trpc::new(app.anonymous(), PLAIN);
    for params in [json!({"token": token}), json!({"Authorization": format!("Bearer {token}")})] {
        let request = anonymous.get("k8s.watch", &[("connectionParams", &params.to_string())]);
        assert_eq!(EventStream::open(request).await.data().await.1["type"], "ready");
    }
    // Only for streams: the clients of other requests can set headers.
    let params = json!({"token": token}).to_string();
    let request = anonymous.get("user.me", &[("connectionParams", &params)]);
    assert_eq!(request.send().await.unwrap().status(), 401);
    for params in ["{", "[]", "{\"token\": 1}"] {
        let request = anonymous.get("k8s.watch", &[("connectionParams", params)]);
        assert_eq!(super::answer(request.send().await.unwrap()).await.1["error"]["data"]["code"], "PARSE_ERROR");
    }
}

#[tokio::test]
async fn an_idle_stream_sends_pings() {
    let frequent =
        |limits: &mut clusterdesk::config::Limits| limits.wire.ping_interval = std::time::Duration::from_millis(5);
    let app = Builder::new(Backend::Sqlite).limits(frequent).start().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let mut events = EventStream::open(caller.get("k8s.watch", &[])).await;
    events.data().await;
    for _ in 0..3 {
        assert_eq!(
            events.next().await.unwrap(),
            StreamEvent { name: "ping".to_owned(), data: String::new(), id: None }
        );
    }
}

#[tokio::test]
async fn a_stream_ends_with_an_error_when_its_token_is_revoked() {
    let app = TestApp::on_sqlite().await;
    let user = app.user("user_1");
    user.call("user.me", Value::Null).await;
    let (token, _) = app.api_token("user_1", Scope::Read);
    let caller = Trpc::new(app.with_token(token), PLAIN);
    let mut events = EventStream::open(caller.get("k8s.watch", &[])).await;
    events.data().await;
    app.execute("UPDATE api_tokens SET revoked_at = created_at");
    user.create("web", "FREE").await;
    let event = events.next().await.unwrap();
    assert_eq!((event.name.as_str(), &event.json()["data"]["code"]), ("serialized-error", &json!("UNAUTHORIZED")));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams_without_a_final_event() {
    let mut app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let mut events = EventStream::open(caller.get("k8s.watch", &[])).await;
    events.data().await;
    app.stop();
    // A `return` event would tell the client not to reconnect.
    assert_eq!(events.next().await, None);
    app.stopped().await;
}

#[tokio::test]
async fn subscriptions_cannot_be_batched() {
    let app = TestApp::on_sqlite().await;
    let caller = Trpc::new(app.user("user_1"), PLAIN);
    let response = caller.get("k8s.watch,k8s.watch", &[("batch", "1")]).send().await.unwrap();
    let (status, body) = super::answer(response).await;
    assert_eq!((status, &body[0]["error"]["message"]), (400, &json!("Cannot batch subscription calls")));
}
