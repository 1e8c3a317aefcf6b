//! Subscriptions on a JSON-RPC socket.

use serde_json::{Value, json};

use super::create_and_delete;
use crate::support::{Builder, Socket, TestApp, Watcher, both_databases, eventually};

/// The number of running subscriptions that the metrics show.
async fn running(app: &TestApp) -> String {
    let page = app.anonymous().http.get(format!("{}metrics", app.url)).send().await.unwrap().text().await.unwrap();
    page.lines().find_map(|line| line.strip_prefix("clusterdesk_subscriptions ")).unwrap().to_owned()
}

fn request(id: u32, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

both_databases! {
    async fn an_unsubscribed_subscription_sends_no_more_events(app: TestApp) {
        let ann = app.member("ann");
        let mut watcher = Watcher::open(&ann, json!({})).await;
        let kept = watcher.socket.call("k8s.watch", json!({})).await["result"].clone();
        assert_ne!(kept, watcher.id);
        assert_eq!(watcher.socket.receive().await.unwrap()["params"]["result"]["type"], "ready");
        let unsubscribe = json!({"subscription": watcher.id});
        assert_eq!(watcher.socket.call("rpc.unsubscribe", unsubscribe.clone()).await["result"], true);
        ann.create("web", "FREE").await;
        assert_eq!(watcher.socket.receive().await.unwrap()["params"]["subscription"], kept);
        assert_eq!(watcher.socket.call("rpc.unsubscribe", json!([unsubscribe])).await["result"], false);
        for unknown in ["", "77", "x"] {
            assert_eq!(watcher.socket.call("rpc.unsubscribe", json!({"subscription": unknown})).await["result"], false);
        }
        let wrong = watcher.socket.call("rpc.unsubscribe", json!({"id": 1})).await;
        assert_eq!(wrong["error"]["data"]["code"], "BAD_REQUEST");
        assert_eq!(wrong["error"]["data"]["path"], "rpc.unsubscribe");
        eventually(async || running(&app).await == "1").await;
        // A socket can't end the subscription of another socket.
        let mut other = Watcher::open(&ann, json!({})).await;
        let of_other = json!({"subscription": other.id});
        assert_eq!(watcher.socket.call("rpc.unsubscribe", of_other).await["result"], false);
        assert_eq!(watcher.socket.call("rpc.unsubscribe", json!({"subscription": kept})).await["result"], true);
        ann.call("k8s.delete", json!({"id": 1})).await;
        assert_eq!(other.told(1).await, ["deleted web"]);
    }

    async fn a_batch_can_begin_subscriptions(app: TestApp) {
        let ann = app.member("ann");
        let mut socket = Socket::open(&ann).await;
        let batch = json!([
            request(1, "k8s.watch", json!({"lastEventId": "0"})),
            request(2, "user.me", json!({})),
            request(3, "k8s.watch", json!([{"lastEventId": "77"}])),
            request(4, "k8s.watch", json!({"plan": "FREE", "lastEventId": "1"})),
        ]);
        ann.create("web", "FREE").await;
        socket.send(batch.to_string()).await;
        let answers = socket.receive().await.unwrap();
        assert_eq!((&answers[1]["result"]["id"], &answers[2]["error"]["data"]["code"]), (&json!("ann"), &json!("BAD_REQUEST")));
        let event = socket.receive().await.unwrap();
        assert_eq!((&event["params"]["subscription"], &event["params"]["result"]["type"]), (&answers[0]["result"], &json!("created")));
        ann.call("k8s.delete", json!({"id": 1})).await;
        let mut told = [socket.receive().await.unwrap(), socket.receive().await.unwrap()].map(|event| event["params"]["subscription"].clone());
        told.sort_by_key(Value::to_string);
        let mut begun = [answers[0]["result"].clone(), answers[3]["result"].clone()];
        begun.sort_by_key(Value::to_string);
        assert_eq!(told, begun);
    }

    async fn the_number_of_subscriptions_of_a_socket_is_limited(builder: Builder) {
        let app = builder.limits(|limits| limits.wire.socket_subscriptions = 3).start().await;
        let mut socket = Socket::open(&app.member("ann")).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(socket.call("k8s.watch", json!({"lastEventId": "0"})).await["result"].clone());
        }
        for _ in 0..5 {
            let refused = socket.call("k8s.watch", json!({"lastEventId": "0"})).await;
            assert_eq!(refused["error"]["data"]["code"], "TOO_MANY_REQUESTS");
            assert_eq!(socket.call("rpc.unsubscribe", json!({"subscription": ids.remove(0)})).await["result"], true);
            // A refused subscription does not count.
            let failed = socket.call("k8s.watch", json!({"userId": "bob"})).await;
            assert_eq!(failed["error"]["data"]["code"], "FORBIDDEN");
            ids.push(socket.call("k8s.watch", json!({"lastEventId": "0"})).await["result"].clone());
        }
        assert_eq!(running(&app).await, "3");
        drop(socket);
        eventually(async || running(&app).await == "0").await;
    }

    async fn calls_and_events_interleave_on_one_socket(app: TestApp) {
        let ann = app.member("ann");
        create_and_delete(&app, "ann", 1500);
        let mut watcher = Watcher::open(&ann, json!({"lastEventId": "0"})).await;
        // So that reading the log has begun.
        watcher.next().await;
        for id in 0..500 {
            watcher.socket.send(request(id, "user.me", json!({})).to_string()).await;
        }
        let (mut events, mut answers) = (1, 0);
        let (mut before_first_answer, mut before_last_answer) = (0, 0);
        while events < 3000 || answers < 500 {
            match watcher.socket.receive().await.unwrap().get("id") {
                Some(_) => answers += 1,
                None => events += 1,
            }
            if answers == 1 && before_first_answer == 0 { before_first_answer = events }
            if answers == 500 && before_last_answer == 0 { before_last_answer = events }
        }
        // Neither kind waits for all of the other.
        assert!(before_first_answer < 3000 && before_last_answer > 1, "{before_first_answer} {before_last_answer}");
    }
}
