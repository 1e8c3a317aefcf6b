//! Clients without superjson at its mounts: who sends plain inputs is answered in plain JSON.

use serde_json::{Value, json};

use super::{FORKED, OLD, PLAIN, SUPERJSON, Trpc, answer};
use crate::support::{EventStream, Socket, TestApp, both_databases};

async fn batch(caller: &Trpc, paths: &str, input: Value) -> Value {
    let input = input.to_string();
    answer(caller.get(paths, &[("batch", "1"), ("input", &input)]).send().await.unwrap()).await.1
}

fn greeting() -> Value {
    json!({"greeting": "hello you"})
}

both_databases! {
    async fn plain_calls_get_plain_answers(app: TestApp) {
        for mount in [SUPERJSON, OLD, FORKED] {
            let caller = Trpc::new(app.user(mount), mount);
            let (status, created) = caller.mutate("k8s.createCluster", json!({"name": "web", "location": "eu"})).await;
            assert_eq!((status, &created["result"]["data"]["success"]), (200, &json!(true)), "{created}");
            let id = &created["result"]["data"]["id"];
            let (_, cluster) = caller.query("k8s.get", json!({"id": id})).await;
            let cluster = &cluster["result"]["data"];
            assert_eq!((&cluster["id"], cluster["createdAt"].is_string(), cluster.get("meta")), (id, true, None));
            let (status, refused) = caller.mutate("k8s.create", json!({"name": "web"})).await;
            assert_eq!((status, &refused["error"]["data"]["code"]), (400, &json!("BAD_REQUEST")), "{refused}");
            // Anything beside `json` and `meta` makes it a plain input, and so does anything but an object.
            for input in [json!({"json": {}, "text": "you"}), json!([{"text": "you"}]), json!([]), json!("you"), json!(1)] {
                let (_, body) = caller.query("hello.hello", input).await;
                assert!(body["result"]["data"] == greeting() || body["error"]["data"]["code"] == "BAD_REQUEST", "{body}");
            }
        }
    }

    async fn one_plain_input_makes_the_whole_answer_plain(app: TestApp) {
        let caller = Trpc::new(app.user("user_1"), OLD);
        let (wrapped, plain) = (json!({"json": {"text": "you"}}), json!({"text": "you"}));
        let both = batch(&caller, "hello.hello,user.me,hello.hello", json!({"0": wrapped, "2": plain})).await;
        assert_eq!((&both[0]["result"]["data"], &both[2]["result"]["data"]), (&greeting(), &greeting()), "{both}");
        assert_eq!(both[1]["result"]["data"]["id"], "user_1");
        let none = batch(&caller, "hello.hello,user.me", json!({"0": wrapped})).await;
        assert_eq!((&none[0]["result"]["data"]["json"], &none[1]["result"]["data"]["json"]["id"]), (&greeting(), &json!("user_1")));
        // So is the answer to a batch that is refused as a whole.
        let mixed = batch(&caller, "hello.hello,k8s.create", json!({"0": plain})).await;
        assert_eq!(mixed["error"]["data"]["code"], "BAD_REQUEST", "{mixed}");
        let mixed = batch(&caller, "hello.hello,k8s.create", json!({"0": wrapped})).await;
        assert_eq!(mixed["error"]["json"]["data"]["code"], "BAD_REQUEST", "{mixed}");
    }

    async fn lines_and_events_are_plain_too(app: TestApp) {
        let user = app.user("user_1");
        let caller = Trpc::new(user.clone(), OLD);
        let input = json!({"0": {"text": "you"}}).to_string();
        let request = caller.get("hello.hello", &[("batch", "1"), ("input", &input)]).header("trpc-accept", "application/jsonl");
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.lines().any(|line| line == r#"[2,0,[[{"greeting":"hello you"}]]]"#), "{text}");
        let mut events = EventStream::open(caller.get("k8s.watch", &[("input", "{}")])).await;
        assert_eq!(events.data().await.1["type"], "ready");
        user.create("web", "FREE").await;
        let (_, created) = events.data().await;
        assert_eq!((&created["type"], created["at"].is_string()), (&json!("created"), true), "{created}");
    }

    async fn a_socket_answers_each_call_as_it_came(app: TestApp) {
        let user = app.user("user_1");
        let mut socket = Socket::open_at(&user, OLD).await;
        let mut ask = async |id: u64, method: &str, path: &str, input: Value| {
            let params = json!({"path": path, "input": input});
            socket.send(json!({"id": id, "method": method, "params": params}).to_string()).await;
            socket.receive().await.unwrap()
        };
        let plain = ask(1, "query", "hello.hello", json!({"text": "you"})).await;
        assert_eq!(plain["result"]["data"], greeting());
        let wrapped = ask(2, "query", "hello.hello", json!({"json": {"text": "you"}})).await;
        assert_eq!(wrapped["result"]["data"], json!({"json": greeting()}));
        let refused = ask(3, "query", "hello.hello", json!({"text": ""})).await;
        assert_eq!(refused["error"]["data"]["code"], "BAD_REQUEST");
        let started = ask(4, "subscription", "k8s.watch", json!({})).await;
        assert_eq!(started["result"]["type"], "started");
        assert_eq!(socket.receive().await.unwrap()["result"]["data"]["data"]["type"], "ready");
    }

    async fn a_batch_of_mutations_is_answered_as_it_came(app: TestApp) {
        let caller = Trpc::new(app.user("user_1"), OLD);
        let (plain, wrapped) = (json!({"name": "web", "location": "eu"}), json!({"json": {"name": "Ada"}}));
        let post = async |input: Value| {
            let paths = "k8s.create,user.updateName,customer.create";
            answer(caller.post(paths, &[("batch", "1")], input.to_string()).send().await.unwrap()).await
        };
        let (status, all) = post(json!({"0": plain, "1": wrapped})).await;
        assert_eq!(status, 200, "{all}");
        for at in 0..3 {
            assert_eq!(all[at]["result"]["data"]["success"], true, "{all}");
        }
        let (status, all) = post(json!({"1": wrapped})).await;
        assert_eq!((status, &all[1]["result"]["data"]["json"]["success"]), (207, &json!(true)), "{all}");
        assert_eq!(all[0]["error"]["json"]["data"]["code"], "BAD_REQUEST");
    }

    // Nothing shows whether the client has superjson.
    async fn without_any_input_the_mount_decides(app: TestApp) {
        for (mount, success) in [(SUPERJSON, "/json/success"), (OLD, "/json/success"), (PLAIN, "/success")] {
            let (status, answer) = Trpc::new(app.user(mount), mount).mutate("customer.insertCustomer", Value::Null).await;
            assert_eq!((status, answer["result"]["data"].pointer(success)), (200, Some(&json!(true))), "{answer}");
        }
    }
}
