//! `subscription.stop` for a subscription that has not started yet: it never starts, and keeps no place.

use serde_json::{Value, json};

use crate::support::{Backend, Builder, Socket};

#[tokio::test]
async fn a_subscription_that_is_stopped_before_its_start_never_starts_and_keeps_no_place() {
    let app = Builder::new(Backend::Sqlite).limits(|limits| limits.wire.socket_subscriptions = 2).start().await;
    let user = app.user("user_1");
    let mut socket = Socket::open_at(&user, "trpc-plain").await;
    let watch = |id: u32| json!({"id": id, "method": "subscription", "params": {"path": "k8s.watch"}});
    let stop = |id: u32| json!({"id": id, "method": "subscription.stop"});
    // Both messages are read before the database is asked who the caller is.
    for id in 0..100 {
        socket.send(json!([watch(id), stop(id)]).to_string()).await;
        assert_eq!(socket.receive().await.unwrap(), json!({"id": id, "result": {"type": "stopped"}}));
    }
    let me = json!({"id": 100, "method": "query", "params": {"path": "user.me"}});
    socket.send(me.to_string()).await;
    assert_eq!(socket.receive().await.unwrap()["id"], 100, "none has started");
    for id in [201, 202] {
        socket.send(watch(id).to_string()).await;
        assert_eq!(socket.receive().await.unwrap(), json!({"id": id, "result": {"type": "started"}}));
        assert_eq!(socket.receive().await.unwrap()["result"]["data"]["data"]["type"], "ready");
    }
    user.create("web", "FREE").await;
    let told: Vec<Value> =
        [socket.receive().await.unwrap()["id"].take(), socket.receive().await.unwrap()["id"].take()].into();
    assert!(told.contains(&json!(201)) && told.contains(&json!(202)), "{told:?}");
}
