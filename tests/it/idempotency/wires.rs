//! Where each wire has the key, and the flag of a stored answer.

use serde_json::{Value, json};

use super::{cluster, code};
use crate::support::{Client, Socket, TestApp, both_databases};

fn keyed(id: i64, key: &str, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params, "idempotencyKey": key})
}

/// The status and body of a call by POST, and whether the header says that it is a stored answer.
async fn post(client: &Client, path: &str, key: &str, body: &Value) -> (u16, Value, bool) {
    let request = client.http.post(format!("{}{path}", client.url)).header("content-type", "application/json");
    let request = request.bearer_auth(client.token.as_ref().unwrap()).header("Idempotency-Key", key);
    let response = request.body(body.to_string()).send().await.unwrap();
    let (status, header) = (response.status().as_u16(), response.headers().get("Idempotency-Replayed").cloned());
    assert!(header.as_ref().is_none_or(|header| header == "true"));
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap(), header.is_some())
}

both_databases! {
    async fn entries_of_a_batch_have_keys_of_their_own(app: TestApp) {
        let user = app.rich("user_1");
        let pro = json!({"name": "shop", "location": "eu", "plan": "PRO"});
        let first = user.message(keyed(7, "a", "k8s.create", cluster("web"))).await;
        let batch = json!([
            keyed(1, "b", "k8s.create", pro.clone()),
            keyed(2, "a", "k8s.create", cluster("web")),
            {"jsonrpc": "2.0", "id": 1.5, "method": "user.me", "idempotencyKey": "a"},
            {"jsonrpc": "2.0", "method": "k8s.create", "params": pro, "idempotencyKey": "b"},
            keyed(3, "a", "k8s.create", cluster("db")),
        ]);
        let answers = user.message(batch.clone()).await;
        let flags: Vec<_> = answers.as_array().unwrap().iter().map(|one| one.get("idempotencyReplayed")).collect();
        assert_eq!(flags, [None, Some(&json!(true)), None, None], "{answers}");
        assert_eq!(answers[1], json!({"jsonrpc": "2.0", "id": 2, "result": first["result"], "idempotencyReplayed": true}));
        assert_eq!((&answers[2]["id"], code(&answers[3])), (&json!(1.5), "CONFLICT"));
        let again = user.message(batch).await;
        assert_eq!((&again[0]["result"], &again[0]["idempotencyReplayed"]), (&answers[0]["result"], &json!(true)));
        assert_eq!(app.count("k8s_cluster_configs"), 2);
    }

    async fn the_header_is_for_a_request_with_one_call(app: TestApp) {
        let user = app.rich("user_1");
        let entry = |id: i64, name: &str, plan: &str| {
            let params = json!({"name": name, "location": "eu", "plan": plan});
            json!({"jsonrpc": "2.0", "id": id, "method": "k8s.create", "params": params})
        };
        let (_, refused, _) = post(&user, "", "a", &json!([entry(1, "web", "FREE"), entry(2, "db", "PRO")])).await;
        assert_eq!((code(&refused), &refused["id"]), ("BAD_REQUEST", &Value::Null));
        let said = refused["error"]["message"].as_str().unwrap();
        assert!(said.contains("the header Idempotency-Key is for a request with one call"), "{said}");
        let inputs = json!({"0": cluster("web"), "1": {"name": "db", "location": "eu", "plan": "PRO"}});
        let (status, refused, _) = post(&user, "trpc-plain/k8s.create,k8s.create?batch=1", "a", &inputs).await;
        assert_eq!((status, refused["error"]["data"]["code"].as_str()), (400, Some("BAD_REQUEST")), "{refused}");
        assert_eq!(app.count("k8s_cluster_configs"), 0);

        let (_, first, replayed) = post(&user, "", "a", &json!([entry(1, "web", "FREE")])).await;
        assert!(first[0]["result"]["success"] == true && !replayed, "{first}");
        let (_, mut second, replayed) = post(&user, "", "a", &json!([entry(1, "web", "FREE")])).await;
        assert!(replayed && second[0].as_object_mut().unwrap().remove("idempotencyReplayed").is_some());
        assert_eq!(second, first);
        // A member is that of its call and wins over the header.
        let mut other = entry(1, "db", "PRO");
        other["idempotencyKey"] = json!("b");
        let (_, created, replayed) = post(&user, "", "a", &other).await;
        assert!(created["result"]["success"] == true && !replayed, "{created}");
        assert!(post(&user, "", "b", &entry(1, "db", "PRO")).await.2);
    }

    async fn trpc_calls_have_the_header(app: TestApp) {
        let user = app.user("user_1");
        let (status, first, replayed) = post(&user, "trpc-plain/k8s.create", "a", &cluster("web")).await;
        assert_eq!((status, replayed), (200, false), "{first}");
        assert_eq!(post(&user, "trpc-plain/k8s.createCluster", "a", &cluster("web")).await, (200, first.clone(), true));
        // With superjson, as a batch of one, and over JSON-RPC it is the same call.
        let (_, super_first, replayed) = post(&user, "trpc/k8s.create", "a", &json!({"json": cluster("web")})).await;
        assert!(replayed && super_first["result"]["data"]["json"] == first["result"]["data"], "{super_first}");
        let batch = post(&user, "trpc-plain/k8s.create?batch=1", "a", &json!({"0": cluster("web")})).await;
        assert_eq!(batch, (200, json!([first]), true));
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "k8s.create", "params": cluster("web")});
        assert_eq!(post(&user, "", "a", &call).await.1["result"], first["result"]["data"]);
        let (status, refused, replayed) = post(&user, "trpc-plain/k8s.create", "a", &cluster("db")).await;
        assert_eq!((status, refused["error"]["data"]["code"].as_str(), replayed), (409, Some("CONFLICT"), false));
        assert_eq!(app.count("audit_log"), 1);
    }

    async fn calls_on_sockets_have_a_member(app: TestApp) {
        let user = app.user("user_1");
        let mut socket = Socket::open(&user).await;
        let mut answer = async |message: Value| {
            socket.send(message.to_string()).await;
            socket.receive().await.unwrap()
        };
        let first = answer(keyed(1, "a", "k8s.create", cluster("web"))).await;
        assert_eq!(first.get("idempotencyReplayed"), None);
        let mut second = answer(keyed(1, "a", "k8s.create", cluster("web"))).await;
        assert_eq!(second.as_object_mut().unwrap().remove("idempotencyReplayed"), Some(json!(true)));
        assert_eq!(second, first);

        let mut socket = Socket::open_at(&user, "trpc-plain").await;
        let mut answer = async |key: Value, input: Value| {
            let params = json!({"path": "k8s.create", "input": input});
            let message = json!({"id": 5, "method": "mutation", "params": params, "idempotencyKey": key});
            socket.send(message.to_string()).await;
            socket.receive().await.unwrap()
        };
        let third = answer(json!("a"), cluster("web")).await;
        let result = json!({"type": "data", "data": first["result"], "idempotencyReplayed": true});
        assert_eq!(third, json!({"id": 5, "result": result}));
        for (key, expected) in [(json!("a"), "CONFLICT"), (json!(""), "BAD_REQUEST"), (json!(1), "BAD_REQUEST")] {
            let refused = answer(key, cluster("db")).await;
            assert_eq!((&refused["id"], code(&refused)), (&json!(5), expected), "{refused}");
        }
        assert_eq!(app.count("audit_log"), 1);
    }
}
