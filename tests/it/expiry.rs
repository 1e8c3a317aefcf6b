//! A JWT that expires while a connection is open: its client is to come back with another one, and misses nothing.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::{
    Backend, Builder, Client, EventStream, Gate, Socket, TestApp, Watcher, both_databases, claims, hs256, now, probes,
};

/// A token that is accepted for `seconds` more: the server allows 30 seconds of clock skew.
fn ending(user: &str, seconds: u64) -> String {
    let mut claims = claims(user);
    claims["exp"] = json!(now() - 30 + seconds);
    hs256(&claims)
}

/// The next message, which closes the socket.
async fn closed(socket: &mut Socket) -> CloseFrame {
    socket.receive().await.unwrap_err().expect("a close frame")
}

fn assert_expired(frame: &CloseFrame) {
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4401, "the token has expired"));
}

both_databases! {
    async fn a_json_rpc_socket_is_closed_after_the_answers_in_flight(builder: Builder) {
        let app = builder.router(probes()).start().await;
        app.member("ann");
        let client = app.with_token(ending("ann", 6));
        let (mut idle, mut busy) = (Socket::open(&client).await, Socket::open(&client).await);
        let mut watcher = Watcher::open(&client, json!({})).await;
        let gate = Gate::new();
        busy.send(json!({"jsonrpc": "2.0", "id": 1, "method": "probe.wait", "params": {"gate": gate.name}}).to_string())
            .await;
        gate.arrivals(1).await;
        assert_expired(&closed(&mut idle).await);
        // Subscriptions end with the socket, without an error of their own.
        assert_expired(&closed(&mut watcher.socket).await);
        gate.open(1);
        assert_eq!(busy.receive().await.unwrap()["result"], gate.name);
        assert_expired(&closed(&mut busy).await);
    }

    async fn a_trpc_socket_is_asked_to_reconnect(app: TestApp) {
        app.member("ann");
        let client = app.with_token(ending("ann", 6));
        let mut by_header = Socket::open_at(&client, "trpc").await;
        let mut by_params = Socket::open_at(&app.anonymous(), "trpc?connectionParams=1").await;
        let params = json!({"token": ending("ann", 6)});
        by_params.send(json!({"method": "connectionParams", "data": params}).to_string()).await;
        by_params.send(json!({"id": 1, "method": "query", "params": {"path": "user.me"}}).to_string()).await;
        assert_eq!(by_params.receive().await.unwrap()["result"]["data"]["json"]["id"], "ann");
        for socket in [&mut by_header, &mut by_params] {
            assert_eq!(socket.receive().await.unwrap(), json!({"id": null, "method": "reconnect"}));
            assert_expired(&closed(socket).await);
        }
    }

    async fn an_event_stream_ends_without_an_error_and_is_resumed(app: TestApp) {
        let ann = app.member("ann");
        let mut stream = watch(&app.with_token(ending("ann", 6)), None).await;
        ann.create("before", "FREE").await;
        let (mut last, mut ended) = (String::new(), false);
        while let Some(event) = stream.next().await {
            assert!(["", "ping"].contains(&event.name.as_str()), "{event:?}");
            last = event.id.unwrap_or(last);
            ended = event.data.contains("before");
        }
        assert!(ended);
        let cluster: Value = ann.call("k8s.list", json!({})).await;
        ann.call("k8s.delete", json!({"id": cluster[0]["id"]})).await;
        let mut stream = watch(&ann, Some(&last)).await;
        assert_eq!(stream.data().await.1["type"], "deleted");
    }
}

async fn watch(client: &Client, last: Option<&str>) -> EventStream {
    let request = client.http.get(format!("{}trpc-plain/k8s.watch?input={{}}", client.url));
    let request = request.bearer_auth(client.token.as_ref().unwrap());
    EventStream::open(match last {
        Some(id) => request.header("last-event-id", id),
        None => request,
    })
    .await
}

#[tokio::test]
async fn a_renewed_cookie_resumes_the_stream() {
    let app = Builder::new(Backend::Sqlite).flag("session-cookies", "__session").start().await;
    let ann = app.member("ann");
    let request = async |cookie: String, last: &str| {
        let watch = ann.http.get(format!("{}api/trpc/edge/k8s.watch?input={{}}", app.url));
        let watch = watch.header("cookie", format!("__session={cookie}")).header("last-event-id", last);
        EventStream::open_by_cookie(watch).await
    };
    let mut stream = request(ending("ann", 6), "0").await;
    while let Some(event) = stream.next().await {
        assert!(["", "ping"].contains(&event.name.as_str()), "{event:?}");
    }
    ann.create("meanwhile", "FREE").await;
    let mut resumed = request(hs256(&claims("ann")), "0").await;
    assert_eq!(resumed.data().await.1["type"], "created");
    // A cookie that was not renewed is told so.
    let mut refused = request(ending("ann", 0), "0").await;
    assert_eq!(refused.answer().await.name, "serialized-error");
}
